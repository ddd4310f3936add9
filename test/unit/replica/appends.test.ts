import { describe, expect, it } from 'vitest';
import { Appends } from '../../../src/replica/appends.ts';
import { noPosition } from '../../../src/zab/index.ts';

const at = (zxid: number, epoch = 1): { epoch: number; zxid: number } => ({ epoch, zxid });

/** Up to 3 in tenure 1, up to 5 in tenure 2. */
function given(): Appends {
  const appends = new Appends(noPosition);
  appends.push(1, at(3));
  appends.push(2, at(5));
  return appends;
}

describe('what the disk has been given', () => {
  it('tells in which tenure a record was handed out', () => {
    const appends = given();
    expect([2, 3, 4, 5].map((zxid) => appends.tenureOf(at(zxid)))).toEqual([1, 1, 2, 2]);
    expect(appends.tenureOf(at(6))).toBeUndefined();
    expect(appends.handedOut).toEqual(at(5));
  });

  it('is nothing before the first append', () => {
    const appends = new Appends(at(7));
    expect(appends.tenureOf(at(7))).toBeUndefined();
    expect(appends.handedOut).toEqual(at(7));
  });

  it('belongs to nobody beyond the point where the log is cut', () => {
    const appends = given();
    appends.truncateAfter(at(2));
    expect(appends.handedOut).toEqual(at(2));
    expect(appends.tenureOf(at(2))).toBe(1);
    expect(appends.tenureOf(at(3))).toBeUndefined();
    appends.push(3, at(3, 2));
    expect(appends.tenureOf(at(3, 2))).toBe(3);
  });

  it('is nothing any more once a snapshot stands in the place of the log', () => {
    const appends = given();
    appends.replace(at(9, 2));
    expect(appends.tenureOf(at(4))).toBeUndefined();
    expect(appends.handedOut).toEqual(at(9, 2));
  });
});
