/**
 * The world of a scenario: nodes, links and time, all of which stand still until they are told. What happens
 * becomes lines of a trace; what must never happen becomes a violation.
 */
import type { ZabMessage, ZabOptions } from '../../../src/zab/index.ts';
import { Checker } from './checker.ts';
import { messageText } from './describe.ts';
import { Network } from './network.ts';
import type { Lane } from './network.ts';
import { ScenarioNode } from './node.ts';
import { idOf, nameOf, observerNames, positionText, voterNames } from './words.ts';

export const TICK_MS = 20;

/** Nodes that have closed a link try again at this pace. */
const REDIAL_MS = 200;

/** No cluster of five has this much to say without time going on. */
const ROUNDS_MAX = 500;

const VIOLATIONS_MAX = 20;

/** The scenario is given up. */
export class TooMuchIsWrong extends Error {}

export interface WorldOptions {
  readonly voters: number;
  readonly observers?: number;
  readonly core?: Partial<Pick<ZabOptions, 'timeouts' | 'streams' | 'limits'>>;
}

export class World {
  readonly nodes: readonly ScenarioNode[];
  readonly network: Network;
  readonly checker: Checker;
  /** What must never happen. */
  readonly violations: string[] = [];
  /** Message types that are left out of the trace. */
  hidden = new Set<ZabMessage['type']>(['VOTE', 'PONG']);
  nowMs = 0;
  #lines: string[] = [];
  /** Nodes whose process the scenario expects to end by itself. */
  readonly mayEnd = new Set<number>();
  /** Ends of broken links that have not been told; a newer connection replaces the older one. */
  #unseen: (readonly [ScenarioNode, ScenarioNode])[] = [];
  readonly #toldCommitted = new Map<string, string>();

  constructor({ voters, observers = 0, core = {} }: WorldOptions) {
    const voterIds = voterNames.slice(0, voters).map(idOf);
    const observerIds = observerNames.slice(0, observers).map(idOf);
    const limits = { outstandingTransactionsMax: 1000, outstandingBytesMax: 1_000_000 };
    const shared = { limits, ...core, voters: voterIds, observers: observerIds };
    const surroundings = this.#surroundings();
    this.nodes = [...voterIds, ...observerIds].map((self) => {
      const isVoter = voterIds.includes(self);
      return new ScenarioNode({ self, isVoter, core: shared }, surroundings);
    });
    this.network = new Network(this.nodes.map(({ id }) => id));
    this.checker = new Checker(this.nodes, (violation) => this.violate(violation));
  }

  say(line: string): void {
    this.#lines.push(line);
  }

  /** @throws TooMuchIsWrong once there is no sense in going on */
  violate(violation: string): void {
    this.violations.push(violation);
    this.say(`VIOLATION: ${violation}`);
    if (this.violations.length >= VIOLATIONS_MAX) throw new TooMuchIsWrong(violation);
  }

  /** The trace since the last call. */
  takeLines(): string[] {
    return this.#lines.splice(0);
  }

  node(name: string): ScenarioNode {
    const found = this.nodes.find((node) => node.name === name);
    if (found === undefined) throw new Error(`there is no node ${name}`);
    return found;
  }

  get running(): readonly ScenarioNode[] {
    return this.nodes.filter(({ isRunning }) => isRunning);
  }

  start(node: ScenarioNode): void {
    node.start();
    this.connectAll();
  }

  /** Ends a process from outside; what it has in hand is gone, and its port refuses. */
  stop(node: ScenarioNode, image: ScenarioNode['image']): void {
    for (const lane of this.network.lanes) {
      if ([lane.from, lane.to].includes(node.id)) lane.held = false;
    }
    node.stop(image);
    this.#gone(node);
  }

  /** Connects whoever may be connected. */
  connectAll(): void {
    for (const [index, one] of this.nodes.entries()) {
      for (const other of this.nodes.slice(index + 1)) this.#connect(one, other);
    }
  }

