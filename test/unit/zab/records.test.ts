import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvariantError } from '../../../src/protocol/assert.ts';
import {
  decodeEpochRecord,
  decodeRecord,
  encodeEpochRecord,
  encodeRecord,
  recordBytesMax,
  recordHeaderBytes,
} from '../../../src/zab/index.ts';
import { checksum, text } from './host.ts';

const anyHead = fc.record({
  epoch: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  zxid: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  kind: fc.constantFrom('epoch' as const, 'txn' as const),
  previousChain: fc.integer({ min: 0, max: 0xffffffff }),
});

describe('log record', () => {
  it('is read as it was written, wherever it stands', () => {
    fc.assert(
      fc.property(
        anyHead,
        fc.uint8Array({ maxLength: 100 }),
        fc.nat({ max: 20 }),
        (head, payload, offset) => {
          const record = encodeRecord(head, payload, checksum);
          const file = new Uint8Array(offset + record.bytes.length + 3);
          file.set(record.bytes, offset);
          const { previousChain } = head;
          const decoded = decodeRecord(file, { offset, previousChain }, checksum);
          expect(decoded).toEqual({ ok: true, record, end: offset + record.bytes.length });
          expect(record.payload).toEqual(payload);
        },
      ),
    );
  });

  it('is refused when any bit of it differs, or the record before it', () => {
    const head = { epoch: 3, zxid: 9, kind: 'txn', previousChain: 77 } as const;
    const { bytes } = encodeRecord(head, text('payload'), checksum);
    fc.assert(
      fc.property(fc.nat({ max: bytes.length * 8 - 1 }), (bit) => {
        const damaged = bytes.slice();
        damaged[bit >>> 3] = (damaged[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
        expect(decodeRecord(damaged, { offset: 0, previousChain: 77 }, checksum).ok).toBe(false);
      }),
    );
    expect(decodeRecord(bytes, { offset: 0, previousChain: 78 }, checksum).ok).toBe(false);
  });

  it('is refused when it is cut short', () => {
    const head = { epoch: 3, zxid: 9, kind: 'txn', previousChain: 0 } as const;
    const { bytes } = encodeRecord(head, text('payload'), checksum);
    for (let length = 0; length < bytes.length; length++) {
      const at = { offset: 0, previousChain: 0 };
      const decoded = decodeRecord(bytes.subarray(0, length), at, checksum);
      expect(decoded).toEqual({
        ok: false,
        problem: length < recordHeaderBytes ? 'short header' : 'short record',
      });
    }
  });

  it('has a longest frame', () => {
    const head = { epoch: 3, zxid: 9, kind: 'txn', previousChain: 0 } as const;
    const tooMuch = new Uint8Array(recordBytesMax - recordHeaderBytes + 1);
    expect(() => encodeRecord(head, tooMuch, checksum)).toThrow(InvariantError);
  });
});

describe('payload of an epoch record', () => {
  const record = {
    leader: 3,
    incarnation: 'first-life',
    clusterId: 'cluster-ä',
    featureLevel: 2,
    config: text('server.3=…'),
  };

  it('is read as it was written', () => {
    expect(decodeEpochRecord(encodeEpochRecord(record))).toEqual(record);
  });

  it('is refused when it is cut short, has something behind it or another format', () => {
    const bytes = encodeEpochRecord(record);
    for (let length = 0; length < bytes.length; length++) {
      expect(() => decodeEpochRecord(bytes.subarray(0, length))).toThrow(InvariantError);
    }
    expect(() => decodeEpochRecord(Uint8Array.of(...bytes, 0))).toThrow(InvariantError);
    bytes[0] = 2;
    expect(() => decodeEpochRecord(bytes)).toThrow(/unknown format 2/);
  });
});
