/** Runs steps on a real ZooKeeper, over its own protocol. */
import type { AclEntry } from '../../src/protocol/model.ts';
import { JuteWriter, type JuteReader } from './jute.ts';
import {
  BasePath,
  longTimeouts,
  mutating,
  type Observation,
  type ObservedEvent,
  type ObservedMember,
  type ObservedStat,
  type SessionTimeouts,
  type SlotEvents,
  type Target,
} from './observation.ts';
import {
  bytesOf,
  passwordOf,
  slots,
  type CreateMember,
  type Member,
  type Slot,
  type Step,
} from './program.ts';
import { WatchBook } from './watch-book.ts';
import { OpCode, ZkCode, ZooKeeperConnection, type WireReply } from './zookeeper-wire.ts';

const openAcl: readonly AclEntry[] = [{ scheme: 'world', id: 'anyone', perms: 31 }];

/** Flags of `CreateMode`. */
const createFlags = { persistent: 0, ephemeral: 1, container: 4, ttl: 5 } as const;
const sequentialFlags = { persistent: 2, ephemeral: 3, container: 4, ttl: 6 } as const;
const createOps = {
  persistent: OpCode.create2,
  ephemeral: OpCode.create2,
  container: OpCode.createContainer,
  ttl: OpCode.createTtl,
} as const;
const readOps = {
  get: OpCode.getData,
  exists: OpCode.exists,
  children: OpCode.getChildren2,
} as const;
/** Requests with a path or nothing. */
const bareOps = {
  acl: OpCode.getAcl,
  count: OpCode.getAllChildrenNumber,
  whoami: OpCode.whoAmI,
} as const;
/** `Watcher.WatcherType` and `ZooDefs.AddWatchModes`. */
const watcherTypes = { children: 1, data: 2, any: 3 } as const;
const addWatchModes = { persistent: 0, 'persistent-recursive': 1 } as const;

interface ZooKeeperTargetOptions {
  readonly name?: string;
  readonly timeouts?: SessionTimeouts;
}

interface SlotState {
  slot: Slot;
  connection: ZooKeeperConnection;
  watches: WatchBook;
  users: string[];
  events: ObservedEvent[];
}

export class ZooKeeperTarget implements Target {
  readonly name: string;
  readonly ordersEvents = true;
  readonly tellsKind = false;
  readonly #port: number;
  readonly #timeouts: SessionTimeouts;
  #paths = new BasePath('/');
  #slots: SlotState[] = [];

  constructor(
    port: number,
    { name = 'ZooKeeper', timeouts = longTimeouts }: ZooKeeperTargetOptions = {},
  ) {
    this.#port = port;
    this.name = name;
    this.#timeouts = timeouts;
  }

  async begin(base: string): Promise<readonly [string, string]> {
    this.#paths = new BasePath(base);
    this.#slots = [await this.#open(0), await this.#open(1)];
    const made = await this.execute({
      type: 'create',
      slot: 0,
      path: '@',
      data: '',
      kind: 'persistent',
      sequential: false,
    });
    if (made.code !== 0) throw new Error(`${this.name} refuses ${base}: ${made.code}`);
    return [sessionName(this.#state(0)), sessionName(this.#state(1))];
  }

  async execute(step: Step): Promise<Observation> {
    switch (step.type) {
      case 'multi':
      case 'multiRead':
        return this.#multi(step);
      case 'auth':
        return this.#auth(step.slot, step.user);
      case 'close':
        return this.#close(step.slot);
      case 'drop':
        await this.#state(step.slot).connection.drop();
        return { code: 0 };
      case 'resume':
        return this.#resume(step.slot);
      default:
        return this.#single(step);
    }
  }

  async collect(): Promise<SlotEvents> {
    // What was sent to a client before stands before the answer to its next request.
    await Promise.all(
      this.#slots.map(async ({ connection }) => {
        if (!connection.closed) await connection.request(OpCode.exists, pathAndWatch('/', false));
      }),
    );
    return [this.#take(0), this.#take(1)];
  }

  abandon(slot: Slot): Promise<void> {
    return this.#state(slot).connection.drop();
  }

  async finish(): Promise<void> {
    for (const slot of slots) {
      const connection = this.#slots[slot]?.connection;
      if (connection === undefined) continue;
      // One that was abandoned may have expired.
      if (connection.closed && (await this.#resume(slot)).code !== 0) continue;
      await this.#state(slot).connection.close();
    }
    this.#slots = [];
  }

  #state(slot: Slot): SlotState {
    const state = this.#slots[slot];
    if (state === undefined) throw new Error('begin comes first');
    return state;
  }

  #take(slot: Slot): ObservedEvent[] {
    const state = this.#state(slot);
    const events = state.events;
    state.events = [];
    return events;
  }

  async #open(slot: Slot): Promise<SlotState> {
    const events: ObservedEvent[] = [];
    const state = { slot, watches: new WatchBook(), users: [], events };
    const connection = await this.#connect(state);
    if (connection === undefined) throw new Error(`${this.name} opens no session`);
    return Object.assign(state, { connection });
  }

