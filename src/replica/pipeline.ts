/**
 * The way of a request through the replica: started in its stream's order, judged or waiting, answered in
 * its stream's order. The rules of order:
 *
 * - The writes of a stream are judged and proposed as they arrive, one behind the other, without waiting
 *   for one another's commit; a read waits until the stream's writes before it have been applied and is
 *   executed right then, before the next transaction is applied.
 * - A request that waits for something else than a commit of its own (a minimum zxid, a barrier of a
 *   linearizable read) holds back everything behind it on its stream, so that no later write takes effect
 *   before an earlier read is answered.
 * - A refusal is a linearizable statement: it waits at a barrier at the last position it was judged
 *   against.
 * - A stream ends at its first uncertain outcome.
 * - Answers come in bursts: after each the door may say that the socket is full, and what is behind waits
 *   until it is not.
 */
import { assert } from '../protocol/assert.ts';
import type { CoordinatorAnswer, ErrorAnswer, RequestMessage } from '../protocol/coordination.ts';
import { CoordinationError } from '../protocol/errors.ts';
import type { ErrorBody } from '../protocol/errors.ts';
import type { Zxid } from '../protocol/model.ts';
import type { Result, UnwatchOperation, WatchOperation } from '../protocol/operations.ts';
import type { LogPosition } from '../zab/index.ts';
import type { Attachments } from './attachments.ts';
import type { Core } from './core.ts';
import type { Drive } from './drive.ts';
import type { EventDelivery } from './events.ts';
import type { ResolvedCaller } from './caller.ts';
import type { Reader, Reads } from './reads.ts';
import { decodeResult } from './remembered.ts';
import {
  isWrite,
  isPlainLocalRead,
  grows,
  isWriteLike,
  isRead,
  minZxidOf,
  endsStream,
  throttled,
  behindUncertain,
  overdueError,
} from './requests.ts';
import { Pending } from './stream.ts';
import type { Stream } from './stream.ts';
import { ZxidWaiters } from './zxid-waiters.ts';

export interface PipelineParts {
  readonly core: Core;
  readonly drive: Drive;
  readonly reads: Reads;
  readonly events: EventDelivery;
  readonly attachments: Attachments;
}

export class Pipeline {
  readonly #core: Core;
  readonly #drive: Drive;
  readonly #reads: Reads;
  readonly #events: EventDelivery;
  readonly #attachments: Attachments;
  readonly #waiters = new ZxidWaiters();
  /** Streams whose next write waits because the outstanding transactions are at their bound. */
  readonly #held = new Set<Stream>();
  /** Remembered answers that are in the log and not applied yet, by idempotency key. */
  readonly #keysInFlight = new Map<string, Pending>();
  #nowMs = 0;

  constructor(parts: PipelineParts) {
    this.#core = parts.core;
    this.#drive = parts.drive;
    this.#reads = parts.reads;
    this.#events = parts.events;
    this.#attachments = parts.attachments;
  }

  /** The monotonic time of the turn, read once a turn. */
  set nowMs(value: number) {
    this.#nowMs = value;
  }

  /** Takes a request in; `stream` is undefined for one that stands alone. */
  accept(message: RequestMessage, stream: Stream | undefined): void {
    if (stream === undefined) {
      this.#start(new Pending(message, undefined));
      return;
    }
    const { unreadAnswerBytesMax, streamRequestsMax } = this.#core.settings.limits;
    const isBurst = stream.burstBytes > unreadAnswerBytesMax;
    if (stream.queueLength === 0 && !isBurst && isPlainLocalRead(message)) {
      this.#answerRead(stream, message);
      return;
    }
    if (stream.queueLength >= streamRequestsMax) {
      this.endStream(stream, throttled('too many unanswered requests on one connection'));
      return;
    }
    stream.enqueue(new Pending(message, stream));
    this.#advance(stream);
  }

