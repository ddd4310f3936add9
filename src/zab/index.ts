/** The broadcast protocol as a function of its inputs, and the words it shares with its driver. */
export { Zab } from './zab.ts';
export { defaultStreamLimits, defaultTimeouts } from './options.ts';
export type {
  BarrierOptions,
  LearnerStatus,
  Member,
  StreamLimits,
  ZabOptions,
  ZabStatus,
  ZabTimeouts,
} from './options.ts';
export type {
  BarrierId,
  Disconnection,
  OutgoingMessage,
  ReadRequest,
  Ready,
  RoleName,
  SettledBarrier,
  SnapshotChunk,
  SnapshotOver,
  SnapshotProgress,
  SnapshotRequest,
  TraceEvent,
} from './ready.ts';
export type {
  AckEpochMessage,
  AckMessage,
  AppendMessage,
  FollowerInfoMessage,
  HandOffMessage,
  LeaderInfoMessage,
  LeaderMessage,
  LearnerMessage,
  PeerState,
  PingMessage,
  PongMessage,
  RefuseMessage,
  SnapshotAckMessage,
  SnapshotMessage,
  VoteMessage,
  ZabMessage,
} from './messages.ts';
export type { LogStart } from './log-view.ts';
export { noMutations } from './mutations.ts';
export type { Mutations } from './mutations.ts';
export { decodeEpochRecord, encodeEpochRecord } from './epoch-record.ts';
export type { EpochRecord } from './epoch-record.ts';
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
  InstalledSnapshot,
  LogPosition,
  LogRecord,
  Peer,
  ReadResult,
  RecordKind,
  RecordSource,
} from './types.ts';
