/** What the numbers of ACLs mean at each zxid: a number is free again when no znode has its ACL. */
import type { Acl } from '../../../src/protocol/model.ts';
import { violated } from '../world/world.ts';
import { openAcl, readOnlyAcl } from './permissions.ts';

interface Meaning {
  readonly acl: Acl;
  /** The transaction after which no znode had it. */
  until: number;
}

export class AclLedger {
  readonly #meanings = new Map<number, Meaning[]>([
    [0, [{ acl: openAcl, until: Infinity }]],
    [1, [{ acl: readOnlyAcl, until: Infinity }]],
  ]);
  /** Znodes that have each of those that are defined. */
  readonly #users = new Map<Acl, number>();
  readonly #defined = new Map<number, Meaning>();

  define(zxid: number, id: number, acl: Acl): void {
    if (this.#meanings.get(id)?.at(-1)?.until === Infinity) {
      violated(`I-25: ACL ${id} is defined at ${zxid} and is another's number`);
    }
    const twin = [...this.#defined.values()].find((other) => isSame(other.acl, acl));
    if (twin !== undefined) violated(`I-25: the ACL that is defined at ${zxid} is there already`);
    const meaning = { acl, until: Infinity };
    const known = this.#meanings.get(id);
    if (known === undefined) this.#meanings.set(id, [meaning]);
    else known.push(meaning);
    this.#defined.set(id, meaning);
    this.#users.set(acl, 0);
  }

  /** In the transaction at `zxid`. */
  at(id: number, zxid: number): Acl {
    const meaning = this.#meanings.get(id)?.find(({ until }) => until >= zxid);
    return meaning?.acl ?? violated(`I-25: ACL ${id} is used at ${zxid} and means nothing`);
  }

  /** A znode had one ACL before a transaction and has another after it; undefined where it is not there. */
  changed(before: Acl | undefined, after: Acl | undefined): void {
    for (const [acl, change] of [[before, -1] as const, [after, 1] as const]) {
      const users = acl === undefined ? undefined : this.#users.get(acl);
      if (acl !== undefined && users !== undefined) this.#users.set(acl, users + change);
    }
  }

  /** The transaction at `zxid` is over. */
  end(zxid: number): void {
    for (const [id, meaning] of this.#defined) {
      if (this.#users.get(meaning.acl) !== 0) continue;
      meaning.until = zxid;
      this.#users.delete(meaning.acl);
      this.#defined.delete(id);
    }
  }
}

function isSame(one: Acl, other: Acl): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
