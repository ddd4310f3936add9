/** What the parts of a replica share: one of each, made at recovery, alive as long as the process. */
import type { Zxid } from '../protocol/model.ts';
import type { SessionId } from '../protocol/model.ts';
import type { StreamId } from '../protocol/coordination.ts';
import { WatchTable } from '../sessions/index.ts';
import type { LogPosition, TraceEvent } from '../zab/index.ts';
import type { Clock, ReplicaLog, ReplicaSettings, Scheduler } from './host.ts';
import type { LogMemory, Unapplied } from './log-memory.ts';
import { Outbox } from './outbox.ts';
import type { EventRing } from './ring.ts';
import type { StateMachine } from './state-machine.ts';
import type { Stream } from './stream.ts';

type CounterName = {
  [K in keyof Counters]: Counters[K] extends number ? K : never;
}[keyof Counters];

type TraceType = TraceEvent['type'];

/** Numbers since the start, for the metrics page. */
export class Counters {
  proposals = 0;
  transactionsApplied = 0;
  refusals = 0;
  reads = 0;
  eventsSent = 0;
  sessionsExpired = 0;
  znodesReaped = 0;
  snapshotsTaken = 0;
  /** Duration of the last snapshot, milliseconds. */
  snapshotMs = 0;
  /** Elections that this node has seen the end of. */
  elections = 0;
  /** Epochs that this node has established as their leader. */
  epochsEstablished = 0;
  /** Learners that have caught up with this node. */
  learnersSynced = 0;
  /** Snapshots that other nodes were sent, and that were installed here. */
  snapshotsSent = 0;
  snapshotsInstalled = 0;
  requestsForwarded = 0;
  watchesRefused = 0;

  snapshot(): Readonly<Record<CounterName, number>> {
    const { proposals, transactionsApplied, refusals, reads, eventsSent } = this;
    const { sessionsExpired, znodesReaped, snapshotsTaken, snapshotMs } = this;
    const { elections, epochsEstablished, learnersSynced } = this;
    const { snapshotsSent, snapshotsInstalled, requestsForwarded, watchesRefused } = this;
    return {
      ...{ proposals, transactionsApplied, refusals, reads, eventsSent },
      ...{ sessionsExpired, znodesReaped, snapshotsTaken, snapshotMs },
      ...{ elections, epochsEstablished, learnersSynced },
      ...{ snapshotsSent, snapshotsInstalled, requestsForwarded, watchesRefused },
    };
  }

  /** What the core says of itself. */
  note(type: TraceType): void {
    switch (type) {
      case 'elected':
        this.elections++;
        return;
      case 'established':
        this.epochsEstablished++;
        return;
      case 'synced':
        this.learnersSynced++;
        return;
      case 'snapshot':
        this.snapshotsSent++;
        return;
      case 'installed':
        this.snapshotsInstalled++;
        return;
      default:
    }
  }
}

export interface CoreParts {
  readonly settings: ReplicaSettings;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly log: ReplicaLog;
  readonly state: StateMachine;
  readonly memory: LogMemory;
}

export class Core {
  readonly settings: ReplicaSettings;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly log: ReplicaLog;
  readonly state: StateMachine;
  /** The records that are in memory. */
  readonly memory: LogMemory;
  readonly watches = new WatchTable();
  readonly outbox = new Outbox();
  readonly counters = new Counters();
  readonly streams = new Map<StreamId, Stream>();
  /** The stream that each session is attached to on this node: the newest wins. */
  readonly attached = new Map<SessionId, Stream>();
  /** The streams of this node that end with each session without being attached to it. */
  readonly carriers = new Map<SessionId, Set<Stream>>();
  /** Streams whose cursor lags, for the metrics page. */
  lagging = 0;
  /** Which voters this node misses, to be put behind other words. */
  absent = '';
  /** Growth is refused; `DiskSpace` looks. */
  diskNearlyFull = false;

  constructor(parts: CoreParts) {
    this.settings = parts.settings;
    this.clock = parts.clock;
    this.scheduler = parts.scheduler;
    this.log = parts.log;
    this.state = parts.state;
    this.memory = parts.memory;
  }

  /** The recent records that have been applied. Not to be kept. */
  get ring(): EventRing {
    return this.memory.ring;
  }

  /** Everything that this node knew is replaced. @returns the records that it had not applied */
  replace(
    state: StateMachine,
    ring: EventRing,
    epochStarts: readonly LogPosition[],
  ): readonly Unapplied[] {
    this.state.become(state);
    return this.memory.replace(ring, epochStarts);
  }

  /** The state that a local read is answered from. */
  get zxid(): Zxid {
    return this.state.zxid;
  }
}
