import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  arrayFrameOf,
  frameOf,
  framesOf,
  pieces,
} from '../../../../src/gateway/websocket/frames.ts';
import { quoted, statText } from '../../../../src/gateway/websocket/json.ts';
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
