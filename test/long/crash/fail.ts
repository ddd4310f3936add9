import { inspect, isDeepStrictEqual } from 'node:util';

/** A promise of the node is broken. */
export function fail(problem: string): never {
  throw new Error(problem);
}

/** The disk has stopped, or the node has, so that nothing more is to be expected of it. */
export class LifeOver extends Error {
  constructor() {
    super('this life is over');
    this.name = 'LifeOver';
  }
}

/** That two plain values are the same, with a text that says which. */
export function same(actual: unknown, expected: unknown, what: string): void {
  if (isDeepStrictEqual(actual, expected)) return;
  const show = (value: unknown): string => inspect(value, { depth: 8, breakLength: 110 });
  fail(`${what}\n  is        ${show(actual)}\n  should be ${show(expected)}`);
}
