/**
 * One life of a node in a world of its own: from what a disk holds to its crash. Whatever it answers is
 * held against the ledger when it leaves, and never later, since a crash may come at any moment.
 */
import { crc32 } from 'node:zlib';
import type {
  CoordinatorAnswer,
  ErrorAnswer,
  RequestMessage,
  ResultAnswer,
} from '../../../src/protocol/coordination.ts';
import type { Identity, ZnodePath } from '../../../src/protocol/model.ts';
import type {
  Operation,
  OperationType,
  SessionResult,
  WriteOperation,
} from '../../../src/protocol/operations.ts';
import { createReplica } from '../../../src/replica/index.ts';
import type { Replica } from '../../../src/replica/index.ts';
import { Storage } from '../../../src/storage/index.ts';
import type { Recovered } from '../../../src/storage/index.ts';
import type { LogRecord } from '../../../src/zab/types.ts';
import type { MemoryDisk } from '../../support/memory-disk.ts';
import { LifeOver, fail, same } from './fail.ts';
import type { Expected, Ledger, Mark, SessionGrant } from './ledger.ts';
import {
  segmentBytes,
  sessionTimeoutMs,
  settingsWith,
  snapshotsRetained,
  superIdentity,
} from './settings.ts';
import { Watcher } from './watcher.ts';
import type { WatcherMode } from './watcher.ts';
import { microtasks } from './world.ts';
import type { World } from './world.ts';

export type Answer = ResultAnswer | ErrorAnswer;

/** Who asks: with a session either through the stream that it is attached to, or by its token. */
export interface Who {
  readonly identities: readonly Identity[];
  readonly session?: SessionGrant;
  /** Of the session. */
  readonly stream?: number;
}

const writes = new Set<OperationType>([
  ...(['create', 'put', 'set', 'delete', 'setAcl', 'multi'] as const),
  ...(['newSession', 'endSession'] as const),
]);

export const operator: Who = { identities: [superIdentity] };

export interface LifeOptions {
  readonly disk: MemoryDisk;
  readonly world: World;
  /** Of the lives before. */
  readonly ledger: Ledger;
  /** Where the life before ended; without it there was none. */
  readonly mark?: Mark;
  /** Told of the ledger of this life before anything is added to it, also when the node never serves. */
  readonly onLedger?: (ledger: Ledger) => void;
}

interface Sent {
  readonly stream: number;
  readonly isWrite: boolean;
  readonly onAnswer: (answer: Answer) => void;
}

interface Parts extends LifeOptions {
  readonly recovered: Recovered;
}

export class Life {
  readonly world: World;
  readonly disk: MemoryDisk;
  readonly ledger: Ledger;
  readonly recovered: Recovered;
  /** Set when the node has said that it must end. */
  fatal: Error | undefined;
  readonly warnings: string[] = [];
  readonly watchers = new Map<number, Watcher>();
  #replica: Replica | undefined;
  #nextId = 1;
  #nextStream = 1;
  /** Errors that say that the outcome is not known, or that nothing was done: where a disk fails they are true. */
  excused: ReadonlySet<string> = new Set();
  excusedAnswers = 0;
  readonly #open = new Map<number, Sent>();
  /** Streams whose session has ended or moved: nothing is answered on them any more. */
  readonly #over = new Set<number>();
  /** By session: when it was last heard of, monotonic milliseconds. */
  readonly #heard = new Map<number, number>();
  readonly #bornMs: number;

  private constructor({ world, disk, ledger, recovered }: Parts) {
    this.world = world;
    this.disk = disk;
    this.ledger = ledger;
    this.recovered = recovered;
    this.#bornMs = world.moment.monotonicMs;
  }

