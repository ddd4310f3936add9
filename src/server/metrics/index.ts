/** The page of measurements: `GET /metrics`, in the text format of Prometheus. */
import process from 'node:process';
import type { FastifyInstance } from 'fastify';
import { Counter, Gauge, Registry } from 'prom-client';
import type { ReplicaMetrics } from '../../replica/index.ts';
import { histogramText } from './buckets.ts';
import { EventLoopMonitor } from './event-loop.ts';
import type { EventLoopDelay } from './event-loop.ts';
import type { LogWriteCounts } from './measured-disk.ts';
import { RequestCounts } from './requests.ts';

export { MeasuredDisk } from './measured-disk.ts';

/** What the page shows that is not measured here; numbers at the moment of the call. */
export interface MeasuredParts {
  readonly version: string;
  readonly replica: () => ReplicaMetrics;
  readonly ready: () => boolean;
  /** WebSockets that are open. */
  readonly connections: () => number;
  readonly logWrites: LogWriteCounts;
  /** Duration of the recovery at the start, milliseconds. */
  readonly recoveryMs: number;
}

type NumericField = {
  [K in keyof ReplicaMetrics]: ReplicaMetrics[K] extends number ? K : never;
}[keyof ReplicaMetrics];

const MS_PER_SECOND = 1000;
const MICROSECONDS_PER_SECOND = 1e6;

interface Row {
  readonly name: string;
  readonly help: string;
}

const gauges: Partial<Record<NumericField, Row>> = {
  appliedZxid: { name: 'applied_zxid', help: 'The state that local reads are answered from' },
  epoch: { name: 'epoch', help: 'Epoch of the broadcast protocol' },
  znodes: { name: 'znodes', help: 'Znodes of the tree' },
  treeBytes: { name: 'tree_bytes', help: 'Names, data and fixed costs of the tree' },
  sessions: { name: 'sessions', help: 'Live sessions of the ensemble' },
  watches: { name: 'watches', help: 'Watches set on this node' },
  streams: { name: 'streams', help: 'Open streams: WebSockets, event streams, long polls' },
  streamsLagging: { name: 'streams_lagging', help: 'Streams whose events wait in the ring' },
  outstandingTransactions: {
    name: 'outstanding_transactions',
    help: 'Proposed and not yet applied transactions',
  },
  outstandingBytes: { name: 'outstanding_bytes', help: 'Bytes of outstanding transactions' },
  ringTransactions: { name: 'ring_transactions', help: 'Transactions in the event ring' },
  ringBytes: { name: 'ring_bytes', help: 'Bytes of records in the event ring' },
  ringOldestZxid: {
    name: 'ring_oldest_zxid',
    help: 'The oldest zxid from which events can be resumed',
  },
  idempotencyKeys: { name: 'idempotency_keys', help: 'Remembered idempotency keys' },
};

const counters: Partial<Record<NumericField, Row>> = {
  proposals: { name: 'proposals_total', help: 'Transactions put into the log by this node' },
  transactionsApplied: { name: 'commits_total', help: 'Transactions committed and applied' },
  refusals: { name: 'refusals_total', help: 'Writes refused for what the tree holds' },
  reads: { name: 'reads_total', help: 'Reads answered' },
  eventsSent: { name: 'events_sent_total', help: 'Watch events handed to streams' },
  sessionsExpired: { name: 'sessions_expired_total', help: 'Sessions ended by their timeout' },
  znodesReaped: { name: 'znodes_reaped_total', help: 'Containers and TTL znodes removed' },
  snapshotsTaken: { name: 'snapshots_total', help: 'Snapshots taken' },
};

/** Values that are taken all at once when the page is asked for, each from the same look. */
interface Reading {
  readonly replica: ReplicaMetrics;
  readonly memory: NodeJS.MemoryUsage;
  readonly cpu: NodeJS.CpuUsage;
  readonly delay: EventLoopDelay;
  readonly parts: MeasuredParts;
}

interface ReadRow extends Row {
  readonly read: (reading: Reading) => number;
}

