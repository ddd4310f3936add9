/** The log of one node, as the checkers know it. */

export interface Entry {
  readonly epoch: number;
  readonly chain: number;
}

export interface Placed extends Entry {
  readonly zxid: number;
}

/** What a snapshot stands for, and the records behind it. */
export interface Log {
  base: Placed;
  entries: Entry[];
}

export const emptyLog = (): Log => ({ base: { zxid: 0, epoch: 0, chain: 0 }, entries: [] });

export function lastOf({ base, entries }: Log): Placed {
  const last = entries.at(-1);
  return last === undefined ? base : { ...last, zxid: base.zxid + entries.length };
}

/** Of what a snapshot stands for only the last is known, and all before it is committed. */
export function entryAt({ base, entries }: Log, zxid: number): Entry | undefined {
  return zxid === base.zxid ? base : entries[zxid - base.zxid - 1];
}
