/**
 * A learner's way to its leader. Requests leave in the order in which they come, all of a turn in one
 * frame. A write is answered when this node applies the record at exactly the position that the leader
 * has named; all barriers of one turn are one. Nothing is ever sent twice: what was under way when the
 * leader was lost has an unknown outcome, and what had not left was not done.
 */
import { assert, unreachable } from '../protocol/assert.ts';
import { CoordinationError } from '../protocol/errors.ts';
import { limitText } from '../protocol/limit-texts.ts';
import type { ErrorBody } from '../protocol/errors.ts';
import { Fifo } from '../protocol/fifo.ts';
import type { SessionId, Zxid } from '../protocol/model.ts';
import type { Operation, WriteOperation } from '../protocol/operations.ts';
import type { Authority } from './acceptance.ts';
import { isWriteLike, lostError } from './requests.ts';
import type { Core } from './core.ts';
import type { SessionLives } from './lives.ts';
import { messageBytes } from './peer-codec.ts';
import type {
  AckedMessage,
  AnsweredMessage,
  ForwardId,
  LeaderMessage,
  LearnerMessage,
  LivesMessage,
  MemberView,
  MismatchMessage,
  MovedMessage,
  PeerFrame,
  ProposedMessage,
  RefusedMessage,
  Registration,
  StateMark,
  TouchedMessage,
  WriteMessage,
} from './peer-messages.ts';
import type { Pending } from './stream.ts';

/** A frame of more than about so many bytes is ended, and another begun. */
const FRAME_BYTES = 1024 * 1024;

/** What the requests learn of their fate. */
export interface ForwarderHooks {
  /** Its record has just been applied here. */
  applied(zxid: Zxid, pending: Pending): void;
  /** Its result, its error or nothing but its position is certain once this node is at `zxid`. */
  confirmed(pending: Pending, zxid: Zxid): void;
  acked(pending: Pending, outcome: AckedMessage['outcome']): void;
  failed(pending: Pending, error: ErrorBody): void;
  /** The attachment of the session with this generation is over, and the request's stream. */
  moved(session: SessionId, generation: Zxid, pending: Pending | undefined): void;
  /** A quorum has another state than this node. */
  mismatch(mark: StateMark): void;
}

export interface ForwarderParts {
  readonly core: Core;
  readonly lives: SessionLives;
  /** Hands a frame to the leader. */
  readonly send: (frame: PeerFrame) => void;
  /** Runs `flush` when the turn's input has been taken. */
  readonly schedule: () => void;
}

/** A request that the leader has not finished with. */
interface InFlight {
  readonly id: ForwardId;
  readonly pending: Pending;
  readonly bytes: number;
  readonly sentMs: number;
}

export class Forwarder implements Authority {
  readonly #core: Core;
  readonly #lives: SessionLives;
  readonly #send: (frame: PeerFrame) => void;
  readonly #schedule: () => void;
  #hooks: ForwarderHooks | undefined;
  /** Of the leader that is followed; 0 = none. */
  #epoch = 0;
  #nextId: ForwardId = 1;
  readonly #requests = new Map<ForwardId, InFlight>();
  /** Barriers, each with all requests that share it. */
  readonly #rounds = new Map<ForwardId, Pending[]>();
  /** The barrier that has not left yet: others may share it. */
  #openRound: Pending[] | undefined;
  /** Writes whose records are known and that more voters must have on disk. */
  readonly #awaitingAcks = new Map<ForwardId, Pending>();
  /** Writes that stand in the log, in its order. */
  readonly #proposed = new Fifo<{ readonly zxid: Zxid; readonly request: InFlight }>();
  #bytes = 0;
  #outgoing: LearnerMessage[] = [];
  #outgoingRequests: InFlight[] = [];
  /** The ensemble as the leader sees it. */
  members: readonly MemberView[] = [];
  /** What the leader has last told to be committed. */
  leaderCommitted: Zxid = 0;

  constructor(parts: ForwarderParts) {
    this.#core = parts.core;
    this.#lives = parts.lives;
    this.#send = parts.send;
    this.#schedule = parts.schedule;
  }

  listen(hooks: ForwarderHooks): void {
    this.#hooks = hooks;
  }

  /** Requests that the leader has and whose outcome is not known here. */
  get inFlight(): number {
    return this.#requests.size + this.#proposed.length;
  }