  /** The record at `zxid` has been applied: answers the request that it was made for. */
  applied(zxid: Zxid, pending: Pending | undefined): void {
    if (pending === undefined) return;
    const key = pending.message.idempotency?.key;
    if (key !== undefined) this.#keysInFlight.delete(key);
    if (pending.phase === 'over') return;
    assert(pending.zxid === zxid, 'a request is answered by its own transaction');
    pending.applied = true;
    if (!pending.awaitsAcks) this.#becomeReady(pending);
  }

  barrierPassed(pending: Pending, position: LogPosition): void {
    if (pending.phase === 'over') return;
    if (pending.awaitsAcks) {
      pending.awaitsAcks = false;
      if (pending.applied) this.#becomeReady(pending);
      return;
    }
    pending.confirmed = true;
    if (position.zxid > this.#core.zxid) this.#waiters.add(position.zxid, pending);
    else this.#becomeReady(pending);
  }

  barrierFailed(pending: Pending, outcome: 'void' | 'acks-unreachable'): void {
    if (pending.phase === 'over') return;
    const error: ErrorBody =
      outcome === 'void'
        ? { code: 'CONNECTIONLOSS', detail: 'the leader changed while the request waited' }
        : {
            code: 'ACKSTIMEOUT',
            detail: 'committed, but fewer voters are alive than acks asks for',
          };
    this.#fail(pending, error);
  }

  /** Something has been applied: goes on with what waited for it. */
  advanced(): void {
    for (const pending of this.#waiters.takeUpTo(this.#core.zxid)) this.#zxidReached(pending);
    if (this.#held.size === 0 || this.#drive.full) return;
    const held = [...this.#held];
    this.#held.clear();
    for (const stream of held) this.#advance(stream);
  }

  /** Ends the waits that have lasted too long. */
  expireWaits(nowMs: number): void {
    for (const pending of this.#waiters.takeOverdue(nowMs)) {
      const detail = `this node is at zxid ${String(this.#core.zxid)}`;
      this.#fail(pending, { code: 'BEHIND', detail, retryAfterMs: 1000 });
    }
    for (const pending of this.#drive.overdue(nowMs)) {
      this.#fail(pending, overdueError(pending));
    }
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
    this.#core.watches.removeStream(stream.id);
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
    const youngest = open.at(-1);
    for (const pending of open) {
      pending.phase = 'over';
      const body = pending === (failed ?? youngest) ? error : behindUncertain(pending);
      const honest: ErrorBody = pending.proposed ? { ...body, outcome: 'unknown' } : body;
      const answer = this.#errorAnswer(pending, honest);
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
      if (next === undefined || stream.blocking > 0 || stream.ended || stream.paused) break;
      const writes = isWriteLike(next.operation);
      if (writes && this.#drive.full) {
        this.#held.add(stream);
        break;
      }
      if (writes && !stream.mayWrite) break;
      stream.start(next, writes);
      this.#start(next);
    }
    stream.advancing = false;
  }

  #start(pending: Pending): void {
    pending.phase = 'waiting';
    pending.deadlineMs = this.#nowMs + this.#core.settings.limits.requestTimeoutMs;
    const minZxid = minZxidOf(pending.message);
    if (minZxid <= this.#core.zxid) {
      this.#begin(pending);
    } else if (this.#waiters.size < this.#core.settings.limits.zxidWaitsMax) {
      this.#awaitZxid(pending, minZxid);
    } else {
      const detail = 'too many requests wait for a zxid on this node';
      this.#refuse(pending, new CoordinationError('THROTTLEDOP', detail));
    }
  }

  #awaitZxid(pending: Pending, minZxid: Zxid): void {
    const waitMs = pending.message.minZxidWaitMs;
    if (waitMs !== undefined) pending.deadlineMs = this.#nowMs + waitMs;
    this.#block(pending);
    this.#waiters.add(minZxid, pending);
  }

  #zxidReached(pending: Pending): void {
    if (pending.phase === 'over') return;
    this.#unblock(pending);
    if (pending.confirmed) {
      this.#becomeReady(pending);
    } else {
      // Its own deadline bounded that wait; what comes now has its own time.
      pending.deadlineMs = this.#nowMs + this.#core.settings.limits.requestTimeoutMs;
      this.#begin(pending);
    }
    if (pending.stream !== undefined) this.#advance(pending.stream);
  }

  /** Everything before has been started, the minimum zxid has been reached: the operation itself. */
  #begin(pending: Pending): void {
    try {
      pending.caller = this.#callerOf(pending);
      this.#dispatch(pending);
    } catch (error) {
      if (!(error instanceof CoordinationError)) throw error;
      this.#refuse(pending, error);
    }
  }

