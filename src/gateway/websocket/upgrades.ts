/**
 * Which requests become WebSockets. Node hands every request with an `Upgrade` header to whoever listens
 * for upgrades, and such a header is common: `curl --http2` and Java's HTTP client offer `h2c` on plain
 * requests. A server may ignore an upgrade (RFC 9110, 7.8), so all but a WebSocket at its own path are read
 * again as the plain requests that they also are.
 */
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import type { EventEmitter } from 'node:events';

export const webSocketPath = '/ws';

/** Hop-by-hop headers that only say that an upgrade is offered. */
const offers = new Set(['upgrade', 'http2-settings', 'connection']);

/** Lets `webSockets` see the upgrades that are WebSockets, and the server all others as requests. */
export function routeUpgrades(server: Server, webSockets: EventEmitter): void {
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (isWebSocket(request)) {
      webSockets.emit('upgrade', request, socket, head);
      return;
    }
    socket.unshift(Buffer.concat([plainHead(request), head]));
    // What TLS has decrypted must not be taken for the beginning of a handshake.
    server.emit('encrypted' in socket ? 'secureConnection' : 'connection', socket);
  });
}

function isWebSocket({ headers, method, url = '' }: IncomingMessage): boolean {
  const [path] = url.split('?', 1);
  return (
    method === 'GET' && path === webSocketPath && headers.upgrade?.toLowerCase() === 'websocket'
  );
}

/** The request's head as it came, without the offer. */
function plainHead({
  method = 'GET',
  url = '/',
  httpVersion,
  rawHeaders,
}: IncomingMessage): Buffer {
  const lines = [`${method} ${url} HTTP/${httpVersion}`];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const [name = '', value = ''] = rawHeaders.slice(index, index + 2);
    if (!offers.has(name.toLowerCase())) lines.push(`${name}: ${value}`);
  }
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
}
