/**
 * While a simulation runs, nothing of the real world may leak in: whoever asks the runtime for time, chance,
 * timers or I/O finds an error, in the production code as in the simulator's own.
 */
import crypto from 'node:crypto';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import net from 'node:net';
import { performance } from 'node:perf_hooks';

interface Kept {
  readonly object: object;
  readonly name: string;
  readonly descriptor: PropertyDescriptor;
}

const forbidden: readonly (readonly [object: object, names: readonly string[]])[] = [
  [Date, ['now']],
  [Math, ['random']],
  [performance, ['now']],
  [globalThis, ['setTimeout', 'setInterval', 'setImmediate', 'fetch']],
  [crypto, ['randomBytes', 'randomUUID', 'randomInt', 'randomFillSync']],
  [fs, ['open', 'openSync', 'readFile', 'readFileSync', 'writeFile', 'writeFileSync']],
  [fs.promises, ['open', 'readFile', 'writeFile', 'readdir', 'mkdir', 'rename', 'unlink']],
  [net, ['connect', 'createConnection', 'createServer']],
];

/** Runs `inside` with the runtime's time, chance, timers and I/O out of reach. Never nested. */
export async function guarded<Result>(inside: () => Promise<Result>): Promise<Result> {
  const kept: Kept[] = [];
  for (const [object, names] of forbidden) {
    for (const name of names) kept.push(...shut(object, name));
  }
  const realDate = globalThis.Date;
  globalThis.Date = timeless(realDate);
  syncBuiltinESMExports();
  try {
    return await inside();
  } finally {
    globalThis.Date = realDate;
    for (const { object, name, descriptor } of kept) {
      Object.defineProperty(object, name, descriptor);
    }
    syncBuiltinESMExports();
  }
}

function shut(object: object, name: string): readonly Kept[] {
  const descriptor = Object.getOwnPropertyDescriptor(object, name);
  if (descriptor?.configurable !== true) {
    // It is inherited: an own one in front of it is taken away again by making it what it was.
    return shutInherited(object, name);
  }
  Object.defineProperty(object, name, { configurable: true, writable: true, value: thrower(name) });
  return [{ object, name, descriptor }];
}

function shutInherited(object: object, name: string): readonly Kept[] {
  const value: unknown = Reflect.get(object, name);
  if (typeof value !== 'function') return [];
  const bound: unknown = value.bind(object);
  Object.defineProperty(object, name, { configurable: true, writable: true, value: thrower(name) });
  const descriptor = { configurable: true, writable: true, enumerable: false, value: bound };
  return [{ object, name, descriptor }];
}

function thrower(name: string): () => never {
  return () => {
    throw new Error(`${name}: a simulation knows no real world`);
  };
}

/** A date that can be made from a number, and from nothing. */
function timeless(real: DateConstructor): DateConstructor {
  return new Proxy(real, {
    construct(target, given: readonly number[]) {
      if (given.length === 0) thrower('new Date()')();
      return Reflect.construct(target, given) as object;
    },
    apply: thrower('Date()'),
  });
}
