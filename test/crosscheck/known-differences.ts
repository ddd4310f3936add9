/**
 * Where Zoogate differs from ZooKeeper 3.8 on purpose, in Debian's build, which withholds events from who may
 * not READ the node (CVE-2024-23944). Each entry is as narrow as it can be: it turns
 * exactly what ZooKeeper showed into exactly what Zoogate must show; everything else is a difference.
 *
 * Three things need no entry. By pattern, not by value, are compared zxids (failed writes of ZooKeeper use
 * some up, and reconnects to a session of Zoogate), session ids and times. The stat of what a multi creates
 * is told by Zoogate only.
 */
import { parseSequentialPrefix, pathProblem } from '../../src/protocol/path.ts';
import { ttlMaxMs } from '../../src/protocol/limits.ts';
import { CoordinationError } from '../../src/protocol/errors.ts';
import type { Observation, ObservedEvent } from './observation.ts';
import type { Slot, Step } from './program.ts';
import type { Shadow } from './shadow.ts';

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
  readonly shadow: Shadow;
}

const configPath = '/zookeeper/config';
const BADARGUMENTS = -8;
const NOAUTH = -102;
const INVALIDACL = -114;

export const knownDifferences: readonly KnownDifference[] = [
  {
    name: 'faults of form come first',
    reason:
      'Zoogate checks paths, TTLs and empty ACLs of a whole request before anything else; ZooKeeper checks them of writes only, one operation after the other, behind parent and ACL, and answers reads of a bad path NONODE',
    answer: (step) => {
      const code = partsOf(step)
        .map(faultOfForm)
        .find((fault) => fault !== undefined);
      return code === undefined ? undefined : { code };
    },
  },
  {
    name: 'configuration of an ensemble of one',
    reason:
      'a standalone ZooKeeper never writes /zookeeper/config (version 0, aversion −1); Zoogate is an ensemble, where its version is −1 as in ZooKeeper',
    answer: (step, observed) =>
      'path' in step && step.path === configPath && observed.stat?.version === 0
        ? { ...observed, stat: { ...observed.stat, version: -1, aversion: 0 } }
        : undefined,
  },
  {
    name: 'exists needs READ',
    reason: 'ZooKeeper asks READ of exists since 3.8.4 and 3.9.2, 3.8.0 does not',
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
    name: 'events need READ after a reconnect too',
    reason:
      'what setWatches2 finds changed ZooKeeper tells to anybody, unlike the events of a change; Zoogate tells neither to who may not READ the node',
    events: ({ slot, step, observed, shadow }) => {
      if (step.type !== 'resume' || step.slot !== slot) return undefined;
      const readable = observed.filter(({ path }) => shadow.mayRead(slot, path));
      return readable.length === observed.length ? undefined : readable;
    },
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

/** The operations of a multi, or the step itself. */
function partsOf(step: Step): readonly Part[] {
  if ('members' in step) return step.members;
  return 'path' in step ? [step] : [];
}

interface Part {
  readonly path: string;
  readonly sequential?: boolean;
  readonly ttlMs?: number;
  readonly acl?: readonly unknown[];
}

function faultOfForm({ path, sequential, ttlMs, acl }: Part): number | undefined {
  if (isBadPath(path, sequential === true)) return BADARGUMENTS;
  if (ttlMs !== undefined && (ttlMs < 1 || ttlMs > ttlMaxMs)) return BADARGUMENTS;
  return acl?.length === 0 ? INVALIDACL : undefined;
}

function isBadPath(path: string, sequential: boolean): boolean {
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
