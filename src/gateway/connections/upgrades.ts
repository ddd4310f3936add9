/**
 * Which requests become WebSockets. Node hands every request with an `Upgrade` header to whoever listens
 * for upgrades, and such a header is common: `curl --http2` and Java's HTTP client offer `h2c` on plain
 * requests. A server may ignore an upgrade (RFC 9110, 7.8), so all but a WebSocket at its own path are read
 * again as the plain requests that they also are.
 */
import type { IncomingMessage } from 'node:http';

export const webSocketPath = '/ws';

/** Hop-by-hop headers that only say that an upgrade is offered. */
export const upgradeOffers: ReadonlySet<string> = new Set([
  'upgrade',
  'http2-settings',
  'connection',
]);

export function isWebSocket({ headers, method, url = '' }: IncomingMessage): boolean {
  const [path] = url.split('?', 1);
  return (
    method === 'GET' && path === webSocketPath && headers.upgrade?.toLowerCase() === 'websocket'
  );
}
