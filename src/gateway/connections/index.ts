/** The connections of the HTTP server: one request of each at a time, bounded, and closed in order. */
export { Connections, connectionOf, mustWait } from './connections.ts';
export type { ConnectionCounts } from './connections.ts';
export { orderlyMessages } from './orderly-message.ts';
export { webSocketPath } from './upgrades.ts';
