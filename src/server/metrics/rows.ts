/** The numbers of the page of measurements, as tables. */
import process from 'node:process';
import type { Shares } from '../../gateway/common/shares.ts';
import type { UnreadStreams } from '../../gateway/common/unread-streams.ts';
import type { ConnectionCounts } from '../../gateway/connections/index.ts';
import type { CoordinatorStatus } from '../../protocol/coordination.ts';
import type { ReplicaMetrics } from '../../replica/index.ts';
import type { EventLoopDelay } from './event-loop.ts';
import type { LogWriteCounts } from './measured-disk.ts';

/** What the page shows that is not measured here; numbers at the moment of the call. */
export interface MeasuredParts {
  readonly version: string;
  readonly replica: () => ReplicaMetrics;
  readonly status: () => CoordinatorStatus;
  readonly peersConnected: () => number;
  /** WebSockets that are open. */
  readonly connections: () => number;
  /** Frames of WebSockets whose requests have not all been answered. */
  readonly frames: () => { readonly bytes: number; readonly clients: number };
  /** What clients hold of what belongs to all. */
  readonly shares: Shares;
  /** Bodies that were given up for their pace, ever. */
  readonly uploadsGivenUp: () => number;
  /** Connections that clients may have. */
  readonly connectionsMax: number;
  readonly http: () => ConnectionCounts;
  readonly unread: UnreadStreams;
  readonly logWrites: LogWriteCounts;
  /** Duration of the recovery at the start, milliseconds. */
  readonly recoveryMs: number;
}

type NumericField = {
  [K in keyof ReplicaMetrics]: ReplicaMetrics[K] extends number ? K : never;
}[keyof ReplicaMetrics];

const MS_PER_SECOND = 1000;
const MICROSECONDS_PER_SECOND = 1e6;

export interface Row {
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
  watchClients: {
    name: 'watch_clients',
    help: 'Clients (addresses, identities) that have a watch',
  },
  streams: { name: 'streams', help: 'Open streams: WebSockets, event streams, long polls' },
  streamsLagging: { name: 'streams_lagging', help: 'Streams whose events wait in the ring' },
  outstandingTransactions: {
    name: 'outstanding_transactions',
    help: 'Proposed and not yet applied transactions',
  },
  outstandingBytes: { name: 'outstanding_bytes', help: 'Bytes of outstanding transactions' },
  forwardedRequests: {
    name: 'forwarded_requests',
    help: 'Requests that the leader has been sent and that are not decided',
  },
  forwardedBytes: { name: 'forwarded_bytes', help: 'Their bytes' },
  ringTransactions: { name: 'ring_transactions', help: 'Transactions in the event ring' },
  ringBytes: { name: 'ring_bytes', help: 'Bytes of records in the event ring' },
  ringOldestZxid: {
    name: 'ring_oldest_zxid',
    help: 'The oldest zxid from which events can be resumed',
  },
  idempotencyKeys: { name: 'idempotency_keys', help: 'Remembered idempotency keys' },
  idempotencyOwners: {
    name: 'idempotency_owners',
    help: 'Sessions, identities and client addresses that remembered idempotency keys belong to',
  },
  idempotencyKeysOfLargestOwner: {
    name: 'idempotency_keys_of_largest_owner',
    help: 'Remembered idempotency keys of the owner whose answers take the most bytes',
  },
};

const counters: Partial<Record<NumericField, Row>> = {
  proposals: { name: 'proposals_total', help: 'Transactions put into the log by this node' },
  transactionsApplied: { name: 'commits_total', help: 'Transactions committed and applied' },
  refusals: { name: 'refusals_total', help: 'Writes refused for what the tree holds' },
  reads: { name: 'reads_total', help: 'Reads answered' },
  watchesRefused: {
    name: 'watches_refused_total',
    help: 'Watches refused since their stream, their client or the node had as many as allowed',
  },
  eventsSent: { name: 'events_sent_total', help: 'Watch events handed to streams' },
  sessionsExpired: { name: 'sessions_expired_total', help: 'Sessions ended by their timeout' },
  znodesReaped: { name: 'znodes_reaped_total', help: 'Containers and TTL znodes removed' },
  snapshotsTaken: { name: 'snapshots_total', help: 'Snapshots taken' },
  elections: { name: 'elections_total', help: 'Elections that this node has seen the end of' },
  epochsEstablished: {
    name: 'epochs_established_total',
    help: 'Epochs that this node has established as their leader',
  },
  learnersSynced: {
    name: 'learners_synchronized_total',
    help: 'Times that another member has caught up with this leader',
  },
  snapshotsSent: { name: 'snapshots_sent_total', help: 'Snapshots that other members were sent' },
  snapshotsInstalled: {
    name: 'snapshots_installed_total',
    help: 'Snapshots of a leader that were installed here',
  },
  requestsForwarded: {
    name: 'requests_forwarded_total',
    help: 'Requests that this node has had its leader decide',
  },
};

/** Values that are taken all at once when the page is asked for, each from the same look. */
export interface Reading {
  readonly replica: ReplicaMetrics;
  readonly memory: NodeJS.MemoryUsage;
  readonly cpu: NodeJS.CpuUsage;
  readonly delay: EventLoopDelay;
  readonly parts: MeasuredParts;
  readonly status: CoordinatorStatus;
}

export interface ReadRow extends Row {
  readonly read: (reading: Reading) => number;
}

