/** Sessions and watches: what lives, until when, and who is told of a change. */
export { SessionTable } from './session-table.ts';
export type { SessionSnapshot } from './session-table.ts';
export type { SessionRow } from './session-rows.ts';
export { ExpiryQueue } from './expiry-queue.ts';
export { compareOneShot, WatchTable } from './watch-table.ts';
export type { ChangeKind } from './watch-table.ts';
