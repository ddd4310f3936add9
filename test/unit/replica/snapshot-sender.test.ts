/** Snapshots on their way to learners: at their pace, a few at once, and never for ever. */
import { crc32 } from 'node:zlib';
import { beforeEach, describe, expect, it } from 'vitest';
import { Core } from '../../../src/replica/core.ts';
import type { ReplicaLog } from '../../../src/replica/host.ts';
import { LogMemory } from '../../../src/replica/log-memory.ts';
import { EventRing } from '../../../src/replica/ring.ts';
import { SnapshotSender } from '../../../src/replica/snapshot-sender.ts';
import { StateMachine } from '../../../src/replica/state-machine.ts';
import { defaultLimits } from '../../../src/protocol/limits.ts';
import { Storage } from '../../../src/storage/index.ts';
import type { SnapshotMessage } from '../../../src/zab/index.ts';
import { History } from '../../support/history.ts';
import { MemoryDisk } from '../../support/memory-disk.ts';

const MIB = 1024 * 1024;
const chunkBytes = 256 * 1024;

let nowMs = 0;
let storage: Storage;
let sender: SnapshotSender;
let sent: { to: number; message: SnapshotMessage }[];
let outcomes: string[];
let taken: number;
let history: History;

async function* contentOf(bytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes; at += MIB) {
    yield new Uint8Array(Math.min(MIB, bytes - at)).fill(7);
    await Promise.resolve();
  }
}

const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

const requestOf = (to: number, zxid = 10): Parameters<SnapshotSender['begin']>[0] => ({
  ...{ to, tenure: 5, transfer: to },
  atLeast: { epoch: 1, zxid },
});

beforeEach(async () => {
  nowMs = 0;
  sent = [];
  outcomes = [];
  taken = 0;
  const checksum = (bytes: Uint8Array, seed: number): number => crc32(bytes, seed);
  const disk = new MemoryDisk();
  ({ storage } = await Storage.open({ disk, checksum, randomId: () => 'id', segmentBytes: 4096 }));
  await storage.writePromise({ epoch: 1, leader: 1, incarnation: 'x' });
  history = new History();
  storage.append(history.many(40));
  await settle();
  const state = new StateMachine({ limits: defaultLimits });
  const end = history.end;
  state.restoredAt(end.position, end.chain);
  const log: ReplicaLog = { info: () => undefined, warn: () => undefined };
  const core = new Core({
    settings: { limits: defaultLimits } as Core['settings'],
    clock: { monotonicMs: () => nowMs, wallMs: () => 0 },
    scheduler: { defer: (task) => void setImmediate(task), every: () => () => undefined },
    ...{ log, state },
    memory: new LogMemory(new EventRing(defaultLimits, 41), [{ epoch: 1, zxid: 1 }]),
  });
  let taking: ReturnType<Storage['snapshot']> | undefined;
  sender = new SnapshotSender(core, storage, () => {
    taken += taking === undefined ? 1 : 0;
    taking ??= storage.snapshot(history.endAt(40), contentOf(3 * MIB));
    return taking;
  });
  sender.listen({
    send: (to, message) => sent.push({ to, message }),
    sent: (to, _tenure, { position }) => outcomes.push(`sent ${to} ${position.zxid}`),
    failed: (to, _tenure, reason) => outcomes.push(`failed ${to} ${reason}`),
    fatal: (error) => outcomes.push(`fatal ${error.message}`),
  });
});

function acknowledge(to: number, index: number): void {
  sender.acknowledge({ to, tenure: 5, transfer: to, index });
}

