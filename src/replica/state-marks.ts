/**
 * What the replicated state was at zxids at which all nodes look, so that they can be compared although
 * they never are at the same place at the same time; and the judgement over those who differ.
 */
import type { Zxid } from '../protocol/model.ts';
import type { Core } from './core.ts';
import type { StateMark } from './peer-messages.ts';

/** All nodes look at the multiples of this. */
const EVERY = 1024;
/** So many of the last looks are remembered: a node further behind is compared later. */
const KEPT = 64;

export class StateMarks {
  readonly #core: Core;
  #marks: StateMark[] = [];
  /** Of each mark, what each voter has said of it. */
  readonly #opinions = new Map<Zxid, Map<number, string>>();

  constructor(core: Core) {
    this.#core = core;
  }

  /** To be called after each record. */
  applied(zxid: Zxid): void {
    if (zxid % EVERY !== 0) return;
    this.#marks.push(this.now());
    if (this.#marks.length > KEPT) this.#marks = this.#marks.slice(-KEPT);
  }

  now(): StateMark {
    return { zxid: this.#core.zxid, digest: this.#core.state.digest() };
  }

  get last(): StateMark | undefined {
    return this.#marks.at(-1);
  }

  /** Nothing that was said to an earlier leader counts. */
  begin(): void {
    this.#opinions.clear();
  }

  /**
   * A voter's state, told to the leader.
   * @param voters as many as there are; a majority of them is right
   * @returns those who differ from a majority, and what the majority has; undefined while nobody does
   */
  compare(
    told: StateMark,
    node: { readonly from: number; readonly self: number; readonly voters: readonly number[] },
  ): { readonly right: StateMark; readonly wrong: readonly number[] } | undefined {
    const own = this.#ownAt(told.zxid);
    if (own === undefined) return undefined;
    let opinions = this.#opinions.get(told.zxid);
    if (opinions === undefined) {
      opinions = new Map([[node.self, own]]);
      this.#opinions.set(told.zxid, opinions);
      for (const zxid of this.#opinions.keys()) {
        if (this.#opinions.size <= KEPT) break;
        this.#opinions.delete(zxid);
      }
    }
    opinions.set(node.from, told.digest);
    if (told.digest === own && opinions.size <= 2) return undefined;
    const counts = new Map<string, number>();
    for (const [voter, digest] of opinions) {
      if (node.voters.includes(voter)) counts.set(digest, (counts.get(digest) ?? 0) + 1);
    }
    for (const [digest, count] of counts) {
      if (count * 2 <= node.voters.length) continue;
      const wrong = [...opinions].filter(([, other]) => other !== digest).map(([id]) => id);
      return wrong.length === 0 ? undefined : { right: { zxid: told.zxid, digest }, wrong };
    }
    return undefined;
  }

  #ownAt(zxid: Zxid): string | undefined {
    if (zxid === this.#core.zxid) return this.#core.state.digest();
    return this.#marks.find((mark) => mark.zxid === zxid)?.digest;
  }
}
