/**
 * Reads JSON that a stranger may have written: every field is there, of its type and within its bounds,
 * and there is no other. What comes out is a value of the type that the rest of the program trusts.
 */
import { nestsDeeper } from '../protocol/json.ts';
import { countedMax } from '../zab/index.ts';
import type { LogPosition } from '../zab/index.ts';

/** As epoch records have room for it. */
const NODE_ID_MAX = 0xffff_ffff;

/** Not what the protocol says; the connection that brought it is of no use any more. */
export class FormatError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'FormatError';
  }
}

/** @param at names the field in the error. @throws FormatError */
export type Reader<T> = (value: unknown, at: string) => T;

type Shape<T> = { readonly [K in keyof T]-?: Reader<T[K]> };

/** Levels of arrays and objects; no message has half as many. */
const DEPTH_MAX = 16;

const decoder = new TextDecoder('utf-8', { fatal: true });

/** @throws FormatError */
export function readJson<T>(bytes: Uint8Array, reader: Reader<T>, at: string): T {
  if (nestsDeeper(bytes, DEPTH_MAX))
    throw new FormatError(`${at} nests deeper than any message does`);
  let value: unknown;
  try {
    value = JSON.parse(decoder.decode(bytes));
  } catch {
    throw new FormatError(`${at} is no JSON`);
  }
  return reader(value, at);
}

/** A safe integer that is not negative. */
export const count: Reader<number> = (value, at) => {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw new FormatError(`${at} is no integer from 0 to 2^53 - 1`);
};

/** An epoch, a zxid, a round: what follows it can still be counted and told. */
export const counted: Reader<number> = (value, at) => {
  const number = count(value, at);
  if (number <= countedMax) return number;
  throw new FormatError(`${at} is greater than 2^52`);
};

/** The number of a node; 0 for none. */
export const nodeId: Reader<number> = (value, at) => {
  const number = count(value, at);
  if (number <= NODE_ID_MAX) return number;
  throw new FormatError(`${at} is greater than ${NODE_ID_MAX}`);
};

/** An unsigned 16-bit integer from 1 on, as epoch records have room for it. */
export const featureLevel: Reader<number> = (value, at) => {
  const number = count(value, at);
  if (number >= 1 && number <= 0xffff) return number;
  throw new FormatError(`${at} is no level from 1 to 65535`);
};

/** An unsigned 32-bit integer. */
export const uint32: Reader<number> = (value, at) => {
  const number = count(value, at);
  if (number <= 0xffff_ffff) return number;
  throw new FormatError(`${at} does not fit into 32 bits`);
};

export const flag: Reader<boolean> = (value, at) => {
  if (typeof value === 'boolean') return value;
  throw new FormatError(`${at} is neither true nor false`);
};

/** @param max in UTF-16 code units */
export function text(max: number): Reader<string> {
  return (value, at) => {
    if (typeof value !== 'string') throw new FormatError(`${at} is no string`);
    if (value.length > max) throw new FormatError(`${at} is longer than ${max} characters`);
    return value;
  };
}

export function oneOf<const T extends string>(...allowed: readonly T[]): Reader<T> {
  return (value, at) => {
    const found = allowed.find((one) => one === value);
    if (found === undefined) throw new FormatError(`${at} is none of ${allowed.join(', ')}`);
    return found;
  };
}

/** A field that may be missing. */
export function optional<T>(reader: Reader<T>): Reader<T | undefined> {
  return (value, at) => (value === undefined ? undefined : reader(value, at));
}

export function list<T>(reader: Reader<T>, max: number): Reader<readonly T[]> {
  return (value, at) => {
    if (!Array.isArray(value)) throw new FormatError(`${at} is no array`);
    if (value.length > max) throw new FormatError(`${at} has more than ${max} entries`);
    return value.map((entry, index) => reader(entry, `${at}[${index}]`));
  };
}

/** An object with these fields and no other. */
export function fields<T extends object>(shape: Shape<T>): Reader<T> {
  const readers = Object.entries<Reader<unknown>>(shape);
  const names = new Set(Object.keys(shape));
  return (value, at) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new FormatError(`${at} is no object`);
    }
    for (const name of Object.keys(value)) {
      if (!names.has(name)) throw new FormatError(`${at} has the unknown field ${shown(name)}`);
    }
    const given = new Map<string, unknown>(Object.entries(value));
    const result: Record<string, unknown> = {};
    for (const [name, reader] of readers) {
      const read = reader(given.get(name), `${at}.${name}`);
      if (read !== undefined) result[name] = read;
    }
    return result as T;
  };
}

export const position: Reader<LogPosition> = fields<LogPosition>({
  epoch: counted,
  zxid: counted,
});

/** What somebody else has written, as it may stand in a line of the log. */
export function shown(words: string, max = 500): string {
  const cut = words.length > max ? `${words.slice(0, max)}…` : words;
  return cut.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '?');
}
