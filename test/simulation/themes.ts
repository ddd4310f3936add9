/**
 * Some runs have a theme: one thing that goes wrong again and again, with all that it needs to do harm. What
 * takes three rare things in a row is not found by drawing each of them for itself.
 */
import type { FaultSwarm, Swarm, WorkloadSwarm } from './swarm.ts';
import { mixOf } from './workload/mix.ts';
import type { Chance } from './world/chance.ts';

/** So many runs have a theme. */
const THEMED = 0.35;

const themes = [
  'elections',
  'surplus',
  'snapshots',
  'disks',
  'pauses',
  'keys',
  'installs',
  'losses',
  'returns',
] as const;

export type Theme = (typeof themes)[number];

interface Changes extends Partial<Omit<Swarm, 'faults' | 'workload' | 'limits'>> {
  readonly faults?: Partial<FaultSwarm>;
  readonly workload?: Partial<WorkloadSwarm>;
  readonly limits?: Partial<Swarm['limits']>;
}

/** The options of a run as its theme wants them; as they are where it has none. */
export function withTheme(swarm: Swarm, chance: Chance): Swarm {
  const own = chance.fork('theme');
  if (!own.happens(THEMED)) return swarm;
  const changes = changesFor[own.pick(themes)](own);
  return {
    ...swarm,
    // What is in a theme happens often: a few seconds have it many times over.
    safetyMs: Math.min(swarm.safetyMs, 4000),
    // Faults that come so often would keep it from being born.
    isBornFirst: true,
    ...changes,
    // Nothing else happens, so that the ensemble comes to it.
    faults: { ...none(swarm.faults), ...changes.faults },
    workload: { ...swarm.workload, ...changes.workload },
    limits: { ...swarm.limits, ...changes.limits },
  };
}

function none(faults: FaultSwarm): FaultSwarm {
  const zeros = Object.keys(faults).map((kind) => [kind, 0] as const);
  return { ...faults, ...Object.fromEntries(zeros) };
}

/** Much is under way at any moment. */
const busy = { clients: 3, burst: 5, pipeline: 16, thinkMs: 100, names: 3, acks: 0 } as const;

/** Most of it changes something, whatever there is, and nothing keeps the clients from asking on. */
const writing = {
  mix: mixOf([
    ['put', 60],
    ['create', 20],
    ['set', 10],
    ['delete', 5],
    ['multi', 5],
    ['get', 10],
    ['sync', 2],
    ['watch', 4],
  ]),
  ...{ acls: 0, takeovers: 0, restless: 0, slowReaders: 0, endings: 0.003 },
} as const;

/** Who is cut off is soon replaced, and soon there again. */
const hasty = { peerMs: 300, pingMs: 50 } as const;

/** Who was shown something by a leader that has been replaced while it stood still is not heard of again. */
const drowsy: Changes = {
  peerTimeouts: hasty,
  tickMs: 500,
  safetyMs: 6000,
  faults: { pauseMs: 800, healMs: 1200 },
  workload: {
    ...{ clients: 30, thinkMs: 80, burst: 1, pipeline: 4, alone: 0.8, naps: 0.2 },
    ...{ sessionTimeoutMs: 2000, takeovers: 0, restless: 0, slowReaders: 0, acls: 0, keyed: 0 },
    mix: mixOf([
      ['get', 60],
      ['exists', 20],
      ['put', 5],
      ['create', 5],
      ['set', 5],
      ['sync', 5],
    ]),
  },
};

