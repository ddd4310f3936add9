/**
 * Where Zoogate differs from ZooKeeper 3.8 on purpose. Each entry is as narrow as it can be: it turns
 * exactly what ZooKeeper showed into exactly what Zoogate must show; everything else is a difference.
 *
 * Two things need no entry, because the comparison is by pattern: failed writes and requests of ZooKeeper
 * use up zxids, Zoogate's do not; session ids and times are each side's own.
 */
import { parseSequentialPrefix, pathProblem } from '../../src/protocol/path.ts';
import { ttlMaxMs } from '../../src/protocol/limits.ts';
import { CoordinationError } from '../../src/protocol/errors.ts';
import type { Observation, ObservedEvent } from './observation.ts';
import type { Member, Slot, Step } from './program.ts';
import type { Shadow, ShadowChange } from './shadow.ts';

export interface KnownDifference {
  readonly name: string;
  readonly reason: string;
  /** What ZooKeeper is asked instead, to keep both in the same state. */
  readonly instead?: (step: Step, shadow: Shadow) => Step | undefined;
  /** What Zoogate must answer, where it differs; `shadow` is the state before the step. */
  readonly answer?: (step: Step, observed: Observation, shadow: Shadow) => Observation | undefined;
  /** The events that Zoogate must send, where they differ. */
  readonly events?: (context: EventContext) => readonly ObservedEvent[] | undefined;
}

export interface EventContext {
  readonly slot: Slot;
  readonly step: Step;
  readonly observed: readonly ObservedEvent[];
  readonly changes: readonly ShadowChange[];
  readonly shadow: Shadow;
}

const BADARGUMENTS = -8;
const NOAUTH = -102;

export const knownDifferences: readonly KnownDifference[] = [
  {
    name: 'bad path',
    reason:
      'Zoogate checks the path of every request before anything else; ZooKeeper checks only writes, after parent and ACL, and answers reads NONODE',
    answer: (step) => (pathsOf(step).some(isBadPath) ? { code: BADARGUMENTS } : undefined),
  },
  {
    name: 'bad TTL',
    reason:
      'a TTL outside 1…2^40−1 ms is refused as a bad field of the request, also inside a multi whose earlier operation would fail',
    answer: (step) => (membersOf(step).some(hasBadTtl) ? { code: BADARGUMENTS } : undefined),
  },
  {
    name: 'exists needs READ',
    reason: 'ZooKeeper 3.8.4 and 3.9.2 (CVE-2024-23944) ask READ of exists, 3.8.0 does not',
    instead: (step, shadow) =>
      step.type === 'exists' && !shadow.mayRead(step.slot, step.path)
        ? { ...step, watch: false }
        : undefined,
    answer: (step, _observed, shadow) =>
      step.type === 'exists' && !shadow.mayRead(step.slot, step.path)
        ? { code: NOAUTH }
        : undefined,
  },
  {
    name: 'events need READ',
    reason:
      'ZooKeeper 3.8.4 and 3.9.2 (CVE-2024-23944) withhold an event from who may not READ the node, 3.8.0 does not',
    events: (context) => (context.step.type === 'resume' ? undefined : readable(context)),
  },
  {
    name: 'persistent watches miss nothing',
    reason:
      'after a reconnect ZooKeeper only sets persistent watches again (setWatches2); Zoogate sends what they missed',
    events: ({ slot, step, observed, shadow }) => {
      if (step.type !== 'resume' || step.slot !== slot) return undefined;
      const missed = shadow.missed(slot);
      return missed.length === 0 ? undefined : [...observed, ...missed];
    },
  },
];

/** Every path of a step, with a mark where a number follows it. */
function pathsOf(step: Step): { path: string; sequential: boolean }[] {
  const members: readonly { path: string }[] =
    'members' in step ? step.members : 'path' in step ? [step] : [];
  return members.map((member) => ({
    path: member.path,
    sequential: 'sequential' in member && member.sequential === true,
  }));
}

function isBadPath({ path, sequential }: { path: string; sequential: boolean }): boolean {
  const absolute = path.startsWith('@') ? `/base${path.slice(1)}` : path;
  if (!sequential) return pathProblem(absolute) !== undefined;
  try {
    parseSequentialPrefix(absolute);
    return false;
  } catch (error) {
    if (error instanceof CoordinationError) return true;
    throw error;
  }
}

function membersOf(step: Step): readonly Member[] {
  if (step.type === 'multi') return step.members;
  return step.type === 'create' ? [step] : [];
}

function hasBadTtl(member: Member): boolean {
  if (member.type !== 'create' || member.ttlMs === undefined) return false;
  return member.ttlMs < 1 || member.ttlMs > ttlMaxMs;
}

/** Pairs each event with its change, in order, and keeps what the session may READ. */
function readable({ slot, observed, changes }: EventContext): readonly ObservedEvent[] | undefined {
  const left = [...changes];
  const kept = observed.filter((event) => {
    const index = left.findIndex(({ type, path }) => type === event.type && path === event.path);
    const [change] = index === -1 ? [] : left.splice(index, 1);
    return change === undefined || change.readers.has(slot);
  });
  return kept.length === observed.length ? undefined : kept;
}
