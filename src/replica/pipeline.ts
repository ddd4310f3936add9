/**
 * The way of a request through the replica: started in its stream's order, judged or waiting, answered in
 * its stream's order. The rules of order:
 *
 * - The writes of a stream are judged and proposed as they arrive, one behind the other, without waiting
 *   for one another's commit; a read waits until the stream's writes before it have been applied and is
 *   executed right then, before the next transaction is applied.
 * - A request that waits for something else than a commit of its own (a minimum zxid, a barrier of a
 *   linearizable read) holds back every write behind it on its stream, so that none takes effect before an
 *   earlier read is answered. Reads behind a read wait beside it: they share one quorum round.
 * - A refusal is a linearizable statement: it waits at a barrier at the last position it was judged
 *   against.
 * - A stream ends at its first uncertain outcome.
 * - Answers come in bursts: after each the door may say that the socket is full, and what is behind waits
 *   until it is not.
 */
import { assert } from '../protocol/assert.ts';
import type { RequestMessage } from '../protocol/coordination.ts';
import { CoordinationError } from '../protocol/errors.ts';
import { limitText } from '../protocol/limit-texts.ts';
import type { ErrorBody } from '../protocol/errors.ts';
import { Fifo } from '../protocol/fifo.ts';
import type { Zxid } from '../protocol/model.ts';
import type { Authority } from './acceptance.ts';
import { Answers } from './answers.ts';
import type { AnswersParts } from './answers.ts';
import type { Attachments } from './attachments.ts';
import type { Availability } from './availability.ts';
import { block, unblock } from './blocking.ts';
import type { Core } from './core.ts';
import type { EventDelivery } from './events.ts';
import type { Forwarder } from './forwarder.ts';
import type { SessionLives } from './lives.ts';
import {
  isWrite,
  isPlainLocalRead,
  isPingInDoubt,
  isWriteLike,
  isRead,
  minZxidOf,
  needOf,
  noLeader,
  endsStream,
  errorOf,
  refusalWithout,
  sessionAskedFor,
  throttled,
  behindError,
  behindUncertain,
  overdueError,
  unreadAnswers,
} from './requests.ts';
import { sessionGone } from './reads.ts';
import { Pending, streamOf } from './stream.ts';
import type { Stream } from './stream.ts';
import { WatchSweep } from './watch-sweep.ts';
import { ZxidWaiters } from './zxid-waiters.ts';

export interface PipelineParts extends Omit<AnswersParts, 'onUnread'> {
  /** Decides while this node leads. */
  readonly acceptance: Authority;
  /** Asks the leader while it follows one. */
  readonly forwarder: Forwarder;
}

export class Pipeline {
  readonly #core: Core;
  readonly #events: EventDelivery;
  readonly #watchSweep: WatchSweep;
  readonly #attachments: Attachments;
  readonly #lives: SessionLives;
  readonly #availability: Availability;
  readonly #acceptance: Authority;
  readonly #forwarder: Forwarder;
  readonly #answers: Answers;
  /** Who decides: only to be asked while the node serves. */
  #authority: Authority;
  readonly #waiters = new ZxidWaiters();
  /** Streams whose next request waits for room, or for a leader. */
  readonly #held = new Set<Stream>();
  /** Requests without a stream that wait for a leader. */
  readonly #heldAlone = new Fifo<Pending>();
  #nowMs = 0;

