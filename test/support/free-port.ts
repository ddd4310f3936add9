/**
 * Ports for what a test starts and cannot let the system choose: the members of an ensemble have to know each
 * other's before one of them listens.
 *
 * A port is given now, bound later, and free again while its node is down. In that time nobody else may get
 * it. The system does not: these lie below the ones that it gives to outgoing connections and to listeners on
 * port 0 (32768 and up on Linux, 49152 and up elsewhere). Nor do tests that run beside these: every process
 * takes from a region of its own.
 */
import { createServer } from 'node:net';

const lowest = 10_000;
const regions = 227;
/** With `regions` the product stays below 32768. */
const regionSize = 100;

/** Processes that run at one time have numbers near to each other, and so not the same region. */
const region = lowest + (process.pid % regions) * regionSize;
let next = 0;

/** Nothing listens there on 127.0.0.1, and no other call gets it before the region has been gone through. */
export function freePort(): Promise<number> {
  return freePorts(1);
}

/** The first of `count` ports in a row, at most 100, of which each is as `freePort` says. */
export async function freePorts(count: number): Promise<number> {
  for (let tried = 0; tried < regionSize; tried += 1) {
    if (next + count > regionSize) next = 0;
    const first = region + next;
    next += count;
    const wanted = Array.from({ length: count }, (_, index) => first + index);
    const areFree = await Promise.all(wanted.map(isFree));
    if (areFree.every(Boolean)) return first;
  }
  throw new Error(`no ${count} free ports in a row from ${region} to ${region + regionSize - 1}`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
