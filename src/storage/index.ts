/** The disk, as the replica and the process see it. */
export { Storage } from './storage.ts';
export type { Recovered } from './storage.ts';
export { NodeDisk } from './node-disk.ts';
