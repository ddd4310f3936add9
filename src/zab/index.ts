/** The broadcast protocol as a function of its inputs, and the words it shares with its driver. */
export { Zab } from './zab.ts';
export type { ZabOptions } from './zab.ts';
export type { BarrierId, Ready, SettledBarrier, TraceEvent } from './ready.ts';
export type { ZabMessage } from './messages.ts';
export type { LogStart } from './log-view.ts';
export { decodeEpochRecord, encodeEpochRecord } from './epoch-record.ts';
export {
  decodeRecord,
  encodeRecord,
  recordBytesMax,
  recordHeaderBytes,
  recordOfFrame,
} from './record.ts';
export { comparePositions, noPosition } from './types.ts';
export type { EpochPromise, LogPosition, LogRecord, RecordKind } from './types.ts';
