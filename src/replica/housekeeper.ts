/**
 * One housekeeper for everything that ends by itself: sessions, containers, TTL znodes. The leader's
 * alone; what it removes carries what it judged, so that a re-created znode stays.
 */
import type { SessionId } from '../protocol/model.ts';
import type { ExpiryQueue } from '../sessions/index.ts';
import type { Core } from './core.ts';
import type { Drive } from './drive.ts';

/** Znodes that one search removes; the rest follows with the next. */
const REAPED_PER_SEARCH_MAX = 1000;

export class Housekeeper {
  readonly #core: Core;
  readonly #drive: Drive;
  readonly #expiry: ExpiryQueue;
  /** Expired sessions whose end is not in the log yet. */
  #closing: SessionId[] = [];
  #searchedMs: number;

  constructor(core: Core, drive: Drive, expiry: ExpiryQueue) {
    this.#core = core;
    this.#drive = drive;
    this.#expiry = expiry;
    this.#searchedMs = core.clock.monotonicMs();
  }

  /** The epoch is established: what an earlier reign had left to do is judged afresh. */
  established(): void {
    this.#closing = [];
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

  #expireSessions(nowMs: number): void {
    this.#closing.push(...this.#expiry.poll(nowMs));
    let closed = 0;
    for (const session of this.#closing) {
      if (!this.#drive.proposeInternally({ type: 'closeSession', session })) break;
      closed++;
    }
    if (closed === 0) return;
    this.#closing = this.#closing.slice(closed);
    this.#core.counters.sessionsExpired += closed;
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
