/** What a connection has asked the coordinator for and has no answer to yet, oldest first. */
import { assert } from '../../protocol/assert.ts';
import type { ErrorBody } from '../../protocol/errors.ts';
import type { CloseCode } from '../../protocol/websocket/server.ts';
import type { Encoder } from './encode.ts';

/**
 * - `request`: what the client asked and the coordinator does.
 * - `connect`: the client's first message.
 * - `bookmark`: the door's own question how far the stream has come.
 */
export type WaitingRole = 'request' | 'connect' | 'bookmark';

/** One link of the queue. */
export interface Waiting {
  /** The door's number of the request on its stream. */
  readonly id: number;
  readonly role: WaitingRole;
  /** The client's number; null where its frame had none that could be read. */
  readonly clientId: number | null;
  readonly encode: Encoder;
  /**
   * A fault that the door has found itself. The coordinator is asked for no more than an answer in its
   * turn, so that the refusal stands where the request stood.
   */
  readonly refusal: ErrorBody | undefined;
  /** With which the connection closes once this has been answered; 0 = it goes on. */
  readonly closeCode: CloseCode | 0;
  /** Of the frame that ends with this request; 0 for all others. */
  frameBytes: number;
  next: Waiting | undefined;
}

/** A queue without a list: an idle connection has nothing but two empty fields. */
export class WaitingQueue {
  #first: Waiting | undefined;
  #last: Waiting | undefined;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  get first(): Waiting | undefined {
    return this.#first;
  }

  get last(): Waiting | undefined {
    return this.#last;
  }

  push(waiting: Waiting): void {
    if (this.#last === undefined) this.#first = waiting;
    else this.#last.next = waiting;
    this.#last = waiting;
    this.#length++;
  }

  /** @throws InvariantError when nothing waits */
  shift(): Waiting {
    const first = this.#first;
    assert(first !== undefined, 'an answer belongs to a request that waits');
    this.#first = first.next;
    if (this.#first === undefined) this.#last = undefined;
    this.#length--;
    return first;
  }
}
