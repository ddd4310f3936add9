import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BucketCounts, histogramText } from '../../../../src/server/metrics/buckets.ts';

describe('bucket counts', () => {
  it('count each value at its bound and all above', () => {
    const counts = new BucketCounts([1, 10]);
    for (const value of [0.5, 1, 1.5, 10, 11]) counts.observe(value);
    expect(counts.cumulative()).toEqual([
      [1, 2],
      [10, 4],
      ['+Inf', 5],
    ]);
    expect(counts.sum).toBe(24);
    expect(counts.count).toBe(5);
  });

  it('agree with sorting the values', () => {
    const values = fc.array(fc.double({ min: 0, max: 100, noNaN: true }));
    const bounds = fc
      .uniqueArray(fc.integer({ min: 1, max: 99 }), { minLength: 1 })
      .map((all) => all.sort((one, other) => one - other));
    fc.assert(
      fc.property(values, bounds, (observed, given) => {
        const counts = new BucketCounts(given);
        observed.forEach((value) => counts.observe(value));
        const expected = [...given, Infinity].map((bound) => [
          bound === Infinity ? '+Inf' : bound,
          observed.filter((value) => value <= bound).length,
        ]);
        expect(counts.cumulative()).toEqual(expected);
      }),
    );
  });
});

it('the text of a histogram is that of Prometheus', () => {
  const counts = new BucketCounts([0.1, 1]);
  counts.observe(0.5);
  const series = [[{ route: '/znodes/*' }, counts] as const];
  expect(histogramText({ name: 'x_seconds', help: 'How long', series })).toBe(
    [
      '# HELP x_seconds How long',
      '# TYPE x_seconds histogram',
      'x_seconds_bucket{route="/znodes/*",le="0.1"} 0',
      'x_seconds_bucket{route="/znodes/*",le="1"} 1',
      'x_seconds_bucket{route="/znodes/*",le="+Inf"} 1',
      'x_seconds_sum{route="/znodes/*"} 0.5',
      'x_seconds_count{route="/znodes/*"} 1',
      '',
    ].join('\n'),
  );
});