  #connect(
    state: Omit<SlotState, 'connection'>,
    last?: ZooKeeperConnection,
  ): Promise<ZooKeeperConnection | undefined> {
    return ZooKeeperConnection.open({
      port: this.#port,
      timeoutMs: this.#timeouts[state.slot],
      ...(last === undefined ? {} : { session: last.session, lastZxid: last.lastZxid }),
      onEvent: (event) => {
        const shown = { type: event.type, path: this.#paths.relative(event.path) };
        state.events.push(shown);
        state.watches.consume(shown);
      },
    });
  }

  async #close(slot: Slot): Promise<Observation> {
    const state = this.#state(slot);
    const { code, zxid } = await state.connection.close();
    const again = await this.#connect(state, state.connection);
    if (again !== undefined) throw new Error('a session that was closed came back');
    const opened = await this.#open(slot);
    this.#slots[slot] = opened;
    return { code, zxid: Number(zxid), session: sessionName(opened) };
  }

  /** Identities first, then watches: the order of ZooKeeper's own client. */
  async #resume(slot: Slot): Promise<Observation> {
    const state = this.#state(slot);
    const before = state.connection;
    const connection = await this.#connect(state, before);
    if (connection === undefined) return { code: ZkCode.sessionExpired };
    state.connection = connection;
    for (const user of state.users) {
      await connection.auth('digest', `${user}:${passwordOf(user)}`);
    }
    const sets = state.watches.sets();
    const absolute = (list: readonly string[]): string[] =>
      list.map((path) => this.#paths.absolute(path));
    const { code } = await connection.setWatches(before.lastZxid, {
      data: absolute(sets.data),
      exists: absolute(sets.exists),
      children: absolute(sets.children),
      persistent: absolute(sets.persistent),
      recursive: absolute(sets.recursive),
    });
    return { code };
  }

  async #auth(slot: Slot, user: string): Promise<Observation> {
    const state = this.#state(slot);
    const { code } = await state.connection.auth('digest', `${user}:${passwordOf(user)}`);
    if (code === 0) state.users.push(user);
    return { code };
  }

  async #multi(step: Step & { type: 'multi' | 'multiRead' }): Promise<Observation> {
    const body = new JuteWriter();
    for (const member of step.members) this.#writeMember(body, member);
    writeMultiHeader(body, OpCode.error, true);
    const reply = await this.#state(step.slot).connection.request(OpCode[step.type], body);
    if (reply.code !== 0) return { code: reply.code };
    const members = this.#readMembers(reply.body);
    if (step.type === 'multiRead') return { code: 0, members };
    const failed = members.find((member) => member.code !== 0);
    return failed === undefined
      ? { code: 0, zxid: Number(reply.zxid), members }
      : { code: failed.code, members };
  }

  #writeMember(
    body: JuteWriter,
    member: Member | { type: 'get' | 'children'; path: string },
  ): void {
    switch (member.type) {
      case 'create':
        writeMultiHeader(body, createOps[member.kind], false);
        writeCreate(body, this.#paths.absolute(member.path), member);
        break;
      case 'set':
        writeMultiHeader(body, OpCode.setData, false);
        body.string(this.#paths.absolute(member.path));
        body.bytes(bytesOf(member.data)).int(member.version);
        break;
      case 'delete':
      case 'check':
        writeMultiHeader(body, OpCode[member.type], false);
        body.string(this.#paths.absolute(member.path)).int(member.version);
        break;
      case 'get':
      case 'children':
        // getChildren (8), which answers no stat, is the one that a multi-read takes.
        writeMultiHeader(body, member.type === 'get' ? OpCode.getData : getChildrenOp, false);
        body.string(this.#paths.absolute(member.path)).boolean(false);
    }
  }

  #readMembers(body: JuteReader): ObservedMember[] {
    const members: ObservedMember[] = [];
    for (;;) {
      const type = body.int();
      const done = body.boolean();
      body.int();
      if (done) return members;
      members.push(this.#readMember(type, body));
    }
  }

  #readMember(type: number, body: JuteReader): ObservedMember {
    switch (type) {
      case OpCode.error:
        return { code: body.int() };
      case OpCode.create:
        return { code: 0, path: this.#paths.relative(body.string()) };
      case OpCode.create2:
      case OpCode.createContainer:
      case OpCode.createTtl:
        return { code: 0, path: this.#paths.relative(body.string()), stat: readStat(body) };
      case OpCode.setData:
        return { code: 0, stat: readStat(body) };
      case OpCode.getData:
        return { code: 0, data: body.bytes().toString('base64'), stat: readStat(body) };
      case getChildrenOp:
        return { code: 0, children: readStrings(body).sort() };
      case OpCode.delete:
      case OpCode.check:
        return { code: 0 };
      default:
        throw new Error(`unknown result type ${type} in a multi`);
    }
  }

  async #single(step: SingleStep): Promise<Observation> {
    const { connection, watches } = this.#state(step.slot);
    const [type, body] = this.#encode(step);
    const reply = await connection.request(type, body);
    const found = reply.code === 0;
    if ('watch' in step && step.watch) watches.read(step.type, step.path, reply.code);
    if (found && step.type === 'watch') watches.add(step.mode, step.path);
    if (found && step.type === 'unwatch') watches.remove(step.kind, step.path);
    if (!found) return { code: reply.code };
    const zxid = mutating.has(step.type) ? { zxid: Number(reply.zxid) } : {};
    return { code: 0, ...zxid, ...this.#decode(step, reply) };
  }

  #encode(step: SingleStep): [number, JuteWriter] {
    const body = new JuteWriter();
    if ('path' in step) body.string(this.#paths.absolute(step.path));
    if ('watch' in step) return [readOps[step.type], body.boolean(step.watch)];
    switch (step.type) {
      case 'create':
        return [createOps[step.kind], writeCreateFields(body, step)];
      case 'set':
        return [OpCode.setData, body.bytes(bytesOf(step.data)).int(step.version)];
      case 'delete':
        return [OpCode.delete, body.int(step.version)];
      case 'setAcl':
        return [OpCode.setAcl, writeAcl(body, step.acl).int(step.version)];
      case 'watch':
        return [OpCode.addWatch, body.int(addWatchModes[step.mode])];
      case 'unwatch':
        return [OpCode.removeWatches, body.int(watcherTypes[step.kind])];
      case 'ephemerals':
        return [OpCode.getEphemerals, body.string(this.#paths.absolute(step.prefix))];
      case 'sync':
        return [OpCode.sync, body.string('/')];
      case 'acl':
      case 'count':
      case 'whoami':
        return [bareOps[step.type], body];
    }
  }

  #decode(step: SingleStep, { body }: WireReply): Partial<Observation> {
    switch (step.type) {
      case 'create':
        return { path: this.#paths.relative(body.string()), stat: readStat(body) };
      case 'set':
      case 'exists':
      case 'setAcl':
        return { stat: readStat(body) };
      case 'get':
        return { data: body.bytes().toString('base64'), stat: readStat(body) };
      case 'children':
        return { children: readStrings(body).sort(), stat: readStat(body) };
      case 'acl':
        return { acl: readAcl(body), stat: readStat(body) };
      case 'count':
        return { count: body.int() };
      case 'ephemerals':
        return {
          paths: readStrings(body)
            .map((path) => this.#paths.relative(path))
            .sort(),
        };
      case 'whoami':
        return { identities: body.vector(() => `${body.string()}:${body.string()}`).sort() };
      default:
        return {};
    }
  }
}

const getChildrenOp = 8;

type SingleStep = Exclude<
  Step,
  { type: 'multi' | 'multiRead' | 'auth' | 'close' | 'drop' | 'resume' }
>;

const sessionName = ({ connection }: SlotState): string => String(connection.session.id);

function pathAndWatch(path: string, watch: boolean): JuteWriter {
  return new JuteWriter().string(path).boolean(watch);
}

function writeMultiHeader(body: JuteWriter, type: number, done: boolean): void {
  body.int(type).boolean(done).int(-1);
}

function writeCreate(body: JuteWriter, path: string, member: CreateMember): void {
  writeCreateFields(body.string(path), member);
}

function writeCreateFields(body: JuteWriter, member: CreateMember): JuteWriter {
  const { kind, sequential, ttlMs } = member;
  body.bytes(bytesOf(member.data));
  writeAcl(body, member.acl ?? openAcl);
  body.int((sequential ? sequentialFlags : createFlags)[kind]);
  return kind === 'ttl' ? body.long(BigInt(ttlMs ?? 0)) : body;
}

function writeAcl(body: JuteWriter, acl: readonly AclEntry[]): JuteWriter {
  return body.vector(
    acl,
    (entry) => void body.int(entry.perms).string(entry.scheme).string(entry.id),
  );
}

function readAcl(body: JuteReader): string[] {
  return body.vector(() => {
    const perms = body.int();
    return `${body.string()}:${body.string()}:${perms}`;
  });
}

const readStrings = (body: JuteReader): string[] => body.vector(() => body.string());

function readStat(body: JuteReader): ObservedStat {
  const long = (): number => Number(body.long());
  return {
    czxid: long(),
    mzxid: long(),
    ctime: long(),
    mtime: long(),
    version: body.int(),
    cversion: body.int(),
    aversion: body.int(),
    ephemeralOwner: String(body.long()),
    dataLength: body.int(),
    numChildren: body.int(),
    pzxid: long(),
  };
}
