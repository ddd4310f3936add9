/** The replica: one node's whole state and the way of every request through it. */
export { createReplica } from './recovery.ts';
export type { Replica } from './replica.ts';
export type { Clock, ReplicaMetrics, ReplicaSettings, Scheduler } from './host.ts';
