/** What the tests of the storage share: opening it small, waiting for it, reading it back. */
import { crc32 } from 'node:zlib';
import type { Disk } from '../../../src/storage/disk.ts';
import { Storage, type Recovered, type StorageOptions } from '../../../src/storage/storage.ts';
import { recordOfFrame } from '../../../src/zab/record.ts';
import type { LogRecord } from '../../../src/zab/types.ts';

export const smallSegmentBytes = 2048;

export function openStorage(
  disk: Disk,
  options: Partial<StorageOptions> = {},
): Promise<{ storage: Storage; recovered: Recovered }> {
  let ids = 0;
  const randomId = (): string => `id-${(ids += 1)}`;
  return Storage.open({
    disk,
    checksum: crc32,
    randomId,
    segmentBytes: smallSegmentBytes,
    ...options,
  });
}

/** Appends and resolves when the last of the records is durable. */
export function appendDurably(storage: Storage, records: readonly LogRecord[]): Promise<void> {
  const last = records.at(-1)?.zxid ?? 0;
  return new Promise((resolve, reject) => {
    storage.onDurable((position) => {
      if (position.zxid >= last) resolve();
    });
    storage.onFailure(reject);
    storage.append(records);
  });
}

export async function recordsOf(recovered: Recovered): Promise<readonly LogRecord[]> {
  const all: LogRecord[] = [];
  for await (const records of recovered.records()) {
    for (const { bytes } of records) all.push(recordOfFrame(bytes.slice()));
  }
  return all;
}

export async function* chunksOf(...texts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield new TextEncoder().encode(text);
}

export async function textsOf(chunks: AsyncIterable<Uint8Array> | undefined): Promise<string[]> {
  const texts: string[] = [];
  for await (const chunk of chunks ?? []) texts.push(new TextDecoder().decode(chunk));
  return texts;
}

export const somePromise = { epoch: 1, leader: 1, incarnation: 'leader' };

/** For a power loss after which everything that was written, synced or not, is found. */
export const allKept = (): number => 0.4;

/** Records as one text, which is compared faster than their bytes. */
export function hexOf(records: readonly LogRecord[]): string {
  return records.map(({ bytes }) => Buffer.from(bytes).toString('hex')).join('\n');
}

export async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = [];
  for await (const item of items) all.push(item);
  return all;
}
