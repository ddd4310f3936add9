/**
 * Who a caller is, from what the connection and the `Authorization` header prove. The digest form is
 * ZooKeeper's (`DigestAuthenticationProvider.generateDigest`): `user:base64(sha1("user:password"))`.
 */
import { isUtf8 } from 'node:buffer';
import { createHash, timingSafeEqual } from 'node:crypto';
import { CoordinationError } from '../../protocol/errors.ts';
import { limitText } from '../../protocol/limit-texts.ts';
import type { Limits } from '../../protocol/limits.ts';
import type { Identity } from '../../protocol/model.ts';

const authorizationPattern = /^([A-Za-z][A-Za-z0-9_-]*) +(\S+) *$/;
const base64Pattern = /^[A-Za-z0-9+/_-]+={0,2}$/;

export interface IdentitySource {
  /** Of the peer, as the socket gives it; it has none any more when it was reset before it was asked. */
  readonly address: string | undefined;
  readonly authorization?: string | undefined;
  readonly superIdentity?: Identity | undefined;
}

/**
 * The identities of one request or connection: the address, and what the header proves.
 * @throws CoordinationError AUTHFAILED when the header cannot be read or nobody can verify it
 */
export function identitiesOf(source: IdentitySource): readonly Identity[] {
  const byAddress = addressIdentities(source.address);
  if (source.authorization === undefined) return byAddress;
  return [...byAddress, ...authorizedIdentities(source.authorization, source.superIdentity)];
}

/** Most requests prove nothing but one of few addresses: they share one list each. */
const knownAddresses = new Map<string, readonly Identity[]>();
const knownAddressesMax = 4096;

function addressIdentities(address: string | undefined): readonly Identity[] {
  if (address === undefined) return [];
  const known = knownAddresses.get(address);
  if (known !== undefined) return known;
  const identities = [{ scheme: 'ip', id: plainAddress(address) }];
  if (knownAddresses.size >= knownAddressesMax) knownAddresses.clear();
  knownAddresses.set(address, identities);
  return identities;
}

/**
 * All of both, each once. Every ACL is compared with every one of them, so there may not be any number.
 * @throws CoordinationError QUOTAEXCEEDED
 */
export function joinIdentities(
  known: readonly Identity[],
  added: readonly Identity[],
  limits: Pick<Limits, 'identitiesMax'>,
): readonly Identity[] {
  const all = [...known];
  for (const identity of added) {
    const { scheme, id } = identity;
    if (all.some((other) => other.scheme === scheme && other.id === id)) continue;
    if (all.length >= limits.identitiesMax) {
      throw new CoordinationError(
        'QUOTAEXCEEDED',
        `the identities of one connection reach ${limitText(limits, 'identitiesMax')}`,
      );
    }
    all.push(identity);
  }
  return all;
}

/** True for a caller who passes every ACL. */
export function isSuper(identities: readonly Identity[]): boolean {
  return identities.some(({ scheme }) => scheme === 'super');
}

/**
 * The identities that `user:password` proves: the digest one, and `super` when it is the one named at start.
 * @throws CoordinationError AUTHFAILED when there is no colon
 */
export function digestIdentities(
  credential: Uint8Array,
  superIdentity?: Identity,
): readonly Identity[] {
  const bytes = Buffer.from(credential.buffer, credential.byteOffset, credential.byteLength);
  const colon = bytes.indexOf(':');
  if (colon < 0 || !isUtf8(bytes)) {
    throw new CoordinationError('AUTHFAILED', 'digest credentials must be user:password in UTF-8');
  }
  const hash = createHash('sha1').update(bytes).digest('base64');
  const digest: Identity = { scheme: 'digest', id: `${bytes.toString('utf8', 0, colon)}:${hash}` };
  if (superIdentity === undefined || !sameIdentity(digest, superIdentity)) return [digest];
  return [{ scheme: 'super', id: '' }, digest];
}

/**
 * An `auth` message's identities.
 * @throws CoordinationError AUTHFAILED for a scheme that takes no credentials here, or bad ones
 */
export function credentialIdentities(
  scheme: string,
  credential: string,
  superIdentity?: Identity,
): readonly Identity[] {
  if (scheme === 'digest') return digestIdentities(Buffer.from(credential), superIdentity);
  const detail = `authentication scheme ${JSON.stringify(scheme.slice(0, 32))} is not supported, use "digest"`;
  throw new CoordinationError('AUTHFAILED', detail);
}

function authorizedIdentities(header: string, superIdentity?: Identity): readonly Identity[] {
  const [, scheme = '', credential = ''] = authorizationPattern.exec(header) ?? [];
  switch (scheme.toLowerCase()) {
    case 'basic':
      if (!base64Pattern.test(credential)) break;
      return digestIdentities(Buffer.from(credential, 'base64'), superIdentity);
    case 'bearer':
      throw new CoordinationError('AUTHFAILED', 'no issuer of bearer tokens is configured');
    default:
  }
  throw new CoordinationError('AUTHFAILED', 'the Authorization header is not a readable Basic one');
}

/** Sockets of a dual stack show IPv4 peers as mapped IPv6 addresses, which no `ip` ACL means. */
function plainAddress(address: string): string {
  const unmapped = address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address;
  const zone = unmapped.indexOf('%');
  return zone < 0 ? unmapped : unmapped.slice(0, zone);
}

function sameIdentity(one: Identity, other: Identity): boolean {
  if (one.scheme !== other.scheme) return false;
  const left = Buffer.from(one.id);
  const right = Buffer.from(other.id);
  return left.length === right.length && timingSafeEqual(left, right);
}
