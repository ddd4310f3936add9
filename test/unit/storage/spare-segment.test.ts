import { expect, test } from 'vitest';
import { sparePath, SpareSegment } from '../../../src/storage/spare-segment.ts';
import { MemoryDisk } from '../../support/memory-disk.ts';
import type { DiskFault, DiskOperation } from '../../support/memory-disk.ts';

const bytes = 4096;

test('one that could not be filled is gone before the next is made: what removes it takes no other away', async () => {
  const faults = new Map<DiskOperation['kind'], DiskFault>([
    ['write', { type: 'error', code: 'EIO' }],
    ['remove', { type: 'stall' }],
  ]);
  const asked = new Map<DiskOperation['kind'], () => void>();
  const disk = new MemoryDisk({
    fault: ({ kind, path }) => {
      if (path !== sparePath) return undefined;
      const fault = faults.get(kind);
      faults.delete(kind);
      asked.get(kind)?.();
      return fault;
    },
  });
  await disk.makeDirectory('log');
  const removing = new Promise<void>((resolve) => asked.set('remove', resolve));
  const spare = new SpareSegment(disk, bytes, () => undefined);
  spare.prepare();
  await removing;
  spare.retry();
  const taken = spare.take();
  // All that this disk can do meanwhile, which needs no time.
  await new Promise((resolve) => setImmediate(resolve));
  disk.release();
  await taken;
  expect(await sizeOf(disk)).toBe(bytes);
});

test('who waits for one that fails waits for the next, where that has begun meanwhile', async () => {
  const error = { type: 'error', code: 'EIO' } as const;
  const faults: DiskFault[] = [error, error];
  const disk = new MemoryDisk({
    fault: ({ kind, path }) =>
      path === sparePath && kind === 'write' ? faults.shift() : undefined,
  });
  await disk.makeDirectory('log');
  const spare: SpareSegment = new SpareSegment(disk, bytes, () => spare.retry());
  await spare.take();
  expect(await sizeOf(disk)).toBe(bytes);
  expect(spare.hasFailed).toBe(false);
});

async function sizeOf(disk: MemoryDisk): Promise<number> {
  const file = await disk.open(sparePath, 'read');
  return file.size();
}
