import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  byteSize,
  duration,
  formatBytes,
  formatDuration,
  integer,
  matching,
  onOff,
  oneOf,
  text,
  ValueError,
} from '../../../../src/server/config/values.ts';

const anything = { min: 0, max: Number.MAX_SAFE_INTEGER };

describe('a duration', () => {
  it.each([
    ['500ms', 500],
    ['30s', 30_000],
    ['1.5s', 1500],
    ['5m', 300_000],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
    ['250', 250],
    ['0', 0],
  ])('reads %s as %i ms', (given, ms) => {
    expect(duration(anything).parse(given)).toBe(ms);
  });

  it.each([
    '',
    's',
    '-1s',
    '1 s',
    '1x',
    '1e3',
    '0x10',
    '1.0001ms',
    'fast',
    '1S',
    '99999999999999999d',
  ])('refuses %j', (given) => {
    expect(() => duration(anything).parse(given)).toThrow(ValueError);
  });

  it('says its bounds with their units', () => {
    const kind = duration({ min: 10, max: 60_000 });
    expect(() => kind.parse('5')).toThrow('must be from 10ms to 1m, not 5ms');
    expect(() => kind.parse('61s')).toThrow('must be from 10ms to 1m, not 61s');
  });

  it('is read again as it was shown', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (ms) => {
        expect(duration(anything).parse(formatDuration(ms))).toBe(ms);
      }),
    );
  });
});

describe('a size', () => {
  it.each([
    ['65536', 65_536],
    ['1B', 1],
    ['64KiB', 65_536],
    ['8MiB', 8_388_608],
    ['1.5GiB', 1_610_612_736],
    ['1TiB', 1_099_511_627_776],
  ])('reads %s as %i bytes', (given, bytes) => {
    expect(byteSize(anything).parse(given)).toBe(bytes);
  });

  it.each(['8MB', '8M', 'MiB', '-1', '1.3B', ' 1'])('refuses %j', (given) => {
    expect(() => byteSize(anything).parse(given)).toThrow('must be a number of bytes');
  });

  it('is read again as it was shown', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (bytes) => {
        expect(byteSize(anything).parse(formatBytes(bytes))).toBe(bytes);
      }),
    );
  });
});

describe('the other kinds', () => {
  it('reads whole numbers within their bounds only', () => {
    const kind = integer({ min: 1, max: 255 });
    expect(kind.parse('255')).toBe(255);
    expect(() => kind.parse('0')).toThrow('must be from 1 to 255, not 0');
    expect(() => kind.parse('256')).toThrow('must be from 1 to 255, not 256');
    for (const given of ['', '1.0', '1e2', ' 1', 'one']) {
      expect(() => kind.parse(given)).toThrow('must be a whole number');
    }
  });

  it('reads switches in four words', () => {
    expect(['true', '1', 'false', '0'].map(onOff().parse)).toEqual([true, true, false, false]);
    expect(() => onOff().parse('yes')).toThrow('must be true or false');
  });

  it('names the choices', () => {
    expect(oneOf(['a', 'b']).parse('b')).toBe('b');
    expect(() => oneOf(['a', 'b']).parse('c')).toThrow('must be one of a, b');
  });

  it('refuses the empty text', () => {
    expect(text('DIR').parse('./data')).toBe('./data');
    expect(() => text('DIR').parse('')).toThrow('must not be empty');
  });

  it('never repeats a text that does not match, since it may be a secret', () => {
    const kind = matching({ placeholder: 'X', pattern: /^user:/, form: 'must be user:HASH' });
    expect(() => kind.parse('hunter2')).toThrow(/^must be user:HASH$/);
  });
});