const processGauges: readonly ReadRow[] = [
  {
    name: 'ready',
    help: '1 while the node serves clients',
    read: ({ parts }) => (parts.ready() ? 1 : 0),
  },
  {
    name: 'websocket_connections',
    help: 'WebSockets that are open',
    read: ({ parts }) => parts.connections(),
  },
  {
    name: 'disk_nearly_full',
    help: '1 while the disk is nearly full: growth is refused, deletes and session ends go on',
    read: ({ replica }) => (replica.diskNearlyFull ? 1 : 0),
  },
  {
    name: 'snapshot_seconds',
    help: 'Duration of the last snapshot; 0 before the first',
    read: ({ replica }) => replica.snapshotMs / MS_PER_SECOND,
  },
  {
    name: 'recovery_seconds',
    help: 'Duration of the recovery at the start',
    read: ({ parts }) => parts.recoveryMs / MS_PER_SECOND,
  },
  {
    name: 'resident_memory_bytes',
    help: 'Memory of the process',
    read: ({ memory }) => memory.rss,
  },
  {
    name: 'heap_used_bytes',
    help: 'Used part of the heap of V8',
    read: ({ memory }) => memory.heapUsed,
  },
  {
    name: 'external_memory_bytes',
    help: 'Memory outside the heap: the tree, buffers',
    read: ({ memory }) => memory.external,
  },
  {
    name: 'event_loop_delay_max_seconds',
    help: 'Longest delay of the event loop since the last look at this page',
    read: ({ delay }) => delay.maxSeconds,
  },
  {
    name: 'event_loop_delay_p99_seconds',
    help: '99th percentile of the delays of the event loop since the last look at this page',
    read: ({ delay }) => delay.p99Seconds,
  },
  {
    name: 'event_loop_delay_mean_seconds',
    help: 'Mean delay of the event loop since the last look at this page',
    read: ({ delay }) => delay.meanSeconds,
  },
  {
    name: 'uptime_seconds',
    help: 'Since the start of the process',
    read: () => process.uptime(),
  },
];

const processCounters: readonly ReadRow[] = [
  {
    name: 'cpu_seconds_total',
    help: 'Processor time of the process, all its threads',
    read: ({ cpu }) => (cpu.user + cpu.system) / MICROSECONDS_PER_SECOND,
  },
  {
    name: 'log_syncs_total',
    help: 'Calls of fsync on the log',
    read: ({ parts }) => parts.logWrites.seconds.count,
  },
  {
    name: 'log_written_bytes_total',
    help: 'Bytes written to the log',
    read: ({ parts }) => parts.logWrites.bytes,
  },
];

export class Metrics {
  readonly #requests = new RequestCounts();
  readonly #registry = new Registry();
  readonly #eventLoop = new EventLoopMonitor();
  readonly #parts: MeasuredParts;
  readonly #setters: ((reading: Reading) => void)[] = [];

  constructor(parts: MeasuredParts) {
    this.#parts = parts;
    for (const row of [...replicaRows(gauges), ...processGauges]) this.#addGauge(row);
    for (const row of [...replicaRows(counters), ...processCounters]) this.#addCounter(row);
    const { version } = parts;
    const labels = { version, node: process.version };
    this.#gauge({ name: 'build_info', help: 'Always 1' }, Object.keys(labels)).set(labels, 1);
  }

  /** Counts the requests of `app`, and serves the page there. */
  attach(app: FastifyInstance): void {
    this.#requests.attach(app);
    app.get('/metrics', async (_request, reply) => {
      reply.type(Registry.PROMETHEUS_CONTENT_TYPE).header('Cache-Control', 'no-store');
      return this.text();
    });
  }

  async text(): Promise<string> {
    const reading: Reading = {
      replica: this.#parts.replica(),
      memory: process.memoryUsage(),
      cpu: process.cpuUsage(),
      delay: this.#eventLoop.take(),
      parts: this.#parts,
    };
    for (const set of this.#setters) set(reading);
    const syncs = histogramText({
      name: 'zoogate_log_sync_duration_seconds',
      help: 'From handing a batch of records to the disk until it is durable; one batch is one fsync',
      series: [[{}, this.#parts.logWrites.seconds]],
    });
    return [await this.#registry.metrics(), syncs, this.#requests.text()].join('\n');
  }

  stop(): void {
    this.#eventLoop.stop();
  }

  #addGauge(row: ReadRow): void {
    const gauge = this.#gauge(row);
    this.#setters.push((reading) => gauge.set(row.read(reading)));
  }

  #addCounter({ name, help, read }: ReadRow): void {
    const counter = new Counter({ name: `zoogate_${name}`, help, registers: [this.#registry] });
    this.#setters.push((reading) => {
      counter.reset();
      counter.inc(read(reading));
    });
  }

  #gauge({ name, help }: Row, labelNames: readonly string[] = []): Gauge {
    return new Gauge({ name: `zoogate_${name}`, help, labelNames, registers: [this.#registry] });
  }
}

function replicaRows(table: Partial<Record<NumericField, Row>>): readonly ReadRow[] {
  const rows = Object.entries(table) as [NumericField, Row][];
  return rows.map(([field, row]) => ({ ...row, read: ({ replica }) => replica[field] }));
}
