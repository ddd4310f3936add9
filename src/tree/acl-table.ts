/** The distinct ACLs of the tree, each with a small number. Numbers are given by the log and never reused. */
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

export class AclTable {
  private readonly acls: Acl[] = [];
  private readonly ids = new Map<string, AclId>();
  private ownBytes = 0;

  constructor() {
    this.define(openAcl, worldAcl);
    this.define(readOnlyAcl, worldReadAcl);
    this.ownBytes = 0;
  }

  /** Of all that have been defined since the start. */
  get bytes(): number {
    return this.ownBytes;
  }

  get size(): number {
    return this.acls.length;
  }

  /** @returns the key under which it is now known */
  define(id: AclId, acl: Acl): string {
    assert(id === this.acls.length, 'acl table: ids are given in order');
    const key = aclKey(acl);
    this.acls.push(acl);
    this.ownBytes += aclBytes(acl);
    this.ids.set(key, id);
    return key;
  }

  acl(id: AclId): Acl {
    const acl = this.acls[id];
    assert(acl !== undefined, 'acl table: no such id');
    return acl;
  }

  /** The id of the ACL with this `aclKey`. */
  find(key: string): AclId | undefined {
    return this.ids.get(key);
  }
}
