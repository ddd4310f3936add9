/** Bodies under way: the reserve of small ones, the share of a client, and the pace that is expected. */
import { describe, expect, it } from 'vitest';
import { sharesOf } from '../../../../src/gateway/common/shares.ts';
import { Uploads } from '../../../../src/gateway/rest/uploads.ts';
import type { Upload } from '../../../../src/gateway/rest/uploads.ts';
import { defaultLimits } from '../../../../src/protocol/limits.ts';

function build() {
  const limits = {
    ...defaultLimits,
    ...{ uploadBytesMax: 1000, uploadReserveBytes: 100, uploadBytesPerClientMax: 500 },
    ...{ uploadSmallBytesMax: 50, uploadsPerClientMax: 30 },
    ...{ uploadStallMs: 10_000, uploadBytesPerSecondMin: 10 },
  };
  const shares = sharesOf(limits);
  let now = 0;
  const uploads = new Uploads(limits, shares, () => now);
  const refusals: string[] = [];
  const begin = (client: string, declared?: number): Upload => {
    const giveUp = (error: Error): unknown => refusals.push(error.message);
    return uploads.begin({ clients: [client], declared, giveUp });
  };
  const wait = (ms: number): void => {
    now += ms;
    uploads.judge();
  };
  return { shares, uploads, begin, wait, refusals };
}

describe('small bodies', () => {
  it('get through when large ones have taken all that they may', () => {
    const { uploads, begin } = build();
    expect(uploads.grow(begin('a', 400), 400)).toBeUndefined();
    expect(uploads.grow(begin('b', 500), 500)).toBeUndefined();
    expect(uploads.grow(begin('c', 51), 1)?.message).toBe(
      'this node has 900 bytes of bodies under way (100 more are kept for small ones, limit ' +
        'uploadReserveBytes), the limit is 1000 (limit uploadBytesMax); repeat the request later, or ask another node',
    );
    expect(uploads.grow(begin('c'), 1)?.code).toBe('THROTTLEDOP');
    expect(uploads.grow(begin('c', 50), 50)).toBeUndefined();
  });
});

describe('one client', () => {
  it('has its share of bytes', () => {
    const { uploads, begin } = build();
    const upload = begin('a', 600);
    expect(uploads.grow(upload, 500)).toBeUndefined();
    expect(uploads.grow(upload, 1)?.message).toContain('the limit of one client is 500');
    uploads.end(upload);
    uploads.end(upload);
    expect(uploads.grow(begin('a', 600), 500)).toBeUndefined();
  });

  it('has its share of bodies', () => {
    const { shares, begin } = build();
    for (let count = 0; count < 30; count++) begin('a', 1);
    expect(() => begin('a', 1)).toThrow('a has 30 bodies under way');
    begin('b', 1);
    expect(shares.uploads.total).toBe(31);
  });
});

describe('a body', () => {
  it('of which nothing comes any more is given up, and holds nothing', () => {
    const { shares, uploads, begin, wait, refusals } = build();
    const upload = begin('a', 400);
    uploads.grow(upload, 300);
    wait(9999);
    expect(refusals).toEqual([]);
    wait(1);
    expect(refusals).toEqual([
      'nothing of the body has come for 10000 ms, beyond the limit of 10000 ms (limit uploadStallMs); send the body without a pause',
    ]);
    expect(uploads.givenUp).toBe(1);
    expect([shares.uploads.total, shares.uploadBytes.total]).toEqual([0, 0]);
  });

  it('that trickles is given up, and one that keeps the pace is not', () => {
    const { uploads, begin, wait, refusals } = build();
    const [slow, quick] = [begin('a', 400), begin('b', 400)];
    for (let second = 0; second < 12; second++) {
      uploads.grow(quick, 10);
      if (refusals.length === 0) uploads.grow(slow, 9);
      wait(1000);
    }
    expect(refusals).toEqual([
      'the body comes with 9 bytes a second, below the limit of 10 (limit uploadBytesPerSecondMin); send the body faster',
    ]);
  });
});
