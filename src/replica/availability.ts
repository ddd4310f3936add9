/**
 * What this node may answer at present. Without a leader nothing is confirmed and nothing is taken; for a
 * short while, in which a new leader is usually found, requests wait rather than fail.
 */

/**
 * - `serving`: it leads, or follows a leader, and has caught up.
 * - `waiting`: it has just lost its leader; requests are held.
 * - `lost`: there has been none for longer than that; requests are refused at once.
 * - `readOnly`: the same, and the operator allows local reads of what is known to be committed.
 */
export type AvailabilityState = 'serving' | 'waiting' | 'lost' | 'readOnly';

export interface AvailabilityOptions {
  /** For how long requests wait for the next leader, milliseconds. */
  readonly graceMs: number;
  readonly readOnlyMode: boolean;
  readonly nowMs: number;
}

export class Availability {
  readonly #graceMs: number;
  readonly #readOnlyMode: boolean;
  #state: AvailabilityState = 'waiting';
  #waitsUntilMs: number;
  #stopped = false;

  constructor(options: AvailabilityOptions) {
    this.#graceMs = options.graceMs;
    this.#readOnlyMode = options.readOnlyMode;
    this.#waitsUntilMs = options.nowMs + options.graceMs;
  }

  get state(): AvailabilityState {
    return this.#state;
  }

  served(): void {
    if (!this.#stopped) this.#state = 'serving';
  }

  /** The node takes nothing any more. */
  stop(): void {
    this.#stopped = true;
    this.#state = 'lost';
  }

  lost(nowMs: number): void {
    if (this.#state !== 'serving') return;
    this.#state = 'waiting';
    this.#waitsUntilMs = nowMs + this.#graceMs;
  }

  /** @returns true when the wait for a leader has ended without one */
  tick(nowMs: number): boolean {
    if (this.#state !== 'waiting' || nowMs < this.#waitsUntilMs) return false;
    this.#state = this.#readOnlyMode ? 'readOnly' : 'lost';
    return true;
  }
}
