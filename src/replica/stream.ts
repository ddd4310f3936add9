/** Streams and their requests, the two of which know each other. */
import type {
  CoordinatorAnswer,
  RequestMessage,
  StreamEvent,
  StreamId,
} from '../protocol/coordination.ts';
import { CoordinationError } from '../protocol/errors.ts';
import type { ErrorBody } from '../protocol/errors.ts';
import type { Operation, Result, StreamWatchMode } from '../protocol/operations.ts';
import { Fifo } from '../protocol/fifo.ts';
import type { Identity, SessionId, ZnodePath, Zxid } from '../protocol/model.ts';
import type { SessionBinding } from './host.ts';
import { nobody } from './caller.ts';
import type { ResolvedCaller } from './caller.ts';
import type { LearnerLink } from './learner-link.ts';
import type { LearnerMessage } from './peer-messages.ts';

/** A watch that a read of the stream leaves. */
export interface Arming {
  readonly path: ZnodePath;
  readonly mode: StreamWatchMode;
}

/** A watch that is taken back, and what its client is told. */
export interface Disarming {
  readonly path: ZnodePath;
  /** Absent = all of the path. */
  readonly mode?: StreamWatchMode | undefined;
  readonly answer: (found: boolean) => CoordinatorAnswer;
}

/** What must wait until the stream's cursor has passed `horizon`: an answer, or a watch that it leaves or takes back. */
export interface Deferred {
  readonly horizon: Zxid;
  readonly answer?: CoordinatorAnswer;
  readonly arming?: Arming;
  readonly disarming?: Disarming;
  /** About as many bytes as the answer will take on the wire. */
  readonly bytes: number;
}

/**
 * Reads of one stream that may be unanswered when a write behind them is judged. They are answered in one
 * go, before that write is applied, whatever the reader does; this bounds what that takes.
 */
const READS_BEFORE_WRITE_MAX = 128;

/**
 * One ordered stream (a WebSocket, an event stream, a long poll): its caller, its requests in order, its
 * place in the event ring while its reader is slow.
 */
export class Stream {
  readonly id: StreamId;
  /** What its requests are judged by, as of the last one started. */
  #caller: ResolvedCaller;
  #reader: { readonly caller: ResolvedCaller; readonly stream: Stream };
  #session: SessionBinding | undefined;
  /** Requests not yet answered, in order. */
  readonly #queue = new Fifo<Pending>();
  /** How many of the queue, from its head, have been started. */
  started = 0;
  /** Started requests ahead that a later request must not overtake by taking effect. */
  blocking = 0;
  /** How many of them are reads: other reads may wait beside them. */
  blockingReads = 0;
  /** How many of the started ones go through the log. */
  startedWrites = 0;
  /** Weight of the answers given in this turn, or since the socket is full. */
  burstBytes = 0;
  /** True while answers wait, because enough of them are on their way. */
  paused = false;
  /** True when a full socket has got one more burst: enough to see that its reader does not move. */
  overfull = false;
  /** True while the socket is full: events wait in the ring. */
  blocked = false;
  /** True while `cursor` is behind the applied zxid: events have been left in the ring. */
  lagging = false;
  /** All events up to this zxid have been sent; only meaningful while lagging. */
  cursor: Zxid = 0;
  /** True while its requests are being started and answered: no recursion into that. */
  advancing = false;
  /** True while a replay step of this stream is scheduled. */
  pumping = false;
  deferred: Deferred[] = [];
  deferredBytes = 0;
  /** Events of the transaction that is being applied; undefined = none yet. */
  collected: readonly StreamEvent[] | undefined;
  /** The same array, where it belongs to this stream alone. */
  collectedOwn: StreamEvent[] | undefined;
  /** What its watches ask to be added to events. */
  with: 'stat' | 'data' | undefined;
  /** Set when it has ended: nothing of it takes effect any more, nothing is sent to it. */
  ended = false;
  /** The session that the log gives it and that it is not attached to yet; 0 = none. */
  attaching: SessionId = 0;
  /** Of its attachment: the zxid of that transaction, as soon as the leader has named it; 0 = none. */
  generation: Zxid = 0;
  /** Set when its own `endSession` is in the log: the end is no surprise. */
  endingSession = false;
  /** True while it has been told that its session is in doubt, since this node has no leader. */
  suspended = false;
  /** True for one that was opened while that was so, until it is over. */
  openedInDoubt = false;
  /** The session that the request carried which has opened it, and whose end ends it; 0 = none. */
  readonly carries: SessionId;

  constructor(id: StreamId, identities: readonly Identity[], carries: SessionId = 0) {
    this.id = id;
    this.carries = carries;
    this.#caller = { identities, session: 0 };
    this.#reader = { caller: this.#caller, stream: this };
  }

  get caller(): ResolvedCaller {
    return this.#caller;
  }

  /** What the reads of the stream need: one object for all of them. */
  get reader(): { readonly caller: ResolvedCaller; readonly stream: Stream } {
    return this.#reader;
  }

  get session(): SessionBinding | undefined {
    return this.#session;
  }

