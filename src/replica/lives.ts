/**
 * How long sessions live, as this node knows it. On the leader that is the queue of deadlines, the only
 * place where a session is ever judged to be over. A learner collects signs of life, tells the leader
 * several times a tick, and believes only what the leader has confirmed.
 */
import { Fifo } from '../protocol/fifo.ts';
import type { SessionId } from '../protocol/model.ts';
import type { ExpiryQueue } from '../sessions/index.ts';
import type { Core } from './core.ts';
import type { Generations } from './generations.ts';
import type { TouchedMessage, TouchMessage } from './peer-messages.ts';

type Confirmation = Pick<TouchedMessage, 'number' | 'gone' | 'shorter'>;

export interface LivesParts {
  readonly core: Core;
  readonly expiry: ExpiryQueue;
  readonly generations: Generations;
}

/** Signs of life that are on their way to the leader. */
interface Told {
  readonly number: number;
  readonly signs: readonly (readonly [SessionId, atMs: number])[];
}

export class SessionLives {
  readonly #core: Core;
  readonly #expiry: ExpiryQueue;
  readonly #generations: Generations;
  #leading = false;
  /** When each session was last heard of here, since the leader was last told. */
  #heard = new Map<SessionId, number>();
  /** The same for requests that wait until the leader has confirmed it. */
  #urgent = new Map<SessionId, number>();
  readonly #told = new Fifo<Told>();
  #toldCount = 0;
  /** The last sign of life that the leader has confirmed; the older map goes when all in it is over. */
  #confirmed = new Map<SessionId, number>();
  #confirmedBefore = new Map<SessionId, number>();
  /** Timeouts that are or may be in force, shorter than those of creation: negotiated on another node. */
  readonly #shorter = new Map<SessionId, number>();
  /** Live here, and the leader of this node has said that nothing prolongs them: their end is on its way. */
  readonly #ending = new Set<SessionId>();
  #rotatedMs: number;
  /**
   * While this node leads: a moment at which it certainly did. A leader that stood still may have been
   * replaced without knowing, and what it has heard since then prolongs nothing under its successor.
   */
  #assuredMs = -Infinity;
  /** The last such moment of a former reign: every session that there was then had its whole timeout from there. */
  #reignedMs = -Infinity;

  constructor(parts: LivesParts) {
    this.#core = parts.core;
    this.#expiry = parts.expiry;
    this.#generations = parts.generations;
    this.#rotatedMs = parts.core.clock.monotonicMs();
  }

  /** The epoch of this node is established: every session starts with a fresh, full timeout. */
  lead(): void {
    this.#leading = true;
    this.#assuredMs = -Infinity;
    this.#expiry.restart(this.#core.state.sessions, this.#core.clock.monotonicMs());
    this.#heard.clear();
    this.#urgent.clear();
    this.#ending.clear();
    this.#told.drain();
  }

