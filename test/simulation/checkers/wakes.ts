/** What wakes a long poll: every change of a znode, of its ACL and of its children, and nothing else. */
import type { Change } from '../../../src/tree/index.ts';
import { violated } from '../world/world.ts';
import type { Commits } from './commits.ts';
import { split } from './history.ts';

export class Wakes {
  readonly #commits: Commits;
  readonly #path: string;
  /** The last change that it was woken by, and all before. */
  #wokenAt = 0;
  /** All changes up to here have woken it. */
  #checkedUpTo: number;

  /** @param since the zxid at which the waiting began */
  constructor(commits: Commits, path: string, since: number) {
    this.#commits = commits;
    this.#path = path;
    this.#checkedUpTo = since;
  }

  woken(zxid: number): void {
    if (zxid > this.#commits.last || !this.#concerns(zxid)) {
      violated(
        `C-12: a long poll of ${this.#path} is woken at ${zxid}, which changes nothing there`,
      );
    }
    if (zxid < this.#wokenAt) {
      violated(`C-10: a long poll of ${this.#path} is woken at ${zxid} after ${this.#wokenAt}`);
    }
    this.#wokenAt = zxid;
    this.#check(zxid - 1);
    this.#checkedUpTo = Math.max(this.#checkedUpTo, zxid);
  }

  /** The state at this zxid has been shown. */
  shown(zxid: number): void {
    this.#check(zxid);
  }

  #check(zxid: number): void {
    for (let at = this.#checkedUpTo + 1; at <= zxid; at += 1) {
      if (this.#concerns(at)) {
        violated(`C-11: a long poll of ${this.#path} is not woken by what happened at ${at}`);
      }
    }
    this.#checkedUpTo = Math.max(this.#checkedUpTo, zxid);
  }

  #concerns(zxid: number): boolean {
    const changes = this.#commits.at(zxid)?.transaction?.changes ?? [];
    return changes.some((change) => this.#isMeant(change));
  }

  #isMeant(change: Change): boolean {
    if (!('path' in change)) return false;
    if (change.path === this.#path) return true;
    const isOfChildren = change.type === 'create' || change.type === 'delete';
    return isOfChildren && change.path !== '/' && split(change.path).parent === this.#path;
  }
}
