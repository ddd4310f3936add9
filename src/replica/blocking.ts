/** Requests that hold back what is behind them on their stream: writes, or reads as well. */
import { isRead } from './requests.ts';
import type { Pending } from './stream.ts';

/** From now on until `unblock`. */
export function block(pending: Pending): void {
  const { stream, blocks, operation } = pending;
  if (stream === undefined || blocks) return;
  pending.blocks = true;
  stream.blocking++;
  if (isRead(operation)) stream.blockingReads++;
}

export function unblock(pending: Pending): void {
  const { stream, blocks, operation } = pending;
  if (stream === undefined || !blocks) return;
  pending.blocks = false;
  stream.blocking--;
  if (isRead(operation)) stream.blockingReads--;
}
