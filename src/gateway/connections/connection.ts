/**
 * One HTTP connection: which request of it is being executed, and the bytes behind that one, which wait
 * unread until it is answered. Works on the events of any socket, so that TLS makes no difference.
 *
 * A client may close its sending side after a request (a half-closed connection): the request gets its answer
 * all the same, and an event stream goes on as long as it can be written. But nobody can tell such a client
 * from one that was killed, whose end shows only when something is written to it. So what waits without
 * writing, a long poll, is told that the connection is unheard of, and then waits for a moment only.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { headBytes } from './orderly-message.ts';
import type { Socket } from './orderly-message.ts';

/** What a connection wants of those that it belongs to. */
export interface ConnectionOwner {
  /** Bytes that wait behind requests; adds to the sum of the node. False when that is too much. */
  hold(bytes: number): boolean;
  release(bytes: number): void;
  /** Has the HTTP server of the socket read it, with a new parser. */
  attach(socket: Socket): void;
  /** An answer was written of which the system has not taken all. */
  unread(connection: HttpConnection): void;
  /** Bytes of one connection that may wait before it is read no further. */
  readonly heldBytesMax: number;
}

/**
 * The end of a connection: the rest of what the client sends is read and thrown away, since the system destroys
 * the answer where bytes are left unread. It is over when nothing has come for `LINGER_MS` milliseconds, or after
 * `LINGERS_MAX` times as long.
 */
const LINGER_MS = 1000;
const LINGERS_MAX = 30;

export class HttpConnection {
  readonly socket: Socket;
  readonly #owner: ConnectionOwner;
  /** The answer under way. */
  #current: ServerResponse | undefined;
  /** The last request that was begun. */
  #last: IncomingMessage | undefined;
  /** What stands behind the current request, in order; empty unless detached. */
  #held: Buffer[] = [];
  #heldBytes = 0;
  /** No parser reads the socket, for as long as the current request takes. */
  #detached = false;
  #halfClosed = false;
  /** No further request is begun; the connection ends with the answer under way. */
  #closing = false;
  #lingers = false;
  #lingersLeft = LINGERS_MAX;
  #broken = false;
  #onUnheard: (() => void) | undefined;
  /** Of an event stream: its reader may pause, and what it has not taken is bounded by the stream. */
  isStream = false;
  /** The current request is begun no further than that its body is being received. */
  receivesBody = false;

  constructor(socket: Socket, owner: ConnectionOwner) {
    this.socket = socket;
    this.#owner = owner;
    // What Node does behind a last answer: bytes that are still to come would destroy it.
    socket.destroySoon = () => this.linger();
  }

  /** What stands behind the head of the last request cannot be read, nor the rest of its body. */
  get isBroken(): boolean {
    return this.#broken;
  }

  /** A request is being executed. */
  get isBusy(): boolean {
    return this.#current !== undefined;
  }

  /** A further request has to wait, or will never be begun. */
  get mustWait(): boolean {
    return this.#current !== undefined || this.#closing;
  }

  /** Nothing can be heard of the client any more, not even its end, until something is written. */
  get isUnheard(): boolean {
    return this.#halfClosed || (this.#detached && this.socket.isPaused());
  }

  begin(response: ServerResponse): void {
    this.#current = response;
    this.#last = response.req;
    this.receivesBody = false;
  }

  /** The whole answer is written, and some of it waits in the socket. */
  answered(): void {
    if (!this.isStream) this.#owner.unread(this);
  }

