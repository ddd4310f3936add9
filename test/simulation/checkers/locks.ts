/**
 * The lock recipe as applications use it: whoever sees that its ephemeral is the first of the lock's children holds the
 * lock as long as that znode is there. No two hold it at one zxid, and later holders have greater czxids to fence with.
 */
import { violated } from '../world/world.ts';
import type { History } from './history.ts';

interface Claim {
  readonly path: string;
  readonly czxid: number;
  /** From which state on. */
  readonly zxid: number;
}

/** Claims that an answer may still be compared with: answers are told late, and never by so many. */
const CLAIMS_MAX = 32;

export class Locks {
  readonly #history: History;
  readonly #claims: Claim[] = [];

  constructor(history: History) {
    this.#history = history;
  }

  /** A client was shown that it holds the lock. */
  claimed(claim: Claim): void {
    for (const other of this.#claims) {
      if (other.path === claim.path) continue;
      const [earlier, later] = other.zxid <= claim.zxid ? [other, claim] : [claim, other];
      if (this.#isThere(earlier, later.zxid)) {
        violated(`C-15: ${later.path} and ${earlier.path} both hold the lock at ${later.zxid}`);
      }
      if (earlier.zxid < later.zxid && earlier.czxid >= later.czxid) {
        violated(`C-15: ${later.path} of ${later.czxid} holds the lock after ${earlier.czxid}`);
      }
    }
    this.#claims.push(claim);
    if (this.#claims.length > CLAIMS_MAX) this.#claims.shift();
  }

  #isThere({ path, czxid }: Claim, zxid: number): boolean {
    return this.#history.at(path, zxid)?.czxid === czxid;
  }
}
