/** A node whose state differs from a quorum's is found out, and only such a node. */
import { describe, expect, it } from 'vitest';
import type { Core } from '../../../src/replica/core.ts';
import { StateMarks } from '../../../src/replica/state-marks.ts';

const right = 'a'.repeat(32);
const wrong = 'b'.repeat(32);

/** The marks of node 1, which leads. */
function leaderAt(zxid: number, digest = right): StateMarks {
  const core = { zxid, state: { digest: () => digest } } as unknown as Core;
  return new StateMarks(core);
}

const three = { self: 1, counted: true, voters: 3 };
const withoutVote = { ...three, counted: false };

describe('digests of the state', () => {
  it('that agree accuse nobody', () => {
    const marks = leaderAt(10);
    expect(marks.compare({ zxid: 10, digest: right }, { ...three, from: 2 })).toBeUndefined();
    expect(marks.compare({ zxid: 10, digest: right }, { ...three, from: 3 })).toBeUndefined();
  });

  it('accuse who differs from a majority, once there is one', () => {
    const marks = leaderAt(10);
    expect(marks.compare({ zxid: 10, digest: wrong }, { ...three, from: 2 })).toBeUndefined();
    expect(marks.compare({ zxid: 10, digest: right }, { ...three, from: 3 })).toEqual({
      right: { zxid: 10, digest: right },
      wrong: [2],
    });
  });

  it('accuse the leader itself where it is alone', () => {
    const marks = leaderAt(10, wrong);
    marks.compare({ zxid: 10, digest: right }, { ...three, from: 2 });
    expect(marks.compare({ zxid: 10, digest: right }, { ...three, from: 3 })).toEqual({
      right: { zxid: 10, digest: right },
      wrong: [1],
    });
  });

  it('of an observer count for nothing, and are judged all the same', () => {
    const marks = leaderAt(10);
    expect(marks.compare({ zxid: 10, digest: wrong }, { ...withoutVote, from: 4 })).toBeUndefined();
    expect(marks.compare({ zxid: 10, digest: right }, { ...three, from: 2 })?.wrong).toEqual([4]);
  });

  it('of another life under the id of a voter are no part of a majority', () => {
    const marks = leaderAt(10, wrong);
    const stranger = { ...withoutVote, from: 3 };
    expect(marks.compare({ zxid: 10, digest: right }, { ...three, from: 2 })).toBeUndefined();
    expect(marks.compare({ zxid: 10, digest: wrong }, stranger)).toBeUndefined();
    expect(marks.compare({ zxid: 10, digest: right }, stranger)).toBeUndefined();
  });

  it('accuse nobody who has come under the same id since', () => {
    const marks = leaderAt(10);
    marks.compare({ zxid: 10, digest: wrong }, { ...three, from: 2 });
    marks.forget(2);
    expect(marks.compare({ zxid: 10, digest: right }, { ...three, from: 3 })).toBeUndefined();
  });

  it('are compared at places that all pass, although nobody is there at the same time', () => {
    const state = { zxid: 0, digest: right };
    const core = {
      get zxid() {
        return state.zxid;
      },
      state: { digest: () => state.digest },
    } as unknown as Core;
    const marks = new StateMarks(core);
    for (state.zxid = 1; state.zxid <= 3000; state.zxid++) marks.applied(state.zxid);
    expect(marks.last).toEqual({ zxid: 2048, digest: right });
    state.digest = wrong;
    marks.compare({ zxid: 1024, digest: wrong }, { ...three, from: 2 });
    expect(marks.compare({ zxid: 1024, digest: right }, { ...three, from: 3 })?.wrong).toEqual([2]);
  });

  it('of a place that this node does not remember say nothing', () => {
    const marks = leaderAt(10);
    expect(marks.compare({ zxid: 9, digest: wrong }, { ...three, from: 2 })).toBeUndefined();
    expect(marks.compare({ zxid: 9, digest: wrong }, { ...three, from: 3 })).toBeUndefined();
  });

  it('that were told to an earlier leader do not count', () => {
    const marks = leaderAt(10);
    marks.compare({ zxid: 10, digest: wrong }, { ...three, from: 2 });
    marks.begin();
    expect(marks.compare({ zxid: 10, digest: right }, { ...three, from: 3 })).toBeUndefined();
  });
});