describe('a snapshot for a learner', () => {
  it('is the newest that is kept and reaches far enough', async () => {
    await storage.snapshot(history.endAt(20), contentOf(100));
    sender.begin(requestOf(2, 15));
    await settle();
    expect(taken).toBe(0);
    expect(sent).toHaveLength(1);
    expect(sent[0]?.message).toMatchObject({
      ...{ tenure: 5, transfer: 2, index: 0, last: true },
      ...{ position: { epoch: 1, zxid: 20 }, chain: history.endAt(20).chain },
      epochStarts: [{ epoch: 1, zxid: 1 }],
    });
    expect(sent[0]?.message.totalBytes).toBe(sent[0]?.message.bytes.length);
    expect(outcomes).toEqual(['sent 2 20']);
  });

  it('is taken anew where none reaches far enough, or where the kept one did not help', async () => {
    await storage.snapshot(history.endAt(20), contentOf(100));
    sender.begin(requestOf(2, 25));
    await settle();
    expect(taken).toBe(1);
    expect(sent[0]?.message.position.zxid).toBe(40);
    sender.begin(requestOf(3, 5));
    await settle();
    expect(taken, 'the one of 40 is kept now').toBe(1);
  });

  it('is not that of the time before the first record, which has nothing in it', async () => {
    const nothing = { position: { epoch: 0, zxid: 0 }, chain: 0 };
    await storage.snapshot(nothing, contentOf(100));
    sender.begin({ ...requestOf(2), atLeast: nothing.position });
    await settle();
    expect(sent[0]?.message.position.zxid).toBe(40);
  });

  it('cannot be of a state that this node has not got', async () => {
    sender.begin(requestOf(2, 50));
    await settle();
    expect(outcomes).toEqual(['failed 2 Error: this node is not far enough itself']);
  });

  it('leaves as the learner takes it', async () => {
    sender.begin(requestOf(2));
    await settle();
    expect(sent.map(({ message }) => message.index)).toEqual([0, 1, 2, 3]);
    acknowledge(2, 1);
    await settle();
    expect(sent).toHaveLength(6);
    for (let index = 2; index < 20; index += 1) {
      acknowledge(2, index);
      await settle();
    }
    const whole = sent.map(({ message }) => message);
    expect(whole.at(-1)?.last).toBe(true);
    expect(whole.slice(0, -1).every(({ bytes }) => bytes.length === chunkBytes)).toBe(true);
    const bytes = whole.reduce((sum, message) => sum + message.bytes.length, 0);
    expect(bytes).toBe(whole[0]?.totalBytes);
    expect(outcomes).toEqual(['sent 2 40']);
  });

  it('ends when its learner stands still, however far it is, and not because it is long', async () => {
    sender.begin(requestOf(2));
    await settle();
    for (let index = 0; index < 5; index += 1) {
      nowMs += 9000;
      sender.tick(nowMs);
      acknowledge(2, index);
      await settle();
    }
    expect(outcomes).toEqual([]);
    nowMs += 10_000;
    sender.tick(nowMs);
    await settle();
    expect(outcomes).toEqual(['failed 2 it has taken nothing of its snapshot for too long']);
    expect(sender.running).toBe(0);
  });

  it('waits while two others are under way', async () => {
    for (const to of [2, 3, 4]) sender.begin(requestOf(to));
    await settle();
    expect(new Set(sent.map(({ to }) => to))).toEqual(new Set([2, 3]));
    sender.peerDown(2);
    await settle();
    expect(new Set(sent.map(({ to }) => to))).toEqual(new Set([2, 3, 4]));
    expect(outcomes, 'nobody asks what became of it').toEqual([]);
  });

  it('ends with its relation, and with the role', async () => {
    sender.begin(requestOf(2));
    sender.begin(requestOf(3));
    await settle();
    sender.over({ to: 2, tenure: 5, transfer: 2 });
    await settle();
    expect(sender.running).toBe(1);
    sender.roleOver();
    await settle();
    expect(sender.running).toBe(0);
    const before = sent.length;
    acknowledge(2, 3);
    acknowledge(3, 3);
    await settle();
    expect(sent).toHaveLength(before);
    expect(outcomes).toEqual([]);
  });

  it('keeps the records behind it until the learner has caught up', async () => {
    await storage.snapshot(history.endAt(20), contentOf(100));
    sender.begin(requestOf(2, 15));
    await settle();
    storage.append(history.many(100));
    await settle();
    const snapshotAll = async (): Promise<void> => {
      for (const zxid of [60, 90, 120, 140]) {
        await storage.snapshot(history.endAt(zxid), contentOf(10 + zxid));
      }
    };
    await snapshotAll();
    expect(storage.oldestRecord).toBeLessThanOrEqual(21);
    sender.synced(2);
    storage.append(history.many(1));
    await settle();
    await storage.snapshot(history.endAt(141), contentOf(10));
    expect(storage.oldestRecord).toBeGreaterThan(21);
  });
});
