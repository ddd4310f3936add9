/**
 * All of a core's state as a text: two cores with the same text do the same from then on.
 *
 * Moments are written relative to the core's clock, since nothing depends on how long a process runs, and
 * those that are further back than the longest deadline are all the same. What a `Map` or a `Set` holds is
 * written in the order of its keys: the order in which it was filled decides in which order messages to
 * different nodes are put down, which nobody sees.
 */
import { crc32 } from 'node:zlib';
import type { LogRecord } from '../../../src/zab/index.ts';
import { openPrefix } from './open-core.ts';

/** Longer than every deadline of the model, milliseconds. */
export const LONG_AGO_MS = 1200;

/** Given to the core and never changed by it; and what only barriers ask for, of which the model sets none. */
const leftOut = new Set(
  ['options', 'timeouts', 'streams'].concat(`${openPrefix}flags`, `${openPrefix}progressed`),
);

/** Of the fields whose names end with `Ms`: these are moments, the others are spans. */
const moments = new Set(
  ['nowMs', 'graceUntilMs', 'untilMs', 'heardMs', 'saidMs'].concat(
    ['resendAtMs', 'decideAtMs', 'startedMs', 'progressMs', 'busySinceMs', 'deadlineMs', 'heardMs']
      .concat('tickedMs')
      .map((name) => `${openPrefix}${name}`),
  ),
);

export function fingerprint(core: object, nowMs: number): string {
  return new Writer(nowMs).write(core);
}

/** The bytes of a record are those of its chain. */
export function isRecord(value: unknown): value is LogRecord {
  return typeof value === 'object' && value !== null && 'chain' in value && 'bytes' in value;
}

class Writer {
  readonly #nowMs: number;
  readonly #seen = new Map<object, number>();
  #text = '';
  #isContextWritten = false;

  constructor(nowMs: number) {
    this.#nowMs = nowMs;
  }

  write(core: object): string {
    this.#object(core);
    return this.#text;
  }

  #value(value: unknown, isMoment: boolean): void {
    if (typeof value === 'number' && isMoment) {
      this.#text += `@${Math.max(value - this.#nowMs, -LONG_AGO_MS)}`;
    } else if (typeof value === 'object' && value !== null) {
      if (value instanceof Map) this.#map(value, isMoment);
      else if (value instanceof Set) this.#text += `{${[...value].sort().join()}}`;
      else if (Array.isArray(value)) this.#list(value);
      else if (ArrayBuffer.isView(value)) this.#bytes(value);
      else this.#object(value);
    } else {
      this.#text += String(value);
    }
  }

  #list(list: readonly unknown[]): void {
    this.#text += '[';
    for (const item of list) {
      this.#value(item, false);
      this.#text += ',';
    }
    this.#text += ']';
  }

  #map(map: ReadonlyMap<unknown, unknown>, isMoment: boolean): void {
    const entries = [...map].sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
    this.#text += '{';
    for (const [key, value] of entries) {
      this.#text += `${String(key)}:`;
      this.#value(value, isMoment);
      this.#text += ',';
    }
    this.#text += '}';
  }

  #bytes(view: ArrayBufferView): void {
    const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    this.#text += `${bytes.length}#${crc32(bytes)}`;
  }

  #object(object: object): void {
    // Parts of the core refer to one another; plain values are written wherever they stand.
    if (object.constructor !== Object) {
      const known = this.#seen.get(object);
      if (known !== undefined) {
        this.#text += `^${known}`;
        return;
      }
      this.#seen.set(object, this.#seen.size);
    }
    if (isRecord(object)) {
      this.#text += `<${object.epoch}/${object.zxid}:${object.chain}>`;
      return;
    }
    if (object.constructor.name.endsWith('ChainMemory')) {
      this.#chains(object as unknown as OpenChainMemory);
      return;
    }
    this.#text += '(';
    // Quicker than a list of all entries, and a core has no other fields than its own.
    for (const name in object) {
      const value = (object as Readonly<Record<string, unknown>>)[name];
      if (leftOut.has(name) || typeof value === 'function' || this.#isKnownContext(name)) continue;
      this.#text += `${name}=`;
      this.#value(value, moments.has(name));
      this.#text += ';';
    }
    this.#text += ')';
  }

  #isKnownContext(name: string): boolean {
    if (name !== `${openPrefix}context`) return false;
    const isKnown = this.#isContextWritten;
    this.#isContextWritten = true;
    return isKnown;
  }

  /** Only what it remembers: its array is long, and has what was forgotten. */
  #chains(memory: OpenChainMemory): void {
    const { private_from: from, private_last: last, private_anchor: anchor } = memory;
    this.#text += `chains ${from} ${anchor?.zxid ?? ''} ${anchor?.chain ?? ''}`;
    for (let zxid = Math.max(1, from + 1); zxid <= last; zxid++) {
      this.#text += ` ${memory.at(zxid) ?? ''}`;
    }
  }
}

interface OpenChainMemory {
  readonly private_from: number;
  readonly private_last: number;
  readonly private_anchor: { readonly zxid: number; readonly chain: number } | undefined;
  at(zxid: number): number | undefined;
}
