/**
 * Answers: a request whose turn it is takes effect, its result or error is said with what belongs to it, and
 * goes to the reader of its stream, behind all that the reader has not taken yet.
 */
import { assert } from '../protocol/assert.ts';
import type { CoordinatorAnswer, ErrorAnswer, RequestMessage } from '../protocol/coordination.ts';
import { CoordinationError } from '../protocol/errors.ts';
import type { ErrorBody } from '../protocol/errors.ts';
import type { Zxid } from '../protocol/model.ts';
import type { Result, UnwatchOperation, WatchOperation } from '../protocol/operations.ts';
import type { Attachments } from './attachments.ts';
import type { Availability } from './availability.ts';
import type { Core } from './core.ts';
import type { EventDelivery } from './events.ts';
import type { SessionLives } from './lives.ts';
import { sessionGone } from './reads.ts';
import type { Reader, Reads } from './reads.ts';
import { eventsGone, hasItsResult, isRead, noWatcher } from './requests.ts';
import { streamOf } from './stream.ts';
import type { Pending, Stream } from './stream.ts';

export interface AnswersParts {
  readonly core: Core;
  readonly reads: Reads;
  readonly events: EventDelivery;
  readonly attachments: Attachments;
  readonly lives: SessionLives;
  readonly availability: Availability;
  /** More answers wait for the reader of this stream than may. */
  readonly onUnread: (stream: Stream) => void;
}

export class Answers {
  readonly #core: Core;
  readonly #reads: Reads;
  readonly #events: EventDelivery;
  readonly #attachments: Attachments;
  readonly #lives: SessionLives;
  readonly #availability: Availability;
  readonly #onUnread: (stream: Stream) => void;

  constructor(parts: AnswersParts) {
    this.#core = parts.core;
    this.#reads = parts.reads;
    this.#events = parts.events;
    this.#attachments = parts.attachments;
    this.#lives = parts.lives;
    this.#availability = parts.availability;
    this.#onUnread = parts.onUnread;
  }

  /** Answers a request whose turn it is: reads and stream operations take effect right now. */
  answer(pending: Pending): void {
    const { stream, operation } = pending;
    if (operation.type === 'unwatch' && stream?.lagging === true) {
      this.#unwatchLater(stream, pending, operation);
      return;
    }
    if (pending.error === undefined && !hasItsResult(pending)) this.#execute(pending);
    pending.phase = 'over';
    if (stream?.ended === true) return;
    const answer =
      pending.error === undefined
        ? this.#resultAnswer(pending)
        : this.errorAnswer(pending, pending.error);
    if (stream === undefined) {
      this.#core.outbox.push(answer);
      return;
    }
    if (!this.#send(stream, answer)) return;
    this.#attachments.answered(stream, operation, pending.error);
    if (pending.error !== undefined || operation.type !== 'watch') return;
    if (operation.from !== undefined) this.#replay(stream, operation.from);
  }

  #send(stream: Stream, answer: CoordinatorAnswer): boolean {
    const before = stream.deferredBytes;
    stream.burstBytes += this.#core.outbox.pushTo(stream, this.#core.zxid, answer);
    return this.#mayWait(stream, before);
  }

  /**
   * False when the unread answers exceed the limit, and the stream has been ended. A single one may exceed it.
   * @param bytes of the answers that wait
   */
  #mayWait(stream: Stream, bytes = stream.deferredBytes): boolean {
    if (bytes <= this.#core.settings.limits.unreadAnswerBytesMax) return true;
    this.#onUnread(stream);
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

  /** Undefined for what has ended its stream. */
  #resultOf(pending: Pending): Result | undefined {
    const { operation, stream, caller } = pending;
    switch (operation.type) {
      case 'watch':
        return this.#watch(operation, { caller, stream });
      case 'unwatch':
        return this.#unwatch(streamOf(pending), operation);
      case 'attach':
        return this.#attachments.attach(pending);
      case 'newSession':
        return this.#attachments.created(pending);
      default:
        assert(isRead(operation), `${operation.type} has its result before its turn`);
        return this.#reads.execute(operation, { caller, stream, life: pending.life });
    }
  }

  #replay(stream: Stream, from: Zxid): void {
    if (from >= this.#core.zxid) return;
    this.#events.startLagging(stream, from);
    this.#events.schedulePump(stream);
  }

  /** @throws CoordinationError EVENTSGONE when the ring no longer reaches back */
  #watch(operation: WatchOperation, reader: Reader): Result {
    const { ring, state, zxid: currentZxid } = this.#core;
    const carries = reader.stream?.carries ?? 0;
    if (carries !== 0 && !state.sessions.has(carries)) throw sessionGone(carries);
    if (operation.from !== undefined && !ring.canResumeFrom(operation.from)) {
      const oldestZxid = ring.oldestResumeZxid;
      throw eventsGone(operation.from, { oldestZxid, currentZxid });
    }
    return this.#reads.watch(operation, reader);
  }

  #unwatch(stream: Stream, operation: UnwatchOperation): Result {
    const { path, mode } = operation;
    if (!this.#events.disarm(stream, path, mode)) throw noWatcher(operation);
    return {};
  }

  /** Its events are on their way, from before it is taken back, and may still use it up. */
  #unwatchLater(stream: Stream, pending: Pending, operation: UnwatchOperation): void {
    pending.phase = 'over';
    pending.zxid = this.#core.zxid;
    pending.result = {};
    const answer = (found: boolean): CoordinatorAnswer =>
      found
        ? this.#resultAnswer(pending)
        : this.errorAnswer(pending, noWatcher(operation).toBody());
    this.#events.disarmLater(stream, { ...operation, answer });
    this.#mayWait(stream);
  }

  /** The hot path: a read with nothing to wait for, nothing to remember. */
  read(stream: Stream, message: RequestMessage): void {
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
    return this.#withCondition(pending, answer);
  }

  /** What `error` is to the request's client; not sent yet. */
  errorAnswer(pending: Pending, error: ErrorBody): ErrorAnswer {
    const { message } = pending;
    // The zxid of what is not committed may come to stand for something else; nobody is told of it.
    const isCertain = pending.zxid !== 0 && pending.zxid <= this.#core.zxid;
    const zxid = isCertain ? pending.zxid : this.#core.zxid;
    const answer = { type: 'error', stream: message.stream, id: message.id, zxid, error } as const;
    return this.#withCondition(pending, answer);
  }

  /**
   * Says how long the caller's session is sure to live, and that the node is read-only. The answer of a
   * request that stands alone touches its session too.
   */
  #withCondition<T extends CoordinatorAnswer>(pending: Pending, answer: T): T {
    const { state } = this.#availability;
    const { session } = pending.caller;
    if (state === 'readOnly') return { ...answer, readOnly: true };
    if (pending.stream !== undefined || session === 0) return answer;
    this.#lives.touchAlone(session);
    const expiresInMs = this.#lives.expiresInMs(session);
    return expiresInMs === undefined ? answer : { ...answer, expiresInMs };
  }
}
