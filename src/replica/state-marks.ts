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

interface Opinion {
  readonly digest: string;
  /** Of a voter in the life that the configuration names: no other is part of a majority. */
  readonly counted: boolean;
}

export class StateMarks {
  readonly #core: Core;
  #marks: StateMark[] = [];
  /** Of each mark, what each node has said of it over the connection that it still has. */
  readonly #opinions = new Map<Zxid, Map<number, Opinion>>();

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

  /** The connection has ended: the next one under this id may be of another data directory. */
  forget(node: number): void {
    for (const opinions of this.#opinions.values()) opinions.delete(node);
  }

  /**
   * A node's state, told to the leader. The state of a node without a vote is judged, and judges nobody: a
   * node that is found wrong throws away what it has.
   * @param counted whether `from` has a vote in the life that is connected
   * @param voters how many the configuration has; a majority of them is right
   * @returns those who differ from a majority, and what the majority has; undefined while nobody does
   */
  compare(
    told: StateMark,
    node: {
      readonly from: number;
      readonly counted: boolean;
      readonly self: number;
      readonly voters: number;
    },
  ): { readonly right: StateMark; readonly wrong: readonly number[] } | undefined {
    const own = this.#ownAt(told.zxid);
    if (own === undefined) return undefined;
    let opinions = this.#opinions.get(told.zxid);
    if (opinions === undefined) {
      opinions = new Map([[node.self, { digest: own, counted: true }]]);
      this.#opinions.set(told.zxid, opinions);
      for (const zxid of this.#opinions.keys()) {
        if (this.#opinions.size <= KEPT) break;
        this.#opinions.delete(zxid);
      }
    }
    opinions.set(node.from, { digest: told.digest, counted: node.counted });
    if (told.digest === own && opinions.size <= 2) return undefined;
    const counts = new Map<string, number>();
    for (const { digest, counted } of opinions.values()) {
      if (counted) counts.set(digest, (counts.get(digest) ?? 0) + 1);
    }
    for (const [digest, count] of counts) {
      if (count * 2 <= node.voters) continue;
      const wrong = [...opinions].filter(([, other]) => other.digest !== digest).map(([id]) => id);
      return wrong.length === 0 ? undefined : { right: { zxid: told.zxid, digest }, wrong };
    }
    return undefined;
  }

  #ownAt(zxid: Zxid): string | undefined {
    if (zxid === this.#core.zxid) return this.#core.state.digest();
    return this.#marks.find((mark) => mark.zxid === zxid)?.digest;
  }
}
