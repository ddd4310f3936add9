/** Messages and events of the core as lines of a trace. */
import type { TraceEvent, ZabMessage } from '../../../src/zab/index.ts';
import { nameOf, positionText, recordsText } from './words.ts';

type Texts<Told extends { readonly type: string }> = {
  readonly [Type in Told['type']]: (told: Extract<Told, { readonly type: Type }>) => string;
};

const messageTexts: Texts<ZabMessage> = {
  VOTE: ({ round, candidate, key, state, epoch, leader }) => {
    if (state !== 'looking') {
      const whom = leader === undefined ? 'nobody' : nameOf(leader);
      return `${state}, leader ${whom}, epoch ${epoch}`;
    }
    if (candidate === 0) return `for nobody, round ${round}`;
    return `for ${nameOf(candidate)} ${positionText(key)}, round ${round}`;
  },
  FOLLOWERINFO: ({ promise, last, recovering }) =>
    `promise ${promise?.epoch ?? 0}, last ${positionText(last)}${recovering ? ', recovering' : ''}`,
  LEADERINFO: ({ epoch, voter }) => `epoch ${epoch}${voter ? '' : ', without a vote'}`,
  ACKEPOCH: ({ epoch, last, committed, counted }) => {
    const ends = `last ${positionText(last)}, committed ${positionText(committed)}`;
    return `${epoch}, ${ends}${counted ? '' : ', not counted'}`;
  },
  APPEND: ({ previous, records, committed }) => {
    const what = records.length === 0 ? 'nothing' : recordsText(records);
    return `behind ${positionText(previous)}: ${what}; committed ${positionText(committed)}`;
  },
  ACK: ({ position }) => positionText(position),
  PING: ({ round, committed }) => `round ${round}, committed ${positionText(committed)}`,
  PONG: ({ round }) => `round ${round}`,
  SNAPSHOT: ({ position, index, last }) =>
    `${positionText(position)} piece ${index}${last ? ', the last' : ''}`,
  SNAPSHOTACK: ({ index }) => `piece ${index}`,
  HANDOFF: ({ to }) => `to ${nameOf(to)}`,
  REFUSE: ({ reason }) => named(reason),
};

const eventTexts: Texts<TraceEvent> = {
  role: ({ role, leader, tenure }) =>
    `${role}${leader === undefined ? '' : ` ${nameOf(leader)}`} (tenure ${tenure})`,
  elected: ({ leader, round }) => `elects ${nameOf(leader)} in round ${round}`,
  promise: ({ epoch, leader }) => `promises epoch ${epoch} to ${nameOf(leader)}`,
  'epoch-record': ({ position }) => `epoch record ${positionText(position)}`,
  established: ({ epoch, committed }) =>
    `establishes epoch ${epoch}, committed ${positionText(committed)}`,
  synced: ({ learner, position }) => `has ${nameOf(learner)} synced at ${positionText(position)}`,
  serving: ({ epoch, committed }) =>
    `may serve in epoch ${epoch}, committed ${positionText(committed)}`,
  truncated: ({ after }) => `cuts its log after ${positionText(after)}`,
  snapshot: ({ to, atLeast }) =>
    `wants a snapshot for ${nameOf(to)}, at least ${positionText(atLeast)}`,
  installed: ({ position }) => `goes on from the snapshot ${positionText(position)}`,
  recovered: ({ epoch }) => `has recovered in epoch ${epoch}`,
  handoff: ({ to, position }) => `hands over to ${nameOf(to)} at ${positionText(position)}`,
  reset: ({ reason }) => `resets: ${named(reason)}`,
  alarm: ({ text }) => `ALARM: ${named(text)}`,
  violation: ({ peer, reason }) => `sees a violation by ${nameOf(peer)}: ${named(reason)}`,
  ignored: ({ what, reason }) => `ignores ${named(what)}: ${named(reason)}`,
};

export function messageText(message: ZabMessage): string {
  const text = messageTexts[message.type] as (message: ZabMessage) => string;
  return `${message.type} ${text(message)}`;
}

export function eventText(event: TraceEvent): string {
  const text = eventTexts[event.type] as (event: TraceEvent) => string;
  return text(event);
}

/** Server ids in sentences of the core as names. */
function named(text: string): string {
  return text.replace(
    /\b(of|by|voter|node|learner|leader|to|server|peer|member) (\d)\b/g,
    (_all, word: string, id: string) => `${word} ${nameOf(Number(id))}`,
  );
}
