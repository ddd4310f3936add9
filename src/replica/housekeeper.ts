/**
 * One housekeeper for everything that ends by itself: sessions, containers, TTL znodes. The leader's
 * alone; what it removes carries what it judged, so that a re-created znode stays.
 */
import type { ExpiryQueue } from '../sessions/index.ts';
import type { Core } from './core.ts';
import type { Drive } from './drive.ts';

/**
 * Ephemerals that the ends of sessions of one tick remove, about: those of one session go together, however many. A
 * thousand sessions with thousands of ephemerals each would stop the leader until it is one no more.
 */
const EPHEMERALS_PER_TICK_MAX = 10_000;
/** Znodes that one search removes; the rest follows with the next. */
const REAPED_PER_SEARCH_MAX = 1000;

export class Housekeeper {
  readonly #core: Core;
  readonly #drive: Drive;
  readonly #expiry: ExpiryQueue;
  #searchedMs: number;

  constructor(core: Core, drive: Drive, expiry: ExpiryQueue) {
    this.#core = core;
    this.#drive = drive;
    this.#expiry = expiry;
    this.#searchedMs = core.clock.monotonicMs();
  }

  /** To be called several times a tick. */
  tick(nowMs: number): void {
    if (!this.#drive.serving) return;
    this.#expireSessions(nowMs);
    if (nowMs - this.#searchedMs >= this.#core.settings.containerCheckMs) {
      this.#searchedMs = nowMs;
      this.#reap();
    }
  }

  /**
   * As many as the log takes, and this turn bears; the rest lives on until the next. Whoever is told that a session is over waits until the log is committed: its
   * end must be in there by then, and a session that a leader has no room to end lives on.
   */
  #expireSessions(nowMs: number): void {
    let ephemerals = 0;
    const expired = this.#expiry.poll(nowMs, (session) => {
      if (ephemerals >= EPHEMERALS_PER_TICK_MAX) return false;
      ephemerals += this.#core.state.tree.ephemeralCount(session);
      return this.#drive.proposeInternally({ type: 'closeSession', session });
    });
    this.#core.counters.sessionsExpired += expired.length;
  }

  #reap(): void {
    const { containerNeverUsedMs } = this.#core.settings;
    const candidates = this.#core.state.tree.reapable(this.#core.clock.wallMs(), {
      containerNeverUsedMs,
      limit: REAPED_PER_SEARCH_MAX,
    });
    for (const { path, czxid, mzxid } of candidates) {
      if (!this.#drive.proposeInternally({ type: 'reap', path, czxid, mzxid })) return;
      this.#core.counters.znodesReaped++;
    }
  }
}
