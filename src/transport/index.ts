/** The links between the nodes of an ensemble; `transport.ts` says what a link is. */
export { TcpTransport } from './tcp-transport.ts';
export type { TcpTransportOptions } from './tcp-transport.ts';
export { nodeNetwork, nodeScheduler } from './node-network.ts';
export type { TransportLimits } from './limits.ts';
export type { Transport } from './transport.ts';
