/** One connection, used as bytes: what HTTP clients would never send, and how they would never read. */
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { until } from './waiting.ts';

export interface RawClient {
  readonly socket: Socket;
  /** All that has come, bytes as characters. */
  readonly received: string;
  /** Resolves with all that has come when it matches. */
  receives(pattern: RegExp): Promise<string>;
  /** Resolves with all that has come when the connection has ended, whichever way. */
  readonly closed: Promise<string>;
}

/** @param from the address of this machine to connect from */
export async function openRaw(url: string, text = '', from?: string): Promise<RawClient> {
  const { hostname, port } = new URL(url);
  const socket = connect({
    ...{ port: Number(port), host: hostname },
    ...(from !== undefined && { localAddress: from }),
  });
  let received = '';
  socket.on('data', (bytes) => (received += bytes.toString('latin1')));
  socket.on('error', () => undefined);
  const closed = new Promise<string>((resolve) => socket.on('close', () => resolve(received)));
  await new Promise((resolve) => socket.once('connect', resolve));
  if (text !== '') socket.write(text, 'latin1');
  return {
    socket,
    closed,
    get received() {
      return received;
    },
    receives: (pattern) =>
      until(`an answer like ${String(pattern)}`, () =>
        pattern.test(received) ? received : undefined,
      ),
  };
}

/** The text of a request to `localhost`. */
export function requestText(line: string, headers: readonly string[] = [], body = ''): string {
  const length = body === '' ? [] : [`Content-Length: ${body.length}`];
  return [`${line} HTTP/1.1`, 'Host: localhost', ...headers, ...length, '', body].join('\r\n');
}

/** The statuses of the answers in a text, in order. */
export function statusesIn(text: string): readonly number[] {
  return [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
}
