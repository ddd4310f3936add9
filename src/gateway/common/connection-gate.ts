/**
 * Who may connect: each connection takes a share of its client and of the node before anybody reads it, and
 * gives it back when its socket closes, whatever became of it. One too many is told so and closed; a few
 * such answers may be under way, beyond them connections are closed without a word.
 */
import type { Server } from 'node:http';
import type { Duplex } from 'node:stream';
import type { CoordinationError } from '../../protocol/errors.ts';
import type { GatewaySettings } from '../settings.ts';
import { clientOf } from './clients.ts';
import type { Share } from './shares.ts';

/** Refused connections that may be open to be told why. */
const REFUSALS_MAX = 32;

/** How long such a one may take to read it, milliseconds: closed at once, it might lose it. */
const REFUSAL_MS = 1000;

/** What the gate wants of a socket. */
interface Incoming extends Duplex {
  readonly remoteAddress?: string | undefined;
}

export interface GateOptions {
  readonly share: Share;
  readonly settings: Pick<GatewaySettings, 'limits' | 'trustProxy'>;
  /** Writes the refusal and ends the socket. */
  readonly refuse: (refusal: CoordinationError, socket: Duplex) => void;
}

/** Must come after all who listen for the server's connections: they see those that are let in. */
export function guardConnections(server: Server, { share, settings, refuse }: GateOptions): void {
  // A connection may be announced once more, to be read anew.
  const known = new WeakSet<Incoming>();
  // Counted apart from what is let in: those who are refused must not fill the places of all.
  let refusals = 0;
  const turnAway = (refusal: CoordinationError, socket: Incoming): void => {
    if (refusals >= REFUSALS_MAX) {
      socket.destroy();
      return;
    }
    refusals++;
    socket.once('close', () => refusals--);
    refuse(refusal, socket);
    linger(socket);
  };
  const listeners = server.listeners('connection');
  server.removeAllListeners('connection');
  server.on('connection', (socket: Incoming) => {
    if (!known.has(socket)) {
      // Behind a proxy all have its address; what stands in a header is known of requests only.
      const clients = settings.trustProxy ? [] : [clientOf(socket.remoteAddress)];
      const refusal = share.take(clients);
      if (refusal !== undefined) {
        turnAway(refusal, socket);
        return;
      }
      known.add(socket);
      socket.once('close', () => share.give(clients));
    }
    for (const listener of listeners) listener.call(server, socket);
  });
  server.maxConnections = settings.limits.connectionsMax + REFUSALS_MAX;
}

/** Reads and forgets what comes, and closes. */
function linger(socket: Incoming): void {
  const timer = setTimeout(() => socket.destroy(), REFUSAL_MS).unref();
  socket.on('error', () => socket.destroy());
  socket.on('close', () => clearTimeout(timer));
  socket.resume();
}
