/**
 * The distinct ACLs of the tree, each with a small number and with how many znodes have it. Numbers are given by
 * the log. An ACL is forgotten at the end of the transaction after which no znode has it, and its number is free
 * then: at one zxid a number means one ACL, at another it may mean another (see `FormerAcls`).
 */
import { assert } from '../protocol/assert.ts';
import { Perms, type Acl } from '../protocol/model.ts';
import { aclKey } from './digest.ts';
import type { AclId } from './transaction.ts';

/** world:anyone:cdrwa, what a create without an ACL gets. */
export const openAcl: AclId = 0;
/** world:anyone:r, of /zookeeper/config. */
export const readOnlyAcl: AclId = 1;

export const worldAcl: Acl = [{ scheme: 'world', id: 'anyone', perms: Perms.ALL }];
const worldReadAcl: Acl = [{ scheme: 'world', id: 'anyone', perms: Perms.READ }];

/** What an interned ACL counts for in the tree's bytes: its texts twice, since its key holds them too. */
export function aclBytes(acl: Acl): number {
  return acl.reduce(
    (sum, { scheme, id }) => sum + ENTRY_BYTES + 2 * (scheme.length + id.length),
    0,
  );
}

const ENTRY_BYTES = 128;

export interface NumberedAcl {
  readonly id: AclId;
  readonly acl: Acl;
}

interface Entry extends NumberedAcl {
  readonly key: string;
  /** Znodes that have it. Not kept for the two that every tree has. */
  users: number;
}

export class AclTable {
  private readonly entries = new Map<AclId, Entry>();
  private readonly ids = new Map<string, AclId>();
  private ownBytes = 0;
  /** Those that may have lost their last znode, or never got one, since the last `forgetUnused`. */
  private suspects: Entry[] = [];

  constructor() {
    this.add(openAcl, worldAcl);
    this.add(readOnlyAcl, worldReadAcl);
  }

  /** Of all but the two that every tree has. */
  get bytes(): number {
    return this.ownBytes;
  }

  get size(): number {
    return this.entries.size;
  }

  /** @returns the key under which it is now known */
  define(id: AclId, acl: Acl): string {
    assert(!this.entries.has(id), 'acl table: a number is given to one ACL at a time');
    const entry = this.add(id, acl);
    this.ownBytes += aclBytes(acl);
    this.suspects.push(entry);
    return entry.key;
  }

  has(id: AclId): boolean {
    return this.entries.has(id);
  }

  acl(id: AclId): Acl {
    return this.entry(id).acl;
  }

  /** The id of the ACL with this `aclKey`. */
  find(key: string): AclId | undefined {
    return this.ids.get(key);
  }

  /** How many znodes have the ACL, 0 for a number that is free. */
  users(id: AclId): number {
    return this.entries.get(id)?.users ?? 0;
  }

  /** One more znode has it. */
  use(id: AclId): void {
    if (isFixed(id)) return;
    this.entry(id).users += 1;
  }

  /** One znode less has it. */
  release(id: AclId): void {
    if (isFixed(id)) return;
    const entry = this.entry(id);
    assert(entry.users > 0, 'acl table: only what is used is released');
    entry.users -= 1;
    if (entry.users === 0) this.suspects.push(entry);
  }

  /** To be called when a transaction is over: takes out the ACLs that no znode has. */
  forgetUnused(): readonly (NumberedAcl & { readonly key: string })[] {
    if (this.suspects.length === 0) return none;
    const { suspects } = this;
    this.suspects = [];
    return suspects.filter((entry) => entry.users === 0 && this.remove(entry));
  }

  /** In the order of their numbers. */
  all(): readonly NumberedAcl[] {
    return [...this.entries.values()].sort((one, other) => one.id - other.id);
  }

  private add(id: AclId, acl: Acl): Entry {
    const key = aclKey(acl);
    assert(!this.ids.has(key), 'acl table: an ACL has one number');
    const entry = { id, acl, key, users: 0 };
    this.entries.set(id, entry);
    this.ids.set(key, id);
    return entry;
  }

  /** @returns false when it is gone already: it may be among the suspects twice */
  private remove({ id, acl, key }: Entry): boolean {
    if (!this.entries.delete(id)) return false;
    this.ids.delete(key);
    this.ownBytes -= aclBytes(acl);
    return true;
  }

  private entry(id: AclId): Entry {
    const entry = this.entries.get(id);
    assert(entry !== undefined, 'acl table: no such id');
    return entry;
  }
}

const none: readonly never[] = [];

function isFixed(id: AclId): boolean {
  return id <= readOnlyAcl;
}
