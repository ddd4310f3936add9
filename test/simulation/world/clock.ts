/** The clocks of one machine: one that only runs, a little fast or slow, and one that somebody sets. */
import type { World } from './world.ts';

/** When all simulations begin by the wall clock, milliseconds. */
const BIRTH_MS = 1_700_000_000_000;

export class MachineClock {
  readonly #world: World;
  /** 1 = as time goes. */
  readonly rate: number;
  #wallOffsetMs = 0;
  #bootedMs = 0;

  constructor(world: World, rate: number) {
    this.#world = world;
    this.rate = rate;
  }

  /** Milliseconds since the machine has its power; never goes back meanwhile. */
  get monotonicMs(): number {
    return 1000 + (this.#world.nowMs - this.#bootedMs) * this.rate;
  }

  /** The power has gone and come; the clock on the wall may have stood still, or forgotten the time. */
  boot(wallJumpMs: number): void {
    this.#bootedMs = this.#world.nowMs;
    this.jump(wallJumpMs);
  }

  get wallMs(): number {
    return Math.floor(BIRTH_MS + this.#wallOffsetMs + this.#world.nowMs * this.rate);
  }

  /** Somebody sets the clock, forth or back. */
  jump(ms: number): void {
    this.#wallOffsetMs += ms;
  }

  /** How long `ms` by this clock are, microseconds of the world. */
  toUs(ms: number): number {
    return (ms / this.rate) * 1000;
  }
}
