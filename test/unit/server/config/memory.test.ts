import { describe, expect, it } from 'vitest';
import { machineMemory, treeLimitsFor } from '../../../../src/server/config/memory.ts';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;

describe('the default size of the tree', () => {
  it('is half of what remains beside the heap', () => {
    const { treeBytesMax } = treeLimitsFor({ totalBytes: 8 * GIB, heapBytesMax: 2 * GIB });
    expect(treeBytesMax).toBe(3 * GIB);
  });

  it('takes the heap for a quarter of the memory at most', () => {
    const { treeBytesMax } = treeLimitsFor({ totalBytes: 4 * GIB, heapBytesMax: 4 * GIB });
    expect(treeBytesMax).toBe(1.5 * GIB);
  });

  it('is never below what every test needs, nor above what the tree can number', () => {
    expect(treeLimitsFor({ totalBytes: 64 * MIB, heapBytesMax: GIB }).treeBytesMax).toBe(64 * MIB);
    const large = treeLimitsFor({ totalBytes: 1024 * GIB, heapBytesMax: 4 * GIB });
    expect(large.treeBytesMax).toBe(12 * GIB);
  });

  it('allows as many znodes as could fit', () => {
    const { treeBytesMax, treeNodesMax } = treeLimitsFor({
      totalBytes: 8 * GIB,
      heapBytesMax: 2 * GIB,
    });
    expect(treeNodesMax * 136).toBeLessThanOrEqual(treeBytesMax);
    expect(treeNodesMax).toBeGreaterThan(20_000_000);
  });

  it('is made from a real machine', () => {
    const { totalBytes, heapBytesMax } = machineMemory();
    expect(totalBytes).toBeGreaterThan(256 * MIB);
    expect(totalBytes).toBeLessThan(2 ** 53);
    expect(heapBytesMax).toBeGreaterThan(0);
  });
});