  /** The answer is with the system, or the connection is gone. */
  end(response: ServerResponse): void {
    if (response !== this.#current) return;
    this.#current = undefined;
    this.#onUnheard = undefined;
    this.isStream = false;
    if (this.socket.destroyed) return;
    if (this.#closing) this.linger();
    else if (this.#detached) this.#goOn();
  }

  /** A request that arrives while another one is executed; `rest` is what came with it, unread. */
  queue(request: IncomingMessage, rest: Buffer): void {
    this.#detach();
    this.#hold(headBytes(request));
    this.#hold(rest);
  }

  /** Has bytes read that were taken from the socket, before all that still comes. */
  reread(bytes: Buffer): void {
    this.#detach();
    this.#hold(bytes);
    this.#goOn();
  }

  /** The client has closed its sending side. */
  halfClose(): void {
    this.#halfClosed = true;
    this.#tellUnheard();
  }

  /** Calls `listener` once when the connection is unheard of; returns how to take it back. */
  whenUnheard(listener: () => void): () => void {
    if (this.isUnheard) {
      listener();
      return () => undefined;
    }
    this.#onUnheard = listener;
    return () => {
      if (this.#onUnheard === listener) this.#onUnheard = undefined;
    };
  }

  /** What stands behind the current request is never begun, and its client is told so where it still can be. */
  closeAfterAnswer(): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#drop();
    const response = this.#current;
    if (response !== undefined && !response.headersSent) response.shouldKeepAlive = false;
  }

  /**
   * What came behind the request that is being executed, or the rest of its body, is unreadable. True when
   * the connection ends by itself, after the answer of what was begun; false when nothing was, so that the
   * unreadable bytes can be refused.
   */
  breakOff(): boolean {
    if (this.#closing) return true;
    this.#broken = true;
    if (this.#current !== undefined) {
      if (this.receivesBody && !this.#current.headersSent) return false;
      this.closeAfterAnswer();
      return true;
    }
    // The rest of a request that has been answered.
    if (this.#last?.complete !== false) return false;
    this.linger();
    return true;
  }

  /** The node stops: nobody is waited for. */
  hurry(): void {
    this.#lingersLeft = 1;
  }

  /** Ends the connection behind all that was written, and reads on for a moment without taking anything. */
  linger(): void {
    const { socket } = this;
    this.#closing = true;
    if (socket.destroyed || this.#lingers) return;
    this.#lingers = true;
    socket.end();
    let { bytesRead } = socket;
    const timer = setInterval(() => {
      if (socket.bytesRead === bytesRead || --this.#lingersLeft <= 0) socket.destroy();
      ({ bytesRead } = socket);
    }, LINGER_MS);
    socket.once('close', () => clearInterval(timer));
    // Without a listener what comes is thrown away.
    socket.resume();
  }

  /** The socket is gone. */
  closed(): void {
    this.#drop();
    this.#onUnheard = undefined;
  }

  /** Something waits for room in the socket; what Node listens with may be detached. */
  drained(): void {
    if (this.#detached) this.#current?.emit('drain');
  }

  /** Takes the place of the parser, which Node has removed. */
  #detach(): void {
    this.#detached = true;
    this.socket.on('data', this.#onData);
  }

  readonly #onData = (bytes: Buffer): void => {
    this.#hold(bytes);
  };

  #hold(bytes: Buffer): void {
    if (this.#closing || bytes.length === 0) return;
    this.#held.push(bytes);
    this.#heldBytes += bytes.length;
    if (!this.#owner.hold(bytes.length)) this.closeAfterAnswer();
    else if (this.#heldBytes > this.#owner.heldBytesMax) {
      this.socket.pause();
      this.#tellUnheard();
    }
  }

  #drop(): void {
    this.#owner.release(this.#heldBytes);
    this.#heldBytes = 0;
    this.#held = [];
  }

  /** Has the next request read, and with it what comes behind. */
  #goOn(): void {
    const { socket } = this;
    const bytes = Buffer.concat(this.#held);
    this.#drop();
    socket.off('data', this.#onData);
    // What is still to come must not be read before what waits.
    socket.pause();
    // Node set it when the answer was finished, and a new parser knows nothing of it.
    socket.setTimeout(0);
    this.#detached = false;
    this.#owner.attach(socket);
    socket.emit('data', bytes);
    if (this.isDetached()) return;
    if (socket.readableEnded) socket.emit('end');
    else socket.resume();
  }

  /** A method, since the compiler believes in what was assigned before other code ran. */
  private isDetached(): boolean {
    return this.#detached;
  }

  #tellUnheard(): void {
    const listener = this.#onUnheard;
    this.#onUnheard = undefined;
    listener?.();
  }
}