const changesFor: Readonly<Record<Theme, (own: Chance) => Changes>> = {
  /** The same processes lead again and again, and voters change sides in the middle of it. */
  elections: (own) => ({
    peerTimeouts: hasty,
    syncMs: own.pick([1, 5, 20]),
    faults: {
      cutMs: own.pick([150, 400]),
      oneWayMs: own.pick([0, 500]),
      resetMs: own.pick([0, 150, 400]),
      partitionMs: own.pick([0, 500]),
      pauseMs: own.pick([0, 500]),
      crashSendMs: own.pick([0, 500]),
      healMs: own.pick([100, 300]),
    },
    workload: { ...(own.happens(0.5) && busy), sessionTimeoutMs: 4000 },
    ...(own.happens(0.5) && {
      // Hardly anything is written: a promise is the last that a voter has when its leader is gone again.
      observers: [],
      peerTimeouts: { peerMs: own.pick([300, 1500]), pingMs: 50 },
      network: { baseMs: own.pick([1, 10]), jitterMs: 20, bandwidth: 100_000, fragmentation: 0 },
      syncMs: own.pick([1, 5, 20]),
      faults: {
        cutMs: own.pick([100, 200]),
        oneWayMs: own.pick([0, 300]),
        resetMs: own.pick([50, 150]),
        partitionMs: own.pick([0, 300]),
        crashSendMs: own.pick([0, 150, 300]),
        pauseMs: own.pick([0, 300]),
        healMs: own.pick([50, 100, 300]),
      },
      workload: { clients: 2, thinkMs: 300, burst: 1, sessionTimeoutMs: 4000 },
    }),
  }),
  /** What a leader has proposed stands on some disks when it is lost, over the ends of several files. */
  surplus: (own) => ({
    ...own.pick([
      { voters: [1, 2, 3], observers: [4, 5] },
      { voters: [1, 2, 3, 4, 5], observers: [] },
    ]),
    peerTimeouts: { peerMs: 200, pingMs: 40 },
    safetyMs: 6000,
    syncMs: own.pick([1, 5, 20]),
    segmentBytes: 1024,
    faults: {
      isolateMs: 1200,
      ...(own.happens(0.3) && { stallMs: 3000, killMs: 3000, powerMs: 5000 }),
      healMs: own.pick([200, 600]),
    },
    workload: { ...busy, ...writing, alone: 0.5, dataBytes: 300, sessionTimeoutMs: 4000 },
    limits: { requestTimeoutMs: 4000 },
  }),
  /** Learners that are cut off just long enough to need a snapshot, while their streams stay open. */
  snapshots: (own) => ({
    peerTimeouts: hasty,
    safetyMs: 3000,
    syncMs: own.pick([0.2, 1, 5]),
    segmentBytes: 1024,
    snapshotEveryTransactions: 5,
    faults: {
      partitionMs: 600,
      crashPointMs: own.pick([0, 500]),
      killMs: own.pick([0, 0, 1000]),
      stallMs: own.pick([0, 800]),
      wipeMs: own.pick([0, 1500]),
      healMs: own.pick([700, 1500]),
    },
    workload: {
      ...busy,
      thinkMs: 50,
      dataBytes: 300,
      watching: 0.5,
      sessionTimeoutMs: 10_000,
      restless: 0,
    },
    limits: { ringTransactionsMax: own.pick([3, 10]), requestTimeoutMs: 4000 },
  }),
  /** Disks that are slow, stop, forget and fail, with hardly a moment to recover. */
  disks: (own) => ({
    peerTimeouts: own.pick([hasty, {}]),
    syncMs: own.pick([1, 5, 20]),
    segmentBytes: own.pick([1024, 4096]),
    faults: {
      stallMs: own.pick([200, 400]),
      crashPointMs: own.pick([0, 300]),
      powerMs: own.pick([0, 500]),
      killMs: own.pick([0, 400]),
      rotMs: own.pick([0, 200]),
      diskErrorMs: own.pick([0, 2000]),
      healMs: own.pick([50, 200]),
      diskSlipMs: own.pick([0, 400]),
    },
    workload: { ...busy },
  }),
  /** A leader stands still: so short that it stays one, or so long that it has been replaced. */
  pauses: (own) => ({
    peerTimeouts: own.pick([hasty, { peerMs: 5000 }]),
    tickMs: 500,
    faults: { pauseMs: own.pick([400, 1000]), cutMs: own.pick([0, 1000]), healMs: 1500 },
    workload: { clients: 6, thinkMs: own.pick([100, 500]), sessionTimeoutMs: 1000, takeovers: 0 },
    ...(own.happens(0.5) && drowsy),
  }),
  /** Clients that ask again with their key, of nodes that have it from a snapshot alone. */
  keys: (own) => ({
    syncMs: own.pick([1, 5]),
    snapshotEveryTransactions: 5,
    faults: {
      killMs: own.pick([300, 800]),
      powerMs: own.pick([0, 1500]),
      stopMs: own.pick([0, 1000]),
      healMs: own.pick([50, 200]),
    },
    workload: { keyed: 0.8, sessionTimeoutMs: 10_000 },
    limits: { ringTransactionsMax: 3, idempotencyKeysMax: 10_000 },
  }),
  /** A link is lost while its learner puts a snapshot in the place of its log, as who has a new disk does. */
  installs: (own) => ({
    voters: [1, 2, 3],
    observers: own.pick([[], [4]]),
    peerTimeouts: { peerMs: own.pick([300, 1000]), pingMs: 50 },
    syncMs: own.pick([5, 20]),
    segmentBytes: own.pick([1024, 4096]),
    snapshotEveryTransactions: own.pick([5, 20]),
    faults: {
      wipeMs: 300,
      resetMs: own.pick([50, 100]),
      stallMs: own.pick([0, 300]),
      healMs: own.pick([50, 200]),
    },
    workload: { ...busy, thinkMs: 50, sessionTimeoutMs: 10_000, restless: 0 },
    limits: { requestTimeoutMs: 4000 },
  }),
  /** Who is ahead of most loses its log, and has a snapshot of what is committed before the others catch up. */
  losses: (own) => ({
    voters: [1, 2, 3, 4, 5],
    observers: [],
    peerTimeouts: { peerMs: 3000, pingMs: 20, diskStallMs: 5000 },
    safetyMs: 6000,
    syncMs: own.pick([20, 40]),
    segmentBytes: 4096,
    snapshotEveryTransactions: 1,
    faults: { lossMs: 1200, healMs: own.pick([500, 800]) },
    workload: { ...busy, alone: 0.5, dataBytes: 100, sessionTimeoutMs: 10_000, restless: 0 },
    limits: { requestTimeoutMs: 4000, ringTransactionsMax: 3 },
  }),
  /** A leader that stood still finds another one, and still writes what it has to cut from its log. */
  returns: (own) => ({
    voters: [1, 2, 3],
    observers: [],
    peerTimeouts: hasty,
    syncMs: own.pick([20, 50]),
    segmentBytes: 1024,
    network: { baseMs: 0.2, jitterMs: 0.2, bandwidth: 100_000, fragmentation: 0 },
    faults: {
      pauseMs: own.pick([200, 400]),
      partitionMs: own.pick([0, 600]),
      stallMs: own.pick([0, 400]),
      healMs: own.pick([300, 600]),
    },
    workload: { ...busy, thinkMs: 50, dataBytes: 300, sessionTimeoutMs: 10_000, restless: 0 },
    limits: { requestTimeoutMs: 4000 },
  }),
};
