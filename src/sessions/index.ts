/** Sessions and watches: what lives, until when, and who is told of a change. */
export { SessionTable } from './session-table.ts';
export type { SessionSnapshot, SessionTerms } from './session-table.ts';
export type { SessionRow } from './session-rows.ts';
export { ExpiryQueue } from './expiry-queue.ts';
export type { ExpiryQueueOptions } from './expiry-queue.ts';
export { compareOneShot, WatchTable } from './watch-table.ts';
export type { ChangeKind, EmitWatch, WatchTrigger } from './watch-table.ts';
