/**
 * ACLs between the wire and the inside: permission letters to bits, the compact header form, the JSON
 * form. Which schemes and ids exist is judged by the tree, in ZooKeeper's order.
 */
import { CoordinationError } from '../../protocol/errors.ts';
import { limitText } from '../../protocol/limit-texts.ts';
import type { Limits } from '../../protocol/limits.ts';
import { Perms } from '../../protocol/model.ts';
import type { Acl, AclEntry } from '../../protocol/model.ts';

type EntryLimits = Pick<Limits, 'aclEntriesMax'>;

/** One entry as JSON carries it: `perms` are letters. */
export interface WireAclEntry {
  readonly scheme: string;
  readonly id: string;
  readonly perms: string;
}

/** In ZooKeeper's order of printing. */
const letters = [
  ['c', Perms.CREATE],
  ['d', Perms.DELETE],
  ['r', Perms.READ],
  ['w', Perms.WRITE],
  ['a', Perms.ADMIN],
] as const;

const bits: ReadonlyMap<string, number> = new Map(letters);

export function formatPerms(perms: number): string {
  return letters.map(([letter, bit]) => ((perms & bit) === 0 ? '' : letter)).join('');
}

/** @throws CoordinationError INVALIDACL naming the letter that is none or stands twice */
export function parsePerms(text: string): number {
  let perms = 0;
  for (const letter of text) {
    const bit = bits.get(letter);
    if (bit === undefined || (perms & bit) !== 0) {
      const problem = bit === undefined ? 'unknown' : 'repeated';
      throw invalidAcl(`${problem} permission ${quote(letter)} in ${quote(text)}, known are cdrwa`);
    }
    perms |= bit;
  }
  return perms;
}

/** @throws CoordinationError INVALIDACL */
export function fromWireAcl(entries: readonly WireAclEntry[], limits: EntryLimits): Acl {
  checkCount(entries.length, limits);
  return entries.map(({ scheme, id, perms }) => ({ scheme, id, perms: parsePerms(perms) }));
}

export function toWireAcl(acl: Acl): WireAclEntry[] {
  return acl.map(({ scheme, id, perms }) => ({ scheme, id, perms: formatPerms(perms) }));
}

/**
 * The `Zk-Acl` form: `world:anyone:r, digest:ann:HASH:cdrwa`.
 * @throws CoordinationError INVALIDACL
 */
export function parseAclText(text: string, limits: EntryLimits): Acl {
  const entries = text.split(',').map((entry) => entry.trim());
  checkCount(text.trim() === '' ? 0 : entries.length, limits);
  return entries.map(parseEntry);
}

function parseEntry(text: string): AclEntry {
  const first = text.indexOf(':');
  const last = text.lastIndexOf(':');
  if (first <= 0 || first === last) {
    throw invalidAcl(`ACL entry ${quote(text)} is not of the form scheme:id:perms`);
  }
  return {
    scheme: text.slice(0, first),
    id: text.slice(first + 1, last),
    perms: parsePerms(text.slice(last + 1)),
  };
}

function checkCount(count: number, limits: EntryLimits): void {
  if (count === 0) throw invalidAcl('an ACL needs at least one entry');
  if (count > limits.aclEntriesMax) {
    throw invalidAcl(`an ACL of ${count} entries exceeds ${limitText(limits, 'aclEntriesMax')}`);
  }
}

function invalidAcl(detail: string): CoordinationError {
  return new CoordinationError('INVALIDACL', detail);
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 100));
}
