/** A node whose log is damaged, or whose state is wrong: it comes back by itself, and never harms the others. */
import { crc32 } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { defaultLimits } from '../../../../src/protocol/limits.ts';
import { StateSnapshot } from '../../../../src/replica/snapshots.ts';
import { StateMachine } from '../../../../src/replica/state-machine.ts';
import { Storage } from '../../../../src/storage/index.ts';
import { decodeTransaction } from '../../../../src/tree/index.ts';
import { InProcessEnsemble } from '../../../support/in-process-ensemble.ts';
import { MemoryDisk } from '../../../support/memory-disk.ts';

let ensemble: InProcessEnsemble;

afterEach(() => ensemble.stop());

/** In the middle of the log, where whole batches follow. */
async function damageLog(disk: MemoryDisk): Promise<void> {
  const names = (await disk.list('log')).filter((name) => name.endsWith('.log'));
  disk.flipBit(`log/${names[0] ?? ''}`, 300);
}

/** A snapshot that claims to be of this history, of a state in which one write had another text. */
async function falsify(disk: MemoryDisk): Promise<void> {
  const checksum = (bytes: Uint8Array, seed: number): number => crc32(bytes, seed);
  const { storage, recovered } = await Storage.open({ disk, checksum, randomId: () => 'id' });
  const state = new StateMachine({ limits: defaultLimits });
  for await (const batch of recovered.records()) {
    for (const record of batch) {
      const transaction = record.kind === 'epoch' ? undefined : decodeTransaction(record.payload);
      const changes = transaction?.changes.map((change) =>
        change.type === 'create' ? { ...change, data: Uint8Array.of(0) } : change,
      );
      state.apply(record, transaction && { ...transaction, changes: changes ?? [] });
    }
  }
  async function* chunks(): AsyncGenerator<Uint8Array> {
    yield* new StateSnapshot(state).chunks();
  }
  await storage.snapshot({ position: state.applied, chain: state.chain }, chunks());
  await storage.close();
}

async function writeMany(count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) {
    expect((await ensemble.theLeader.put(`/n${n}`, String(n))).type).toBe('result');
  }
}

describe('a node with a damaged log', () => {
  it('sets it aside, learns everything anew, and then counts again', async () => {
    ensemble = await InProcessEnsemble.start();
    await writeMany(20);
    ensemble.crash(1);
    await damageLog(ensemble.node(1).disk);
    const node = await ensemble.startNode(1, ensemble.node(1).disk);
    expect(node.alarms.join('\n')).toContain('neither votes nor counts');
    expect((await node.disk.list('log')).some((name) => name.includes('.aside-1'))).toBe(true);
    await ensemble.untilServing();
    await ensemble.until(() => node.log.join('\n').includes('counts again'));
    await ensemble.untilEqual();
    expect(node.digest).toBe(ensemble.theLeader.digest);
    const again = await ensemble.restart(1);
    expect(again.alarms).toEqual([]);
    await ensemble.untilServing();
    ensemble.crash(ensemble.theLeader.id);
    await ensemble.untilServing();
    expect(await ensemble.theLeader.get('/n19')).toBe('19');
  });

  it('helps nobody to a leadership that could lack what it had acknowledged', async () => {
    ensemble = await InProcessEnsemble.start();
    ensemble.crash(2);
    await writeMany(10);
    ensemble.crash(1);
    ensemble.crash(3);
    await damageLog(ensemble.node(1).disk);
    await ensemble.startNode(1, ensemble.node(1).disk);
    await ensemble.restart(2);
    await ensemble.pass(10_000);
    expect(ensemble.leader).toBeUndefined();
    await ensemble.restart(3);
    await ensemble.untilServing();
    expect(await ensemble.theLeader.get('/n9')).toBe('9');
  });
});

describe('a node whose state is not that of the quorum', () => {
  it('ends, and comes back with the state of the others', async () => {
    ensemble = await InProcessEnsemble.start();
    await writeMany(5);
    await ensemble.untilEqual();
    ensemble.crash(1);
    await falsify(ensemble.node(1).disk);
    const wrong = await ensemble.startNode(1, ensemble.node(1).disk);
    await ensemble.until(() => !wrong.isRunning, 60_000, 'the node ends');
    expect(wrong.fatal?.message).toContain('is not that of the quorum');
    expect(ensemble.nodes.map(({ id }) => id)).toEqual([2, 3]);
    const back = await ensemble.restart(1);
    expect(back.alarms.join('\n')).toContain('what it held was not what the quorum held');
    await ensemble.untilServing();
    await ensemble.untilEqual();
    expect(back.digest).toBe(ensemble.theLeader.digest);
    expect(await back.get('/n3')).toBe('3');
  });

  it('is not condemned by the word of a voter whose data directory is lost', async () => {
    ensemble = await InProcessEnsemble.start();
    await writeMany(5);
    await ensemble.untilEqual();
    ensemble.crash(1);
    ensemble.crash(3);
    await falsify(ensemble.node(1).disk);
    const other = await ensemble.startNode(1, ensemble.node(1).disk);
    const wiped = await ensemble.startNode(3, new MemoryDisk());
    await ensemble.untilServing();
    await ensemble.pass(20_000);
    expect(wiped.digest).not.toBe(other.digest);
    // One vote against one: nobody knows who is right, and nothing is thrown away.
    expect(ensemble.nodes.map(({ id }) => id).sort()).toEqual([1, 2, 3]);
  });
});
