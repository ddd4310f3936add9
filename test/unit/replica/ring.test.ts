import { describe, expect, it } from 'vitest';
import { EventRing } from '../../../src/replica/ring.ts';
import { encodeRecord, recordHeaderBytes } from '../../../src/zab/index.ts';
import type { LogRecord } from '../../../src/zab/index.ts';

function record(zxid: number, length = 100): LogRecord {
  const payload = new Uint8Array(length - recordHeaderBytes);
  return encodeRecord({ epoch: 1, zxid, kind: 'txn', previousChain: 0 }, payload, () => 0);
}

function filled(
  count: number,
  limits = { ringTransactionsMax: 10, ringBytesMax: 10_000 },
): EventRing {
  const ring = new EventRing(limits, 1);
  for (let zxid = 1; zxid <= count; zxid++) ring.push(record(zxid));
  return ring;
}

describe('the event ring', () => {
  it('resumes from every zxid after which it still has everything, and from no older one', () => {
    const ring = filled(25);
    expect(ring.length).toBe(10);
    expect(ring.oldestResumeZxid).toBe(15);
    expect(ring.canResumeFrom(15)).toBe(true);
    expect(ring.canResumeFrom(14)).toBe(false);
    expect(ring.at(16).zxid).toBe(16);
    expect(ring.at(25).zxid).toBe(25);
  });

  it('drops the oldest beyond its bytes, but keeps a single record larger than all of them', () => {
    const ring = new EventRing({ ringTransactionsMax: 100, ringBytesMax: 250 }, 1);
    for (let zxid = 1; zxid <= 5; zxid++) ring.push(record(zxid));
    expect(ring.length).toBe(2);
    expect(ring.bytes).toBe(200);
    ring.push(record(6, 1000));
    expect(ring.length).toBe(1);
    expect(ring.at(6).bytes.length).toBe(1000);
  });

  it('keeps its arithmetic over many turns of the ring', () => {
    const ring = filled(10_000);
    expect(ring.lastZxid).toBe(10_000);
    expect(ring.oldestResumeZxid).toBe(9990);
    for (let zxid = 9991; zxid <= 10_000; zxid++) expect(ring.at(zxid).zxid).toBe(zxid);
  });

  it('refuses a gap', () => {
    const ring = filled(3);
    expect(() => ring.push(record(5))).toThrow(/contiguous/);
  });

  it('is resumable from the present when it is empty', () => {
    const ring = new EventRing({ ringTransactionsMax: 10, ringBytesMax: 1000 }, 501);
    expect(ring.canResumeFrom(500)).toBe(true);
    expect(ring.canResumeFrom(499)).toBe(false);
  });
});