  constructor(parts: PipelineParts) {
    this.#core = parts.core;
    this.#events = parts.events;
    this.#watchSweep = new WatchSweep(parts.core);
    this.#attachments = parts.attachments;
    this.#lives = parts.lives;
    this.#availability = parts.availability;
    this.#acceptance = parts.acceptance;
    this.#forwarder = parts.forwarder;
    this.#authority = parts.acceptance;
    this.#answers = new Answers({
      ...parts,
      onUnread: (stream) => this.endStream(stream, unreadAnswers(parts.core.settings.limits)),
    });
  }

  /** The monotonic time of the turn, read once a turn. */
  set nowMs(value: number) {
    this.#nowMs = value;
  }

  /** Takes a request in; `stream` is undefined for one that stands alone. */
  accept(message: RequestMessage, stream: Stream | undefined): void {
    if (stream === undefined) {
      this.#acceptAlone(new Pending(message, undefined));
      return;
    }
    const { unreadAnswerBytesMax, streamRequestsMax } = this.#core.settings.limits;
    const isBurst = stream.burstBytes > unreadAnswerBytesMax;
    if (
      stream.queueLength === 0 &&
      !isBurst &&
      this.#availability.state === 'serving' &&
      isPlainLocalRead(message)
    ) {
      this.#answers.read(stream, message);
      return;
    }
    if (stream.queueLength >= streamRequestsMax) {
      const allowed = limitText(this.#core.settings.limits, 'streamRequestsMax');
      this.endStream(stream, throttled(`unanswered requests of one connection reach ${allowed}`));
      return;
    }
    stream.enqueue(new Pending(message, stream));
    this.#advance(stream);
  }

  /** The node serves: as the leader, or as a learner who forwards. */
  serving(role: 'leader' | 'learner'): void {
    this.#authority = role === 'leader' ? this.#acceptance : this.#forwarder;
    this.released();
  }

  /**
   * The record at `zxid` has been applied: answers the request that it was made for, and what has waited
   * for just this state, before the next record is applied.
   */
  applied(zxid: Zxid, pending: Pending | undefined): void {
    if (pending !== undefined && pending.phase !== 'over') {
      assert(pending.zxid === zxid, 'a request is answered by its own transaction');
      pending.applied = true;
      if (!pending.awaitsAcks) this.#becomeReady(pending);
    }
    if (this.#waiters.next > zxid) return;
    for (const waiting of this.#waiters.takeUpTo(zxid)) this.#zxidReached(waiting);
  }

  /** A barrier has confirmed what the request waits for, as soon as this node is at `zxid`. */
  confirmed(pending: Pending, zxid: Zxid): void {
    if (pending.phase === 'over') return;
    if (pending.awaitsAcks) {
      this.acked(pending);
      return;
    }
    pending.confirmed = true;
    if (zxid > this.#core.zxid) this.#waiters.add(zxid, pending);
    else this.#zxidReached(pending);
  }

  /** As many voters as asked have the write on disk. */
  acked(pending: Pending): void {
    if (pending.phase === 'over') return;
    pending.awaitsAcks = false;
    if (pending.applied) this.#becomeReady(pending);
  }

  /** Goes on with what has waited for room. */
  advanced(): void {
    if (this.#held.size === 0 || this.#availability.state !== 'serving') return;
    if (!this.#authority.full) this.released();
  }

  /** Ends the waits that have lasted too long. @param overdue those that wait for a commit or a barrier */
  expireWaits(nowMs: number, overdue: readonly Pending[]): void {
    if (this.#availability.tick(nowMs)) this.released();
    for (const { zxid, pending } of this.#waiters.takeOverdue(nowMs)) {
      this.fail(pending, behindError(this.#core.zxid, zxid));
    }
    for (const pending of overdue) {
      this.fail(pending, overdueError(pending, this.#core.settings.limits));
    }
  }

  /** The client of a request that stands alone is gone: nobody waits for a zxid any more. */
  cancel(id: number): void {
    const waiter = this.#waiters.alone(id);
    if (waiter !== undefined) this.fail(waiter.pending, behindError(this.#core.zxid, waiter.zxid));
  }

  /** The socket takes more: goes on with the answers that have waited for it. */
  resume(stream: Stream): void {
    stream.overfull = false;
    if (stream.paused) this.#unpause(stream);
  }

  /** The door has closed the stream: nothing that it had not started takes effect. */
  close(stream: Stream): void {
    for (const pending of stream.drain()) pending.phase = 'over';
    this.#held.delete(stream);
    this.#events.forget(stream);
    this.#watchSweep.streamEnded(stream);
    this.#attachments.streamClosed(stream);
    this.#core.streams.delete(stream.id);
    stream.ended = true;
  }

  /**
   * Ends a stream at its first uncertain outcome, or because it asks too much. `failed` is the request
   * that `error` concerns, else it concerns the youngest. Of the others those in the log are unknown,
   * the rest is not applied. The last answer carries `ends`.
   */
  endStream(stream: Stream, error: ErrorBody, failed?: Pending): void {
    const open = stream.drain();
    for (const pending of open) pending.phase = 'over';
    // Answers that wait for a slow reader, behind its events, are lost with the stream: none may overtake them.
    const told = stream.deferredBytes > 0 ? [] : open;
    const youngest = told.at(-1);
    for (const pending of told) {
      const body = pending === (failed ?? youngest) ? error : behindUncertain(pending);
      const isUnknown = pending.proposed && !pending.applied;
      const honest: ErrorBody = isUnknown ? { ...body, outcome: 'unknown' } : body;
      const answer = this.#answers.errorAnswer(pending, honest);
      this.#core.outbox.push(pending === youngest ? { ...answer, ends: true } : answer);
    }
    if (youngest === undefined) {
      const { zxid } = this.#core;
      this.#core.outbox.push({ type: 'error', stream: stream.id, id: 0, zxid, error, ends: true });
    }
    this.close(stream);
  }

  /** Answers what is ready at the head of the stream and starts what may be started, as long as either goes. */
  #advance(stream: Stream): void {
    if (stream.advancing) return;
    stream.advancing = true;
    for (;;) {
      this.#settle(stream);
      const next = stream.peekUnstarted();
      if (next === undefined || stream.ended || stream.paused) break;
      // Reads may wait beside one another: they are executed when their turn comes, whatever they wait for.
      if (stream.blocking > (isRead(next.operation) ? stream.blockingReads : 0)) break;
      const writes = isWriteLike(next.operation);
      if (this.#mustHold(next.message)) {
        this.#held.add(stream);
        break;
      }
      if (writes && !stream.mayWrite) break;
      stream.start(next, writes);
      this.#start(next);
    }
    stream.advancing = false;
  }

  #mustHold(message: RequestMessage): boolean {
    const { state } = this.#availability;
    if (state === 'serving') return this.#authority.holds(message.operation);
    return state === 'waiting' && needOf(message) !== 'nothing';
  }

  #acceptAlone(pending: Pending): void {
    const waits = this.#availability.state === 'waiting' && needOf(pending.message) !== 'nothing';
    if (waits && this.#heldAlone.length < this.#core.settings.limits.leaderWaitsMax) {
      this.#heldAlone.push(pending);
      return;
    }
    this.#start(pending);
  }

  /** Goes on with everything that has been held, or refuses it by now. */
  released(): void {
    this.#nowMs = this.#core.clock.monotonicMs();
    const streams = [...this.#held];
    this.#held.clear();
    for (const pending of this.#heldAlone.drain()) this.#acceptAlone(pending);
    for (const stream of streams) this.#advance(stream);
  }

  #start(pending: Pending): void {
    pending.phase = 'waiting';
    pending.askedMs = this.#nowMs;
    pending.deadlineMs = this.#nowMs + this.#core.settings.limits.requestTimeoutMs;
    const minZxid = minZxidOf(pending.message);
    if (minZxid <= this.#core.zxid) {
      this.#begin(pending);
    } else if (this.#waiters.size < this.#core.settings.limits.zxidWaitsMax) {
      this.#awaitZxid(pending, minZxid);
    } else {
      const { limits } = this.#core.settings;
      const detail = `requests of this node that wait for a zxid reach ${limitText(limits, 'zxidWaitsMax')}`;
      this.#refuse(pending, new CoordinationError('THROTTLEDOP', detail));
    }
  }

  #awaitZxid(pending: Pending, minZxid: Zxid): void {
    const waitMs = pending.message.minZxidWaitMs;
    if (waitMs !== undefined) pending.deadlineMs = this.#nowMs + waitMs;
    block(pending);
    this.#waiters.add(minZxid, pending);
  }

  #zxidReached(pending: Pending): void {
    if (pending.phase === 'over') return;
    if (pending.confirmed && !pending.seeksSession) {
      this.#becomeReady(pending);
      return;
    }
    unblock(pending);
    pending.confirmed = false;
    pending.seeksSession = false;
    // Its own deadline bounded that wait; what comes now has its own time.
    pending.askedMs = this.#nowMs;
    pending.deadlineMs = this.#nowMs + this.#core.settings.limits.requestTimeoutMs;
    this.#begin(pending);
    if (pending.stream !== undefined) this.#advance(pending.stream);
  }

  /** Everything before has been started, the minimum zxid has been reached: the operation itself. */
  #begin(pending: Pending): void {
    try {
      const { state } = this.#availability;
      const missing = refusalWithout(state, pending.message, this.#core.absent);
      if (missing !== undefined) throw errorOf(missing);
      if (isPingInDoubt(pending)) throw errorOf(noLeader(this.#core.absent));
      if (this.#seekSession(pending)) return;
      pending.caller = pending.stream?.caller ?? this.#attachments.resolve(pending.message.caller);
      this.#dispatch(pending);
    } catch (error) {
      if (!(error instanceof CoordinationError)) throw error;
      this.#refuse(pending, error);
    }
  }

  /**
   * A session that is younger than this node's state may exist all the same: its id is the zxid of its
   * creation, and who leads knows whether the log has come so far.
   */
  #seekSession(pending: Pending): boolean {
    if (pending.sessionSought || sessionAskedFor(pending.message) <= this.#core.zxid) return false;
    if (this.#availability.state !== 'serving') throw errorOf(noLeader(this.#core.absent));
    pending.sessionSought = true;
    pending.seeksSession = true;
    block(pending);
    this.#authority.barrier(pending);
    return true;
  }

  #dispatch(pending: Pending): void {
    const { operation, message } = pending;
    if (isWrite(operation)) {
      // Its answer comes later than its commit: what is behind it must not be judged before a read between is answered.
      if (message.acks !== undefined) block(pending);
      this.#authority.write(pending, operation);
      return;
    }
    switch (operation.type) {
      case 'newSession':
      case 'attach':
      case 'endSession':
        // What follows on the stream belongs to the session, or must not come too late for it.
        block(pending);
        if (this.#attachments.begin(pending, this.#authority) === 'ready') {
          this.#becomeReady(pending);
        }
        return;
      case 'identify':
        // At once, since later writes are judged before this one's turn to be answered comes.
        pending.result = { identities: streamOf(pending).identify(operation.identities) };
        this.#becomeReady(pending);
        return;
      case 'watch':
      case 'unwatch':
        this.#becomeReady(pending);
        return;
      default:
        if (needOf(message) === 'leader' || this.#mustConfirm(pending)) this.#awaitRead(pending);
        else this.#becomeReady(pending);
    }
  }

  /** Only who certainly leads knows how long a session lives, and the answer promises it. */
  #mustConfirm({ operation, stream, caller }: Pending): boolean {
    if (this.#availability.state !== 'serving') return false;
    if (operation.type === 'sessionInfo') return this.#core.settings.voters.length > 1;
    return stream === undefined && caller.session !== 0 && !this.#lives.isFresh(caller.session);
  }

  #awaitRead(pending: Pending): void {
    const { operation, stream, caller } = pending;
    block(pending);
    if (stream === undefined && caller.session !== 0) this.#lives.touchUrgently(caller.session);
    if (operation.type === 'sessionInfo' && this.#authority === this.#forwarder) {
      const touches = operation.touch === true || operation.session === caller.session;
      this.#forwarder.life(pending, operation.session, touches);
    } else {
      this.#authority.barrier(pending);
    }
  }

  /** A refusal that the tree gave rise to waits until what it was judged against is certain. */
  #refuse(pending: Pending, error: CoordinationError): void {
    this.#core.counters.refusals++;
    if (endsStream(pending, error)) {
      this.fail(pending, error.toBody());
      return;
    }
    if (this.#availability.state !== 'serving') pending.error = error.toBody();
    else if (this.#authority.refuse(pending, error) === 'waiting') return;
    this.#becomeReady(pending);
  }

  #becomeReady(pending: Pending): void {
    const { stream } = pending;
    if (stream === undefined && this.#awaitsEnd(pending)) return;
    pending.phase = 'ready';
    if (stream === undefined) {
      this.#answers.answer(pending);
      return;
    }
    unblock(pending);
    this.#advance(stream);
  }

  /**
   * The session of a read that stands alone was judged when the read came; it may have ended since. Where
   * that is certain the read is refused, and where it is only on its way the read waits for it.
   */
  #awaitsEnd(pending: Pending): boolean {
    const { operation, caller, error } = pending;
    if (error !== undefined || !isRead(operation)) return false;
    const touched =
      operation.type === 'sessionInfo' && operation.touch === true ? operation.session : 0;
    const session = [caller.session, touched].find((id) => id !== 0 && !this.#lives.isLive(id));
    if (session === undefined) return false;
    if (!this.#core.state.sessions.has(session)) {
      pending.error = sessionGone(session).toBody();
      return false;
    }
    if (this.#availability.state !== 'serving') return false;
    try {
      this.#authority.endOf(pending, session);
      return true;
    } catch (refusal) {
      if (!(refusal instanceof CoordinationError)) throw refusal;
      pending.error = refusal.toBody();
      return this.#authority.refuse(pending, refusal) === 'waiting';
    }
  }

  /** Answers the ready requests at the head of the stream. */
  #settle(stream: Stream): void {
    for (;;) {
      const head = stream.peek();
      if (head?.phase !== 'ready' || stream.ended || this.#mustPause(stream)) return;
      stream.shift();
      this.#answers.answer(head);
    }
  }

  /**
   * True while answers wait for the reader. Reads with a write of their stream behind them in the log do
   * not: they would show what comes after them.
   */
  #mustPause(stream: Stream): boolean {
    if (stream.paused) return true;
    const { unreadAnswerBytesMax } = this.#core.settings.limits;
    if (stream.startedWrites > 0 || stream.burstBytes <= unreadAnswerBytesMax) return false;
    stream.paused = true;
    // The door has the answers by then, and has said so when they fill the socket.
    this.#core.scheduler.defer(() => {
      if (!stream.paused || stream.ended) return;
      if (stream.blocked && stream.overfull) return;
      stream.overfull = stream.blocked;
      this.#nowMs = this.#core.clock.monotonicMs();
      this.#unpause(stream);
      this.#core.outbox.flush();
    });
    return true;
  }

  #unpause(stream: Stream): void {
    stream.paused = false;
    stream.burstBytes = 0;
    this.#advance(stream);
  }

  /** Ends the request's wait with an error; on a stream an uncertain outcome ends the stream. */
  fail(pending: Pending, error: ErrorBody): void {
    if (pending.phase === 'over') return;
    const { stream } = pending;
    if (stream !== undefined && (isWriteLike(pending.operation) || endsStream(pending, error))) {
      this.endStream(stream, error, pending);
      return;
    }
    pending.error = error;
    this.#becomeReady(pending);
    if (stream !== undefined && !stream.ended) this.#advance(stream);
  }
}
