/**
 * C-17: a stream on a node without a leader hears of it in bounded time, not before the peer timeout has passed, and
 * is over when its session has ended elsewhere. By the node's own clock, at its own ticks: one that stands still
 * says nothing.
 */
import type { Replica } from '../../../src/replica/index.ts';
import type { Life } from '../world/machine.ts';
import { violated } from '../world/world.ts';
import { nameOf } from './requests.ts';
import type { Conversation } from './requests.ts';

export interface SuspensionBounds {
  /** So long a node may be without a leader unheard, milliseconds. */
  readonly peerMs: number;
  /** So much later those may hear of it that have no session, milliseconds. */
  readonly spreadMs: number;
}

/** A node without a leader: since when by its clock, and who was attached to it then. */
interface Loss {
  readonly sinceMs: number;
  /** True where it has never served: what it counts from was before it could be watched. */
  readonly isFirst: boolean;
  readonly streams: readonly Conversation[];
  /** When the node came to see that it has been too long: later than after the peer timeout where it stood still. */
  noticedMs?: number;
}

export interface SuspensionParts extends SuspensionBounds {
  readonly streamsOf: (life: Life) => Iterable<Conversation>;
  /** True where the session is known to have ended, against the will of its client, by any clock. */
  readonly hasExpired: (session: number) => boolean;
}

export class Suspensions {
  readonly #parts: SuspensionParts;
  readonly #losses = new Map<Life, Loss>();

  constructor(parts: SuspensionParts) {
    this.#parts = parts;
  }

  /** Follows what the replica of a life has made of its role. */
  follow(life: Life, replica: Replica): void {
    const { lost, served, tick } = replica;
    this.#begin(life, true);
    replica.lost = (...args) => {
      if (!this.#losses.has(life)) this.#begin(life, false);
      lost.apply(replica, args);
    };
    replica.served = (status) => {
      this.#losses.delete(life);
      served.call(replica, status);
    };
    replica.tick = () => {
      tick.call(replica);
      if (life.process.isAlive && !life.isStopping) this.#check(life);
    };
  }

  ended(life: Life): void {
    this.#losses.delete(life);
  }

  /** The stream has been told. */
  told(stream: Conversation, state: 'suspended' | 'connected'): void {
    stream.isSuspended = state === 'suspended';
    const loss = this.#losses.get(stream.life);
    if (state === 'connected') {
      if (loss !== undefined) violated(`C-17: ${nameOf(stream)} is connected to no leader`);
      return;
    }
    if (loss === undefined) violated(`C-17: ${nameOf(stream)} is suspended, and its node serves`);
    const forMs = nowMs(stream.life) - loss.sinceMs;
    if (loss.isFirst || forMs >= this.#parts.peerMs) return;
    violated(`C-17: ${nameOf(stream)} is suspended after ${forMs} ms without a leader`);
  }

  #begin(life: Life, isFirst: boolean): void {
    const streams = [...this.#parts.streamsOf(life)].filter(isOpen);
    this.#losses.set(life, { sinceMs: nowMs(life), isFirst, streams });
  }

  #check(life: Life): void {
    const loss = this.#losses.get(life);
    if (loss === undefined) return;
    const { peerMs, spreadMs, hasExpired } = this.#parts;
    const forMs = nowMs(life) - loss.sinceMs;
    if (forMs >= peerMs) loss.noticedMs ??= nowMs(life);
    const noticedForMs = nowMs(life) - (loss.noticedMs ?? Infinity);
    for (const stream of loss.streams) {
      if (!isOpen(stream)) continue;
      const spread = stream.session === 0 ? spreadMs : 0;
      if (!stream.isSuspended && noticedForMs >= spread) {
        violated(`C-17: ${nameOf(stream)} has heard nothing of ${forMs} ms without a leader`);
      }
      if (stream.isSuspended && stream.session !== 0 && hasExpired(stream.session)) {
        violated(`C-17: ${nameOf(stream)} is open, and its session has ended elsewhere`);
      }
    }
  }
}

function isOpen({ isAttached, isOver }: Conversation): boolean {
  return isAttached && !isOver;
}

function nowMs({ process }: Life): number {
  return process.clock.monotonicMs();
}
