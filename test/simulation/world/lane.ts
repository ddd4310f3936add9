/** One direction of one connection: what is under way on it, first in, first out. */
import type { Chance } from './chance.ts';
import type { World } from './world.ts';

/** `end` is an orderly last word, `reset` is not. */
export type Segment = Buffer | 'end' | 'reset';

/** What a kernel takes off the hands of a process, bytes. */
const SOCKET_BUFFER_BYTES = 128 * 1024;

export interface LaneParts {
  readonly world: World;
  readonly chance: Chance;
  /** Probability that a segment is read in two pieces. */
  readonly fragmentation: number;
  readonly isCut: () => boolean;
  /** How long so many bytes are under way from now, microseconds. */
  readonly delayUs: (bytes: number) => number;
  readonly deliver: (segment: Segment) => void;
}

export class Lane {
  readonly #parts: LaneParts;
  readonly #queue: { segment: Segment; readonly readyUs: number }[] = [];
  #bytes = 0;
  #isScheduled = false;
  #isClosed = false;
  #lastReadyUs = 0;

  constructor(parts: LaneParts) {
    this.#parts = parts;
  }

  /** What the sender's kernel has not taken yet, bytes. */
  get unsentBytes(): number {
    return Math.max(0, this.#bytes - SOCKET_BUFFER_BYTES);
  }

  push(segment: Segment): void {
    if (this.#isClosed) return;
    const { world, delayUs } = this.#parts;
    const bytes = sizeOf(segment);
    const readyUs = Math.max(this.#lastReadyUs, world.nowUs + Math.ceil(delayUs(bytes)));
    this.#lastReadyUs = readyUs;
    this.#queue.push({ segment, readyUs });
    this.#bytes += bytes;
    this.#schedule();
  }

  /** The sender is gone: a first part of what is under way arrives, and then `last` if there is one. */
  cutShort(last: Segment | undefined): void {
    if (this.#isClosed) return;
    const { chance } = this.#parts;
    const kept = chance.happens(0.5) ? this.#queue.length : chance.below(this.#queue.length + 1);
    const [torn] = this.#queue.splice(kept);
    if (torn !== undefined && typeof torn.segment !== 'string') {
      const part = torn.segment.subarray(0, chance.below(torn.segment.length));
      if (part.length > 0) this.#queue.push({ segment: part, readyUs: torn.readyUs });
    }
    this.#bytes = this.#queue.reduce((sum, { segment }) => sum + sizeOf(segment), 0);
    if (last !== undefined) this.push(last);
  }

  /** The cut is mended: what waits is sent again. @param inUs from now */
  resume(inUs: number): void {
    this.#parts.world.after(inUs, () => {
      this.#schedule();
    });
  }

  /** Nobody takes anything from it any more. */
  close(): void {
    this.#isClosed = true;
    this.#queue.length = 0;
    this.#bytes = 0;
  }

  #schedule(): void {
    const [first] = this.#queue;
    if (this.#isScheduled || first === undefined || this.#isClosed) return;
    this.#isScheduled = true;
    const { world } = this.#parts;
    world.after(first.readyUs - world.nowUs, () => {
      this.#isScheduled = false;
      this.#deliver();
    });
  }

  /** All that has come by now, as it happens in one piece or in two. */
  #deliver(): void {
    const { world, isCut, deliver, chance, fragmentation } = this.#parts;
    // Whoever mends it sets it going again; a packet that was lost before comes late all the same.
    if (isCut()) return;
    const [first] = this.#queue;
    if (first === undefined) return;
    if (first.readyUs > world.nowUs) {
      this.#schedule();
      return;
    }
    const { segment } = first;
    if (typeof segment !== 'string' && segment.length > 1 && chance.happens(fragmentation)) {
      const at = 1 + chance.below(segment.length - 1);
      first.segment = segment.subarray(at);
      this.#bytes -= at;
      deliver(Buffer.from(segment.subarray(0, at)));
    } else {
      this.#queue.shift();
      this.#bytes -= sizeOf(segment);
      deliver(segment);
    }
    this.#schedule();
  }
}

function sizeOf(segment: Segment): number {
  return typeof segment === 'string' ? 0 : segment.length;
}
