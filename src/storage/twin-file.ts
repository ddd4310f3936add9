/**
 * A small value in two checksummed copies, `<name>.a` and `<name>.b`, apart from the log, so that damage to
 * the log (or to one copy) does not take it along. Each copy is one line of text:
 *
 *   <checksum of the JSON, 8 hexadecimal digits> {"generation":3,"value":{…}}
 *
 * A write replaces both, each by a synced temporary file and a rename, and syncs the directory before it
 * resolves. So a crash leaves every copy as it was or as it should be, never damaged: a copy that does not
 * match its checksum is damage, and worth an alarm. The copy of the greatest generation counts.
 *
 * A full disk has no room for another file, and without its promise a node can neither start nor vote. There
 * the copies are overwritten where they are, which takes no room: one after the other, so that at every moment
 * one of them is whole.
 */
import { assert } from '../protocol/assert.ts';
import type { Checksum } from '../zab/types.ts';
import type { Disk } from './disk.ts';
import { isOutOfRoom } from './errors.ts';

const suffixes = ['.a', '.b'] as const;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

export interface TwinState<Value> {
  /** Undefined when no copy can be read. */
  readonly value: Value | undefined;
  /** What is wrong with the copies that are there, one text each. */
  readonly damage: readonly string[];
  /** Copies that are there, readable or not. */
  readonly copies: number;
  /** Both are there, and say the same. */
  readonly isWhole: boolean;
}

export class TwinFile<Value extends object> {
  readonly #disk: Disk;
  readonly #name: string;
  readonly #checksum: Checksum;
  #generation = 0;
  /** The copy that is known to be whole: never the first to be overwritten. */
  #whole: string | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(disk: Disk, name: string, checksum: Checksum) {
    this.#disk = disk;
    this.#name = name;
    this.#checksum = checksum;
  }

  /** Reads both copies; changes nothing. */
  async read(): Promise<TwinState<Value>> {
    const present = await this.#disk.list('');
    const damage: string[] = [];
    const generations: number[] = [];
    let value: Value | undefined;
    let copies = 0;
    for (const suffix of suffixes) {
      const path = this.#name + suffix;
      if (!present.includes(path)) continue;
      copies += 1;
      const copy = this.#decode(await readWhole(this.#disk, path));
      if (copy === undefined) {
        damage.push(`${path} does not match its checksum`);
        continue;
      }
      generations.push(copy.generation);
      if (value === undefined || copy.generation > this.#generation) {
        this.#generation = copy.generation;
        this.#whole = path;
        value = copy.value;
      }
    }
    const isWhole = generations.length === 2 && generations[0] === generations[1];
    return { value, damage, copies, isWhole };
  }

  /** Resolves when both copies are on the disk. Writes take effect in the order of the calls. */
  write(value: Value): Promise<void> {
    const written = this.#writing.then(() => this.#replace(value));
    // A later write must not be held up by the failure of this one, which its own caller is told.
    this.#writing = written.catch(() => undefined);
    return written;
  }

  async #replace(value: Value): Promise<void> {
    this.#generation += 1;
    const bytes = this.#encode({ generation: this.#generation, value });
    // Together, since a new leader waits for it: until both are on the disk, the old copies stand untouched.
    const paths = suffixes.map((suffix) => this.#name + suffix);
    const prepared = await Promise.allSettled(paths.map((path) => this.#prepare(path, bytes)));
    const [failure] = prepared.filter((each) => each.status === 'rejected');
    if (failure === undefined) {
      for (const path of paths) await this.#disk.rename(temporary(path), path);
      await this.#disk.syncDirectory('');
    } else {
      if (!isOutOfRoom(failure.reason) || this.#whole === undefined) throw failure.reason;
      await this.#overwrite(paths, bytes);
    }
    [this.#whole] = paths;
  }

  /** @throws Error where there is no such file yet, or where even that takes room (file systems that copy on write) */
  async #overwrite(paths: readonly string[], bytes: Uint8Array): Promise<void> {
    for (const path of paths) await this.#disk.remove(temporary(path)).catch(() => undefined);
    const other = paths.filter((path) => path !== this.#whole);
    for (const path of [...other, ...paths.filter((each) => !other.includes(each))]) {
      const file = await this.#disk.open(path, 'write');
      try {
        await file.write(0, bytes);
        await file.truncate(bytes.length);
        await file.sync();
      } finally {
        await file.close();
      }
    }
  }

  async #prepare(path: string, bytes: Uint8Array): Promise<void> {
    const file = await this.#disk.open(temporary(path), 'create');
    try {
      await file.write(0, bytes);
      await file.sync();
    } finally {
      await file.close();
    }
  }

  #encode(content: { generation: number; value: Value }): Uint8Array {
    const json = JSON.stringify(content);
    const bytes = encoder.encode(`${this.#sum(json)} ${json}\n`);
    assert(this.#decode(bytes) !== undefined, `${this.#name}: the copy cannot be read back`);
    return bytes;
  }

  #decode(bytes: Uint8Array): { generation: number; value: Value } | undefined {
    const [, sum, json] = /^([0-9a-f]{8}) (.*)\n$/s.exec(decoder.decode(bytes)) ?? [];
    if (json === undefined || sum !== this.#sum(json)) return undefined;
    return JSON.parse(json) as { generation: number; value: Value };
  }

  #sum(json: string): string {
    return this.#checksum(encoder.encode(json), 0).toString(16).padStart(8, '0');
  }
}

function temporary(path: string): string {
  return `${path}.tmp`;
}

async function readWhole(disk: Disk, path: string): Promise<Uint8Array> {
  const file = await disk.open(path, 'read');
  try {
    return await file.read(0, await file.size());
  } finally {
    await file.close();
  }
}
