/**
 * ACLs that no znode has any more, as long as the event ring has a record from their time: an event of that
 * record is judged by them. Not replicated, since the rings of two nodes may reach back differently far.
 */
import { assert } from '../protocol/assert.ts';
import { Fifo } from '../protocol/fifo.ts';
import type { Acl, Zxid } from '../protocol/model.ts';
import type { AclId } from './transaction.ts';

export interface FormerAcl {
  readonly id: AclId;
  readonly acl: Acl;
  /** The transaction after which it was forgotten. */
  readonly until: Zxid;
}

export class FormerAcls {
  /** In the order of their ends. */
  readonly #all = new Fifo<FormerAcl>();
  readonly #byId = new Map<AclId, Fifo<FormerAcl>>();

  #forgottenUntil: Zxid = 0;

  /** Transactions at or before this zxid cannot be judged any more. */
  get forgottenUntil(): Zxid {
    return this.#forgottenUntil;
  }

  get size(): number {
    return this.#all.length;
  }

  add(former: FormerAcl): void {
    const last = this.#all.at(this.#all.length - 1);
    assert(last === undefined || last.until <= former.until, 'former ACLs come in order');
    this.#all.push(former);
    const known = this.#byId.get(former.id) ?? new Fifo<FormerAcl>();
    this.#byId.set(former.id, known);
    known.push(former);
  }

  /** What the number meant in the transaction at `zxid`; undefined where it still means that. */
  find(id: AclId, zxid: Zxid): Acl | undefined {
    const known = this.#byId.get(id);
    if (known === undefined) return undefined;
    let low = 0;
    let high = known.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((known.at(middle)?.until ?? Infinity) < zxid) low = middle + 1;
      else high = middle;
    }
    return known.at(low)?.acl;
  }

  /** Nothing at or before `zxid` is judged any more. */
  forgetUntil(zxid: Zxid): void {
    this.#forgottenUntil = Math.max(this.#forgottenUntil, zxid);
    for (let first = this.#all.peek(); first !== undefined; first = this.#all.peek()) {
      if (first.until > zxid) return;
      this.#all.shift();
      const known = this.#byId.get(first.id);
      known?.shift();
      if (known?.length === 0) this.#byId.delete(first.id);
    }
  }

  /** Oldest end first, as they are now. */
  list(): readonly FormerAcl[] {
    return Array.from({ length: this.#all.length }, (_, index) => {
      const former = this.#all.at(index);
      assert(former !== undefined, 'a queue is dense');
      return former;
    });
  }
}