  #callerOf(pending: Pending): ResolvedCaller {
    const { stream, message } = pending;
    if (stream !== undefined) return stream.caller;
    return this.#attachments.resolve(message.caller, this.#nowMs);
  }

  #dispatch(pending: Pending): void {
    const { operation, message } = pending;
    if (isWrite(operation)) {
      this.#write(pending);
      return;
    }
    switch (operation.type) {
      case 'newSession':
      case 'attach':
      case 'endSession':
        // What follows on the stream belongs to the session, or must not come too late for it.
        this.#requireServing();
        this.#requireRoom();
        this.#block(pending);
        if (this.#attachments.begin(pending, this.#nowMs) === 'ready') this.#becomeReady(pending);
        return;
      case 'identify':
        // At once, since later writes are judged before this one's turn to be answered comes.
        pending.result = { identities: this.#streamOf(pending).identify(operation.identities) };
        this.#becomeReady(pending);
        return;
      case 'watch':
      case 'unwatch':
        this.#becomeReady(pending);
        return;
      default:
        if (message.consistency === 'linearizable' || operation.type === 'sync') {
          this.#awaitRead(pending);
        } else {
          this.#becomeReady(pending);
        }
    }
  }

  #write(pending: Pending): void {
    const { operation, message } = pending;
    assert(isWrite(operation), 'checked by the caller');
    this.#requireServing();
    if (this.#answerRemembered(pending)) return;
    this.#requireRoom();
    if (grows(operation)) this.#drive.requireRoom();
    const acks = this.#acksBeyondMajority(message.acks);
    this.#drive.propose(operation, pending.caller, pending);
    const key = message.idempotency?.key;
    if (key !== undefined) this.#keysInFlight.set(key, pending);
    if (acks !== undefined) {
      pending.awaitsAcks = true;
      this.#drive.awaitBarrier(pending, this.#drive.last, acks);
    }
  }

  /** A retry of a remembered request: the first answer again, once the first is certain. */
  #answerRemembered(pending: Pending): boolean {
    const wanted = pending.message.idempotency;
    if (wanted === undefined) return false;
    const remembered = this.#core.state.idempotency.get(wanted.key);
    const first = this.#keysInFlight.get(wanted.key);
    const fingerprint = remembered?.fingerprint ?? first?.message.idempotency?.fingerprint;
    if (fingerprint === undefined) return false;
    if (fingerprint !== wanted.fingerprint) {
      const detail = `Idempotency-Key ${JSON.stringify(wanted.key)} belongs to another request`;
      throw new CoordinationError('IDEMPOTENCYCONFLICT', detail);
    }
    pending.result = remembered === undefined ? first?.result : decodeResult(remembered.result);
    pending.zxid = remembered?.zxid ?? first?.zxid ?? 0;
    this.#drive.awaitBarrier(pending, this.#drive.last);
    return true;
  }

  #acksBeyondMajority(acks: number | 'all' | undefined): number | 'all' | undefined {
    if (acks === undefined) return undefined;
    const voters = this.#core.settings.voters.length;
    const wanted = acks === 'all' ? voters : acks;
    if (wanted < 1 || wanted > voters) {
      const detail = `acks: must be "all" or from 1 to ${String(voters)}, the number of voters`;
      throw new CoordinationError('BADARGUMENTS', detail);
    }
    return wanted > Math.floor(voters / 2) + 1 ? acks : undefined;
  }

  #requireServing(): void {
    if (this.#drive.serving) return;
    throw new CoordinationError('CONNECTIONLOSS', 'this node is not in a quorum at present', {
      retryAfterMs: 1000,
    });
  }

  #requireRoom(): void {
    if (!this.#drive.full) return;
    throw new CoordinationError('THROTTLEDOP', 'too many writes outstanding');
  }

  #awaitRead(pending: Pending): void {
    this.#requireServing();
    this.#block(pending);
    this.#drive.awaitBarrier(pending, this.#drive.committed);
  }

  /** A refusal that the tree gave rise to waits until what it was judged against is certain. */
  #refuse(pending: Pending, error: CoordinationError): void {
    this.#core.counters.refusals++;
    pending.error = error.toBody();
    if (endsStream(pending, error)) {
      this.#fail(pending, pending.error);
      return;
    }
    const saysNothingOfTheTree = error.code === 'THROTTLEDOP' || error.code === 'CONNECTIONLOSS';
    if (!isWriteLike(pending.operation) || saysNothingOfTheTree) {
      this.#becomeReady(pending);
      return;
    }
    const position = this.#drive.last;
    pending.zxid = position.zxid;
    this.#drive.awaitBarrier(pending, position);
  }

  #becomeReady(pending: Pending): void {
    pending.phase = 'ready';
    const { stream } = pending;
    if (stream === undefined) {
      this.#answer(pending);
      return;
    }
    this.#unblock(pending);
    this.#advance(stream);
  }

  #block(pending: Pending): void {
    if (pending.stream === undefined || pending.blocks) return;
    pending.blocks = true;
    pending.stream.blocking++;
  }

  #unblock(pending: Pending): void {
    if (pending.stream === undefined || !pending.blocks) return;
    pending.blocks = false;
    pending.stream.blocking--;
  }

  /** Answers the ready requests at the head of the stream. */
  #settle(stream: Stream): void {
    for (;;) {
      const head = stream.peek();
      if (head?.phase !== 'ready' || stream.ended || this.#mustPause(stream)) return;
      stream.shift();
      this.#answer(head);
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

  #answer(pending: Pending): void {
    const { stream } = pending;
    if (pending.error === undefined && pending.result === undefined) this.#execute(pending);
    pending.phase = 'over';
    const answer =
      pending.error === undefined
        ? this.#resultAnswer(pending)
        : this.#errorAnswer(pending, pending.error);
    if (stream === undefined) {
      this.#core.outbox.push(answer);
      return;
    }
    const { operation } = pending;
    if (!this.#send(stream, answer) || pending.error !== undefined) return;
    if (operation.type === 'attach') this.#attachments.attached(stream, operation);
    if (operation.type === 'watch' && operation.from !== undefined)
      this.#replay(stream, operation.from);
  }

  /** False when there are so many unread answers that the stream has been ended. */
  #send(stream: Stream, answer: CoordinatorAnswer): boolean {
    const { outbox, zxid, settings } = this.#core;
    stream.burstBytes += outbox.pushTo(stream, zxid, answer);
    if (stream.deferredBytes <= settings.limits.unreadAnswerBytesMax) return true;
    this.endStream(stream, throttled('the client does not read its answers'));
    return false;
  }

  /** Reads and stream operations take effect when their turn comes. */
  #execute(pending: Pending): void {
    try {
      pending.result = this.#resultOf(pending);
    } catch (error) {
      if (!(error instanceof CoordinationError)) throw error;
      pending.error = error.toBody();
    }
  }

  #resultOf(pending: Pending): Result {
    const { operation, stream } = pending;
    const { caller } = pending;
    switch (operation.type) {
      case 'watch':
        return this.#watch(operation, { caller, stream });
      case 'unwatch':
        return this.#unwatch(this.#streamOf(pending), operation);
      case 'attach':
        return this.#attachments.attach(pending, this.#nowMs);
      default:
        assert(isRead(operation), `${operation.type} has its result before its turn`);
        return this.#reads.execute(operation, { caller, stream });
    }
  }

  #replay(stream: Stream, from: Zxid): void {
    if (from >= this.#core.zxid) return;
    this.#events.startLagging(stream, from);
    this.#events.schedulePump(stream);
  }

  /** @throws CoordinationError EVENTSGONE when the ring no longer reaches back */
  #watch(operation: WatchOperation, reader: Reader): Result {
    const { ring } = this.#core;
    if (operation.from !== undefined && !ring.canResumeFrom(operation.from)) {
      throw new CoordinationError(
        'EVENTSGONE',
        `from: events after ${String(operation.from)} are no longer kept, only those after ${String(ring.oldestResumeZxid)}`,
        { oldestZxid: ring.oldestResumeZxid, currentZxid: this.#core.zxid },
      );
    }
    return this.#reads.watch(operation, reader);
  }

  #unwatch(stream: Stream, operation: UnwatchOperation): Result {
    const { path, mode } = operation;
    if (!this.#events.disarm(stream, path, mode)) {
      const which = mode === undefined ? 'no watch' : `no watch of mode ${mode}`;
      throw new CoordinationError('NOWATCHER', `there is ${which} on ${path}`, { path });
    }
    return {};
  }

  #streamOf(pending: Pending): Stream {
    const { stream, operation } = pending;
    if (stream !== undefined) return stream;
    throw new CoordinationError('BADARGUMENTS', `${operation.type}: needs a stream`);
  }

  /** The hot path: nothing to wait for, nothing to remember. */
  #answerRead(stream: Stream, message: RequestMessage): void {
    const { operation, id } = message;
    assert(isRead(operation), 'checked by the caller');
    const { zxid } = this.#core;
    let answer: CoordinatorAnswer;
    try {
      const result = this.#reads.execute(operation, stream.reader);
      answer = { type: 'result', stream: stream.id, id, zxid, result };
    } catch (error) {
      if (!(error instanceof CoordinationError)) throw error;
      answer = { type: 'error', stream: stream.id, id, zxid, error: error.toBody() };
    }
    this.#send(stream, answer);
  }

  #resultAnswer(pending: Pending): CoordinatorAnswer {
    const { result, message } = pending;
    assert(result !== undefined, 'an answer has a result or an error');
    const zxid = pending.zxid === 0 ? this.#core.zxid : pending.zxid;
    const answer = {
      type: 'result',
      stream: message.stream,
      id: message.id,
      zxid,
      result,
    } as const;
    const expiresInMs = this.#expiresInMs(pending);
    return expiresInMs === undefined ? answer : { ...answer, expiresInMs };
  }

  #errorAnswer(pending: Pending, error: ErrorBody): ErrorAnswer {
    const { message } = pending;
    // The zxid of what is not committed may come to stand for something else; nobody is told of it.
    const isCertain = pending.zxid !== 0 && pending.zxid <= this.#core.zxid;
    const zxid = isCertain ? pending.zxid : this.#core.zxid;
    const answer = { type: 'error', stream: message.stream, id: message.id, zxid, error } as const;
    const expiresInMs = this.#expiresInMs(pending);
    return expiresInMs === undefined ? answer : { ...answer, expiresInMs };
  }

  /** The answer of a request that stands alone touches its session too. */
  #expiresInMs(pending: Pending): number | undefined {
    if (pending.stream !== undefined || pending.caller.session === 0) return undefined;
    return this.#attachments.touchAlone(pending.caller.session);
  }

  /** Ends the request's wait with an error; on a stream an uncertain outcome ends the stream. */
  #fail(pending: Pending, error: ErrorBody): void {
    if (pending.phase === 'over') return;
    const { stream } = pending;
    if (
      stream !== undefined &&
      (isWriteLike(pending.operation) || error.code === 'CONNECTIONLOSS')
    ) {
      this.endStream(stream, error, pending);
      return;
    }
    pending.error = error;
    this.#becomeReady(pending);
    if (stream !== undefined && !stream.ended) this.#advance(stream);
  }
}
