/** The links between the nodes of an ensemble. */
export { TcpTransport } from './tcp-transport.ts';
export type { MemberAddress, TcpTransportOptions } from './tcp-transport.ts';
export { nodeNetwork, nodeScheduler } from './node-network.ts';
export type { TransportLog } from './complaints.ts';
export type { TransportLimits } from './limits.ts';
export type { DownReason, PeerLink, Transport, TransportHandlers } from './transport.ts';
