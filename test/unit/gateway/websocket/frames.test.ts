import { Duplex, PassThrough } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  arrayFrameOf,
  frameOf,
  framesOf,
  pieces,
} from '../../../../src/gateway/websocket/frames.ts';
import { quoted, statText } from '../../../../src/gateway/websocket/json.ts';
import { Outlet } from '../../../../src/gateway/websocket/outlet.ts';
import { someStat } from '../../../support/fake-stream-coordinator.ts';

/** Takes whole, unmasked text frames apart (RFC 6455, 5.2). */
function read(bytes: Buffer): string[] {
  const texts: string[] = [];
  let offset = 0;
  while (offset < bytes.length) {
    expect(bytes[offset]).toBe(0x81);
    const short = bytes[offset + 1] ?? 0;
    const [length, start] =
      short === 127
        ? [Number(bytes.readBigUInt64BE(offset + 2)), offset + 10]
        : short === 126
          ? [bytes.readUInt16BE(offset + 2), offset + 4]
          : [short, offset + 2];
    texts.push(bytes.toString('utf8', start, start + length));
    offset = start + length;
  }
  expect(offset).toBe(bytes.length);
  return texts;
}

describe('frames', () => {
  it.each([0, 1, 125, 126, 65_535, 65_536, 200_000])(
    'of %d bytes are read as they were',
    async (size) => {
      const text = 'x'.repeat(size);
      expect(read(frameOf(text))).toEqual([text]);
    },
  );

  it('hold any text', () => {
    const texts = fc.array(fc.string({ unit: 'binary', maxLength: 300 }), {
      minLength: 1,
      maxLength: 5,
    });
    const run = fc.property(texts, (some) => {
      expect(read(framesOf(some))).toEqual(some);
      const numbers = some.map((text) => JSON.stringify(text));
      const [array = ''] = read(arrayFrameOf(numbers));
      expect(JSON.parse(array)).toEqual(some.length === 1 ? some[0] : some);
    });
    fc.assert(run, { numRuns: 100 });
  });

  it.each([false, true])('come in pieces that lose nothing (arrays: %s)', (asArrays) => {
    const texts = Array.from(
      { length: 3500 },
      (_, index) => `{"n":${index},"x":"${'x'.repeat(90)}"}`,
    );
    const built = pieces(texts, asArrays);
    expect(built.length).toBeGreaterThan(2);
    const parts = built.flatMap(read);
    const values = parts.flatMap((text) => JSON.parse(text) as { n: number }[]);
    expect(values.map(({ n }) => n)).toEqual(texts.map((_, index) => index));
  });
});

describe('JSON by concatenation', () => {
  it('quotes as JSON.stringify does', () => {
    const wellFormed = fc.string({ unit: 'binary', maxLength: 50 });
    fc.assert(
      fc.property(wellFormed, (text) => {
        expect(JSON.parse(quoted(text))).toBe(text);
        expect(quoted(text)).toBe(JSON.stringify(text));
      }),
    );
  });

  it('writes a stat as JSON.stringify does', () => {
    const withTtl = { ...someStat, kind: 'ttl', ttlMs: 60_000 } as const;
    for (const stat of [someStat, withTtl]) expect(statText(stat)).toBe(JSON.stringify(stat));
  });
});

describe('the way out', () => {
  it('lets what a full socket does not take wait, in order, and says when it has gone', async () => {
    const socket = new PassThrough({ highWaterMark: 10 });
    const told: string[] = [];
    const owner = {
      progressed: () => told.push('progressed'),
      drained: () => told.push('drained'),
    };
    const outlet = new Outlet(socket, owner, 20);
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
    const outlet = new Outlet(socket, owner, 20);
    outlet.send(Buffer.alloc(30_000, 'a'));
    outlet.send(Buffer.alloc(30_000, 'b'));
    expect(socket.writableLength).toBe(30_000);
    outlet.flush();
    expect(socket.writableLength).toBe(60_000);
  });
});
