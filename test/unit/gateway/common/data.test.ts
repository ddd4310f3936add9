import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkDataSize, decodeData, encodeData } from '../../../../src/gateway/common/data.ts';

const bytes = (...values: number[]) => Uint8Array.from(values);

describe('data in JSON', () => {
  it('any bytes survive the way out and in', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (data, base64) => {
        const encoded = encodeData(data, base64 ? 'base64' : undefined);
        expect(Buffer.from(decodeData(encoded)).equals(data)).toBe(true);
      }),
    );
  });

  it('is text where it is text, unless base64 is asked', () => {
    const text = new TextEncoder().encode('grün');
    expect(encodeData(text)).toEqual({ data: 'grün', encoding: 'utf8' });
    expect(encodeData(text, 'utf8')).toEqual({ data: 'grün', encoding: 'utf8' });
    expect(encodeData(text, 'base64')).toEqual({ data: 'Z3LDvG4=', encoding: 'base64' });
  });

  it('is base64 where it is no text, whatever is asked', () => {
    expect(encodeData(bytes(0xff, 0xfe), 'utf8')).toEqual({ data: '//4=', encoding: 'base64' });
  });

  it('keeps a byte order mark', () => {
    expect(encodeData(bytes(0xef, 0xbb, 0xbf, 0x61)).data).toBe('\uFEFFa');
  });

  it('absent is empty', () => {
    expect(decodeData({})).toEqual(bytes());
    expect(decodeData({ data: '' })).toEqual(bytes());
  });

  it.each(['a', 'abc!', 'ab=c', '====', 'YWJj\n', 'YQ=', '_-_-'])('%j is no base64', (data) => {
    expect(() => decodeData({ data, encoding: 'base64' }, 'operations[3].data')).toThrow(
      'operations[3].data: not valid base64',
    );
  });

  it('base64 is what the grammar says', () => {
    // Right and plain, but it needs stack for every character.
    const grammar = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/;
    const text = fc.oneof(
      fc.stringMatching(/^[A-Za-z0-9+/]{1,9}[=!]{0,3}$/),
      fc.string({ unit: fc.constantFrom('A', '/', '=', '-', '\n'), minLength: 1, maxLength: 6 }),
    );
    fc.assert(
      fc.property(text, (data) => {
        const decode = (): Uint8Array => decodeData({ data, encoding: 'base64' });
        if (grammar.test(data)) expect(decode()).toEqual(Buffer.from(data, 'base64'));
        else expect(decode).toThrow('not valid base64');
      }),
    );
  });

  it('base64 of many megabytes is judged like any other', () => {
    const data = 'A'.repeat(16_000_000);
    expect(decodeData({ data, encoding: 'base64' })).toHaveLength(12_000_000);
    expect(() => decodeData({ data: `${data}*`, encoding: 'base64' })).toThrow('not valid base64');
  });

  it('base64 may leave out its padding', () => {
    expect(Buffer.from(decodeData({ data: 'YQ', encoding: 'base64' })).toString()).toBe('a');
  });

  it('half of a surrogate pair has no bytes', () => {
    expect(() => decodeData({ data: 'a\ud83d' })).toThrow('data: holds half of a surrogate pair');
    expect(Buffer.from(decodeData({ data: '😀' })).toString()).toBe('😀');
  });

  it('the limit is exact and both numbers are told', () => {
    expect(checkDataSize(bytes(1, 2, 3), { znodeDataBytesMax: 3 })).toHaveLength(3);
    expect(() => checkDataSize(bytes(1, 2, 3, 4), { znodeDataBytesMax: 3 })).toThrow(
      expect.objectContaining({
        code: 'TOOLARGE',
        message:
          'data: 4 bytes exceed the limit of 3 (limit znodeDataBytesMax); divide it among several znodes',
      }),
    );
  });
});
