/** What a node knows of the lives of sessions: the leader judges, a learner believes what is confirmed. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { Core } from '../../../src/replica/core.ts';
import { Generations } from '../../../src/replica/generations.ts';
import { SessionLives } from '../../../src/replica/lives.ts';
import { ExpiryQueue, SessionTable } from '../../../src/sessions/index.ts';

let nowMs: number;
let sessions: SessionTable;
let expiry: ExpiryQueue;
let generations: Generations;
let lives: SessionLives;
let voters: number[];

beforeEach(() => {
  nowMs = 1000;
  voters = [1];
  sessions = new SessionTable();
  expiry = new ExpiryQueue({ tickMs: 2000 });
  generations = new Generations({ sessions });
  const core = {
    clock: { monotonicMs: () => nowMs, wallMs: () => nowMs },
    state: { sessions },
    settings: { sessionTimeoutMaxMs: 60_000, voters },
  } as unknown as Core;
  lives = new SessionLives({ core, expiry, generations });
  for (const id of [1, 2]) sessions.create(id, { timeoutMs: 4000, secretHash: new Uint8Array(32) });
});

const confirmed = { gone: [], shorter: [] };

describe('a learner', () => {
  it('promises nothing before the leader has confirmed it, then from when it heard the client', () => {
    lives.touch(1, 4000);
    expect(lives.expiresInMs(1)).toBeUndefined();
    nowMs += 300;
    expect(lives.tell('all')).toEqual({ number: 1, sessions: [[1, 300]] });
    nowMs += 200;
    lives.toldConfirmed({ number: 1, ...confirmed });
    expect(lives.expiresInMs(1)).toBe(3500);
    nowMs += 9000;
    expect(lives.expiresInMs(1)).toBe(0);
  });

  it('tells each sign of life once, the latest of each session', () => {
    lives.touch(1, 4000);
    nowMs += 100;
    lives.touch(1, 4000);
    lives.touch(2, 4000);
    expect(lives.tell('all')?.sessions).toEqual([
      [1, 0],
      [2, 0],
    ]);
    expect(lives.tell('all')?.sessions).toEqual([]);
  });

  it('tells what requests wait for at once, and only that', () => {
    lives.touch(1, 4000);
    expect(lives.tell('urgent')).toBeUndefined();
    lives.touchUrgently(2);
    expect(lives.tell('urgent')).toMatchObject({ sessions: [[2, 0]] });
    expect(lives.tell('all')).toMatchObject({ sessions: [[1, 0]] });
  });

  it('believes no confirmation of what it has not told, nor of a session that is gone', () => {
    lives.touch(1, 4000);
    lives.touch(2, 4000);
    lives.toldConfirmed({ number: 7, ...confirmed });
    expect(lives.expiresInMs(1)).toBeUndefined();
    const { number = 0 } = lives.tell('all') ?? {};
    lives.toldConfirmed({ number, gone: [2], shorter: [] });
    expect(lives.expiresInMs(1)).toBe(4000);
    expect(lives.expiresInMs(2)).toBeUndefined();
  });

  it('promises by what an attachment has negotiated from its record on', () => {
    lives.touch(1, 4000);
    lives.toldConfirmed({ number: lives.tell('all')?.number ?? 0, ...confirmed });
    sessions.attach(1, { generation: 9, timeoutMs: 1500 });
    expect(lives.expiresInMs(1)).toBe(1500);
    sessions.attach(1, { generation: 10, timeoutMs: 9000 });
    expect(lives.expiresInMs(1)).toBe(9000);
  });

  it('promises nothing once it has jumped to another state: there may have been attachments', () => {
    lives.touch(1, 4000);
    lives.toldConfirmed({ number: lives.tell('all')?.number ?? 0, ...confirmed });
    lives.replaced();
    expect(lives.expiresInMs(1)).toBeUndefined();
    expect(lives.isFresh(1)).toBe(false);
  });

  it('promises by a timeout that was negotiated elsewhere where that is shorter', () => {
    lives.touch(1, 4000);
    lives.toldConfirmed({ number: lives.tell('all')?.number ?? 0, gone: [], shorter: [[1, 1500]] });
    expect(lives.expiresInMs(1)).toBe(1500);
  });

  it('takes a forwarded request for a sign of life only where one was confirmed before', () => {
    lives.confirmAgain(1, nowMs);
    expect(lives.expiresInMs(1)).toBeUndefined();
    lives.confirm(1, nowMs);
    nowMs += 1000;
    lives.confirmAgain(1, nowMs);
    expect(lives.expiresInMs(1)).toBe(4000);
    lives.confirmAgain(1, nowMs - 500);
    expect(lives.expiresInMs(1), 'never takes back').toBe(4000);
  });

  it('tells the next leader what the last one has not confirmed', () => {
    lives.touch(1, 4000);
    lives.tell('all');
    nowMs += 500;
    lives.learn();
    expect(lives.tell('all')?.sessions).toEqual([[1, 500]]);
  });

  it('asks again when half of the promise is over', () => {
    lives.confirm(1, nowMs);
    nowMs += 2000;
    expect(lives.isFresh(1)).toBe(true);
    nowMs += 1;
    expect(lives.isFresh(1)).toBe(false);
    expect(lives.isFresh(2)).toBe(false);
  });

  it('forgets what has been promised so long ago that it is over', () => {
    lives.confirm(1, nowMs);
    nowMs += 60_000;
    lives.toldConfirmed({ number: 0, ...confirmed });
    expect(lives.expiresInMs(1)).toBe(0);
    nowMs += 60_000;
    lives.toldConfirmed({ number: 0, ...confirmed });
    expect(lives.expiresInMs(1)).toBeUndefined();
  });
});

describe('the leader', () => {
  it('takes a request that waits for its word for a sign of life at once', () => {
    lives.lead();
    nowMs += 1900;
    lives.touchUrgently(1);
    expect([lives.expiresInMs(1), lives.expiresInMs(2)]).toEqual([4000, 2100]);
  });

  beforeEach(() => {
    generations.begin();
    lives.lead();
  });

  it('starts everybody afresh and keeps the deadlines', () => {
    expect(lives.expiresInMs(1)).toBe(4000);
    nowMs += 1000;
    expect(lives.expiresInMs(1)).toBe(3000);
    expect(lives.touchAlone(1)).toBe(true);
    expect(lives.expiresInMs(1)).toBe(4000);
  });

  it('counts what others have heard from when they heard it, and never backwards', () => {
    nowMs += 1000;
    expect(lives.touchAgo(1, 400)).toBe(true);
    expect(lives.expiresInMs(1)).toBe(3600);
    lives.touchAgo(1, 900);
    expect(lives.expiresInMs(1)).toBe(3600);
    expect(lives.touchAgo(9, 0), 'there is no such session').toBe(false);
  });

  it('follows what the newest attachment has negotiated as long as that lasts', () => {
    const generation = 7;
    generations.raise(1, { generation, timeoutMs: 3000, node: 1 });
    lives.renegotiated(1, 3000);
    expect(lives.expiresInMs(1)).toBe(3000);
    nowMs += 1000;
    expect(lives.expiresInMs(1), 'it was no sign of life').toBe(2000);
    lives.touchAgo(1, 0);
    expect(lives.expiresInMs(1)).toBe(3000);
    generations.detach(1, generation);
    lives.touchAgo(1, 0);
    expect(lives.expiresInMs(1)).toBe(4000);
  });

  it('knows that a session that is closing lives no more', () => {
    expect(lives.isLive(1)).toBe(true);
    expiry.markClosing(1);
    expect(lives.isLive(1)).toBe(false);
    expect(lives.touchAlone(1)).toBe(false);
    expect(lives.expiresInMs(1)).toBe(0);
  });

  it('promises what a successor keeps: a full timeout from a moment on at which it certainly led', () => {
    voters.push(2, 3);
    lives.lead();
    expect(lives.expiresInMs(1), 'nobody has confirmed it').toBe(0);
    expect(lives.isFresh(1)).toBe(false);
    lives.assured(nowMs);
    nowMs += 1500;
    lives.touchAlone(1);
    expect(lives.expiresInMs(1)).toBe(2500);
    lives.assured(nowMs - 500);
    expect(lives.expiresInMs(1)).toBe(3500);
    lives.assured(nowMs - 800);
    expect(lives.expiresInMs(1), 'never takes back').toBe(3500);
  });
});
