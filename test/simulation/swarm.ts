/**
 * The options of one simulation, all drawn from its seed: some runs are calm in some dimension and wild in
 * another, which finds more than everything at once.
 */
import type { Limits } from '../../src/protocol/limits.ts';
import { defaultLimits } from '../../src/protocol/limits.ts';
import type { PeerTimeouts } from '../../src/replica/host.ts';
import { withTheme } from './themes.ts';
import { drawMix } from './workload/mix.ts';
import type { Mix } from './workload/mix.ts';
import type { Chance } from './world/chance.ts';

export interface NetworkSwarm {
  readonly baseMs: number;
  readonly jitterMs: number;
  readonly bandwidth: number;
  readonly fragmentation: number;
}

/** How often something is done to the ensemble: mean time between two of a kind, milliseconds; 0 = never. */
export interface FaultSwarm {
  readonly killMs: number;
  readonly powerMs: number;
  readonly crashPointMs: number;
  readonly crashSendMs: number;
  readonly stopMs: number;
  readonly pauseMs: number;
  readonly cutMs: number;
  readonly oneWayMs: number;
  readonly partitionMs: number;
  readonly isolateMs: number;
  readonly swizzleMs: number;
  readonly resetMs: number;
  readonly slowLinkMs: number;
  readonly stallMs: number;
  readonly diskErrorMs: number;
  readonly diskSlipMs: number;
  readonly diskFullMs: number;
  readonly clockJumpMs: number;
  readonly wipeMs: number;
  readonly rotMs: number;
  readonly lossMs: number;
  readonly lieMs: number;
  readonly restoreMs: number;
  readonly rollingMs: number;
  readonly blackoutMs: number;
  readonly snapshotMs: number;
  readonly slowNodeMs: number;
  /** Mean time until a node that has ended is started again, a link mended, …, milliseconds. */
  readonly healMs: number;
}

export interface WorkloadSwarm {
  readonly clients: number;
  /** Event streams and long polls of plain HTTP, and those of the clients that seek the lock. */
  readonly listeners: number;
  readonly pollers: number;
  readonly lockers: number;
  readonly mix: Mix;
  /** Mean time between two times at which one client asks, milliseconds, and for how much at once. */
  readonly thinkMs: number;
  readonly burst: number;
  /** Unanswered requests of one client. */
  readonly pipeline: number;
  /** How many names there are: few make conflicts, many a large tree. */
  readonly names: number;
  readonly dataBytes: number;
  readonly sessionTimeoutMs: number;
  /** Probability that a client that has asked for something is silent then, for longer than its session lives. */
  readonly naps: number;
  /** Probability that a request stands alone, on a node of its own choice, and not on the client's stream. */
  readonly alone: number;
  /** Probability that a client is a slow reader for a while. */
  readonly slowReaders: number;
  /** For so long, a mean, milliseconds. */
  readonly slowMs: number;
  /** Probability that a client reconnects for no reason. */
  readonly restless: number;
  /** Probability that who connects takes some session over, as a client does that was copied with its token. */
  readonly takeovers: number;
  /** Probabilities: that a read leaves a watch, that a new znode has an ACL, and that a client ends its session. */
  readonly watching: number;
  readonly acls: number;
  readonly endings: number;
  /** Probabilities: that a write has an idempotency key, and that it asks for more disks than a majority. */
  readonly keyed: number;
  readonly acks: number;
}

export interface Swarm {
  readonly voters: readonly number[];
  readonly observers: readonly number[];
  /** How long faults happen, milliseconds. */
  readonly safetyMs: number;
  /** They begin when it has been born, which takes all of its voters, and not with the run. */
  readonly isBornFirst: boolean;
  /** Disks: mean times, milliseconds. */
  readonly syncMs: number;
  readonly otherDiskMs: number;
  /** Greatest deviation of a clock's rate from 1. */
  readonly clockDrift: number;
  /** What a node needs for a piece of input, microseconds. */
  readonly inputUs: number;
  readonly network: NetworkSwarm;
  readonly faults: FaultSwarm;
  readonly workload: WorkloadSwarm;
  readonly limits: Limits;
  readonly segmentBytes: number;
  readonly snapshotEveryTransactions: number;
  readonly tickMs: number;
  /** What is absent has the default. */
  readonly peerTimeouts: PeerTimeouts;
  readonly readOnlyMode: boolean;
}

export function drawSwarm(chance: Chance): Swarm {
  const own = chance.fork('swarm');
  const count = own.pick([3, 3, 3, 3, 5]);
  const voters = Array.from({ length: count }, (_, index) => index + 1);
  // Most runs are short: many beginnings find more than long lives, which cost as much as ten of them.
  const safetyMs = own.pick([2000, 3000, 3000, 4000, 4000, 5000, 6000, 8000, 12_000, 30_000]);
  const swarm = {
    voters,
    observers: own.happens(0.3) ? [count + 1] : [],
    safetyMs,
    isBornFirst: false,
    syncMs: own.pick([0.2, 1, 1, 5, 20]),
    otherDiskMs: own.pick([0.01, 0.05, 0.5]),
    clockDrift: own.pick([0, 0, 0.001, 0.02]),
    inputUs: own.pick([0, 0, 5, 50]),
    network: drawNetwork(own),
    faults: drawFaults(own),
    workload: drawWorkload(own, safetyMs),
    limits: drawLimits(own),
    segmentBytes: own.pick([1, 4, 16, 64]) * 1024,
    snapshotEveryTransactions: own.pick([5, 20, 100, 1_000_000]),
    tickMs: own.pick([500, 2000]),
    peerTimeouts: {},
    readOnlyMode: own.happens(0.2),
  };
  return withTheme(swarm, chance);
}

