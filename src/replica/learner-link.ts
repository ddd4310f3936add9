/** The leader's end of the link to one learner: frames that wait for their turn, answers for the next one. */
import { Fifo } from '../protocol/fifo.ts';
import type { LeaderMessage, PeerFrame } from './peer-messages.ts';

interface WaitingFrame {
  readonly frame: PeerFrame;
  readonly bytes: number;
}

export class LearnerLink {
  readonly node: number;
  /** What the learner is told with the next frame. */
  outgoing: LeaderMessage[] = [];
  /** Set when the connection or the reign has ended: nothing more is answered over it. */
  closed = false;
  readonly #frames = new Fifo<WaitingFrame>();
  /** Messages of the first frame that have been taken. */
  #taken = 0;
  #bytes = 0;

  constructor(node: number) {
    this.node = node;
  }

  /** Bytes of the frames that wait here. */
  get waitingBytes(): number {
    return this.#bytes;
  }

  push(frame: PeerFrame, bytes: number): void {
    this.#frames.push({ frame, bytes });
    this.#bytes += bytes;
  }

  /** The frame whose messages are being taken, and which of them is next. */
  next(): { readonly frame: PeerFrame; readonly index: number } | undefined {
    const head = this.#frames.peek();
    return head === undefined ? undefined : { frame: head.frame, index: this.#taken };
  }

  /** The message that was next has been taken. */
  took(): void {
    const head = this.#frames.peek();
    this.#taken += 1;
    if (head === undefined || this.#taken < head.frame.messages.length) return;
    this.skip();
  }

  /** The rest of the frame is of no interest. */
  skip(): void {
    const head = this.#frames.shift();
    this.#taken = 0;
    this.#bytes -= head?.bytes ?? 0;
  }

  /** Nothing that came over it is taken any more, nothing is said. */
  close(): void {
    this.closed = true;
    this.outgoing = [];
    this.#frames.drain();
    this.#taken = 0;
    this.#bytes = 0;
  }
}