  /** The link breaks; both ends are told, or only the one that is given. */
  disconnect(a: ScenarioNode, b: ScenarioNode, seenBy?: ScenarioNode): void {
    const wasUp = this.network.isUp(a.id, b.id);
    for (const lane of this.network.disconnect(a.id, b.id)) this.#lost(lane);
    if (!wasUp) return;
    for (const [node, peer] of [
      [a, b],
      [b, a],
    ] as const) {
      if (seenBy === undefined || node === seenBy) this.#tellDown(node, peer);
      else this.#unseen.push([node, peer]);
    }
  }

  cut(a: ScenarioNode, b: ScenarioNode, seenBy?: ScenarioNode): void {
    this.network.cut(a.id, b.id);
    this.disconnect(a, b, seenBy);
  }

  /** Delivers from one direction of a link until `isEnough` says so. */
  deliver(lane: Lane, isEnough: (message: ZabMessage) => boolean = () => false): void {
    for (let message = lane.queue.shift(); message !== undefined; message = lane.queue.shift()) {
      this.#arrive(lane, message);
      if (isEnough(message)) return;
    }
  }

  /** All that can happen without time going on: disks complete, messages arrive. */
  stabilize(): void {
    for (let round = 0; round < ROUNDS_MAX; round++) {
      if (!this.#step()) return;
    }
    const violation = `no rest after ${ROUNDS_MAX} rounds without time going on`;
    this.violations.push(violation);
    throw new TooMuchIsWrong(violation);
  }

  /** Time goes on for everybody. */
  run(milliseconds: number): void {
    for (const end = this.nowMs + milliseconds; this.nowMs < end;) this.tick();
  }

  tick(): void {
    this.nowMs += TICK_MS;
    for (const lane of this.network.lanes) lane.ticksLeft -= 1;
    if (this.nowMs % REDIAL_MS === 0) this.connectAll();
    for (const node of this.running) if (!node.paused) node.tick();
    this.stabilize();
  }

  /** One leader, which all running members, or those given, follow, at one commit point. */
  isSettled(among: readonly ScenarioNode[] = this.running): boolean {
    const running = among.filter(({ isRunning, paused }) => isRunning && !paused);
    const leaders = running.filter(({ core }) => core.status.established);
    const [leader] = leaders;
    if (leader === undefined || leaders.length > 1) return false;
    const { committed, last, epoch } = leader.core.status;
    return (
      running.every(({ core: { status }, applied }) => {
        const isEqual = [status.committed, status.last, applied].every(
          (position) => positionText(position) === positionText(committed),
        );
        return isEqual && status.serving && status.leader === leader.id && status.epoch === epoch;
      }) && positionText(last) === positionText(committed)
    );
  }

  /** Lets time go on until the cluster is settled. @returns false after `limitMs` */
  settle(limitMs = 30_000, among?: readonly ScenarioNode[]): boolean {
    this.stabilize();
    const end = this.nowMs + limitMs;
    while (this.nowMs < end && !this.isSettled(among)) this.tick();
    return this.isSettled(among);
  }

  #connect(a: ScenarioNode, b: ScenarioNode): void {
    const { network } = this;
    if (!a.isRunning || !b.isRunning || network.isCut(a.id, b.id) || network.isUp(a.id, b.id)) {
      return;
    }
    for (const [node, peer] of this.#unseen) {
      if ([a, b].includes(node) && [a, b].includes(peer)) this.#tellDown(node, peer);
    }
    this.#unseen = this.#unseen.filter((ends) => !(ends.includes(a) && ends.includes(b)));
    network.connect(a.id, b.id);
    const [peerOfA, peerOfB] = [b.peer, a.peer];
    a.tell((zab) => zab.peerUp(peerOfA));
    b.tell((zab) => zab.peerUp(peerOfB));
  }

