/** What a client may give as an ACL (`PrepRequestProcessor.fixupACL`). */
import { CoordinationError } from '../protocol/errors.ts';
import { limitText } from '../protocol/limit-texts.ts';
import type { Limits } from '../protocol/limits.ts';
import { Perms, type Acl, type AclEntry, type Identity } from '../protocol/model.ts';
import { isIpRange } from './ip.ts';

export interface AclRules {
  readonly identities: readonly Identity[];
  readonly limits: Pick<Limits, 'aclEntriesMax'>;
}

/**
 * The ACL as it is stored: scheme `auth` expanded to the caller's digest identities, duplicates removed.
 * @throws CoordinationError INVALIDACL, naming the entry and the rule
 */
export function fixAcl(acl: Acl, rules: AclRules): Acl {
  if (acl.length === 0) throw invalid('it must not be empty');
  if (acl.length > rules.limits.aclEntriesMax) throw tooMany(acl, rules);
  const fixed: AclEntry[] = [];
  const seen = new Set<string>();
  for (const [index, entry] of acl.entries()) {
    for (const expanded of expand(entry, index, rules.identities)) {
      const key = `${expanded.scheme}\n${expanded.id}\n${String(expanded.perms)}`;
      if (seen.has(key)) continue;
      seen.add(key);
      fixed.push(expanded);
    }
  }
  if (fixed.length > rules.limits.aclEntriesMax) throw tooMany(fixed, rules);
  return fixed;
}

function expand(
  { scheme, id, perms }: AclEntry,
  index: number,
  identities: readonly Identity[],
): readonly AclEntry[] {
  if (!Number.isInteger(perms) || perms < 1 || perms > Perms.ALL) {
    throw invalid(`entry ${String(index)}: perms must be one or more of "cdrwa"`);
  }
  if (scheme === 'auth') return expandAuth(perms, index, identities);
  const problem = idProblem(scheme, id);
  if (problem !== undefined) throw invalid(`entry ${String(index)}: ${problem}`);
  return [{ scheme, id, perms }];
}

/** Only digest identities are authenticated: `ip` and `world` say where somebody is, not who. */
function expandAuth(
  perms: number,
  index: number,
  identities: readonly Identity[],
): readonly AclEntry[] {
  const authenticated = identities.filter(
    ({ scheme, id }) => scheme === 'digest' && idProblem(scheme, id) === undefined,
  );
  if (authenticated.length === 0) {
    throw invalid(`entry ${String(index)}: scheme "auth" needs an authenticated caller`);
  }
  return authenticated.map(({ scheme, id }) => ({ scheme, id, perms }));
}

/** The base64 of the 20 bytes of a SHA-1. */
const DIGEST_ID = /^[^:]*:[A-Za-z0-9+/]{27}=$/;
const loneSurrogate = /\p{Surrogate}/u;

function idProblem(scheme: string, id: string): string | undefined {
  switch (scheme) {
    case 'world':
      return id === 'anyone' ? undefined : 'the only id of scheme "world" is "anyone"';
    case 'digest':
      // Half of a surrogate pair has no UTF-8: what comes back from the log would be another ACL.
      if (loneSurrogate.test(id)) return 'the id holds half of a surrogate pair';
      return DIGEST_ID.test(id)
        ? undefined
        : 'an id of scheme "digest" is user:base64(SHA1(user:password)), with exactly one ":"';
    case 'ip':
      return isIpRange(id) ? undefined : 'an id of scheme "ip" is an address or address/bits';
    default:
      return `the scheme ${JSON.stringify(scheme)} is unknown (world, auth, digest, ip)`;
  }
}

function tooMany({ length }: Acl, { limits }: AclRules): CoordinationError {
  return invalid(`${String(length)} entries exceed ${limitText(limits, 'aclEntriesMax')}`);
}

function invalid(problem: string): CoordinationError {
  return new CoordinationError('INVALIDACL', `acl: ${problem}`);
}
