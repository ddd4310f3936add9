/**
 * Who says that it leads, and which leaderships did not serve this node: those are not tried again at
 * once, so that a refusal does not become a storm.
 */

interface Avoided {
  readonly untilMs: number;
  readonly round: number;
}

const AVOID_MS = 100;

export class Claims {
  readonly #avoided = new Map<number, Avoided>();
  /** The round of the latest leadership that each node has claimed. */
  readonly #rounds = new Map<number, number>();

  /** `leader` says that it leads since this round. */
  note(leader: number, round: number): void {
    this.#rounds.set(leader, round);
  }

  /** @param round of the election, where the leader has not spoken of its own */
  avoid(leader: number, round: number, nowMs: number): void {
    const claimed = this.#rounds.get(leader) ?? round;
    this.#avoided.set(leader, { untilMs: nowMs + AVOID_MS, round: claimed });
  }

  isAvoided(leader: number, round: number, nowMs: number): boolean {
    const avoided = this.#avoided.get(leader);
    return avoided?.round === round && avoided.untilMs > nowMs;
  }

  /** Its link is gone: what comes next is another connection. */
  forget(leader: number): void {
    this.#avoided.delete(leader);
    this.#rounds.delete(leader);
  }
}
