/** The broadcast protocol as a function of its inputs, and the words it shares with its driver. */
export { Zab } from './zab.ts';
export type { BarrierOptions, ZabOptions, ZabStatus, ZabTimeouts } from './zab.ts';
export type {
  BarrierId,
  BarrierOutcome,
  OutgoingMessage,
  Ready,
  SettledBarrier,
  TraceEvent,
} from './ready.ts';
export type { ZabMessage } from './messages.ts';
export type { LogStart } from './log-view.ts';
export { decodeEpochRecord, encodeEpochRecord } from './epoch-record.ts';
export type { EpochRecord } from './epoch-record.ts';
export {
  decodeRecord,
  encodeRecord,
  recordBytesMax,
  recordHeaderBytes,
  recordOfFrame,
} from './record.ts';
export type { DecodedRecord, RecordHead } from './record.ts';
export { comparePositions, noPosition } from './types.ts';
export type { Checksum, EpochPromise, LogPosition, LogRecord, RecordKind } from './types.ts';
