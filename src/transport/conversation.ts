/** One connection from its first byte to its last: frames both ways, the time to say hello, signs of life. */
import { FrameError, FrameParser, FrameQueue, allocateHead, channels } from './frames.ts';
import type { Channel, Frame } from './frames.ts';
import type { TransportLimits } from './limits.ts';
import type { CloseReason, Connection, ConnectionEvents, TransportScheduler } from './network.ts';

export interface ConversationHost {
  readonly limits: TransportLimits;
  readonly scheduler: TransportScheduler;
  /** A connection made from here stands. */
  opened(conversation: Conversation): void;
  frame(conversation: Conversation, frame: Frame): void;
  /** All frames of one read have been told. */
  read(): void;
  /** What came is no frame. */
  malformed(conversation: Conversation, problem: string): void;
  /** It has not said who it is in time. */
  late(conversation: Conversation): void;
  /** Told of every conversation, once. */
  closed(conversation: Conversation, why: CloseReason): void;
}

/** `over`: nothing of it counts any more, although the connection may still stand. */
type State = 'greeting' | 'linked' | 'over';

export class Conversation implements ConnectionEvents {
  /** The peer that was called from here, or that has said hello. */
  peer: number | undefined;
  /** True where the other end has called. */
  readonly called: boolean;
  /** When anything came or left last, and when the link was made. */
  receivedAtMs: number;
  sentAtMs: number;
  linkedAtMs = 0;
  /** True until anything has come. */
  isEmpty = true;
  readonly #host: ConversationHost;
  #connection: Connection | undefined;
  readonly #parser: FrameParser;
  readonly #queue = new FrameQueue();
  #state: State = 'greeting';
  #cancelDeadline: () => void;

  constructor(host: ConversationHost, peer: number | undefined) {
    const { limits, scheduler } = host;
    this.#host = host;
    this.peer = peer;
    this.called = peer === undefined;
    this.#parser = new FrameParser(limits.helloBytesMax);
    this.receivedAtMs = this.sentAtMs = scheduler.nowMs();
    this.#cancelDeadline = this.#deadline(
      this.called ? limits.helloTimeoutMs : limits.connectTimeoutMs,
    );
  }

  get state(): State {
    return this.#state;
  }

  /** Address of the other end, for logs. */
  get remote(): string {
    return this.#connection?.remote ?? 'an unknown address';
  }

  /** The connection comes with the first event at the latest. */
  set connection(connection: Connection) {
    this.#connection = connection;
  }

  /** The other end has said who it is, and it fits. */
  link(peer: number): void {
    this.peer = peer;
    this.#state = 'linked';
    this.linkedAtMs = this.#host.scheduler.nowMs();
    this.#parser.bytesMax = this.#host.limits.frameBytesMax;
    this.#cancelDeadline();
  }

  /** Waiting bytes, here and in the socket. */
  get queuedBytes(): number {
    return this.#queue.bytes + (this.#connection?.unsentBytes ?? 0);
  }

  /** Puts a frame behind the others; it leaves with the next `flush`. */
  queue(channel: Channel, head: Buffer, tail?: readonly Uint8Array[]): void {
    this.#queue.add(channel, head, tail);
  }

  flush(): void {
    if (this.#queue.bytes === 0) return;
    this.#connection?.write(this.#queue.take());
    this.sentAtMs = this.#host.scheduler.nowMs();
  }

  sendAlive(): void {
    this.queue(channels.alive, allocateHead(0));
    this.flush();
  }

  /** Nothing of it counts any more; ends the connection, at once or when all that was sent has left. */
  leave(how: 'at-once' | 'when-sent'): void {
    this.#state = 'over';
    this.#cancelDeadline();
    if (how === 'at-once') {
      this.#connection?.destroy();
      return;
    }
    this.flush();
    this.#connection?.end();
    this.#cancelDeadline = this.#host.scheduler.after(this.#host.limits.drainMs, () =>
      this.#connection?.destroy(),
    );
  }

  opened(): void {
    if (this.#state === 'over') return;
    this.#cancelDeadline();
    this.#cancelDeadline = this.#deadline(this.#host.limits.helloTimeoutMs);
    this.#host.opened(this);
  }

  data(bytes: Buffer): void {
    if (this.#state === 'over') return;
    this.isEmpty = false;
    this.receivedAtMs = this.#host.scheduler.nowMs();
    this.#parser.push(bytes);
    for (let frame = this.#next(); frame !== undefined; frame = this.#next()) {
      this.#host.frame(this, frame);
    }
    this.#host.read();
  }

  closed(why: CloseReason): void {
    this.#cancelDeadline();
    this.#host.closed(this, why);
    this.#state = 'over';
  }

  /** A frame may end the conversation: then the rest of the read is nobody's. */
  #next(): Frame | undefined {
    if (this.#state === 'over') return undefined;
    try {
      return this.#parser.next();
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.#host.malformed(this, error.message);
      return undefined;
    }
  }

  #deadline(ms: number): () => void {
    return this.#host.scheduler.after(ms, () => this.#host.late(this));
  }
}
