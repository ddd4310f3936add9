/** Reads from one node what was committed below a znode: the events of a watch that begins in the past. */
import type { Change, ChangeType, Ledger, LedgerEntry } from '../history/facts.ts';
import type { SeenStat } from '../history/operation.ts';
import { SseClient } from '../sse-client.ts';
import { within } from '../waiting.ts';
import type { Place } from './client.ts';

export interface LedgerRange {
  readonly root: string;
  /** Everything after this. */
  readonly from: number;
  /** Up to here: a transaction that changes something below `root`. */
  readonly to: number;
}

/** @returns undefined when the node does not know what was so long ago */
export async function readLedger(
  { id, url }: Place,
  range: LedgerRange,
): Promise<Ledger | undefined> {
  const { root, from, to } = range;
  const path = `/watch${root}?mode=persistent-recursive&with=data&from=${from}`;
  const client = await SseClient.open(url, path, { headers: { 'Zk-Min-Zxid': String(to) } });
  try {
    if (client.status === 410) return undefined;
    if (client.status !== 200) throw new Error(`node ${id} answers ${client.status} to ${path}`);
    const entries = await within(`the ledger of node ${id}`, 60_000, collect(client, to));
    return entries && { node: id, from, to, entries };
  } finally {
    client.close();
  }
}

async function collect(client: SseClient, to: number): Promise<LedgerEntry[] | undefined> {
  const entries: { zxid: number; changes: Change[] }[] = [];
  for (;;) {
    const message = await client.nextOfAny();
    if (message === undefined) throw new Error(`a ledger ended before ${to}`);
    if (message.event === 'gone') return undefined;
    const zxid = Number(message.data['zxid']);
    // The events of one transaction come together, so that the next one's, or a bookmark, ends them.
    if (zxid > to || (message.event === 'bookmark' && zxid >= to)) return entries;
    if (message.event === 'bookmark') continue;
    let last = entries.at(-1);
    if (last?.zxid !== zxid) entries.push((last = { zxid, changes: [] }));
    last.changes.push(changeOf(message.data));
    if (zxid === to) return entries;
  }
}

function changeOf(event: Record<string, unknown>): Change {
  const type = event['type'] as ChangeType;
  const path = event['path'] as string;
  if (type === 'NodeDeleted') return { type, path };
  const { ephemeralOwner } = event['stat'] as SeenStat;
  return { type, path, data: event['data'] as string, owner: ephemeralOwner };
}
