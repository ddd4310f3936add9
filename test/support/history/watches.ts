/** A persistent-recursive watch is told everything, once, in order, wherever it is carried. */
import type { Findings, LedgerEntry, WatchConnection, WatchLog } from './facts.ts';

/** @param entries of one ledger that reaches over the whole time of the watch, in order */
export function checkWatch(
  log: WatchLog,
  entries: readonly LedgerEntry[],
  findings: Findings,
): number {
  const { path } = log;
  const isBelow = (other: string): boolean => other === path || other.startsWith(`${path}/`);
  const expected = entries
    .map(({ zxid, changes }) => ({ zxid, changes: changes.filter((one) => isBelow(one.path)) }))
    .filter(({ changes }) => changes.length > 0);
  let told = 0;
  for (const connection of log.connections) {
    told += checkConnection(connection, expected, (text) => {
      findings.add('watch', `${log.client} at node ${connection.node}: ${text}`);
    });
  }
  return told;
}

function checkConnection(
  { from, seen }: WatchConnection,
  expected: readonly LedgerEntry[],
  report: (text: string) => void,
): number {
  let next = firstAfter(expected, from);
  let told = 0;
  for (const item of seen) {
    if (item.type !== 'events') {
      const missed = expected[next];
      if (missed !== undefined && missed.zxid <= item.zxid) {
        report(`the ${item.type} of ${item.zxid} came before the events of ${missed.zxid}`);
        next = firstAfter(expected, item.zxid);
      }
      continue;
    }
    told += 1;
    const entry = expected[next];
    if (entry === undefined || entry.zxid > item.zxid) {
      report(`events of ${item.zxid} again, or of nothing that has changed`);
    } else if (entry.zxid < item.zxid) {
      report(`the events of ${entry.zxid} are missing before ${item.zxid}`);
      next = firstAfter(expected, item.zxid);
    } else {
      const wanted = entry.changes.map(({ type, path }) => `${type} ${path}`).join();
      const actual = item.events.map(({ type, path }) => `${type} ${path}`).join();
      if (wanted !== actual) report(`events of ${item.zxid} are ${actual}, not ${wanted}`);
      next += 1;
    }
  }
  return told;
}

function firstAfter(entries: readonly LedgerEntry[], zxid: number): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((entries[middle]?.zxid ?? 0) <= zxid) low = middle + 1;
    else high = middle;
  }
  return low;
}