function drawNetwork(own: Chance): NetworkSwarm {
  return {
    baseMs: own.pick([0.05, 0.2, 1, 10]),
    jitterMs: own.pick([0.02, 0.2, 2, 20]),
    bandwidth: own.pick([100_000, 100_000, 2000]),
    fragmentation: own.pick([0, 0, 0.1, 0.5]),
  };
}

function drawFaults(own: Chance): FaultSwarm {
  const pace = own.pick([1, 1, 2, 4]);
  const slowNodes = own.fork('slow nodes');
  // Half of the kinds are left out of a run, lest they drown one another.
  const sometimes = (...meansMs: readonly number[]): number =>
    own.happens(0.5) ? 0 : own.pick(meansMs) / pace;
  return {
    killMs: sometimes(2000, 10_000),
    powerMs: sometimes(3000, 10_000),
    crashPointMs: sometimes(3000, 10_000),
    crashSendMs: sometimes(2000, 6000),
    stopMs: sometimes(5000, 20_000),
    pauseMs: sometimes(3000, 15_000),
    cutMs: sometimes(2000, 10_000),
    oneWayMs: sometimes(5000, 20_000),
    partitionMs: sometimes(5000, 20_000),
    isolateMs: 0,
    swizzleMs: sometimes(10_000, 30_000),
    resetMs: sometimes(1000, 10_000),
    slowLinkMs: sometimes(3000, 15_000),
    stallMs: sometimes(3000, 15_000),
    diskErrorMs: sometimes(10_000, 30_000),
    diskSlipMs: 0,
    diskFullMs: sometimes(20_000, 40_000),
    clockJumpMs: sometimes(3000, 15_000),
    wipeMs: own.happens(0.2) ? own.pick([2000, 20_000]) : 0,
    rotMs: own.happens(0.3) ? own.pick([500, 2000, 8000]) : 0,
    lossMs: 0,
    lieMs: own.happens(0.3) ? own.pick([2000, 8000]) : 0,
    restoreMs: own.happens(0.3) ? own.pick([2000, 8000]) : 0,
    rollingMs: own.happens(0.1) ? 5000 : 0,
    blackoutMs: own.happens(0.15) ? own.pick([2000, 8000]) : 0,
    snapshotMs: sometimes(3000, 15_000),
    slowNodeMs: slowNodes.happens(0.2) ? slowNodes.pick([500, 2000]) : 0,
    healMs: own.pick([200, 1000, 3000]),
  };
}

function drawWorkload(own: Chance, safetyMs: number): WorkloadSwarm {
  const clients = own.between(2, 6);
  // A request costs far more than a quiet second: what a run may cost is drawn, not what a second may.
  const requests = own.pick([30, 60, 100, 150, 250, 600]);
  const acls = own.pick([0, 0, 0.1, 0.4]);
  const burst = own.pick([1, 1, 1, 5]);
  return {
    clients,
    listeners: own.pick([0, 0, 1, 3]),
    pollers: own.pick([0, 0, 1, 2]),
    lockers: own.pick([0, 0, 3]),
    mix: drawMix(own.fork('mix'), acls > 0),
    burst,
    thinkMs: Math.max(5, (safetyMs * clients * burst) / requests),
    pipeline: own.pick([1, 4, 16, 64]),
    naps: 0,
    alone: 0.15,
    names: own.pick([3, 10, 40]),
    dataBytes: own.pick([0, 10, 10, 300]),
    // Short ones end, and are kept alive, within a run.
    sessionTimeoutMs: own.pick([1000, 1000, 2000, 4000, 10_000]),
    slowReaders: own.pick([0, 0.02, 0.1]),
    slowMs: own.pick([100, 1000, 4000]),
    restless: own.pick([0, 0.02, 0.1]),
    takeovers: own.pick([0, 0.1, 0.5]),
    watching: own.pick([0.05, 0.2, 0.5]),
    acls,
    endings: own.pick([0.003, 0.003, 0.03]),
    keyed: own.pick([0.02, 0.1, 0.5]),
    acks: own.pick([0, 0, 0.2]),
  };
}

function shared(
  idempotencyKeysMax: number,
): Pick<Limits, 'idempotencyKeysMax' | 'idempotencyKeysPerOwnerMax'> {
  return {
    idempotencyKeysMax,
    idempotencyKeysPerOwnerMax: Math.ceil(idempotencyKeysMax / 2),
  };
}

function drawLimits(own: Chance): Limits {
  const isTight = own.happens(0.3);
  return {
    ...defaultLimits,
    znodeDataBytesMax: 100_000,
    ringTransactionsMax: own.pick([3, 10, 50, 10_000]),
    unreadAnswerBytesMax: own.pick([10_000, 1024 * 1024]),
    // The share is half of it, without a draw of its own: the same seed is the run that it was.
    ...shared(own.pick([5, 20, 10_000, 10_000])),
    requestTimeoutMs: own.pick([1000, 1000, 4000]),
    ...(isTight && {
      outstandingTransactionsMax: own.pick([4, 16]),
      forwardedRequestsMax: own.pick([4, 16]),
      streamRequestsMax: own.pick([8, 100]),
      zxidWaitsMax: 4,
      leaderWaitsMax: 4,
    }),
  };
}