const processGauges: readonly ReadRow[] = [
  {
    name: 'leader_id',
    help: 'Id of the member that leads; 0 while this node knows none',
    read: ({ status }) => status.leader ?? 0,
  },
  {
    name: 'members_voting',
    help: 'Members with a vote',
    read: ({ status }) => status.voters,
  },
  {
    name: 'peers_connected',
    help: 'Other members that this node is connected with',
    read: ({ parts }) => parts.peersConnected(),
  },
  {
    name: 'lag_transactions',
    help: 'Transactions that are known to be committed and not yet applied here',
    read: ({ status }) => status.members.find(({ id }) => id === status.server)?.lag ?? 0,
  },
  {
    name: 'ready',
    help: '1 while the node serves clients',
    read: ({ status }) => (status.notReady === undefined ? 1 : 0),
  },
  {
    name: 'websocket_connections',
    help: 'WebSockets that are open',
    read: ({ parts }) => parts.connections(),
  },
  {
    name: 'websocket_in_flight_bytes',
    help: 'Bytes of frames of WebSockets whose requests have not all been answered',
    read: ({ parts }) => parts.frames().bytes,
  },
  {
    name: 'websocket_in_flight_clients',
    help: 'Clients (addresses, identities) that such frames belong to',
    read: ({ parts }) => parts.frames().clients,
  },
  {
    name: 'client_connections',
    help: 'Connections of clients that are open, WebSockets counted',
    read: ({ parts }) => parts.shares.connections.total,
  },
  {
    name: 'client_connections_max',
    help: 'Connections that clients may have: a limit, or fewer for the files that the process may open',
    read: ({ parts }) => parts.connectionsMax,
  },
  {
    name: 'clients_connected',
    help: 'Clients (addresses, networks of IPv6) with a connection',
    read: ({ parts }) => parts.shares.connections.clients,
  },
  {
    name: 'uploads',
    help: 'Bodies of HTTP requests that are being received',
    read: ({ parts }) => parts.shares.uploads.total,
  },
  {
    name: 'upload_bytes',
    help: 'Their bytes that have come and are held',
    read: ({ parts }) => parts.shares.uploadBytes.total,
  },
  {
    name: 'http_connections',
    help: 'HTTP connections that are open, WebSockets not counted',
    read: ({ parts }) => parts.http().connections,
  },
  {
    name: 'http_waiting_bytes',
    help: 'Bytes of requests that stand behind another one of their connection',
    read: ({ parts }) => parts.http().waitingBytes,
  },
  {
    name: 'http_unread_bytes',
    help: 'Bytes of HTTP answers that clients have not taken',
    read: ({ parts }) => parts.http().unreadBytes,
  },
  {
    name: 'http_unread_clients',
    help: 'Clients (addresses, networks of IPv6) that have not taken all of an HTTP answer',
    read: ({ parts }) => parts.http().unreadClients,
  },
  {
    name: 'streams_unread_bytes',
    help: 'Bytes that readers of WebSockets and event streams have not taken',
    read: ({ parts }) => parts.unread.bytes,
  },
  {
    name: 'streams_unread_clients',
    help: 'Clients (addresses, identities) that such bytes belong to',
    read: ({ parts }) => parts.unread.clients,
  },
  {
    name: 'disk_nearly_full',
    help: '1 while the disk is nearly full: growth is refused, deletes and session ends go on',
    read: ({ replica }) => (replica.diskNearlyFull ? 1 : 0),
  },
  {
    name: 'disk_stalled_seconds',
    help: 'For how long the disk has completed nothing of what it was given; 0 while it works',
    read: ({ replica }) => replica.diskStalledMs / MS_PER_SECOND,
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
    name: 'connections_refused_total',
    help: 'Connections refused since the node or their client had as many as allowed',
    read: ({ parts }) => parts.shares.connections.refused,
  },
  {
    name: 'streams_refused_total',
    help: 'Streams refused since the node or their client had as many as allowed',
    read: ({ parts }) => parts.shares.streams.refused,
  },
  {
    name: 'uploads_refused_total',
    help: 'Bodies refused since the node or their client had as many, or as many bytes, as allowed',
    read: ({ parts }) => parts.shares.uploads.refused + parts.shares.uploadBytes.refused,
  },
  {
    name: 'uploads_given_up_total',
    help: 'Bodies given up since they came too slowly',
    read: ({ parts }) => parts.uploadsGivenUp(),
  },
  {
    name: 'cpu_seconds_total',
    help: 'Processor time of the process, all its threads',
    read: ({ cpu }) => (cpu.user + cpu.system) / MICROSECONDS_PER_SECOND,
  },
  {
    name: 'http_readers_given_up_total',
    help: 'HTTP connections that were cut off since their clients took nothing of an answer',
    read: ({ parts }) => parts.http().readersGivenUp,
  },
  {
    name: 'websocket_readers_cut_off_total',
    help: 'WebSockets cut off since their client, or the node, had more unread bytes than allowed',
    read: ({ parts }) => parts.unread.cutOff,
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

function replicaRows(table: Partial<Record<NumericField, Row>>): readonly ReadRow[] {
  const rows = Object.entries(table) as [NumericField, Row][];
  return rows.map(([field, row]) => ({ ...row, read: ({ replica }) => replica[field] }));
}

export const gaugeRows: readonly ReadRow[] = [...replicaRows(gauges), ...processGauges];
export const counterRows: readonly ReadRow[] = [...replicaRows(counters), ...processCounters];
