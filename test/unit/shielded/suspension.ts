/** Checks of what streams hear while their node has no leader. */
import { deepStrictEqual, strictEqual } from 'node:assert/strict';
import { defaultLimits } from '../../../src/protocol/limits.ts';
import type { Core } from '../../../src/replica/core.ts';
import type { SessionLives } from '../../../src/replica/lives.ts';
import { Stream } from '../../../src/replica/stream.ts';
import { Suspension } from '../../../src/replica/suspension.ts';
import type { Checks } from './checks.ts';

const peerMs = 1000;
const timeoutMs = 9000;
/** What is left of the session when its stream hears of the suspension. */
const leftMs = 3000;

/** A node that has lost its leader at 0, and what is told to its streams. */
class Lonely {
  readonly told: string[] = [];
  readonly ended: number[] = [];
  readonly streams = new Map<number, Stream>();
  readonly suspension: Suspension;

  constructor() {
    const limits = defaultLimits;
    const core = {
      ...{ settings: { peerTimeouts: { peerMs }, limits }, absent: '', streams: this.streams },
      clock: { monotonicMs: () => 0 },
      outbox: {
        push: ({ stream, state }: { stream: number; state: string }) => {
          this.told.push(`${stream} ${state}`);
        },
      },
    };
    this.suspension = new Suspension({
      core: core as unknown as Core,
      lives: { expiresInMs: () => leftMs } as unknown as SessionLives,
      random: () => 0.5,
      end: ({ id }) => this.ended.push(id),
    });
  }

  open(id: number, session?: number): void {
    const stream = new Stream(id, []);
    if (session !== undefined) stream.bind({ id: session, timeoutMs });
    this.streams.set(id, stream);
    this.suspension.opened(stream);
  }
}

function streamEnds(): void {
  const node = new Lonely();
  node.open(1, 7);
  node.suspension.tick(peerMs);
  node.suspension.tick(peerMs + leftMs - 1);
  deepStrictEqual(node.ended, [], 'ended while its session surely lives');
  node.suspension.tick(peerMs + leftMs);
  deepStrictEqual(node.ended, [1], 'ended when its session may have');
}

function isSpread(): void {
  const node = new Lonely();
  node.open(1);
  node.suspension.tick(peerMs);
  deepStrictEqual(node.told, [], 'told at once');
  node.suspension.tick(peerMs + defaultLimits.suspensionSpreadMs / 2);
  deepStrictEqual(node.told, ['1 suspended']);
}

function returnIsTold(): void {
  const node = new Lonely();
  node.open(1, 7);
  node.suspension.tick(peerMs);
  node.open(2);
  node.suspension.served();
  strictEqual(node.told.includes('1 connected'), true, 'the one that was there hears it');
}

function returnIsToldToNew(): void {
  const node = new Lonely();
  node.suspension.tick(peerMs);
  node.open(1);
  node.suspension.served();
  deepStrictEqual(node.told, ['1 connected'], 'the one that has come meanwhile hears it');
}

export const checks: Checks = {
  streamOutlivesSession: streamEnds,
  doubtBeginsAtTheLoss: streamEnds,
  suspensionIsNotSpread: isSpread,
  returnIsNotTold: returnIsTold,
  openedInDoubtIsNotTold: returnIsToldToNew,
};