  get bytesInFlight(): number {
    return this.#bytes;
  }

  get full(): boolean {
    const { forwardedRequestsMax, forwardedBytesMax } = this.#core.settings.limits;
    return this.inFlight >= forwardedRequestsMax || this.#bytes >= forwardedBytesMax;
  }

  get #fullText(): string {
    const { limits } = this.#core.settings;
    const isCount = this.inFlight >= limits.forwardedRequestsMax;
    const which = isCount ? 'forwardedRequestsMax' : 'forwardedBytesMax';
    return `requests forwarded to the leader and not decided reach ${limitText(limits, which)}`;
  }

  /** What asks how long a session lives takes as much room as a write. */
  holds(operation: Operation): boolean {
    return this.full && (isWriteLike(operation) || operation.type === 'sessionInfo');
  }

  /** This node follows the leader of `epoch`, which is told first who is attached here. */
  follow(epoch: number, sessions: readonly Registration[]): void {
    assert(this.#requests.size === 0 && this.#rounds.size === 0, 'nothing outlives a leader');
    this.#epoch = epoch;
    this.#outgoing = [{ type: 'register', sessions }];
    this.flush();
  }

  write(pending: Pending, operation: WriteOperation): void {
    this.#requireRoom();
    const { stream, caller, message } = pending;
    const { idempotency, acks } = message;
    const { session, identities } = caller;
    const ofStream = stream !== undefined && session !== 0;
    const attaches = pending.operation.type === 'attach';
    // Its answer promises how long the session lives, and only a confirmed sign of life does.
    if (stream === undefined && session !== 0 && !this.#lives.isFresh(session)) {
      this.#lives.touchUrgently(session);
      this.#tellLives('urgent');
    }
    const write: WriteMessage = {
      ...{ type: 'write', id: this.#nextId++, session },
      ...(ofStream && { generation: stream.generation }),
      ...{ identities, operation },
      ...(idempotency !== undefined && { idempotency }),
      ...(acks !== undefined && { acks }),
      ...(attaches && { attaches }),
    };
    this.#forward(pending, write);
  }

  barrier(pending: Pending): void {
    if (this.#openRound === undefined) {
      const id = this.#nextId++;
      this.#openRound = [];
      this.#rounds.set(id, this.#openRound);
      this.#outgoing.push({ type: 'barrier', id });
      this.#schedule();
    }
    this.#openRound.push(pending);
  }

  attach(pending: Pending, session: SessionId, timeoutMs: number): void {
    this.#requireRoom();
    this.#forward(pending, { type: 'attach', id: this.#nextId++, session, timeoutMs });
  }

  /**
   * Asks how long the session lives, which nobody else knows. With `touch` it is a sign of life too, and is
   * refused where it comes too late.
   * @throws CoordinationError THROTTLEDOP
   */
  life(pending: Pending, session: SessionId, touch: boolean): void {
    this.#requireRoom();
    this.#tellLives('urgent');
    this.#forward(pending, { type: 'life', id: this.#nextId++, session, touch });
  }

  /** Only the leader knows when its end is certain. */
  endOf(pending: Pending, session: SessionId): void {
    this.life(pending, session, true);
  }

  /** What this node alone refuses says nothing that another state could change. */
  refuse(pending: Pending, error: CoordinationError): 'final' {
    pending.error = error.toBody();
    return 'final';
  }

  /** A stream has ended whose session lives on. */
  detach(session: SessionId, generation: Zxid): void {
    if (this.#epoch === 0) return;
    this.#outgoing.push({ type: 'detach', session, generation });
    this.#schedule();
  }

  /** Tells the leader who has been heard of, and how this node is; several times a tick. */
  tell(now: StateMark, mark: StateMark | undefined): void {
    if (this.#epoch === 0) return;
    this.#tellLives('all', { now, ...(mark !== undefined && { mark }) });
    this.flush();
  }

  /** Hands over what the turn has brought. */
  flush(): void {
    if (this.#outgoing.length === 0) return;
    if (this.#openRound !== undefined) {
      this.#openRound = undefined;
      this.#tellLives('urgent');
    }
    const messages = this.#outgoing;
    this.#outgoing = [];
    this.#outgoingRequests = [];
    for (const part of framesOf(messages)) {
      this.#send({ epoch: this.#epoch, applied: this.#core.zxid, messages: part });
    }
  }

  /** A frame of the leader. */
  receive(frame: PeerFrame): void {
    if (frame.epoch !== this.#epoch) return;
    for (const message of frame.messages) this.#take(message as LeaderMessage);
  }

  /** The record at `zxid` has been applied. */
  applied(zxid: Zxid): void {
    for (;;) {
      const head = this.#proposed.peek();
      if (head === undefined || head.zxid > zxid) return;
      this.#proposed.shift();
      assert(head.zxid === zxid, 'a write is answered by its own record');
      const { pending, bytes, sentMs } = head.request;
      this.#bytes -= bytes;
      // A quorum had this leader when it was sent, or later: what was only proposed says nothing of that.
      if (pending.stream === undefined) this.#lives.confirmAgain(pending.caller.session, sentMs);
      this.#hooks?.applied(zxid, pending);
    }
  }

  /**
   * A snapshot of the leader has brought this node to `zxid`, past records of what it had forwarded: they
   * stand in the leader's log, and the snapshot holds what they have done.
   */
  overtaken(zxid: Zxid): void {
    for (;;) {
      const head = this.#proposed.peek();
      if (head === undefined || head.zxid > zxid) return;
      this.applied(head.zxid);
    }
  }

  /** The leader is lost: whatever it has not finished has no outcome that this node could know. */
  lost(): void {
    this.#epoch = 0;
    // What a former leader said of the others, itself included, is not true any more.
    this.members = [];
    this.#outgoing = [];
    for (const { pending } of this.#outgoingRequests) pending.proposed = false;
    this.#outgoingRequests = [];
    this.#openRound = undefined;
    const open = [...this.#open()];
    this.#proposed.drain();
    this.#requests.clear();
    this.#rounds.clear();
    this.#awaitingAcks.clear();
    this.#bytes = 0;
    for (const pending of open) this.#hooks?.failed(pending, lostError(pending));
  }

  /** Requests whose answer is overdue. The leader may still have them, so they count on. */
  overdue(nowMs: number): readonly Pending[] {
    const overdue: Pending[] = [];
    for (const pending of this.#open()) {
      if (pending.phase !== 'over' && pending.deadlineMs <= nowMs) overdue.push(pending);
    }
    return overdue;
  }

  /** Everything that waits for the leader, the oldest first of what goes through the log. */
  *#open(): Generator<Pending> {
    for (let index = 0; index < this.#proposed.length; index++) {
      const entry = this.#proposed.at(index);
      if (entry !== undefined) yield entry.request.pending;
    }
    for (const { pending } of this.#requests.values()) yield pending;
    for (const waiting of this.#rounds.values()) yield* waiting;
    for (const pending of this.#awaitingAcks.values()) yield pending;
  }

  /** @throws CoordinationError THROTTLEDOP; whoever waits for room has not come so far */
  #requireRoom(): void {
    if (this.full) throw new CoordinationError('THROTTLEDOP', this.#fullText);
  }

  #forward(pending: Pending, message: LearnerMessage & { readonly id: ForwardId }): void {
    this.#core.counters.requestsForwarded++;
    const bytes = messageBytes(message);
    const sentMs = this.#core.clock.monotonicMs();
    const logged = message.type === 'write' || message.type === 'attach';
    const request = { id: message.id, pending, bytes, sentMs };
    this.#requests.set(message.id, request);
    this.#bytes += bytes;
    this.#outgoing.push(message);
    this.#outgoingRequests.push(request);
    // It leaves with this turn, also when its stream ends before: only the leader's loss can still keep it here.
    pending.proposed = logged;
    this.#schedule();
  }

  #tellLives(what: 'all' | 'urgent', state?: { now: StateMark; mark?: StateMark }): void {
    const told = this.#lives.tell(what);
    if (told === undefined) return;
    this.#outgoing.push({ type: 'touch', ...told, ...state });
    this.#schedule();
  }

  #take(message: LeaderMessage): void {
    switch (message.type) {
      case 'proposed':
        this.#takeProposed(message);
        return;
      case 'passed':
        this.#takeRound(message.id, message.zxid);
        return;
      case 'void':
        this.#takeRound(message.id, undefined);
        return;
      case 'acked':
        this.#takeAcked(message);
        return;
      case 'moved':
      case 'touched':
      case 'mismatch':
        this.#takeNews(message);
        return;
      case 'refused':
      case 'answered':
      case 'lives':
        this.#takeOutcome(message);
        return;
      default:
        unreachable(message);
    }
  }

  #takeNews(message: MovedMessage | TouchedMessage | MismatchMessage): void {
    switch (message.type) {
      case 'moved': {
        const { id, session, generation } = message;
        const request = id === undefined ? undefined : this.#finish(id);
        this.#hooks?.moved(session, generation, request?.pending);
        return;
      }
      case 'touched':
        this.#lives.toldConfirmed(message);
        this.members = message.members;
        this.leaderCommitted = message.committed;
        return;
      case 'mismatch':
        this.#hooks?.mismatch(message);
        return;
      default:
        unreachable(message);
    }
  }

  #takeProposed(message: ProposedMessage): void {
    const request = this.#requests.get(message.id);
    // It belongs to a time before the leader was lost and found again.
    if (request === undefined) return;
    this.#requests.delete(message.id);
    const { pending } = request;
    pending.result ??= message.result;
    pending.zxid = message.zxid;
    pending.awaitsAcks = message.awaitsAcks === true;
    this.#given(pending);
    if (pending.awaitsAcks) this.#awaitingAcks.set(message.id, pending);
    this.#proposed.push({ zxid: message.zxid, request });
    // The record may have come with an earlier read of the socket.
    if (message.zxid <= this.#core.zxid) this.applied(message.zxid);
  }

  /** Its record stands in the log: an attachment is known by it, also to a stream that ends before it is applied. */
  #given({ operation, stream, zxid }: Pending): void {
    if (operation.type !== 'attach' || stream === undefined) return;
    const session = typeof operation.session === 'string' ? zxid : operation.session.id;
    if (stream.ended) this.detach(session, zxid);
    else stream.give(session, zxid);
  }

  #takeRound(id: ForwardId, zxid: Zxid | undefined): void {
    const waiting = this.#rounds.get(id);
    if (waiting === undefined) {
      const request = this.#finish(id);
      if (request !== undefined) this.#hooks?.failed(request.pending, lostError(request.pending));
      return;
    }
    this.#rounds.delete(id);
    for (const pending of waiting) {
      if (zxid === undefined) this.#hooks?.failed(pending, lostError(pending));
      else this.#hooks?.confirmed(pending, zxid);
    }
  }

  #takeAcked({ id, outcome }: AckedMessage): void {
    const pending = this.#awaitingAcks.get(id);
    if (pending === undefined) return;
    this.#awaitingAcks.delete(id);
    this.#hooks?.acked(pending, outcome);
  }

  #takeOutcome(message: RefusedMessage | AnsweredMessage | LivesMessage): void {
    const request = this.#finish(message.id);
    if (request === undefined) return;
    const { pending, sentMs } = request;
    pending.proposed = false;
    switch (message.type) {
      case 'refused':
        if (message.zxid === 0) {
          this.#hooks?.failed(pending, message.error);
          return;
        }
        pending.error = message.error;
        pending.zxid = message.zxid;
        this.#hooks?.confirmed(pending, message.zxid);
        return;
      case 'answered':
        pending.result = message.result;
        pending.zxid = message.zxid;
        this.#hooks?.confirmed(pending, message.confirmed);
        return;
      case 'lives': {
        const passedMs = this.#core.clock.monotonicMs() - sentMs;
        const expiresInMs = Math.max(0, message.expiresInMs - passedMs);
        pending.life = { expiresInMs, connected: message.connected };
        this.#hooks?.confirmed(pending, message.zxid);
        return;
      }
      default:
        unreachable(message);
    }
  }

  /** The leader has finished with it. */
  #finish(id: ForwardId): InFlight | undefined {
    const request = this.#requests.get(id);
    if (request === undefined) return undefined;
    this.#requests.delete(id);
    this.#bytes -= request.bytes;
    return request;
  }
}

/** Cut where a frame would grow too long; the order stays. */
function framesOf(messages: readonly LearnerMessage[]): readonly (readonly LearnerMessage[])[] {
  const frames: LearnerMessage[][] = [];
  let open: LearnerMessage[] = [];
  let bytes = 0;
  for (const message of messages) {
    if (bytes >= FRAME_BYTES) {
      frames.push(open);
      open = [];
      bytes = 0;
    }
    open.push(message);
    bytes += messageBytes(message);
  }
  frames.push(open);
  return frames;
}
