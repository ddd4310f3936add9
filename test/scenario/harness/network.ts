/**
 * Links between the nodes of a scenario: one for each pair, first in, first out in each direction. Nothing
 * arrives by itself. A link that is held stays up and silent; one that is cut is news to whoever sees it,
 * and what was under way on it is lost.
 */
import type { ZabMessage } from '../../../src/zab/index.ts';

/** One direction of a link. */
export interface Lane {
  readonly from: number;
  readonly to: number;
  readonly queue: ZabMessage[];
  held: boolean;
  /** Time that a piece of a snapshot takes; whatever is behind it waits. */
  ticksForPiece: number;
  /** Left of it for the piece at the head. */
  ticksLeft: number;
  /** Every APPEND that has arrived. */
  readonly arrived: ZabMessage[];
}

export class Network {
  readonly #lanes = new Map<string, Lane>();
  /** Pairs that the scenario keeps apart. */
  readonly #cut = new Set<string>();
  readonly #up = new Set<string>();

  constructor(ids: readonly number[]) {
    for (const from of ids) {
      for (const to of ids) {
        if (from !== to) this.#lanes.set(`${from}>${to}`, newLane(from, to));
      }
    }
  }

  /** In the order of senders, then receivers. */
  get lanes(): readonly Lane[] {
    return [...this.#lanes.values()];
  }

  lane(from: number, to: number): Lane {
    const lane = this.#lanes.get(`${from}>${to}`);
    if (lane === undefined) throw new Error(`there is no link ${from} > ${to}`);
    return lane;
  }

  isUp(a: number, b: number): boolean {
    return this.#up.has(pairOf(a, b));
  }

  isCut(a: number, b: number): boolean {
    return this.#cut.has(pairOf(a, b));
  }

  connect(a: number, b: number): void {
    this.#up.add(pairOf(a, b));
  }

  /** @returns what was under way */
  disconnect(a: number, b: number): Lane[] {
    this.#up.delete(pairOf(a, b));
    return [this.lane(a, b), this.lane(b, a)].flatMap((lane) => {
      const queue = lane.queue.splice(0);
      return queue.length === 0 ? [] : [{ ...lane, queue }];
    });
  }

  cut(a: number, b: number): void {
    this.#cut.add(pairOf(a, b));
  }

  heal(a: number, b: number): void {
    this.#cut.delete(pairOf(a, b));
    this.lane(a, b).held = false;
    this.lane(b, a).held = false;
  }

  /** Puts a message on its lane. @returns undefined when there is no connection: it is lost */
  send(from: number, to: number, message: ZabMessage): Lane | undefined {
    if (!this.isUp(from, to)) return undefined;
    const lane = this.lane(from, to);
    lane.queue.push(message);
    return lane;
  }
}

function newLane(from: number, to: number): Lane {
  return { from, to, queue: [], held: false, ticksForPiece: 0, ticksLeft: 0, arrived: [] };
}

function pairOf(a: number, b: number): string {
  return a < b ? `${a}|${b}` : `${b}|${a}`;
}
