/** Who may do what (`ZooKeeperServer.checkACL`). */
import type { Acl, AclEntry, Identity } from '../protocol/model.ts';
import { Perms } from '../protocol/model.ts';
import { openAcl, readOnlyAcl } from './acl-table.ts';
import { ipMatches } from './ip.ts';
import type { AclId } from './transaction.ts';

/** A caller, as far as ACLs are concerned. */
export interface Who {
  readonly identities: readonly Identity[];
  /** The identity that passes every ACL; absent = nobody does. */
  readonly superIdentity?: Identity | undefined;
}

/** True for the identity that passes every ACL. A door never makes scheme `super` from what a client sends. */
export function isSuper(who: Who): boolean {
  const { superIdentity } = who;
  for (const { scheme, id } of who.identities) {
    if (scheme === 'super') return true;
    if (scheme === superIdentity?.scheme && id === superIdentity.id) return true;
  }
  return false;
}

/** True when the ACL gives the caller **any** of the permissions in the mask `perms`. */
export function permits(acl: Acl, perms: number, who: Who): boolean {
  for (const entry of acl) {
    if ((entry.perms & perms) !== 0 && matches(entry, who)) return true;
  }
  return isSuper(who);
}

/** READ; free for the two ACLs that nearly every znode has. */
export function canRead(
  acls: { readonly acl: (id: AclId) => Acl },
  aclId: AclId,
  who: Who,
): boolean {
  if (aclId === openAcl || aclId === readOnlyAcl) return true;
  return permits(acls.acl(aclId), Perms.READ, who);
}

function matches(entry: AclEntry, who: Who): boolean {
  if (entry.scheme === 'world') return entry.id === 'anyone';
  for (const { scheme, id } of who.identities) {
    if (scheme !== entry.scheme) continue;
    if (scheme === 'ip' ? ipMatches(entry.id, id) : id === entry.id) return true;
  }
  return false;
}
