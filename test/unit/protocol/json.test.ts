import { isUtf8 } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { firstInvalidUtf8, nestsDeeper } from '../../../src/protocol/json.ts';

const bytesOf = (text: string) => Buffer.from(text);

function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

describe('the depth of JSON', () => {
  it('is that of the value, whatever its strings hold', () => {
    const text = fc.string({ unit: fc.constantFrom('[', '{', ']', '}', '"', '\\', 'a') });
    let value: fc.Arbitrary<unknown> = fc.oneof(text, fc.integer());
    for (let level = 0; level < 5; level++) {
      const inner = value;
      value = fc.oneof(
        inner,
        fc.array(inner, { maxLength: 3 }),
        fc.dictionary(text, inner, { maxKeys: 3 }),
      );
    }
    fc.assert(
      fc.property(value, (made) => {
        const depth = depthOf(made);
        const bytes = bytesOf(JSON.stringify(made));
        expect(nestsDeeper(bytes, depth)).toBe(false);
        if (depth > 0) expect(nestsDeeper(bytes, depth - 1)).toBe(true);
      }),
    );
  });

  it.each([
    ['brackets in a string', '["[[[["]', false],
    ['an escaped quote', '["\\"[[[["]', false],
    ['an escaped backslash before the quote', '["\\\\",[[[]]]]', true],
    ['a long string', `["${'x'.repeat(500)}\\"${'['.repeat(500)}"]`, false],
    ['behind a long string', `["${'x'.repeat(500)}\\\\",[[[]]]]`, true],
    ['brackets side by side', '[[],[],[],[],[]]', false],
    ['a string without an end', `["${'['.repeat(500)}`, false],
  ])('counts rightly: %s', (_name, text, deeper) => {
    expect(nestsDeeper(bytesOf(text), 3)).toBe(deeper);
  });
});

describe('the first byte that is no UTF-8', () => {
  it('is absent exactly where the bytes are UTF-8', () => {
    const byte = fc.constantFrom(
      ...[0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc2, 0xdf],
      ...[0xe0, 0xe1, 0xed, 0xef, 0xf0, 0xf1, 0xf4, 0xf5, 0xff],
    );
    fc.assert(
      fc.property(fc.array(byte, { maxLength: 6 }), (bytes) => {
        const buffer = Buffer.from(bytes);
        const offset = firstInvalidUtf8(buffer);
        expect(offset === undefined).toBe(isUtf8(buffer));
        if (offset !== undefined) expect(isUtf8(buffer.subarray(0, offset))).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    [[0x61, 0xfc, 0x62], 1],
    [[0xc3, 0xbc, 0xc3], 2],
    [[0xe2, 0x82, 0x41], 0],
  ])('%j: %i', (bytes, offset) => {
    expect(firstInvalidUtf8(Buffer.from(bytes))).toBe(offset);
  });
});
