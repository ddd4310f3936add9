/** Who may do what, by the ACL alone: ZooKeeper's rules for the schemes that the workload uses. */
import { Perms } from '../../../src/protocol/model.ts';
import type { Acl, AclEntry, Identity } from '../../../src/protocol/model.ts';
import { Refused } from './refused.ts';

export const openAcl: Acl = [{ scheme: 'world', id: 'anyone', perms: Perms.ALL }];
export const readOnlyAcl: Acl = [{ scheme: 'world', id: 'anyone', perms: Perms.READ }];

/** True when the ACL gives one of the identities, or everybody, any of the permissions. */
export function permits(acl: Acl, perms: number, identities: readonly Identity[]): boolean {
  return acl.some((entry) => (entry.perms & perms) !== 0 && isMeant(entry, identities));
}

/** The ACL as it is stored: `auth` stands for the identities of whoever gives it, and nothing twice. @throws Refused */
export function storedAcl(acl: Acl, identities: readonly Identity[]): Acl {
  const stored: AclEntry[] = [];
  for (const { scheme, id, perms } of acl) {
    const own = scheme === 'auth' ? identities : [{ scheme, id }];
    if (own.length === 0) throw Refused.with('INVALIDACL');
    for (const each of own) {
      const isThere = stored.some(
        (other) => other.scheme === each.scheme && other.id === each.id && other.perms === perms,
      );
      if (!isThere) stored.push({ ...each, perms });
    }
  }
  return stored;
}

/** What somebody is shown who may read it and not change it: no hashes. */
export function masked(acl: Acl): Acl {
  return acl.map((entry) => {
    if (entry.scheme !== 'digest') return entry;
    const [user = ''] = entry.id.split(':');
    return { ...entry, id: `${user}:x` };
  });
}

function isMeant({ scheme, id }: AclEntry, identities: readonly Identity[]): boolean {
  if (scheme === 'world') return true;
  return identities.some((identity) => identity.scheme === scheme && identity.id === id);
}
