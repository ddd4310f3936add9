/** Addresses of the ACL scheme `ip`: `addr[/bits]`, of version 4 or 6, which never match each other. */

interface Range {
  /** 4 or 16 bytes. */
  readonly address: readonly number[];
  readonly bits: number;
}

const cache = new Map<string, Range | undefined>();
/** Texts remembered; beyond it the memory starts anew. */
const CACHE_MAX = 4096;

/** True for a well-formed `addr[/bits]`. */
export function isIpRange(text: string): boolean {
  return parseRange(text) !== undefined;
}

/** True when the address lies in the range; false when either is malformed. */
export function ipMatches(range: string, address: string): boolean {
  const within = cachedRange(range);
  const one = cachedRange(address);
  if (within === undefined || one === undefined) return false;
  if (within.address.length !== one.address.length) return false;
  let bits = within.bits;
  for (let index = 0; bits > 0; index++, bits -= 8) {
    const mask = bits >= 8 ? 0xff : (0xff00 >> bits) & 0xff;
    if ((((within.address[index] ?? 0) ^ (one.address[index] ?? 0)) & mask) !== 0) return false;
  }
  return true;
}

function cachedRange(text: string): Range | undefined {
  const known = cache.get(text);
  if (known !== undefined || cache.has(text)) return known;
  if (cache.size >= CACHE_MAX) cache.clear();
  const range = parseRange(text);
  cache.set(text, range);
  return range;
}

function parseRange(text: string): Range | undefined {
  const slash = text.indexOf('/');
  const address = parseAddress(slash === -1 ? text : text.slice(0, slash));
  if (address === undefined) return undefined;
  const most = address.length * 8;
  if (slash === -1) return { address, bits: most };
  const digits = text.slice(slash + 1);
  if (!/^\d{1,3}$/.test(digits)) return undefined;
  const bits = Number(digits);
  return bits <= most ? { address, bits } : undefined;
}

function parseAddress(text: string): readonly number[] | undefined {
  const address = text.includes(':') ? parseVersion6(text) : parseVersion4(text);
  if (address?.length !== 16) return address;
  // A version 4 address in version 6 clothes, as sockets of both families report it.
  const mapped = address.every((byte, index) => index >= 12 || byte === (index < 10 ? 0 : 0xff));
  return mapped ? address.slice(12) : address;
}

function parseVersion4(text: string): readonly number[] | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (match === null) return undefined;
  const bytes = match.slice(1).map(Number);
  return bytes.every((byte) => byte <= 255) ? bytes : undefined;
}

function parseVersion6(text: string): readonly number[] | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const head = parseGroups(halves[0] ?? '', halves.length === 1);
  const tail = halves.length === 2 ? parseGroups(halves[1] ?? '', true) : [];
  if (head === undefined || tail === undefined) return undefined;
  const missing = 16 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 2) return undefined;
  return [...head, ...Array.from({ length: missing }, () => 0), ...tail];
}

/** Bytes of groups of 16 bits; at the end of an address the last one may be in version 4 form. */
function parseGroups(text: string, atEnd: boolean): readonly number[] | undefined {
  if (text === '') return [];
  const bytes: number[] = [];
  const groups = text.split(':');
  for (const [index, group] of groups.entries()) {
    if (atEnd && index === groups.length - 1 && group.includes('.')) {
      const last = parseVersion4(group);
      if (last === undefined) return undefined;
      bytes.push(...last);
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(group)) return undefined;
      const value = Number.parseInt(group, 16);
      bytes.push(value >>> 8, value & 0xff);
    }
  }
  return bytes;
}
