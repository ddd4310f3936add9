/** The broadcast protocol as a function of its inputs, and the words it shares with its driver. */
export { Zab } from './zab.ts';
export { defaultTimeouts } from './options.ts';
export type { BarrierOptions, ZabOptions, ZabStatus } from './options.ts';
export type {
  BarrierId,
  ReadRequest,
  Ready,
  SettledBarrier,
  SnapshotChunk,
  SnapshotOver,
  SnapshotProgress,
  SnapshotRequest,
  TraceEvent,
} from './ready.ts';
export type {
  AckEpochMessage,
  AppendMessage,
  FollowerInfoMessage,
  HandOffMessage,
  LeaderInfoMessage,
  RefuseMessage,
  SnapshotAckMessage,
  SnapshotMessage,
  VoteMessage,
  ZabMessage,
} from './messages.ts';
export type { Departure } from './learner.ts';
export type { LogStart } from './log-view.ts';
export { countedMax } from './bounds.ts';
export { decodeEpochRecord, encodeEpochRecord } from './epoch-record.ts';
export {
  decodeRecord,
  encodeRecord,
  recordBytesMax,
  recordHeaderBytes,
  recordOfFrame,
} from './record.ts';
export { comparePositions, noPosition } from './types.ts';
export type {
  EpochPromise,
  LogPosition,
  LogRecord,
  Peer,
  ReadResult,
  RecordKind,
  RecordSource,
} from './types.ts';
