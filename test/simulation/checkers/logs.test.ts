/** Who counts for a commit when disks are lost between an acknowledgement and the commit that counts it. */
import { crc32 } from 'node:zlib';
import { expect, test } from 'vitest';
import { Storage } from '../../../src/storage/index.ts';
import { encodeRecord } from '../../../src/zab/record.ts';
import type { LogRecord } from '../../../src/zab/types.ts';
import { MemoryDisk } from '../../support/memory-disk.ts';
import { rot } from '../rot.ts';
import { Machine } from '../world/machine.ts';
import type { Life, MachineParts } from '../world/machine.ts';
import { Commits } from './commits.ts';
import { Logs } from './logs.ts';

const checksum = (bytes: Uint8Array, seed: number): number => crc32(bytes, seed);

/** Epoch records, since anybody may propose one: the first to the last of the log. */
function recordsUpTo(last: number): readonly LogRecord[] {
  const records: LogRecord[] = [];
  let previousChain = 0;
  for (let zxid = 1; zxid <= last; zxid += 1) {
    const head = { epoch: zxid, zxid, kind: 'epoch', previousChain } as const;
    const record = encodeRecord(head, new Uint8Array(40), checksum);
    previousChain = record.chain;
    records.push(record);
  }
  return records;
}

/** What all have before anything is lost: enough for damage to have something behind it. */
const LAST = 10;

class Voter {
  readonly life: Life;
  readonly #logs: Logs;
  #disk = new MemoryDisk();
  #storage: Storage | undefined;

  constructor(logs: Logs, id: number) {
    this.#logs = logs;
    this.life = { machine: new Machine({ id } as MachineParts), number: 1 } as Life;
  }

  get storage(): Storage {
    if (this.#storage === undefined) throw new Error('it is open');
    return this.#storage;
  }

  async open(): Promise<void> {
    const disk = this.#disk;
    const { storage, recovered } = await Storage.open({
      ...{ disk, checksum, randomId: () => 'i', onDamage: 'set-aside', segmentBytes: 16_384 },
    });
    this.#logs.opened(this.life, recovered);
    this.#logs.attend(this.life, storage);
    this.#storage = storage;
  }

  /** What the node has from a leader of this epoch, on disk before this returns. */
  async takes(from: number, to: number): Promise<void> {
    await this.storage.writePromise({ epoch: to, leader: 1, incarnation: 'i' });
    for (const record of recordsUpTo(to).slice(from - 1)) {
      const durable = new Promise<void>((resolve) => {
        this.storage.onDurable(({ zxid }) => zxid === record.zxid && resolve());
      });
      this.storage.append([record]);
      await durable;
    }
  }

  says(zxid: number): void {
    this.#logs.tells(this.life, { epoch: zxid, zxid });
  }

  async loses(how: 'all' | 'some'): Promise<void> {
    this.#disk = this.#disk.kill();
    if (how === 'all') {
      this.#logs.wiped(this.life.machine.id);
      this.#disk = new MemoryDisk();
    } else {
      this.#logs.damaged(this.life.machine.id);
      await rot(this.#disk, { kind: 'log', suffix: 'a', which: 0, where: 0.5 });
    }
  }
}

async function fiveVoters(): Promise<readonly [Voter, Voter, Voter]> {
  const logs = new Logs(new Commits(), [1, 2, 3, 4, 5]);
  const voters = [new Voter(logs, 1), new Voter(logs, 2), new Voter(logs, 3)] as const;
  for (const voter of voters) {
    await voter.open();
    await voter.takes(1, LAST);
  }
  return voters;
}

test.each(['all', 'some'] as const)(
  'a voter that loses %s of its disk counts for what it had acknowledged',
  async (how) => {
    const [leader, , third] = await fiveVoters();
    await third.loses(how);
    await third.open();
    expect(() => leader.says(LAST)).not.toThrow();
  },
);

test.each(['all', 'some'] as const)(
  'a voter that has lost %s of its disk counts for nothing more',
  async (how) => {
    const [leader, second, third] = await fiveVoters();
    await third.loses(how);
    await third.open();
    await third.takes(1, LAST + 1);
    for (const voter of [leader, second]) await voter.takes(LAST + 1, LAST + 1);
    expect(() => leader.says(LAST + 1)).toThrow(
      /^I-10: record 11 is committed, and only 1, 2 have/,
    );
  },
);

test('a voter that has all again counts again, and one with another disk never does', async () => {
  for (const how of ['some', 'all'] as const) {
    const [leader, second, third] = await fiveVoters();
    await third.loses(how);
    await third.open();
    await third.takes(1, LAST + 1);
    for (const voter of [leader, second]) await voter.takes(LAST + 1, LAST + 1);
    await third.storage.recovered();
    if (how === 'some') expect(() => leader.says(LAST + 1)).not.toThrow();
    else expect(() => leader.says(LAST + 1)).toThrow(/^I-10/);
  }
});
