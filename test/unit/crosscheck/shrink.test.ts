import { describe, expect, it } from 'vitest';
import { shrink } from '../../crosscheck/shrink.ts';

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

describe('shrinking a failing program', () => {
  it('leaves exactly the steps that are needed', async () => {
    const needed = [3, 57, 58, 99];
    const fails = async (candidate: readonly number[]): Promise<boolean> =>
      needed.every((step) => candidate.includes(step));
    expect(await shrink(upTo(120), fails, 1000)).toEqual(needed);
  });

  it('keeps a program that fails by one step', async () => {
    expect(await shrink([7], async () => true, 10)).toEqual([7]);
  });

  it('returns a failing program when the tries are used up', async () => {
    let tries = 0;
    const fails = async (candidate: readonly number[]): Promise<boolean> => {
      tries++;
      return candidate.includes(5);
    };
    expect(await shrink(upTo(64), fails, 4)).toContain(5);
    expect(tries).toBe(4);
  });
});
