/**
 * The leader's desk of judgement: one way in for the requests of its own streams and for those that
 * other nodes forward. Idempotency, room, prep, the log, and the barriers that make a refusal and a
 * remembered answer as strong as a success.
 */
import { CoordinationError } from '../protocol/errors.ts';
import { limitText, namedLimit } from '../protocol/limit-texts.ts';
import type { SessionId } from '../protocol/model.ts';
import type { Operation, WriteOperation } from '../protocol/operations.ts';
import type { Core } from './core.ts';
import type { Drive } from './drive.ts';
import type { Generations } from './generations.ts';
import { nobody } from './caller.ts';
import { decodeResult } from './remembered.ts';
import { sessionGone } from './reads.ts';
import { grows, isWriteLike, saysNothingOfTheTree } from './requests.ts';
import type { SessionLives } from './lives.ts';
import type { Pending, Stream } from './stream.ts';

/** Who decides on what a node cannot answer from its own state: itself, or the leader it follows. */
export interface Authority {
  /** True when nothing more that goes through the log may be taken for now. */
  readonly full: boolean;
  /** True for an operation that must wait until there is room again. */
  holds(operation: Operation): boolean;
  /** @throws CoordinationError the refusal, to be handed to `refuse` */
  write(pending: Pending, operation: WriteOperation): void;
  /** Asks who leads: passed once everything committed until now is known here. */
  barrier(pending: Pending): void;
  /** The stream has proved the session and asks to speak for it alone. @throws CoordinationError */
  attach(pending: Pending, session: SessionId, timeoutMs: number): void;
  /**
   * The request's session is about to end: refuses the request when that is certain.
   * @throws CoordinationError the refusal, to be handed to `refuse`
   */
  endOf(pending: Pending, session: SessionId): void;
  /** @returns whether the error may be answered now, or waits until what it says is certain */
  refuse(pending: Pending, error: CoordinationError): 'final' | 'waiting';
}

export interface AcceptanceParts {
  readonly core: Core;
  readonly drive: Drive;
  readonly generations: Generations;
  readonly lives: SessionLives;
}

export class Acceptance implements Authority {
  readonly #core: Core;
  readonly #drive: Drive;
  readonly #generations: Generations;
  readonly #lives: SessionLives;
  /** Writes with an idempotency key that are in the log and not applied yet. */
  readonly #keysInFlight = new Map<string, Pending>();
  #moved: (stream: Stream) => void = () => undefined;

  constructor(parts: AcceptanceParts) {
    this.#core = parts.core;
    this.#drive = parts.drive;
    this.#generations = parts.generations;
    this.#lives = parts.lives;
  }

  /** @param moved ends a stream of this node whose session has a newer one */
  onMoved(moved: (stream: Stream) => void): void {
    this.#moved = moved;
  }

  get full(): boolean {
    return this.#drive.full;
  }

  holds(operation: Operation): boolean {
    return this.full && isWriteLike(operation);
  }

  write(pending: Pending, operation: WriteOperation): void {
    const { message, stream } = pending;
    if (stream !== undefined && this.#isOlder(stream)) {
      this.#moved(stream);
      return;
    }
    if (this.#answerRemembered(pending)) return;
    this.#requireTurn();
    if (grows(operation)) this.#drive.requireRoom();
    const acks = this.#acksBeyondMajority(message.acks);
    this.#drive.propose(operation, pending.caller, pending);
    const key = message.idempotency?.key;
    if (key !== undefined) this.#keysInFlight.set(key, pending);
    if (operation.type === 'createSession' && isAttaching(pending)) {
      this.#raise(pending, pending.zxid, operation.timeoutMs);
    }
    if (acks !== undefined) {
      pending.awaitsAcks = true;
      this.#drive.awaitBarrier(pending, this.#drive.last, acks);
    }
  }

  barrier(pending: Pending): void {
    this.#drive.awaitBarrier(pending, this.#drive.committed);
  }

  /**
   * What older attachments have in the log stands before the record of this one, which is applied before
   * the newer stream is told `connected`; nothing else of them takes effect from here on. Any state of the
   * disk will do: a client that comes back must find its session.
   */
  attach(pending: Pending, session: SessionId, timeoutMs: number): void {
    if (!this.#core.state.sessions.has(session)) throw sessionGone(session);
    if (!this.#lives.touch(session, timeoutMs)) throw sessionGone(session);
    this.#requireTurn();
    this.#drive.propose({ type: 'attachSession', session, timeoutMs }, nobody, pending);
    this.#raise(pending, session, timeoutMs);
  }

  endOf(_pending: Pending, session: SessionId): void {
    throw sessionGone(session);
  }

  /** The request's stream has the newest attachment of the session, by the record that was made for it. */
  #raise(pending: Pending, session: SessionId, timeoutMs: number): void {
    const { zxid: generation, stream, origin } = pending;
    const node = origin?.link.node ?? this.#core.settings.self;
    this.#generations.raise(session, { generation, timeoutMs, node });
    stream?.give(session, generation);
  }

  /** True for a stream of this node whose session has a newer attachment, applied here or not. */
  #isOlder({ session, generation }: Stream): boolean {
    return session !== undefined && !this.#generations.isCurrent(session.id, generation);
  }

  /** @throws CoordinationError THROTTLEDOP; whoever waits for room has not come so far */
  #requireTurn(): void {
    if (this.#drive.full) throw new CoordinationError('THROTTLEDOP', this.#fullText);
  }

  get #fullText(): string {
    const { limits } = this.#core.settings;
    const count = namedLimit(limits, 'outstandingTransactionsMax');
    const bytes = limitText(limits, 'outstandingBytesMax');
    return `writes that are not committed yet reach the limit of ${count} or, in bytes, ${bytes}`;
  }

  /** A refusal that the state gave rise to waits until what it was judged against is certain. */
  refuse(pending: Pending, error: CoordinationError): 'final' | 'waiting' {
    pending.error = error.toBody();
    // A session whose end is in the log lives on when that record is lost: whoever is told waits for it.
    const isStatement = isWriteLike(pending.operation) || error.code === 'SESSIONEXPIRED';
    if (!isStatement || saysNothingOfTheTree(error.code)) return 'final';
    const position = this.#drive.last;
    pending.zxid = position.zxid;
    this.#drive.awaitBarrier(pending, position);
    return 'waiting';
  }

  /** The record that was made for `pending` has been applied. */
  applied({ message }: Pending): void {
    const key = message.idempotency?.key;
    if (key !== undefined) this.#keysInFlight.delete(key);
  }

  /** The reign has ended: what is in the log is the next leader's. */
  lost(): void {
    this.#keysInFlight.clear();
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
    // It may be done already: whoever never hears more must not be told that it is not.
    if (pending.origin === undefined) pending.proposed = true;
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
}

/** The session is created for a stream, which is attached to it from the start. */
function isAttaching({ operation, origin }: Pending): boolean {
  if (origin === undefined) return operation.type === 'attach';
  return origin.message.type === 'write' && origin.message.attaches === true;
}