  /** Somebody else leads, or nobody. What was heard and not confirmed is told to the next leader. */
  learn(): void {
    if (this.#leading) this.#reignedMs = this.#assuredMs;
    this.#leading = false;
    this.#ending.clear();
    for (const { signs } of this.#told.drain()) {
      for (const [id, atMs] of signs) if (!this.#heard.has(id)) this.#heard.set(id, atMs);
    }
  }

  /** A sign of life. @returns false on the leader where the session is closing: nothing prolongs it */
  touch(id: SessionId, timeoutMs: number): boolean {
    const nowMs = this.#core.clock.monotonicMs();
    if (this.#leading) return this.#expiry.touch(id, nowMs, timeoutMs);
    this.#heard.set(id, nowMs);
    return true;
  }

  /** Of a session that speaks without a stream; false where it is closing. */
  touchAlone(id: SessionId): boolean {
    const timeoutMs = this.timeoutOf(id);
    return timeoutMs !== undefined && this.touch(id, timeoutMs);
  }

  /**
   * A sign of life by a request that waits for the leader's word: on the leader it counts at once, lest the
   * session ends while the request waits; on a learner the next barrier takes it along, which confirms it.
   */
  touchUrgently(id: SessionId): void {
    if (this.#leading) this.touchAlone(id);
    else this.#urgent.set(id, this.#core.clock.monotonicMs());
  }

  /** A sign of life that another node has heard. @returns false for a session that is not live */
  touchAgo(id: SessionId, ageMs: number): boolean {
    const timeoutMs = this.timeoutOf(id);
    if (timeoutMs === undefined) return false;
    return this.#expiry.touchAgo(id, { nowMs: this.#core.clock.monotonicMs(), ageMs, timeoutMs });
  }

  /** The attachment has negotiated another timeout than the session was created with: no sign of life. */
  renegotiated(id: SessionId, timeoutMs: number): void {
    if (!this.#leading || !this.#core.state.sessions.has(id)) return;
    const nowMs = this.#core.clock.monotonicMs();
    this.#expiry.touchAgo(id, { nowMs, ageMs: Infinity, timeoutMs });
  }

  /** A session's `createSession` has been applied. */
  created(id: SessionId, timeoutMs: number): void {
    if (this.#leading) this.touch(id, timeoutMs);
  }

  /** Another node's state has taken the place of this one's, past attachments that were not seen. */
  replaced(): void {
    this.#confirmed.clear();
    this.#confirmedBefore.clear();
    this.#ending.clear();
  }

  /** A session's `closeSession` has been applied. */
  ended(id: SessionId): void {
    this.#expiry.remove(id);
    this.#generations.remove(id);
    this.#heard.delete(id);
    this.#urgent.delete(id);
    this.#confirmed.delete(id);
    this.#confirmedBefore.delete(id);
    this.#shorter.delete(id);
    this.#ending.delete(id);
  }

  /** A timeout that the attached stream has negotiated counts for requests without a stream too. */
  timeoutOf(id: SessionId): number | undefined {
    const replicated = this.#core.state.sessions.timeoutOf(id);
    return replicated === undefined ? undefined : (this.#generations.timeoutOf(id) ?? replicated);
  }

  /** It exists and is not about to end, as far as this node knows: a learner by what its leader has said. */
  isLive(id: SessionId): boolean {
    if (!this.#core.state.sessions.has(id)) return false;
    return !(this.#leading ? this.#expiry.isClosing(id) : this.#ending.has(id));
  }

  /**
   * How long the session is sure to live, milliseconds: counted from the last sign of life that the
   * leader has confirmed. Undefined where nothing is confirmed; 0 on the leader for one that is closing.
   */
  expiresInMs(id: SessionId): number | undefined {
    const nowMs = this.#core.clock.monotonicMs();
    if (this.#leading) {
      const hereMs = this.#expiry.expiresInMs(id, nowMs) ?? 0;
      return Math.max(0, Math.min(hereMs, this.#survivesMs(id, nowMs)));
    }
    const atMs = this.#surelyHeardMs(id);
    const timeoutMs = this.#core.state.sessions.timeoutOf(id);
    if (atMs === -Infinity || timeoutMs === undefined) return undefined;
    const sureMs = Math.min(timeoutMs, this.#shorter.get(id) ?? Infinity);
    return Math.max(0, atMs + sureMs - nowMs);
  }

  /** The last moment from which on a leader certainly gives the session its whole timeout; -Infinity = none. */
  #surelyHeardMs(id: SessionId): number {
    const confirmedMs = this.#confirmed.get(id) ?? this.#confirmedBefore.get(id) ?? -Infinity;
    // What this node ended itself while it led may yet be committed.
    const reignedMs = this.#expiry.isClosing(id) ? -Infinity : this.#reignedMs;
    return Math.max(confirmedMs, reignedMs);
  }

  /**
   * For how long the session lives whoever leads: the next leader gives it a full timeout, from a moment
   * on that is later than any at which this one was confirmed.
   */
  #survivesMs(id: SessionId, nowMs: number): number {
    const { settings, state } = this.#core;
    const timeoutMs = Math.min(this.timeoutOf(id) ?? 0, state.sessions.timeoutOf(id) ?? 0);
    const isAlone = settings.voters.length === 1;
    return (isAlone ? nowMs : this.#assuredMs) + timeoutMs - nowMs;
  }

  /** This node led at `atMs`: a quorum has confirmed it, or committed what it proposed then or later. */
  assured(atMs: number): void {
    if (atMs > this.#assuredMs) this.#assuredMs = atMs;
  }

  /** True where a promise of at least half the timeout can be made without asking the others. */
  isFresh(id: SessionId): boolean {
    const timeoutMs = this.#core.state.sessions.timeoutOf(id) ?? 0;
    return (this.expiresInMs(id) ?? 0) * 2 >= timeoutMs;
  }

  /** The leader has taken a request of the session that was sent at `atMs`. */
  confirm(id: SessionId, atMs: number): void {
    if (this.#leading || atMs <= (this.#confirmed.get(id) ?? 0)) return;
    this.#confirmed.set(id, atMs);
  }

  /** The same, where it is not known for how long it prolongs the session unless it was confirmed before. */
  confirmAgain(id: SessionId, atMs: number): void {
    if (this.#isConfirmed(id)) this.confirm(id, atMs);
  }

  #isConfirmed(id: SessionId): boolean {
    return this.#confirmed.has(id) || this.#confirmedBefore.has(id);
  }

  /**
   * Of a session that another node has told a sign of life of; undefined unless it is shorter than at its
   * creation. The sign may have been counted by what a stream had negotiated that has ended since.
   */
  shorterTimeoutOf(id: SessionId): number | undefined {
    const inForceMs = this.timeoutOf(id);
    if (inForceMs === undefined) return undefined;
    const timeoutMs = Math.min(inForceMs, this.#expiry.timeoutOf(id) ?? Infinity);
    return timeoutMs < (this.#core.state.sessions.timeoutOf(id) ?? 0) ? timeoutMs : undefined;
  }

  /** What the leader is to be told now: everything, or what requests wait for. */
  tell(what: 'all' | 'urgent'): Pick<TouchMessage, 'number' | 'sessions'> | undefined {
    if (what === 'urgent' && this.#urgent.size === 0) return undefined;
    const signs = [...this.#urgent];
    this.#urgent = new Map();
    if (what === 'all') {
      for (const sign of this.#heard) signs.push(sign);
      this.#heard = new Map();
    }
    this.#toldCount += 1;
    this.#told.push({ number: this.#toldCount, signs });
    const nowMs = this.#core.clock.monotonicMs();
    const sessions = signs.map(([id, atMs]) => [id, Math.max(0, nowMs - atMs)] as const);
    return { number: this.#toldCount, sessions };
  }

  /** The leader has confirmed what it was told, but for the sessions that are gone. */
  toldConfirmed({ number, gone, shorter }: Confirmation): void {
    this.#rotate();
    const notLive = new Set(gone);
    const timeouts = new Map(shorter);
    for (;;) {
      const told = this.#told.peek();
      if (told === undefined || told.number > number) return;
      this.#told.shift();
      if (told.number < number) continue;
      for (const [id, atMs] of told.signs) {
        const timeoutMs = timeouts.get(id);
        if (timeoutMs === undefined) this.#shorter.delete(id);
        else this.#shorter.set(id, timeoutMs);
        if (!notLive.has(id)) this.confirm(id, atMs);
        else if (this.#core.state.sessions.has(id)) this.#ending.add(id);
      }
    }
  }

  /** Forgets what was confirmed so long ago that it promises nothing any more. */
  #rotate(): void {
    const nowMs = this.#core.clock.monotonicMs();
    if (nowMs - this.#rotatedMs < this.#core.settings.sessionTimeoutMaxMs) return;
    this.#rotatedMs = nowMs;
    this.#confirmedBefore = this.#confirmed;
    this.#confirmed = new Map();
  }
}
