import { Duplex, PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { Outlet } from '../../../../src/gateway/common/outlet.ts';
import type { OutletOwner } from '../../../../src/gateway/common/outlet.ts';
import { UnreadStreams } from '../../../../src/gateway/common/unread-streams.ts';

const MANY = 1_000_000;

function ledger(bounds: Partial<ConstructorParameters<typeof UnreadStreams>[0]> = {}) {
  return new UnreadStreams({
    ...{ unreadStreamsBytesMax: MANY, unreadStreamsBytesPerClientMax: MANY },
    ...bounds,
  });
}

function outletOf(
  sink: Duplex,
  owner: OutletOwner,
  unread = ledger(),
  client = '10.0.0.1',
): Outlet {
  return new Outlet({ sink, owner, highWaterBytes: 20, unread, clients: [client] });
}

describe('the way out', () => {
  it('lets what a full socket does not take wait, in order, and says when it has gone', async () => {
    const socket = new PassThrough({ highWaterMark: 10 });
    const told: string[] = [];
    const owner = {
      progressed: () => told.push('progressed'),
      drained: () => told.push('drained'),
    };
    const outlet = outletOf(socket, owner);
    outlet.send(Buffer.alloc(30, 'a'));
    expect(outlet.isFull).toBe(true);
    outlet.send(Buffer.alloc(30, 'b'));
    outlet.send(Buffer.alloc(5, 'c'));
    expect(outlet.unreadBytes).toBeGreaterThanOrEqual(35);
    let text = '';
    const all = new Promise<void>((resolve) => {
      socket.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        if (text.length === 65) resolve();
      });
    });
    await all;
    await new Promise((resolve) => setImmediate(resolve));
    expect(text).toBe('a'.repeat(30) + 'b'.repeat(30) + 'c'.repeat(5));
    expect(told).toEqual(['progressed', 'progressed', 'drained']);
    expect(outlet.isFull).toBe(false);
    expect(outlet.unreadBytes).toBe(0);
  });

  it('hands everything over at the end', () => {
    // Its own mark, since the default is not the same in every version of Node.
    const nothing = (): void => undefined;
    const socket = new Duplex({ write: nothing, read: nothing, highWaterMark: 16 * 1024 });
    const owner = { progressed: () => undefined, drained: () => undefined };
    const outlet = outletOf(socket, owner);
    outlet.send(Buffer.alloc(30_000, 'a'));
    outlet.send(Buffer.alloc(30_000, 'b'));
    expect(socket.writableLength).toBe(30_000);
    outlet.flush();
    expect(socket.writableLength).toBe(60_000);
  });
});

/** A stream whose reader takes nothing, or all, and what its outlet has said. */
function reader(unread: UnreadStreams, client: string, options: { cuttable: boolean }) {
  const told: string[] = [];
  const lengths: number[] = [];
  const owner: OutletOwner = {
    progressed: (hasRead) => {
      if (hasRead) told.push('progressed');
    },
    drained: () => told.push('drained'),
    ...(options.cuttable && { cutOff: () => told.push('cut off') }),
  };
  let reads = false;
  const sink = {
    writableNeedDrain: false,
    writableLength: 0,
    once: () => undefined,
    write: (frames: Buffer | string) => {
      lengths.push(frames.length);
      if (!reads) sink.writableLength += frames.length;
    },
  };
  const outlet = new Outlet({ sink, owner, highWaterBytes: 20, unread, clients: [client] });
  const read = (): void => {
    reads = true;
    sink.writableLength = 0;
  };
  return { outlet, told, lengths, read };
}

const bytes = (count: number): Buffer => Buffer.alloc(count);
const told = ({ bytes: sum, clients, cutOff }: UnreadStreams) => ({ sum, clients, cutOff });

describe('large frames for many streams', () => {
  it('are written some in a turn, in order, and small ones meanwhile', async () => {
    const unread = ledger({ unreadStreamsBytesMax: 1e9, unreadStreamsBytesPerClientMax: 1e9 });
    const readers = Array.from({ length: 40 }, () => reader(unread, 'a', { cuttable: false }));
    const written = (): number[] => readers.map(({ lengths }) => lengths.length);
    const large = bytes(1 << 20);
    for (const { outlet, read } of readers) {
      read();
      outlet.sendEvents(large);
    }
    expect(written().filter((count) => count === 1)).toHaveLength(1);
    for (const { outlet } of readers) outlet.sendEvents(bytes(5));
    expect(written().filter((count) => count === 2)).toHaveLength(1);
    expect(readers[1]?.outlet.unreadBytes).toBe(large.length + 5);
    await expect.poll(() => written().every((count) => count === 2)).toBe(true);
    for (const { lengths } of readers) expect(lengths).toEqual([large.length, 5]);
    // Nobody has been seen to read: that a frame had to wait is no sign of life.
    expect(readers.slice(1).map(({ told }) => told)).toEqual(
      readers.slice(1).map(() => ['drained']),
    );
    expect(unread.bytes).toBe(0);
  });
});

describe('bytes that clients have not taken', () => {
  it('are those of each, and are forgotten when they are taken or their stream is over', async () => {
    const unread = ledger();
    const first = reader(unread, 'a', { cuttable: true });
    const second = reader(unread, 'b', { cuttable: true });
    first.outlet.send(bytes(15));
    second.outlet.send(bytes(10));
    expect(told(unread)).toEqual({ sum: 25, clients: 2, cutOff: 0 });
    second.outlet.end();
    expect(told(unread)).toEqual({ sum: 15, clients: 1, cutOff: 0 });
    first.read();
    await expect.poll(() => told(unread)).toEqual({ sum: 0, clients: 0, cutOff: 0 });
  });

  it.each([
    ['its client', { unreadStreamsBytesPerClientMax: 30 }],
    ['the node', { unreadStreamsBytesMax: 30 }],
  ])('beyond the share of %s hold a stream at what its reader takes', async (_, bounds) => {
    const unread = ledger(bounds);
    const [events, other, good] = [1, 2, 3].map(() => reader(unread, 'a', { cuttable: false }));
    events?.outlet.send(bytes(30));
    expect(events?.outlet.isFull).toBe(false);
    other?.outlet.send(bytes(1));
    expect(other?.outlet.isFull).toBe(true);
    good?.read();
    good?.outlet.send(bytes(30));
    expect(good?.outlet.isFull).toBe(false);
    // One has room again since its own reader has read, the other since the first one holds less.
    events?.read();
    await expect.poll(() => other?.told).toEqual(['drained']);
    expect(told(unread)).toEqual({ sum: 1, clients: 1, cutOff: 0 });
  });

  it('of answers beyond it cut the slowest off, and nobody else', () => {
    const unread = ledger({ unreadStreamsBytesPerClientMax: 100 });
    const another = reader(unread, 'b', { cuttable: true });
    const events = reader(unread, 'a', { cuttable: true });
    events.outlet.sendEvents(bytes(30));
    const [slowest, second, newest] = [1, 2, 3].map(() => reader(unread, 'a', { cuttable: true }));
    for (const stream of [another, slowest, second, newest]) stream?.outlet.send(bytes(30));
    expect(slowest?.told).toEqual(['cut off']);
    expect([another, second, newest, events].flatMap((stream) => stream?.told)).toEqual([]);
    expect(told(unread)).toEqual({ sum: 120, clients: 2, cutOff: 1 });
  });
});
