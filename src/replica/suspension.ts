/**
 * What the streams of this node hear when it has been without a leader for longer than the peer timeout: that
 * their sessions are in doubt. A shorter election ends nothing and is not told.
 *
 * - A stream that is attached to a session hears it at once, and ends when that session may have ended
 *   elsewhere: when its timeout has passed since the last sign of life that a leader is known to have counted.
 * - All others hear it spread over a while, since what their clients do next, a request to another node, would
 *   come to that node from all of them at once.
 * - When the node serves again, the streams that are still here hear that too.
 */
import type { ErrorBody } from '../protocol/errors.ts';
import { defaultTimeouts } from '../zab/index.ts';
import type { Core } from './core.ts';
import type { SessionLives } from './lives.ts';
import { noLeader } from './requests.ts';
import type { Stream } from './stream.ts';

export interface SuspensionParts {
  readonly core: Core;
  readonly lives: SessionLives;
  /** From 0 to 1, without 1. */
  readonly random: () => number;
  /** Ends a stream whose session may be over. */
  readonly end: (stream: Stream, error: ErrorBody) => void;
}

interface Untold {
  readonly stream: Stream;
  readonly dueMs: number;
}

export class Suspension {
  readonly #parts: SuspensionParts;
  /** For so long a node may be without a leader before its clients hear of it, milliseconds. */
  readonly #patienceMs: number;
  /** Since when this node has not served; undefined while it does. */
  #lostMs: number | undefined;
  #isSuspended = false;
  #untold: readonly Untold[] = [];
  /** Attached streams, and until when their sessions are sure to live. */
  readonly #sureUntilMs = new Map<Stream, number>();

  constructor(parts: SuspensionParts) {
    this.#parts = parts;
    const { settings, clock } = parts.core;
    this.#patienceMs = settings.peerTimeouts?.peerMs ?? defaultTimeouts.peerMs;
    this.#lostMs = clock.monotonicMs();
  }

  /** The node serves no more. */
  lost(nowMs: number): void {
    this.#lostMs ??= nowMs;
  }

  /** The node serves again. */
  served(): void {
    this.#lostMs = undefined;
    this.#untold = [];
    this.#sureUntilMs.clear();
    if (!this.#isSuspended) return;
    this.#isSuspended = false;
    const { core } = this.#parts;
    for (const stream of core.streams.values()) {
      if (!stream.suspended && !stream.openedInDoubt) continue;
      stream.suspended = false;
      stream.openedInDoubt = false;
      core.outbox.push({ type: 'session', stream: stream.id, state: 'connected' });
    }
  }

  /** A stream opens: what it finds it is not told as news, only the end of it. */
  opened(stream: Stream): void {
    stream.openedInDoubt = this.#isSuspended;
  }

  /** To be called several times a tick. */
  tick(nowMs: number): void {
    if (this.#lostMs === undefined) return;
    if (!this.#isSuspended && nowMs - this.#lostMs >= this.#patienceMs) this.#suspend(nowMs);
    if (!this.#isSuspended) return;
    this.#untold = this.#untold.filter((untold) => !this.#tellIfDue(untold, nowMs));
    for (const [stream, untilMs] of this.#sureUntilMs) {
      if (untilMs <= nowMs) this.#end(stream);
    }
  }

  #suspend(nowMs: number): void {
    this.#isSuspended = true;
    const { core, lives, random } = this.#parts;
    const { suspensionSpreadMs } = core.settings.limits;
    const untold: Untold[] = [];
    for (const stream of core.streams.values()) {
      const { session } = stream;
      if (session === undefined) {
        untold.push({ stream, dueMs: nowMs + random() * suspensionSpreadMs });
        continue;
      }
      this.#tell(stream);
      this.#sureUntilMs.set(stream, nowMs + (lives.expiresInMs(session.id) ?? 0));
    }
    this.#untold = untold;
  }

  #tellIfDue({ stream, dueMs }: Untold, nowMs: number): boolean {
    if (dueMs <= nowMs && !stream.ended) this.#tell(stream);
    return dueMs <= nowMs;
  }

  /** The news does not wait behind events that a slow reader has left in the ring. */
  #tell(stream: Stream): void {
    stream.suspended = true;
    this.#parts.core.outbox.push({ type: 'session', stream: stream.id, state: 'suspended' });
  }

  #end(stream: Stream): void {
    this.#sureUntilMs.delete(stream);
    if (stream.ended) return;
    const { code, retryAfterMs } = noLeader('');
    const detail = `the session may have ended: this node is in no quorum${this.#parts.core.absent}`;
    this.#parts.end(stream, { code, detail, ...(retryAfterMs !== undefined && { retryAfterMs }) });
  }
}
