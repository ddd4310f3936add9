/**
 * How large the tree may grow by default. Znodes live outside the heap of V8, in pages of typed arrays, so
 * what bounds them is the memory of the machine or of the container, not `--max-old-space-size`.
 */
import { totalmem } from 'node:os';
import { getHeapStatistics } from 'node:v8';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;

/** A znode costs at least so much (`nodeOverheadBytes` of the tree, and a name). */
const NODE_BYTES_LEAST = 136;

/** Slots of the tree's pool are numbered with 31 bits of 8 bytes: 16 GiB, some of it waste. */
const TREE_BYTES_MOST = 12 * GIB;

/** However small the machine is: enough for any test, and for what coordination services usually hold. */
const TREE_BYTES_LEAST = 64 * MIB;

export interface MachineMemory {
  /** Of the machine, or of the control group when that is less, bytes. */
  readonly totalBytes: number;
  /** To which V8's heap may grow, bytes. */
  readonly heapBytesMax: number;
}

export function machineMemory(): MachineMemory {
  const machineBytes = totalmem();
  // Zero, or a number beyond all machines, where there is no limit.
  const constrainedBytes = process.constrainedMemory();
  const totalBytes = constrainedBytes > 0 ? Math.min(machineBytes, constrainedBytes) : machineBytes;
  return { totalBytes, heapBytesMax: getHeapStatistics().heap_size_limit };
}

/**
 * Half of what remains beside the heap, of which a quarter of the memory is taken to be in use at most:
 * the rest is for buffers of connections, the event ring, before-images of a snapshot and the page cache.
 */
export function treeLimitsFor({ totalBytes, heapBytesMax }: MachineMemory): {
  readonly treeBytesMax: number;
  readonly treeNodesMax: number;
} {
  const besideHeap = totalBytes - Math.min(heapBytesMax, totalBytes / 4);
  const wanted = Math.floor(besideHeap / 2 / MIB) * MIB;
  const treeBytesMax = Math.min(TREE_BYTES_MOST, Math.max(TREE_BYTES_LEAST, wanted));
  return { treeBytesMax, treeNodesMax: Math.floor(treeBytesMax / NODE_BYTES_LEAST) };
}