  /**
   * Starts a node on the disk; undefined when the disk has stopped before it serves.
   * @throws Error when the node refuses to start, or has lost or invented anything
   */
  static async begin(options: LifeOptions): Promise<Life | undefined> {
    const { disk, world, mark } = options;
    const random = (): number => Math.floor(world.random() * 256);
    const randomBytes = (count: number): Uint8Array => Uint8Array.from({ length: count }, random);
    const opened = await during(
      world,
      Storage.open({
        ...{ disk, segmentBytes, snapshotsRetained },
        checksum: (bytes, seed) => crc32(bytes, seed),
        randomId: () => Buffer.from(randomBytes(16)).toString('hex'),
      }),
    );
    if (opened === undefined) return undefined;
    const { storage, recovered } = opened;
    const ledger = await during(world, checkLog(options.ledger, { recovered, mark }));
    if (ledger === undefined) return undefined;
    options.onLedger?.(ledger);
    const life = new Life({ ...options, ledger, recovered });
    const append = storage.append.bind(storage);
    storage.append = (records) => {
      for (const record of records) life.#appending(record);
      append(records);
    };
    life.#replica = await during(
      world,
      startReplica({
        ...{ storage, recovered, randomBytes, clock: world.clock, scheduler: world.scheduler },
        settings: settingsWith(ledger.limits),
        log: { info: () => undefined, warn: (_fields, text) => void life.warnings.push(text) },
        onFatal: (error) => {
          life.fatal ??= error;
        },
      }),
    );
    if (life.#replica === undefined) return undefined;
    life.#replica.listen((answers) => {
      if (disk.isStopped) return;
      life.#noteDigest();
      for (const answer of answers) life.#take(answer);
    });
    return life;
  }

  get replica(): Replica {
    return this.#replica ?? fail('the node has not started');
  }

  get applied(): number {
    return this.replica.status().appliedZxid;
  }

  /** Requests without an answer. */
  get unanswered(): number {
    return this.#open.size;
  }

  /** Judges a write by the model and sends it; its answer must be the model's. */
  write(operation: WriteOperation, who: Who, key?: string): void {
    const { ledger, world } = this;
    const caller = { identities: who.identities, session: who.session?.id ?? 0 };
    const fingerprint = `${key}-${ledger.last}`;
    if (key !== undefined && ledger.remembered(key, this.applied) !== undefined) {
      this.#expectConflict(operation, who, { key, fingerprint });
      return;
    }
    const expected = ledger.judge(operation, caller, world.moment.wallMs);
    if (key !== undefined && 'result' in expected) {
      const { zxid, result } = expected;
      ledger.keyed.push({ key, fingerprint, operation, caller, zxid, result });
    }
    const message = key === undefined ? {} : { idempotency: { key, fingerprint } };
    this.send({ ...message, operation }, who, (answer) => checkWrite(answer, expected));
  }

  /** Sends a remembered write once more; the answer must be the first one. @returns false when it is forgotten */
  retry(key: string, session?: SessionGrant): boolean {
    const first = this.ledger.remembered(key, this.applied);
    if (first === undefined) return false;
    const { operation, fingerprint, zxid, result, caller } = first;
    const { identities } = caller;
    const who = session === undefined ? { identities } : { identities, session };
    this.send({ operation, idempotency: { key, fingerprint } }, who, (answer) => {
      checkWrite(answer, { zxid, result });
    });
    return true;
  }

  openSession(timeoutMs: number): void {
    const secretHash = new Uint8Array(32);
    const operation = { type: 'createSession', timeoutMs, secretHash } as const;
    const expected = this.ledger.judge(operation, { identities: [], session: 0 }, 0);
    this.send({ operation: { type: 'newSession', timeoutMs } }, { identities: [] }, (answer) => {
      if (answer.type !== 'result' || !('secret' in answer.result)) return fail('no session');
      const { id, secret } = answer.result as SessionResult;
      same(id, expected.zxid, 'id of a session');
      this.#heard.set(id, this.world.moment.monotonicMs);
      this.ledger.grants.push({ id, secret, timeoutMs });
    });
  }

  /** A stream with a watch, which is told of everything after `from`. */
  async watch(mode: WatcherMode, path: ZnodePath, from?: number): Promise<Watcher> {
    const stream = this.openStream([superIdentity]);
    const told = from ?? this.applied;
    const watcher = new Watcher({ stream, mode, path, from: told });
    this.watchers.set(stream, watcher);
    watcher.isSlow = from !== undefined;
    const operation = { type: 'watch', path, mode, from: told } as const;
    const answer = await this.ask(operation, { identities: [], stream });
    if (answer.type === 'error') fail(`watch from ${told}: ${answer.error.code}`);
    return watcher;
  }

  /** Whether the stream can still be spoken on. */
  isOpen(stream: number): boolean {
    return !this.#over.has(stream);
  }

  openStream(identities: readonly Identity[]): number {
    const stream = this.#nextStream++;
    this.replica.submit([{ type: 'open', stream, identities }]);
    return stream;
  }

  /** Binds a new stream to the session, by a record; nothing is to be sent on it before it is told to be bound. */
  attach(
    session: SessionGrant,
    identities: readonly Identity[],
    onAttached: (who: Who) => void,
  ): void {
    const stream = this.openStream(identities);
    const { id, secret } = session;
    const none = { identities: [], watches: [] };
    const operation: Operation = { type: 'attach', session: { id, secret }, ...none };
    this.#heard.set(id, this.world.moment.monotonicMs);
    const timeoutMs = sessionTimeoutMs;
    const record = { type: 'attachSession', session: id, timeoutMs } as const;
    const expected = this.ledger.judge(record, { identities: [], session: 0 }, 0);
    this.send({ operation }, { identities: [], stream }, (answer) => {
      const wanted = 'code' in expected ? expected.code : expected.zxid;
      same(answer.type === 'result' ? answer.zxid : answer.error.code, wanted, `attach to ${id}`);
      if (answer.type === 'result') onAttached({ identities, session, stream });
      else this.#endStream(stream);
    });
  }

  /** Sends a request and lets everything happen that follows from it. */
  async ask(
    operation: Operation,
    who: Who = operator,
    more: Partial<RequestMessage> = {},
  ): Promise<Answer> {
    let answer: Answer | undefined;
    this.send({ ...more, operation }, who, (given) => {
      answer = given;
    });
    await this.settle();
    return answer ?? fail(`${operation.type} is not answered`);
  }

  send(
    message: Partial<RequestMessage> & Pick<RequestMessage, 'operation'>,
    who: Who,
    onAnswer: (answer: Answer) => void,
  ): void {
    const id = this.#nextId++;
    const { identities, session, stream = 0 } = who;
    const isWrite = writes.has(message.operation.type);
    this.#open.set(id, { stream, isWrite, onAnswer });
    if (session !== undefined) this.#heard.set(session.id, this.world.moment.monotonicMs);
    const credential = session && { id: session.id, secret: session.secret };
    const caller = credential === undefined ? { identities } : { identities, session: credential };
    const whole = { type: 'request', id, stream, ...message } as const;
    this.replica.submit([stream === 0 ? { ...whole, caller } : whole]);
  }

  /** The reader's socket is full, or has room again. */
  flow(watcher: Watcher, ready: boolean): void {
    watcher.isSlow = true;
    this.replica.submit([{ type: 'flow', stream: watcher.options.stream, ready }]);
  }

  /** Lets everything happen that is under way. @throws LifeOver when the disk or the node has ended before that */
  async settle(): Promise<void> {
    await this.world.settle();
    if (this.disk.isStopped || this.fatal !== undefined) throw new LifeOver();
  }

  /** That nothing is left to be answered, and that every watch has been told of everything. */
  async settled(): Promise<void> {
    for (const watcher of this.watchers.values()) this.flow(watcher, true);
    await this.settle();
    same(this.unanswered, 0, 'requests without an answer');
    same(this.applied, this.ledger.last, 'the applied zxid when nothing is under way');
    this.#noteDigest();
    for (const watcher of this.watchers.values()) {
      watcher.caughtUp(this.ledger, this.applied);
      watcher.isSlow = false;
    }
  }

  #expectConflict(
    operation: WriteOperation,
    who: Who,
    idempotency: { readonly key: string; readonly fingerprint: string },
  ): void {
    this.send({ operation, idempotency }, who, (answer) => {
      const code = answer.type === 'error' ? answer.error.code : answer.type;
      if (code !== 'SESSIONEXPIRED') same(code, 'IDEMPOTENCYCONFLICT', 'a key used twice');
    });
  }

  #take(answer: CoordinatorAnswer): void {
    if (answer.type === 'result' || answer.type === 'error') {
      this.#answered(answer);
      return;
    }
    if (answer.type === 'session') this.#endStream(answer.stream);
    this.watchers.get(answer.stream)?.take(answer, this.ledger);
  }

  #answered(answer: Answer): void {
    const { zxid } = answer;
    if (zxid > this.applied) fail(`an answer names zxid ${zxid}, which is not committed`);
    for (const watcher of this.watchers.values()) {
      if (!watcher.isSlow) watcher.caughtUp(this.ledger, zxid);
    }
    this.ledger.acknowledged = Math.max(this.ledger.acknowledged, zxid);
    const sent = this.#open.get(answer.id) ?? fail(`answer to no request: ${answer.id}`);
    this.#open.delete(answer.id);
    if (answer.type === 'result') {
      if (this.fatal !== undefined && sent.isWrite)
        fail('a write is acknowledged by a failed disk');
    } else {
      if (answer.ends === true) this.#endStream(answer.stream);
      if (this.excused.has(answer.error.code)) {
        this.excusedAnswers += 1;
        return;
      }
    }
    sent.onAnswer(answer);
  }

  #endStream(stream: number): void {
    this.#over.add(stream);
    for (const [id, request] of this.#open) if (request.stream === stream) this.#open.delete(id);
  }

  #noteDigest(): void {
    const { appliedZxid, digest } = this.replica.metrics();
    this.ledger.digestSeen(appliedZxid, digest);
  }

  /** A record on its way to the disk. */
  #appending(record: LogRecord): void {
    const isUnasked = record.zxid > this.ledger.last;
    this.ledger.append(record);
    const [first] = isUnasked ? this.ledger.changesAt(record.zxid) : [];
    if (first?.type === 'closeSession') this.#checkExpiry(first.session);
  }

  /** No session expires before its timeout, counted from its last sign of life or the start of the node. */
  #checkExpiry(session: number): void {
    const timeoutMs = this.ledger.grants.find(({ id }) => id === session)?.timeoutMs ?? 0;
    const heardMs = Math.max(this.#heard.get(session) ?? 0, this.#bornMs);
    const silentMs = this.world.moment.monotonicMs - heardMs;
    if (silentMs < timeoutMs) fail(`session ${session} expires after ${silentMs} ms of silence`);
  }
}