  /** Its attachment stands in the log: it is attached once that is applied and its turn comes. */
  give(session: SessionId, generation: Zxid): void {
    this.attaching = session;
    this.generation = generation;
  }

  bind(session: SessionBinding | undefined): void {
    this.#session = session;
    this.#become({ identities: this.#caller.identities, session: session?.id ?? 0 });
  }

  /** Adds identities; they cannot be removed. @returns all of them */
  identify(added: readonly Identity[]): readonly Identity[] {
    const known = this.#caller.identities;
    const all = [...known];
    for (const identity of added) {
      const { scheme, id } = identity;
      if (!all.some((other) => other.scheme === scheme && other.id === id)) all.push(identity);
    }
    if (all.length > known.length) {
      this.#become({ identities: all, session: this.#caller.session });
    }
    return this.#caller.identities;
  }

  #become(caller: ResolvedCaller): void {
    this.#caller = caller;
    this.#reader = { caller, stream: this };
  }

  get queueLength(): number {
    return this.#queue.length;
  }

  enqueue(pending: Pending): void {
    this.#queue.push(pending);
  }

  /** The request whose turn it is to be answered. */
  peek(): Pending | undefined {
    return this.#queue.peek();
  }

  /** The first request that has not been started. */
  peekUnstarted(): Pending | undefined {
    return this.#queue.at(this.started);
  }

  /** False while too many reads stand before the next write. */
  get mayWrite(): boolean {
    return this.started - this.startedWrites < READS_BEFORE_WRITE_MAX;
  }

  /** @param isWriteLike whether it goes through the log */
  start(pending: Pending, isWriteLike: boolean): void {
    pending.isWriteLike = isWriteLike;
    this.started++;
    if (isWriteLike) this.startedWrites++;
  }

  /** Removes the head, which is about to be answered. */
  shift(): void {
    const head = this.#queue.shift();
    if (this.started > 0) this.started--;
    if (head?.isWriteLike === true) this.startedWrites--;
  }

  /** Takes all requests out, oldest first. */
  drain(): readonly Pending[] {
    this.started = 0;
    this.startedWrites = 0;
    this.blocking = 0;
    this.blockingReads = 0;
    return this.#queue.drain();
  }
}

/** Where a request comes from that another node has forwarded to this one, the leader. */
export interface Origin {
  readonly link: LearnerLink;
  /** Its number there; 0 for what is not answered by number. */
  readonly id: number;
  readonly message: LearnerMessage;
}

/**
 * - `queued`: behind others of its stream, nothing has been done for it.
 * - `waiting`: for a minimum zxid, a barrier, or its transaction's commit.
 * - `ready`: answered (or, a read, executed and answered) as soon as its turn comes.
 * - `over`: answered, or of a stream that has ended.
 */
export type PendingPhase = 'queued' | 'waiting' | 'ready' | 'over';

/** What only the leader knows of a session. */
export interface SessionLife {
  readonly expiresInMs: number;
  /** True while a stream of any node is attached to it. */
  readonly connected: boolean;
}

/** A request on its way through the replica. */
export class Pending {
  readonly message: RequestMessage;
  readonly stream: Stream | undefined;
  phase: PendingPhase = 'queued';
  caller: ResolvedCaller = nobody;
  /** True while it counts in its stream's `blocking`. */
  blocks = false;
  /** True once it counts in its stream's `startedWrites`. */
  isWriteLike = false;
  /** Set on the leader for a request of another node. */
  origin: Origin | undefined;
  /** True once its transaction is in the log or on its way to the leader: its outcome can be unknown. */
  proposed = false;
  /** What must still happen before a write's answer may leave, beside its application. */
  awaitsAcks = false;
  applied = false;
  /** True once a barrier has confirmed it; only its zxid may still be awaited. */
  confirmed = false;
  /** True while a barrier is to tell whether its session exists, younger than this node's state. */
  seeksSession = false;
  /** True once that has been asked. */
  sessionSought = false;
  /** What the leader has said of the session that it asks about. */
  life: SessionLife | undefined;
  /** The secret of the session that it creates; leaves with the answer and is never kept. */
  secret: string | undefined;
  /** The timeout that the session is created with, milliseconds. */
  timeoutMs = 0;
  /** The answer, once known; a read has none before its turn. */
  result: Result | undefined;
  error: ErrorBody | undefined;
  /** Zxid of the answer; 0 = that of the state when it is answered. */
  zxid: Zxid = 0;
  /** Monotonic times: not after what it waits for was asked for, and when its wait ends. */
  askedMs = 0;
  deadlineMs = 0;

  constructor(message: RequestMessage, stream: Stream | undefined) {
    this.message = message;
    this.stream = stream;
  }

  get operation(): Operation {
    return this.message.operation;
  }
}

/** The stream of a request that only a stream can make. @throws CoordinationError BADARGUMENTS without one */
export function streamOf({ stream, operation }: Pending): Stream {
  if (stream !== undefined) return stream;
  throw new CoordinationError('BADARGUMENTS', `${operation.type}: needs a stream`);
}
