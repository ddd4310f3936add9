/** Comparison of plain data. */
import { isDeepStrictEqual } from 'node:util';
import { violated } from '../world/world.ts';

/** @throws Violation where the two differ */
export function same(actual: unknown, expected: unknown, what: () => string): void {
  if (actual === expected || isDeepStrictEqual(plain(actual), plain(expected))) return;
  violated(`${what()} is ${text(actual)}, and must be ${text(expected)}`);
}

/** Bytes are bytes, whatever holds them. */
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
