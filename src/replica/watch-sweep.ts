/** Gives the room of the watches of ended streams back, a slice a turn, so that a million of them stop nobody. */
import type { Core } from './core.ts';
import type { Stream } from './stream.ts';

/** Watched paths of one slice: a few milliseconds. */
export const WATCHES_PER_SLICE = 4096;

export class WatchSweep {
  readonly #core: Core;
  #scheduled = false;

  constructor(core: Core) {
    this.#core = core;
  }

  /** Nothing is told to the stream from now on. */
  streamEnded({ id }: Stream): void {
    const { watches } = this.#core;
    watches.removeStream(id);
    // Most streams have few, whose room is free when this returns.
    if (!this.#scheduled) this.#slice();
  }

  #slice(): void {
    const { watches, scheduler } = this.#core;
    watches.sweep(WATCHES_PER_SLICE);
    this.#scheduled = watches.unswept > 0;
    if (!this.#scheduled) return;
    scheduler.defer(() => {
      this.#slice();
    });
  }
}
