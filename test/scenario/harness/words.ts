/** How positions, records and nodes are written in scenario scripts. */
import { decodeEpochRecord } from '../../../src/zab/index.ts';
import type { LogPosition, LogRecord } from '../../../src/zab/index.ts';

/**
 * Voters are A to E, observers O to Q. In a tie the greater server id wins an election, so A has the
 * greatest: it leads where nothing else is said.
 */
const ids = new Map([
  ...(['A', 'B', 'C', 'D', 'E'] as const).map((name, index) => [name, 9 - index] as const),
  ...(['O', 'P', 'Q'] as const).map((name, index) => [name, 4 - index] as const),
]);
const names = new Map([...ids].map(([name, id]) => [id, name]));
const decoder = new TextDecoder();

export const voterNames = ['A', 'B', 'C', 'D', 'E'] as const;
export const observerNames = ['O', 'P', 'Q'] as const;

export function nameOf(id: number): string {
  return names.get(id) ?? String(id);
}

/** @throws Error for what is no name of a node */
export function idOf(name: string): number {
  const id = ids.get(name as 'A');
  if (id === undefined) throw new Error(`${name} is no node`);
  return id;
}

/** `2/7`: zxid 7, of epoch 2. */
export function positionText({ epoch, zxid }: LogPosition): string {
  return `${epoch}/${zxid}`;
}

export function positionOf({ epoch, zxid }: LogPosition): LogPosition {
  return { epoch, zxid };
}

export function parsePosition(text: string): LogPosition {
  const [epoch, zxid] = text.split('/').map(Number);
  if (!Number.isSafeInteger(epoch) || !Number.isSafeInteger(zxid)) {
    throw new Error(`${text} is no position`);
  }
  return { epoch: epoch ?? 0, zxid: zxid ?? 0 };
}

export function payloadText({ payload }: LogRecord): string {
  return decoder.decode(payload);
}

/** `2/7 x` for a transaction with the payload x, `2/6 epoch of B` for an epoch record. */
export function recordText(record: LogRecord): string {
  const isEpoch = record.kind === 'epoch';
  const what = isEpoch
    ? `epoch of ${nameOf(decodeEpochRecord(record.payload).leader)}`
    : payloadText(record);
  return `${positionText(record)} ${what}`;
}

/** Many records, shortened in the middle. */
export function recordsText(records: readonly LogRecord[]): string {
  if (records.length <= 5) return records.map(recordText).join(', ');
  const ends = [records[0], records[1]].map((record) => (record ? recordText(record) : ''));
  const last = records.at(-1);
  return `${ends.join(', ')} … ${last ? recordText(last) : ''} (${records.length})`;
}
