/** The links of an ensemble of one. */
import type { Transport } from '../transport/transport.ts';

export const noPeers: Transport = {
  start: () => undefined,
  send: () => undefined,
  sendPayload: () => undefined,
  disconnect: () => undefined,
  connected: () => false,
  queuedBytes: () => 0,
  stop: () => Promise.resolve(),
};