  #tellDown(node: ScenarioNode, peer: ScenarioNode): void {
    node.tell((zab) => zab.peerDown(peer.id, { refused: !peer.isRunning }));
  }

  /** One round: every disk completes what it has, every message that is on its way arrives. */
  #step(): boolean {
    let isMoved = false;
    for (const node of this.nodes) {
      const { disk } = node;
      if (!node.isRunning || disk.stalled === 'all') continue;
      isMoved = node.diskDone(disk.completePromise()) || isMoved;
      if (disk.stalled === 'log') continue;
      isMoved = node.diskDone(disk.completeLog()) || isMoved;
      isMoved = node.serveReads() || isMoved;
    }
    const arriving = this.network.lanes
      .filter((lane) => !lane.held && !this.#nodeOf(lane.to).paused)
      .map((lane) => [lane, lane.queue.length] as const);
    for (const [lane, count] of arriving) {
      for (let index = 0; index < count; index++) {
        if (isSlowed(lane)) break;
        const message = lane.queue.shift();
        if (message === undefined) break;
        isMoved = true;
        this.#arrive(lane, message);
      }
    }
    return isMoved;
  }

  #arrive(lane: Lane, message: ZabMessage): void {
    this.#sayMessage(lane, message, '');
    if (message.type === 'APPEND') lane.arrived.push(message);
    this.#nodeOf(lane.to).tell((zab) => zab.step(lane.from, message));
  }

  #nodeOf(id: number): ScenarioNode {
    return this.node(nameOf(id));
  }

  #surroundings(): ConstructorParameters<typeof ScenarioNode>[1] {
    // eslint-disable-next-line @typescript-eslint/no-this-alias
    const world = this;
    return {
      get checker() {
        return world.checker;
      },
      get nowMs() {
        return world.nowMs;
      },
      say: (line) => world.say(line),
      send: (from, to, message) => world.#send(from, to, message),
      disconnect: (a, b, reason) => {
        world.say(`${nameOf(a)} closes its link with ${nameOf(b)}: ${reason}`);
        world.disconnect(world.#nodeOf(a), world.#nodeOf(b));
      },
      ended: (node) => {
        if (!world.mayEnd.has(node.id)) world.violate(`${node.name} has ended by itself`);
        world.#gone(node);
      },
    };
  }

  #send(from: number, to: number, message: ZabMessage): void {
    this.checker.sent(this.#nodeOf(from), message);
    const lane = this.network.send(from, to, message);
    if (lane === undefined) return;
    if (lane.held || this.#nodeOf(to).paused) this.#sayMessage(lane, message, ' (waits)');
  }

  #lost(lane: Lane): void {
    for (const message of lane.queue) this.#sayMessage(lane, message, ' (lost)');
  }

  /** A PING is news only by its commit point. */
  #sayMessage({ from, to }: Lane, message: ZabMessage, how: string): void {
    if (this.hidden.has(message.type)) return;
    const link = `${nameOf(from)}->${nameOf(to)}`;
    if (message.type === 'PING' || message.type === 'APPEND') {
      const committed = positionText(message.committed);
      const isNews = this.#toldCommitted.get(link) !== committed;
      if (how === '') this.#toldCommitted.set(link, committed);
      if (message.type === 'PING' && !isNews && this.hidden.has('PONG')) return;
    }
    this.say(`${link} ${messageText(message)}${how}`);
  }

  #gone(node: ScenarioNode): void {
    for (const other of this.nodes) {
      if (other !== node) this.disconnect(node, other);
    }
  }
}

/** A piece of a snapshot at the head of a slow link takes its time. */
function isSlowed(lane: Lane): boolean {
  if (lane.ticksForPiece === 0 || lane.queue[0]?.type !== 'SNAPSHOT') return false;
  if (lane.ticksLeft > 0) return true;
  lane.ticksLeft = lane.ticksForPiece;
  return false;
}
