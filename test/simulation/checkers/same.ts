/** Comparison of plain data. */
import { violated } from '../world/world.ts';

/** @throws Violation where the two differ */
export function same(actual: unknown, expected: unknown, what: () => string): void {
  if (isSame(actual, expected)) return;
  violated(`${what()} is ${text(actual)}, and must be ${text(expected)}`);
}

/** Bytes are bytes, whatever holds them, and a property that is undefined is none. */
function isSame(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (a instanceof Uint8Array || b instanceof Uint8Array) return areSameBytes(a, b);
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
    return a.every((item, index) => isSame(item, b[index]));
  }
  return haveSameProperties(a, b);
}

function areSameBytes(a: object, b: object): boolean {
  if (!(a instanceof Uint8Array) || !(b instanceof Uint8Array)) return false;
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

function haveSameProperties(a: object, b: object): boolean {
  for (const key in b) if (!isSame(Reflect.get(a, key), Reflect.get(b, key))) return false;
  // What both have is the same by now.
  for (const key in a) {
    if (Reflect.get(b, key) === undefined && Reflect.get(a, key) !== undefined) return false;
  }
  return true;
}

/** For a text. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('latin1');
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, each]) => each !== undefined)
      .map(([key, each]) => [key, plain(each)]),
  );
}

function text(value: unknown): string {
  return JSON.stringify(plain(value)).slice(0, 600);
}
