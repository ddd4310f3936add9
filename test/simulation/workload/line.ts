/** One stream of one user: asking, answers in their order, and a reader that stops reading for a while. */
import type { RequestMessage } from '../../../src/protocol/coordination.ts';
import type { Identity } from '../../../src/protocol/model.ts';
import type { Operation } from '../../../src/protocol/operations.ts';
import { newDeed } from '../checkers/requests.ts';
import type { Answer, Conversation, Deed, Request } from '../checkers/requests.ts';
import type { Life, Machine } from '../world/machine.ts';
import type { Clients } from './clients.ts';

/**
 * A node that has not answered for so long will not answer, milliseconds: longer than the waits of a request for
 * a zxid, for its session and for its commit together.
 */
const PATIENCE_MS = 18_000;

/** What a request has beside its operation, and the deed that it is an attempt of. */
export type Extras = Omit<Partial<RequestMessage>, 'id' | 'stream' | 'operation' | 'type'> & {
  readonly deed?: Deed;
};

export class Line {
  readonly stream: Conversation;
  readonly #all: Clients;

  constructor(
    all: Clients,
    life: Life,
    of: { readonly client: number; readonly identities: readonly Identity[] },
  ) {
    this.#all = all;
    this.stream = all.open(life, of);
  }

  /** True when the node should have answered long ago; that it is to blame is a violation. */
  isStuck(): boolean {
    const { open, headSinceMs } = this.stream;
    if (open.length === 0 || this.#all.world.nowMs - headSinceMs <= PATIENCE_MS) return false;
    this.#all.gaveUp(this.stream);
    return true;
  }

  ask(operation: Operation, { deed = newDeed(''), ...rest }: Extras = {}): Request {
    const { stream } = this;
    const id = this.#all.nextId();
    const message: RequestMessage = { type: 'request', stream: stream.id, id, operation, ...rest };
    const { world, answers, sessions } = this.#all;
    const { client, session, identities } = stream;
    const request: Request = {
      ...{ id, client, stream, operation, message, session, identities, deed },
      ...{ askedAtMs: world.nowMs, floor: answers.shown, outcome: 'open' },
    };
    if (stream.open.length === 0) stream.headSinceMs = world.nowMs;
    stream.open.push(request);
    this.#all.asked(request);
    this.#send([message], () => sessions.heardOn(stream));
    return request;
  }

  /** The request that is answered; undefined when the stream has ended without it. */
  settle(answer: Answer): Request | undefined {
    const { stream } = this;
    if (answer.id === 0 && answer.type === 'error') return undefined;
    const [request] = stream.open;
    if (!this.#all.inOrder(stream, request, answer)) return undefined;
    stream.open.shift();
    stream.headSinceMs = this.#all.world.nowMs;
    this.#all.answers.take(request, answer);
    return request;
  }

  /** Reads nothing for a while. */
  block(forMs: number): void {
    const { stream } = this;
    if (stream.isBlocked) return;
    this.#flow(false);
    this.#all.world.afterMs(forMs, () => this.unblock());
  }

  unblock(): void {
    if (this.stream.isBlocked && !this.stream.isOver) this.#flow(true);
  }

  close(): void {
    this.#send([{ type: 'close', stream: this.stream.id }]);
    this.end();
  }

  /** What is unanswered will not be answered any more. */
  end(): void {
    const { stream } = this;
    stream.isOver = true;
    for (const request of stream.open) request.outcome = 'unknown';
    this.#all.closed(stream);
  }

  #flow(ready: boolean): void {
    const { stream } = this;
    stream.isBlocked = !ready;
    stream.headSinceMs = this.#all.world.nowMs;
    this.#send([{ type: 'flow', stream: stream.id, ready }]);
  }

  #send(...given: Parameters<Machine['submit']>): void {
    const { life } = this.stream;
    if (life.machine.life === life) life.machine.submit(...given);
  }
}
