/** What is on the disks of the three nodes when a model begins. */
import { encodeConfig } from '../../../src/zab/config.ts';
import { encodeEpochRecord, encodeRecord } from '../../../src/zab/index.ts';
import type { LogPosition, LogRecord } from '../../../src/zab/index.ts';
import { emptyImage } from '../../scenario/harness/disk.ts';
import type { DiskImage } from '../../scenario/harness/disk.ts';
import { crc32Of } from '../../scenario/harness/found.ts';

const encoder = new TextEncoder();
const lives = [
  { id: 9, incarnation: 'A1' },
  { id: 8, incarnation: 'B1' },
  { id: 7, incarnation: 'C1' },
] as const;

/** The first leader of the cluster, which is none of the three: so all of them are alike. */
const founder = { id: 6, incarnation: 'D1' } as const;

/** Nothing: the cluster is about to be born. */
export const newborn = lives.map(({ incarnation }) => emptyImage(incarnation));

/** A cluster that has been founded and has done nothing since. */
export const founded = lives.map((life) => imageOf(life, '1e', { epoch: 1, of: founder }));

/**
 * The third record is of epoch 1 at A, its leader, which alone has it, and of epoch 2 at B, which has had a
 * promise of C and nothing more. What was committed before is on all disks.
 */
export const divided = [
  imageOf(lives[0], '1e 1t 1t', { epoch: 1, of: founder }),
  imageOf(lives[1], '1e 1t 2e', { epoch: 2, of: lives[1] }),
  imageOf(lives[2], '1e 1t', { epoch: 2, of: lives[1] }),
];

interface Life {
  readonly id: number;
  readonly incarnation: string;
}

/** @param log its records by epoch and kind: an epoch record, or a transaction */
function imageOf(life: Life, log: string, promise: { epoch: number; of: Life }): DiskImage {
  const { of: leader, epoch } = promise;
  return {
    ...emptyImage(life.incarnation),
    records: recordsOf(log, leader),
    promise: { epoch, leader: leader.id, incarnation: leader.incarnation },
    committed: { epoch: 1, zxid: 1 } satisfies LogPosition,
  };
}

function recordsOf(log: string, leader: Life): LogRecord[] {
  const records: LogRecord[] = [];
  for (const word of log.split(' ')) {
    const epoch = Number(word[0]);
    const kind = word.endsWith('e') ? 'epoch' : 'txn';
    const { zxid = 0, chain = 0 } = records.at(-1) ?? {};
    const by = epoch === 1 ? founder : leader;
    const payload = kind === 'epoch' ? epochPayload(by) : encoder.encode(`old ${zxid + 1}`);
    const head = { epoch, zxid: zxid + 1, kind, previousChain: chain } as const;
    records.push(encodeRecord(head, payload, crc32Of));
  }
  return records;
}

function epochPayload({ id, incarnation }: Life): Uint8Array {
  const config = encodeConfig(lives.map((life) => ({ ...life, role: 'voter' as const })));
  const head = { leader: id, incarnation, clusterId: 'cluster-of-D', featureLevel: 1 };
  return encodeEpochRecord({ ...head, config });
}
