/**
 * Requests that stop the parser. Node's HTTP parser reads all requests of one piece of a socket (64 KiB) at
 * once and has each executed. It stops in one case only: behind the head of an upgrade, whose further bytes
 * it hands over unread. So a request that has to wait behind another one says that it is an upgrade; what
 * becomes of it is decided in `connections.ts`.
 */
import { IncomingMessage } from 'node:http';

/** Of plain connections and of TLS. */
export type Socket = IncomingMessage['socket'];

/** Whether a request that arrives on the socket now has to wait. */
export type MustWait = (socket: Socket) => boolean;

const stops = Symbol('stops the parser');

/** @returns the class of a server's requests (the option `IncomingMessage` of `http.createServer`) */
export function orderlyMessages(mustWait: MustWait): typeof IncomingMessage {
  return class OrderlyMessage extends IncomingMessage {
    private [stops]: boolean | undefined;

    /** The parser sets this when it has read the head, and asks for it before it goes on. */
    get upgrade(): boolean {
      return this[stops] === true;
    }

    set upgrade(value: boolean | null) {
      // The constructor sets null, before there is anything to judge.
      if (value !== null) this[stops] = value || mustWait(this.socket);
    }
  };
}

/** The request's head as it came, but for white space around values. */
export function headBytes(request: IncomingMessage, leavesOut?: ReadonlySet<string>): Buffer {
  const { method = 'GET', url = '/', httpVersion, rawHeaders } = request;
  const lines = [`${method} ${url} HTTP/${httpVersion}`];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const [name = '', value = ''] = rawHeaders.slice(index, index + 2);
    if (leavesOut?.has(name.toLowerCase()) !== true) lines.push(`${name}: ${value}`);
  }
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
}