/** Runs the world until the promise is settled; undefined when nothing happens any more before that. */
export async function during<Value>(
  world: World,
  promise: Promise<Value>,
): Promise<Value | undefined> {
  let outcome: { readonly value: Value } | { readonly error: unknown } | undefined;
  promise.then(
    (value) => (outcome = { value }),
    (error: unknown) => (outcome = { error }),
  );
  for (;;) {
    await microtasks();
    const settled = outcome as { readonly value: Value } | { readonly error: unknown } | undefined;
    if (settled !== undefined) {
      if ('error' in settled) throw settled.error;
      return settled.value;
    }
    if (!(await world.turn())) return undefined;
  }
}

/** That the log is a beginning of what was written, with everything in it that clients have seen. */
async function checkLog(
  ledger: Ledger,
  { recovered, mark }: { recovered: Recovered; mark: Mark | undefined },
): Promise<Ledger> {
  const { zxid } = recovered.last.position;
  if (mark === undefined) {
    same(zxid, 0, 'the end of the log of a new node');
    return ledger;
  }
  if (zxid < mark.acknowledged) fail(`zxid ${mark.acknowledged} was seen, the log has ${zxid}`);
  if (zxid > mark.records) fail(`the log has ${zxid}, written were ${mark.records}`);
  let next: number | undefined;
  for await (const records of recovered.records()) {
    for (const record of records) {
      next ??= record.zxid;
      same(record.zxid, next, 'the zxid of a record');
      const written = ledger.records[next - 1];
      if (written === undefined || Buffer.compare(record.bytes, written.bytes) !== 0) {
        fail(`record ${next} is not what was written`);
      }
      next += 1;
    }
  }
  same(next ?? zxid + 1, zxid + 1, 'the zxid behind the last record');
  return ledger.cutAfter(zxid, mark);
}

function checkWrite(answer: Answer, expected: Expected): void {
  const actual =
    answer.type === 'result'
      ? { zxid: answer.zxid, result: answer.result }
      : {
          zxid: answer.zxid,
          code: answer.error.code,
          ...('failedIndex' in answer.error && { failedIndex: answer.error.failedIndex }),
        };
  same(actual, expected, `answer ${answer.id}`);
}

/** Serves when it resolves. */
async function startReplica(options: Parameters<typeof createReplica>[0]): Promise<Replica> {
  const replica = await createReplica(options);
  replica.start();
  await replica.serving();
  return replica;
}
