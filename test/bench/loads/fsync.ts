/** What the disk allows: appends of 512 bytes, each followed by fdatasync, as fast as they go. */
import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { childInput, print } from '../children.ts';
import { quantile, rounded } from '../statistics.ts';

export interface FsyncLoad {
  readonly folder: string;
  readonly seconds: number;
}

export interface FsyncMeasurement {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const { folder, seconds } = childInput() as FsyncLoad;
const path = join(folder, 'fsync');
const file = openSync(path, 'w');
const record = Buffer.alloc(512, 'x');
const latencies: number[] = [];
const begun = performance.now();
let now = begun;
while (now - begun < seconds * 1000) {
  writeSync(file, record);
  fdatasyncSync(file);
  const then = performance.now();
  latencies.push(then - now);
  now = then;
}
closeSync(file);
rmSync(path);
const measured: FsyncMeasurement = {
  perSecond: Math.round((latencies.length / (now - begun)) * 1000),
  p50Ms: rounded(quantile(latencies, 0.5)),
  p99Ms: rounded(quantile(latencies, 0.99)),
};
print(measured);
