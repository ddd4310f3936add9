import { describe, expect, it } from 'vitest';
import { cpuOf, residentOf } from '../../bench/host.ts';
import { formatGoal, formatRow, isMet, ratioOf, type Goal } from '../../bench/results.ts';
import { median, quantile, rounded } from '../../bench/statistics.ts';

const goal = (value: number, limit: number, atLeast: boolean): Goal => ({
  name: 'a goal',
  unit: 'ms',
  value,
  limit,
  atLeast,
});

describe('a goal', () => {
  it.each([
    [0.8, 0.75, true, true],
    [0.75, 0.75, true, true],
    [0.74, 0.75, true, false],
    [13, 14, false, true],
    [14, 14, false, true],
    [15, 14, false, false],
    [Number.NaN, 14, false, false],
  ])('of %d against %d (at least: %s) is met: %s', (value, limit, atLeast, met) => {
    expect(isMet(goal(value, limit, atLeast))).toBe(met);
    expect(formatGoal(goal(value, limit, atLeast)).startsWith('met')).toBe(met);
  });

  it('has a ratio above one when it is better than asked', () => {
    expect(ratioOf(goal(150, 100, true))).toBe(1.5);
    expect(ratioOf(goal(50, 100, false))).toBe(2);
  });
});

describe('a row', () => {
  const measured = { opsPerSecond: 10, p50Ms: 1, p99Ms: 2, serverCpuUs: 3, errors: 0 };

  it('tells when neighbours took the machine and when requests failed', () => {
    const quiet = formatRow({ name: 'x', measured: { ...measured, foreignPercent: 5 } });
    expect(quiet).not.toContain('others');
    const loud = formatRow({ name: 'x', measured: { ...measured, foreignPercent: 50, errors: 3 } });
    expect(loud).toContain('others took 50 %');
    expect(loud).toContain('3 errors');
  });
});

describe('quantiles', () => {
  it('are taken of the sorted samples', () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(quantile([10, 100, 20], 0.99)).toBe(100);
    expect(median([])).toBeNaN();
    expect(rounded(12.3456)).toBe(12.3);
    expect(rounded(12_345.6)).toBe(12_350);
  });
});

describe('the host', () => {
  it('tells the CPU time and memory of a process', () => {
    const { user, system } = process.cpuUsage();
    // The kernel counts in steps of 10 ms.
    expect(Math.abs(cpuOf(process.pid) - user - system)).toBeLessThan(60_000);
    expect(Math.abs(residentOf(process.pid) / process.memoryUsage().rss - 1)).toBeLessThan(0.2);
    expect(() => cpuOf(2 ** 22 + 1)).toThrow();
  });
});
