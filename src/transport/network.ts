/**
 * What the links need from a network, and no more. Two versions: Node's sockets (`node-network.ts`), and one
 * in memory for tests of what real sockets do only by chance.
 */
export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface ConnectionEvents {
  /** Of a connection that is made from here: it stands. */
  opened?(): void;
  /** Fresh memory that nobody else will write to. */
  data(bytes: Buffer): void;
  /** The last event, and never from within a method of the connection. */
  closed(why: CloseReason): void;
}

export interface CloseReason {
  /** Part of a sentence: `the other end closed it`. */
  readonly reason: string;
  /** Nobody listens on the port that was called. */
  readonly refused: boolean;
}

export interface Connection {
  /** Address of the other end, for logs. */
  readonly remote: string;
  /** Hands over all pieces in one call of the system, if it takes them. */
  write(pieces: readonly Uint8Array[]): void;
  /** Bytes that were written and have not left the process. */
  readonly unsentBytes: number;
  /** Ends the connection once everything written has left. */
  end(): void;
  /** Ends the connection at once. */
  destroy(): void;
}

export interface Listener {
  readonly port: number;
  close(): Promise<void>;
}

export interface Network {
  /** @throws the system's error when the address cannot be had */
  listen(at: Address, accept: (connection: Connection) => ConnectionEvents): Promise<Listener>;
  /** Resolves the name anew at each call. */
  connect(to: Address, events: ConnectionEvents): Connection;
}

/** Time, as the links need it. */
export interface TransportScheduler {
  /** Milliseconds; never goes back. */
  nowMs(): number;
  /** Runs `task` once after so many milliseconds unless the returned function is called before. */
  after(ms: number, task: () => void): () => void;
  /** Runs `task` when what runs now has returned to the event loop, before anything else comes in. */
  endOfTurn(task: () => void): void;
}
