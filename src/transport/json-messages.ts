/** Those messages of the broadcast protocol that are too rare for a layout of their own. */
import type {
  AckEpochMessage,
  EpochPromise,
  FollowerInfoMessage,
  HandOffMessage,
  LeaderInfoMessage,
  RefuseMessage,
  SnapshotAckMessage,
  VoteMessage,
  ZabMessage,
} from '../zab/index.ts';
import {
  count,
  counted,
  featureLevel,
  fields,
  flag,
  FormatError,
  list,
  nodeId,
  oneOf,
  optional,
  position,
  readJson,
  text,
  uint32,
} from './fields.ts';
import type { Reader } from './fields.ts';

const NAME_LENGTH_MAX = 128;
const REASON_LENGTH_MAX = 2048;
const EPOCH_STARTS_MAX = 65_536;

const name = text(NAME_LENGTH_MAX);

const promise = fields<EpochPromise>({
  epoch: counted,
  leader: nodeId,
  incarnation: name,
});

const readers: ReadonlyMap<unknown, Reader<ZabMessage>> = new Map<unknown, Reader<ZabMessage>>([
  [
    'VOTE',
    fields<VoteMessage>({
      type: oneOf('VOTE'),
      round: counted,
      candidate: nodeId,
      key: position,
      state: oneOf('looking', 'following', 'leading', 'observing'),
      epoch: counted,
      leader: optional(nodeId),
    }),
  ],
  [
    'FOLLOWERINFO',
    fields<FollowerInfoMessage>({
      type: oneOf('FOLLOWERINFO'),
      tenure: count,
      promise: optional(promise),
      clusterId: optional(name),
      featureLevel,
      recovering: flag,
      last: position,
    }),
  ],
  [
    'LEADERINFO',
    fields<LeaderInfoMessage>({
      type: oneOf('LEADERINFO'),
      tenure: count,
      epoch: counted,
      incarnation: name,
      clusterId: optional(name),
      voter: flag,
    }),
  ],
  [
    'ACKEPOCH',
    fields<AckEpochMessage>({
      type: oneOf('ACKEPOCH'),
      tenure: count,
      epoch: counted,
      counted: flag,
      last: position,
      chain: uint32,
      committed: position,
      epochStarts: list(position, EPOCH_STARTS_MAX),
    }),
  ],
  [
    'SNAPSHOTACK',
    fields<SnapshotAckMessage>({
      type: oneOf('SNAPSHOTACK'),
      tenure: count,
      transfer: count,
      index: count,
    }),
  ],
  [
    'HANDOFF',
    fields<HandOffMessage>({ type: oneOf('HANDOFF'), tenure: count, to: nodeId, round: counted }),
  ],
  [
    'REFUSE',
    fields<RefuseMessage>({
      type: oneOf('REFUSE'),
      tenure: count,
      reason: text(REASON_LENGTH_MAX),
    }),
  ],
]);

const anyMessage: Reader<ZabMessage> = (value, at) => {
  const type =
    typeof value === 'object' && value !== null && 'type' in value ? value.type : undefined;
  const reader = readers.get(type);
  if (reader === undefined) throw new FormatError(`${at} has no type that is known`);
  return reader(value, String(type));
};

/** @throws FormatError */
export function decodeJsonMessage(bytes: Uint8Array): ZabMessage {
  return readJson(bytes, anyMessage, 'a message');
}
