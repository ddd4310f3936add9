/**
 * Who counts as one client where shares are counted: an address, of IPv6 the network of 64 bits that one
 * subscriber has for itself, and beside it each digest identity that is proven. A client that spreads over
 * addresses has one share as an identity, and one that makes up identities has one as an address.
 */
import type { Identity } from '../../protocol/model.ts';

/** A key of the ledger. */
export type Client = string;

const MAPPED = '::ffff:';
const LENGTH_MAX = 64;

/** @param address as a socket or a trusted proxy gives it; a client that was gone at once has none */
export function clientOf(address: string | undefined): Client {
  if (address === undefined) return 'unknown';
  if (!address.includes(':')) return address.slice(0, LENGTH_MAX);
  const plain = address.toLowerCase();
  if (plain.startsWith(MAPPED) && plain.includes('.'))
    return plain.slice(MAPPED.length, LENGTH_MAX);
  return networkOf(plain);
}

/** `2001:db8::1` → `2001:db8:0:0::/64`. What is no IPv6 address is a client of its own. */
function networkOf(address: string): Client {
  const [plain = ''] = address.split('%', 1);
  const [head = '', tail] = plain.split('::', 2);
  const before = groupsOf(head);
  const after = tail === undefined ? [] : groupsOf(tail);
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length);
  const groups = [...before, ...Array.from({ length: zeros }, () => '0'), ...after];
  if (groups.length < 4) return address.slice(0, LENGTH_MAX);
  return `${groups.slice(0, 4).join(':')}::/64`;
}

/** Each without leading zeros. */
function groupsOf(text: string): readonly string[] {
  return text === '' ? [] : text.split(':').map((group) => group.replace(/^0+(?=.)/, ''));
}

/** Whose shares a caller uses. */
export function clientsOf(identities: readonly Identity[]): readonly Client[] {
  const clients: Client[] = [];
  for (const { scheme, id } of identities) {
    if (scheme === 'ip') clients.push(clientOf(id));
    else if (scheme === 'digest') clients.push(`digest:${id}`);
  }
  return clients;
}
