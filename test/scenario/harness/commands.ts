/** The commands of scenario scripts. README.md lists them with their meaning. */
import type { ZabMessage } from '../../../src/zab/index.ts';
import { laneOf, lanesOf, nodeOf, pairsOf, worldOptionsOf } from './arguments.ts';
import { endCheck } from './end-check.ts';
import { judge } from './expect.ts';
import type { ScenarioNode } from './node.ts';
import { TICK_MS, TooMuchIsWrong, World } from './world.ts';
import type { WorldOptions } from './world.ts';
import { idOf, nameOf, parsePosition, positionText, recordText } from './words.ts';

type Command = (scenario: Scenario, args: readonly string[]) => void;

/** A script in the course of being run. */
export class Scenario {
  readonly failures: string[] = [];
  #world: World | undefined;

  get world(): World {
    if (this.#world === undefined) throw new Error('a scenario begins with `nodes` or `cluster`');
    return this.#world;
  }

  get hasViolation(): boolean {
    return (this.#world?.violations.length ?? 0) > 0;
  }

  create(options: WorldOptions): void {
    this.#world = new World(options);
  }

  fail(line: string): void {
    this.failures.push(line);
    this.world.say(`FAILED: ${line}`);
  }

  /** @returns what the command had to say */
  run(line: string): string[] {
    const words = line.split(/\s+/);
    const isQuiet = words[0] === 'quietly';
    if (isQuiet) words.shift();
    const [name = '', ...args] = words;
    const command = commands[name];
    if (command === undefined) throw new Error(`unknown command: ${line}`);
    const known = this.#world?.violations.length ?? 0;
    this.#execute(() => command(this, args), line);
    this.failures.push(...this.world.violations.slice(known));
    const lines = this.world.takeLines();
    return isQuiet ? lines.filter((said) => /^(VIOLATION|FAILED)/.test(said)) : lines;
  }

  /** A core that is wrong may leave a command without the node or the message that it speaks of. */
  #execute(command: () => void, line: string): void {
    try {
      command();
      this.world.checker.check();
    } catch (error) {
      const violations = this.#world?.violations ?? [];
      const isOver =
        error instanceof TooMuchIsWrong || this.failures.length + violations.length > 0;
      if (!isOver) throw error;
      const why = error instanceof Error ? error.message : String(error);
      throw new ScenarioOver([...violations, `${line}: ${why}`].slice(-3).join('; '));
    }
  }
}

/** A scenario that cannot go on. */
export class ScenarioOver extends Error {}

/** `nodes 3 observers 1 without C window=100`: all processes begin, but for those named. */
const nodes: Command = (scenario, args) => {
  scenario.create(worldOptionsOf(args));
  const { world } = scenario;
  const withoutAt = args.indexOf('without');
  const absent = withoutAt < 0 ? [] : (args[withoutAt + 1] ?? '').split(',');
  for (const node of world.nodes) {
    if (!absent.includes(node.name)) node.start();
  }
  world.connectAll();
};

/** `nodes`, and time goes on until all follow one leader; only the outcome is told. */
const cluster: Command = (scenario, args) => {
  nodes(scenario, args);
  const { world } = scenario;
  const isSettled = world.settle();
  world.takeLines();
  if (!isSettled) scenario.fail('the cluster is not born');
  status(scenario, []);
};

const stabilize: Command = ({ world }) => world.stabilize();

const run: Command = ({ world }, [milliseconds]) => world.run(Number(milliseconds));

/** `settle [B,C] [2000]`: until all, or those named, follow one leader, within so many milliseconds. */
const settle: Command = (scenario, args) => {
  const names = args.find((arg) => /^[A-Z]/.test(arg));
  const limit = args.find((arg) => /^\d+$/.test(arg));
  const among = names?.split(',').map((name) => nodeOf(scenario, name));
  const isSettled = scenario.world.settle(limit === undefined ? undefined : Number(limit), among);
  if (!isSettled) scenario.fail('the cluster does not settle');
};

/** `tick 3` for everybody, with all that follows; `tick A 3`: only A's clock goes on, nothing arrives. */
const tick: Command = (scenario, args) => {
  const [first = '1', count = '1'] = args;
  if (/^\d+$/.test(first)) {
    scenario.world.run(Number(first) * TICK_MS);
    return;
  }
  const node = nodeOf(scenario, first);
  for (let index = 0; index < Number(count); index++) {
    node.aheadMs += TICK_MS;
    node.tick();
  }
};

/** `jump B 10000`: B's clock is suddenly so many milliseconds ahead. */
const jump: Command = (scenario, [name, milliseconds]) => {
  const node = nodeOf(scenario, name);
  node.aheadMs += Number(milliseconds);
  node.tick();
};

const propose: Command = (scenario, [name, ...payloads]) => {
  const node = nodeOf(scenario, name);
  const isReady = node.isRunning && node.core.status.established;
  if (!isReady) {
    scenario.world.say(`${node.name} may not propose`);
    return;
  }
  for (const payload of payloads) node.propose(payload);
};

/** `barrier A b1 [acks=2|acks=all] [at=1/5]` */
const barrier: Command = (scenario, [name, label = 'b', ...options]) => {
  const values = new Map(options.map((option) => option.split('=') as [string, string]));
  const acks = values.get('acks');
  const at = values.get('at');
  nodeOf(scenario, name).barrier(label, {
    ...(acks === undefined ? {} : { acks: acks === 'all' ? 'all' : Number(acks) }),
    ...(at === undefined ? {} : { position: parsePosition(at) }),
  });
};

const hold: Command = (scenario, [links]) => {
  for (const lane of lanesOf(scenario, links)) lane.held = true;
};

const release: Command = (scenario, [links]) => {
  for (const lane of lanesOf(scenario, links)) lane.held = false;
};

/** `deliver A->B`: all that waits; `deliver A->B APPEND`: up to and with the first; `deliver A->B 2`. */
const deliver: Command = (scenario, [link, until]) => {
  const lane = laneOf(scenario, link);
  if (until !== undefined && !/^\d+$/.test(until)) {
    if (!lane.queue.some(({ type }) => type === until))
      scenario.fail(`no ${until} waits on ${link}`);
    scenario.world.deliver(lane, ({ type }) => type === until);
    return;
  }
  let count = until === undefined ? Infinity : Number(until);
  if (until !== undefined && lane.queue.length < count) scenario.fail(`less waits on ${link}`);
  scenario.world.deliver(lane, () => --count === 0);
};

/** `drop A|B`: the connection breaks and comes again; what was under way is lost. */
const drop: Command = (scenario, [links]) => {
  for (const [a, b] of pairsOf(scenario, links)) scenario.world.disconnect(a, b);
  scenario.world.connectAll();
};

/** `cut A|B,C [seen-by left|right]`: who of both sides is told that the link is gone. */
const cut: Command = (scenario, [links, how, side]) => {
  for (const [a, b] of pairsOf(scenario, links)) {
    const seenBy = how === 'seen-by' ? (side === 'left' ? a : b) : undefined;
    scenario.world.cut(a, b, seenBy);
  }
};

/** `heal` or `heal A|B`: links come again, and nothing is held. */
const heal: Command = (scenario, [links]) => {
  const { world } = scenario;
  const all = world.nodes.flatMap((a, index) =>
    world.nodes.slice(index + 1).map((b): [ScenarioNode, ScenarioNode] => [a, b]),
  );
  const pairs = links === undefined ? all : pairsOf(scenario, links);
  for (const [a, b] of pairs) world.network.heal(a.id, b.id);
  world.connectAll();
};

/** `disk C stall [log]|resume|complete [n]|promise|read|fail` */
const disk: Command = (scenario, [name, what, count]) => {
  const node = nodeOf(scenario, name);
  switch (what) {
    case 'stall':
    case 'resume':
      node.disk.stalled = what === 'resume' ? 'nothing' : count === 'log' ? 'log' : 'all';
      return;
    case 'complete':
      node.diskDone(node.disk.completeLog(count === undefined ? Infinity : Number(count)));
      return;
    case 'promise':
      node.diskDone(node.disk.completePromise());
      return;
    case 'read':
      node.serveReads();
      return;
    case 'fail':
      node.end('its disk has failed');
      return;
    default:
      throw new Error(`a disk does not ${what ?? ''}`);
  }
};

/** `crash C power|kill|half-promise|first 2`: what of the work in hand has reached the disk. */
const crash: Command = (scenario, [names = '', how = 'power', count]) => {
  for (const name of names.split(',')) {
    const node = nodeOf(scenario, name);
    if (how === 'first') node.disk.completeLog(Number(count));
    const image = {
      power: () => node.disk.image,
      kill: () => node.disk.imageWithQueue,
      'half-promise': () => node.disk.halfPromise(),
      first: () => node.disk.image,
    }[how];
    if (image === undefined) throw new Error(`a crash is not ${how}`);
    scenario.world.stop(node, image());
  }
};

const restart: Command = (scenario, [names = '']) => {
  for (const name of names.split(',')) scenario.world.start(nodeOf(scenario, name));
};

/** The data directory of a stopped node is lost: its next life is another one. */
const wipe: Command = (scenario, [name]) => {
  const node = nodeOf(scenario, name);
  scenario.world.checker.damaged(node.id);
  node.wipe();
};

/** `rot C 5`: the log of a stopped node is damaged at zxid 5 and set aside from there on. */
const rot: Command = (scenario, [name, zxid]) => {
  const node = nodeOf(scenario, name);
  scenario.world.checker.damaged(node.id);
  node.rot(Number(zxid));
};

/** `backup C` and `restore C`: the data directory of a stopped node is replaced by an old copy of it. */
const backup: Command = (scenario, [name]) => nodeOf(scenario, name).backup();
const restore: Command = (scenario, [name]) => {
  const node = nodeOf(scenario, name);
  scenario.world.checker.damaged(node.id);
  node.restore();
};

const pause: Command = (scenario, [name]) => {
  nodeOf(scenario, name).paused = true;
};

/** Time first, then what has happened meanwhile, then messages. */
const resume: Command = (scenario, [name]) => nodeOf(scenario, name).resume();

const handOff: Command = (scenario, [name, to]) => {
  const node = nodeOf(scenario, name);
  node.tell((zab) => {
    const isBegun = zab.handOff(to === undefined ? undefined : idOf(to));
    if (!isBegun) node.say('has nobody to hand over to');
  });
};

const stepDown: Command = (scenario, [name, ...why]) => {
  nodeOf(scenario, name).tell((zab) => zab.stepDown(why.join(' ') || 'it was told to'));
};

/** `promised C 7 B`: the disk of the stopped C holds a promise of epoch 7 to B. */
const promised: Command = (scenario, [name, epoch, leader = '']) => {
  nodeOf(scenario, name).promiseGiven(Number(epoch), leader);
};

/** `slow A->C 25`: each piece of a snapshot takes so many ticks on this link. */
const slow: Command = (scenario, [link, ticks]) => {
  laneOf(scenario, link).ticksForPiece = Number(ticks);
};

/** `replay A->C 2`: the second last APPEND that arrived there arrives again. */
const replay: Command = (scenario, [link, back = '1']) => {
  const { from, to, arrived } = laneOf(scenario, link);
  const message = arrived.at(-Number(back));
  if (message === undefined) throw new Error(`nothing has arrived on ${link ?? ''}`);
  scenario.world.node(nameOf(to)).tell((zab) => zab.step(from, message));
};

const snapshot: Command = (scenario, [name]) => nodeOf(scenario, name).saveSnapshot();

/** `purge A 20`: the log files of A begin behind zxid 20. */
const purge: Command = (scenario, [name, zxid]) => {
  nodeOf(scenario, name).disk.purgeThrough(Number(zxid));
};

/** `ring A 3`: memory keeps three records beyond what is not applied. */
const ring: Command = (scenario, [name, count]) => {
  nodeOf(scenario, name).ring = Number(count);
};

/** `prefer-snapshots A`: reading A's log would cost more than a snapshot. */
const preferSnapshots: Command = (scenario, [name]) => {
  nodeOf(scenario, name).prefersSnapshots = true;
};

/** `pieces A 6`: of each snapshot that A sends. */
const pieces: Command = (scenario, [name, count]) => {
  nodeOf(scenario, name).pieces = Number(count);
};

const ends: Command = (scenario, [name]) => {
  scenario.world.mayEnd.add(nodeOf(scenario, name).id);
};

/** More is destroyed than a quorum can bear: what was committed may be gone. */
const allowLoss: Command = ({ world }) => world.checker.allowLoss();

/** `tamper A->B skip|repeat|chain|piece`: the first message that waits is not what was sent. */
const tamper: Command = (scenario, [link, how]) => {
  const { queue } = laneOf(scenario, link);
  const [first] = queue;
  if (first === undefined) throw new Error(`nothing waits on ${link ?? ''}`);
  if (how === 'skip') queue.shift();
  else if (how === 'repeat') queue.unshift(first);
  else if (how === 'chain' && first.type === 'APPEND') {
    queue[0] = { ...first, previousChain: first.previousChain ^ 1 };
  } else if (how === 'piece' && first.type === 'SNAPSHOT') {
    queue[0] = { ...first, bytes: new TextEncoder().encode('rubbish') };
  } else throw new Error(`${first.type} cannot be made ${how ?? ''}`);
};

/** `inject B->C {"type":"PING",…}`: a message that no node has sent; server ids are names. */
const inject: Command = (scenario, [link, ...json]) => {
  const { from, to } = laneOf(scenario, link);
  const message = JSON.parse(json.join(' '), (key, value: unknown) => {
    const isId = ['candidate', 'leader', 'to'].includes(key) && typeof value === 'string';
    const isPosition = typeof value === 'string' && /^\d+\/\d+$/.test(value);
    if (isId) return idOf(value);
    return isPosition ? parsePosition(value) : value;
  }) as ZabMessage;
  scenario.world.node(nameOf(to)).tell((zab) => zab.step(from, message));
};

const status: Command = ({ world }, names) => {
  for (const node of world.nodes) {
    if (names.length > 0 && !names.includes(node.name)) continue;
    if (!node.isRunning) {
      world.say(`${node.name}: down, ${positionText(node.disk.last)} on disk`);
      continue;
    }
    const { role, leader, epoch, committed, durable, last, serving } = node.core.status;
    const whom = leader === undefined || leader === node.id ? '' : ` ${nameOf(leader)}`;
    const where = [
      `epoch ${epoch}`,
      ...(positionText(last) === positionText(durable) ? [] : [`last ${positionText(last)}`]),
      `durable ${positionText(durable)}`,
      `committed ${positionText(committed)}`,
    ];
    world.say(`${node.name}: ${role}${whom}, ${where.join(', ')}${serving ? ', serves' : ''}`);
  }
};

/** What the disk has; and in brackets what is on its way there. */
const log: Command = (scenario, [names = '']) => {
  for (const name of names.split(',')) {
    const {
      disk: { image, logQueue, promiseQueue },
      world,
    } = {
      disk: nodeOf(scenario, name).disk,
      world: scenario.world,
    };
    const { position } = image.snapshot ?? {};
    world.say(
      `${name}: ${position ? `snapshot ${positionText(position)}, ` : ''}promise ${image.promise?.epoch ?? 0}`,
    );
    for (const record of image.records) world.say(`  ${recordText(record)}`);
    for (const { work } of logQueue) {
      if (work.kind === 'append') world.say(`  (${recordText(work.record)})`);
      else if (work.kind === 'truncate') world.say(`  (cut after ${positionText(work.after)})`);
      else world.say(`  (snapshot ${positionText(work.snapshot.position)})`);
    }
    if (promiseQueue.length > 0) world.say(`  (promise ${promiseQueue.at(-1)?.work.epoch ?? 0})`);
  }
};

/** `expect [not] …`: see expect.ts. */
const expectThat: Command = (scenario, args) => {
  const isNegated = args[0] === 'not';
  const holds = judge(scenario.world, isNegated ? args.slice(1) : args);
  if (holds === isNegated) scenario.fail(`expect ${args.join(' ')}`);
};

/** `show PING VOTE` and `hide ACK`: which messages are in the trace. */
const show: Command = ({ world }, types) => {
  for (const type of types) world.hidden.delete(type as ZabMessage['type']);
};
const hide: Command = ({ world }, types) => {
  for (const type of types) world.hidden.add(type as ZabMessage['type']);
};

const commands: Readonly<Record<string, Command>> = {
  ...{
    nodes,
    cluster,
    stabilize,
    run,
    settle,
    tick,
    jump,
    propose,
    barrier,
    hold,
    release,
    deliver,
  },
  ...{
    drop,
    cut,
    heal,
    disk,
    crash,
    restart,
    wipe,
    rot,
    backup,
    restore,
    promised,
    slow,
    replay,
    pause,
    resume,
  },
  ...{ handoff: handOff, stepdown: stepDown, snapshot, purge, ring, pieces, ends, tamper },
  ...{ inject, status, log, expect: expectThat, show, hide },
  'allow-loss': allowLoss,
  'prefer-snapshots': preferSnapshots,
  'end-check': (scenario) => endCheck(scenario),
};
