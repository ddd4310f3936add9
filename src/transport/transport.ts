/**
 * Links to the other members of the ensemble: one connection for each pair of nodes, all traffic between
 * the two over it, first in, first out. Nothing is ever sent twice and nothing arrives twice; what was
 * under way when a connection ended is lost, and both ends are told so.
 *
 * Handlers are called from the event loop, never from within a call of a method: what `disconnect` or a
 * full queue brings about is told after the turn in which it happened.
 */
import type { ZabMessage } from '../zab/index.ts';

/** What the other end of a connection has said of itself. */
export interface PeerLink {
  readonly id: number;
  /** Its data directory's life. */
  readonly incarnation: string;
  /** Its process's life. */
  readonly boot: string;
  /** Undefined for a node that belonged to no cluster when the connection was made. */
  readonly clusterId: string | undefined;
  /** Where its clients connect; undefined where it serves none. */
  readonly url: string | undefined;
  /** What it can apply. */
  readonly featureLevel: number;
}

export interface DownReason {
  /** A whole sentence. */
  readonly reason: string;
  /**
   * The peer's port has refused a new connection, so its process is gone: news, and no guess from silence.
   * Never true of a peer that does not answer at all.
   */
  readonly refused: boolean;
}

export interface TransportHandlers {
  /** Before any message of the connection. */
  up(peer: PeerLink): void;
  /**
   * The connection has ended: told once for each `up`, after the last message of the connection. While a
   * peer is down, told again with `refused: true` as soon as its port is known to refuse, once until the
   * next `up`; a peer that was never up is told of in that way alone.
   */
  down(peer: number, why: DownReason): void;
  message(peer: number, message: ZabMessage): void;
  /** The replicas' own channel. `bytes` is a view that belongs to the receiver. */
  payload(peer: number, bytes: Uint8Array): void;
  /** All that one read of a socket brought has been delivered; also called after `up` and `down`. */
  idle(): void;
}

export interface Transport {
  /** Called once; connections are made from here on. */
  start(handlers: TransportHandlers): void;
  /**
   * Queues a message; the turn's messages leave together at its end. The bytes of records and snapshots
   * are not copied and must not change. Without a connection the message is lost.
   */
  send(peer: number, message: ZabMessage): void;
  /** The same for the replicas' channel; `bytes` belongs to the transport from here on. */
  sendPayload(peer: number, bytes: Uint8Array): void;
  /** Ends the connection; a new one is made by itself. @param reason a whole sentence */
  disconnect(peer: number, reason: string): void;
  connected(peer: number): boolean;
  /** Bytes that have been sent and have not left this process. */
  queuedBytes(peer: number): number;
  /** Ends all connections, makes no new ones and calls no handler any more. */
  stop(): Promise<void>;
}
