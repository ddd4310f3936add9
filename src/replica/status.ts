/** What a node says of itself and of the ensemble, as `GET /ensemble` and the health checks show it. */
import type { CoordinatorStatus, MemberStatus } from '../protocol/coordination.ts';
import type { Zxid } from '../protocol/model.ts';
import type { PeerLink } from '../transport/transport.ts';
import type { ZabStatus } from '../zab/index.ts';
import { isStranger } from './absent.ts';
import type { AvailabilityState } from './availability.ts';
import type { Core } from './core.ts';
import { diskSilenceText } from './disk-silence.ts';
import type { MemberSettings } from './host.ts';
import type { MemberView } from './peer-messages.ts';

export interface StatusParts {
  readonly core: Core;
  readonly zab: ZabStatus;
  readonly clusterId: string | undefined;
  readonly availability: AvailabilityState;
  /** The others as the leader has last heard of them. */
  readonly seen: readonly MemberView[];
  /** The members that are connected now. */
  readonly links: ReadonlyMap<number, Pick<PeerLink, 'incarnation'>>;
  /** Where the clients of each node connect, by its links. */
  readonly urls: ReadonlyMap<number, string>;
  /** What is known to be committed in the ensemble. */
  readonly committed: Zxid;
  readonly serving: boolean;
  readonly stopping: boolean;
  /** For how long the disk has completed nothing, milliseconds; 0 while it does not hang. */
  readonly diskStalledMs: number;
}

export function statusOf(parts: StatusParts): CoordinatorStatus {
  const { settings, zxid, state } = parts.core;
  const { epoch, leader } = parts.zab;
  const notReady = reasonOf(parts);
  return {
    server: settings.self,
    clusterId: parts.clusterId ?? '',
    configZxid: state.epochRecord?.zxid ?? 0,
    epoch,
    leader: leader ?? null,
    readOnly: parts.availability === 'readOnly',
    members: membersOf(settings).map((member) => memberStatus(member, parts)),
    appliedZxid: zxid,
    ...(notReady !== undefined && { notReady }),
    warnings: warningsOf(parts),
    sessionTimeoutMinMs: settings.sessionTimeoutMinMs,
    sessionTimeoutMaxMs: settings.sessionTimeoutMaxMs,
    sessionTimeoutDefaultMs: settings.sessionTimeoutDefaultMs,
    voters: settings.voters.length,
  };
}

/** As listed, or as far as the ids say. */
function membersOf(settings: Core['settings']): readonly MemberSettings[] {
  if (settings.members !== undefined) return settings.members;
  const voters = settings.voters.map((id) => ({ id, role: 'participant' as const }));
  const observers = (settings.observers ?? []).map((id) => ({ id, role: 'observer' as const }));
  return [...voters, ...observers];
}

function memberStatus(member: MemberSettings, parts: StatusParts): MemberStatus {
  const { id, role, peer = null } = member;
  const { settings, zxid: ownZxid } = parts.core;
  const isSelf = id === settings.self;
  const seen = parts.seen.find((view) => view.id === id);
  const state = isSelf ? parts.zab.role : stateOf(id, role, { ...parts, seenAs: seen });
  const zxid = isSelf ? ownZxid : zxidOf(id, seen, parts);
  const url = isSelf ? settings.url : parts.urls.get(id);
  const lag = Math.max(0, parts.committed - zxid);
  const votes = votesOf(member, parts);
  return { id, role, votes, state, peer, url: url ?? null, zxid, lag };
}

/** The leader has what is committed, however long ago it has said where it is. */
function zxidOf(id: number, seen: MemberView | undefined, { zab, committed }: StatusParts): Zxid {
  const told = seen?.zxid ?? 0;
  return zab.leader === id ? Math.max(told, committed) : told;
}

/** One that is not connected is taken for the life that the configuration names: it may come back as it. */
function votesOf({ id, role }: MemberSettings, { core, zab, links }: StatusParts): boolean {
  if (role === 'observer') return false;
  if (id === core.settings.self) return zab.voter;
  const link = links.get(id);
  return link === undefined || !isStranger(id, link.incarnation, zab.members);
}

/** What the leader says; else what this node itself can tell from its links. */
function stateOf(
  id: number,
  role: MemberSettings['role'],
  parts: StatusParts & { readonly seenAs: MemberView | undefined },
): MemberStatus['state'] {
  const { zab, seenAs, links } = parts;
  if (zab.leader === id) return 'leading';
  const learner = zab.learners.find((each) => each.id === id);
  if (learner !== undefined) return role === 'observer' ? 'observing' : 'following';
  // As long as no leader says anything, whoever is connected is taken for one that looks for it as well.
  if (seenAs === undefined) return links.has(id) ? 'looking' : 'down';
  return role === 'observer' && seenAs.state === 'following' ? 'observing' : seenAs.state;
}

/** Why this node does not serve, a few words for whoever waits for it. */
function reasonOf(parts: StatusParts): string | undefined {
  const { core, zab, serving, stopping, diskStalledMs } = parts;
  if (stopping) return 'stopping';
  // Also of one that serves: it can still be read from, but every write given to it waits.
  if (diskStalledMs > 0) return diskSilenceText(diskStalledMs);
  if (serving) return undefined;
  switch (zab.role) {
    case 'looking':
      return `not in a quorum yet${core.absent}`;
    case 'leading':
      return zab.established
        ? 'applying its log'
        : `leading, and waiting for a quorum${core.absent}`;
    case 'following':
    case 'observing':
      return zab.serving ? 'applying its log' : `synchronizing with leader ${zab.leader ?? 0}`;
  }
}

/** Growth is refused by the leader alone; but a node whose own disk is full is the next one to end. */
function warningsOf({ core, seen }: StatusParts): readonly string[] {
  const { self } = core.settings;
  const others = seen.filter(({ id, diskNearlyFull }) => id !== self && diskNearlyFull === true);
  return [
    ...(core.diskNearlyFull ? [`the disk of node ${self}, this one, is nearly full`] : []),
    ...others.map(
      ({ id }) => `the disk of node ${id}, the leader, is nearly full, so it refuses what grows`,
    ),
  ];
}
