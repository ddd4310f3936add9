/** Waits for changes of one znode: a stream of its own with the internal watch mode `change`. */
import { CoordinationError } from '../../protocol/errors.ts';
import type { Identity, SessionId, ZnodePath } from '../../protocol/model.ts';
import type { CoordinatorAnswer, SessionAnswer } from '../coordinator.ts';
import { RequestRefused } from '../router.ts';
import type { StreamHandle } from '../router.ts';
import { sessionFailure } from '../common/sessions.ts';
import type { HttpContext } from './context.ts';
import { shuttingDown } from './shutdown.ts';

/** Why a wait ended without a change. */
export type WaitEnd = 'changed' | 'deadline' | 'gone';

const watchRequestId = 1;

export interface WakerOptions {
  readonly path: ZnodePath;
  readonly identities: readonly Identity[];
  /** Its end ends the wait. */
  readonly session: SessionId | undefined;
  /** `performance.now()` at which the waiting ends. */
  readonly deadline: number;
}

export class Waker {
  readonly #stream: StreamHandle;
  #timer: NodeJS.Timeout;
  readonly #deadline: number;
  readonly #forgetShutdown: () => void;
  /** Something happened since the last `next`. */
  #pending: WaitEnd | undefined;
  #failure: Error | undefined;
  #wake: (() => void) | undefined;

  /** @throws CoordinationError THROTTLEDOP when the node has as many streams as it may */
  constructor(context: HttpContext, { path, identities, session, deadline }: WakerOptions) {
    const sink = {
      answers: (batch: readonly CoordinatorAnswer[]) =>
        batch.forEach((answer) => this.#take(answer)),
    };
    this.#stream = context.router.openStream(identities, sink, session);
    this.#deadline = deadline;
    this.#timer = setTimeout(() => this.#signal('deadline'), deadline - performance.now());
    this.#forgetShutdown = context.shutdown.onBegin(() => this.#fail(shuttingDown()));
    const operation = { type: 'watch', path, mode: 'change' } as const;
    this.#stream.send([{ type: 'request', id: watchRequestId, operation }]);
  }

  /**
   * The next change, or why there is none. The registration of the watch counts as a change, since what
   * happened before it has woken nobody.
   * @throws CoordinationError when the watch is refused or the node shuts down
   */
  async next(): Promise<WaitEnd> {
    if (this.#pending === undefined && this.#failure === undefined) {
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    if (this.#failure !== undefined) throw this.#failure;
    const end = this.#pending ?? 'changed';
    // A deadline and a client that is gone stay so.
    if (end === 'changed') this.#pending = undefined;
    return end;
  }

  /** The waiting ends in `ms` at the latest. */
  hasten(ms: number): void {
    if (this.#deadline - performance.now() <= ms) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#signal('deadline'), ms);
  }

  /** The client has gone away. */
  abandon(): void {
    this.#signal('gone');
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#forgetShutdown();
    this.#stream.close();
  }

  #take(answer: CoordinatorAnswer): void {
    if (answer.type === 'error') this.#fail(new RequestRefused(answer));
    else if (answer.type === 'gone') this.#fail(fellBehind());
    else if (answer.type === 'session') this.#failOf(answer);
    else this.#signal('changed');
  }

  /** What has become of the session, or of the node's leader, without which nobody is woken. */
  #failOf(answer: SessionAnswer): void {
    const failure = sessionFailure(answer.state);
    if (failure !== undefined) this.#fail(failure);
  }

  #signal(end: WaitEnd): void {
    if (this.#pending === undefined || this.#pending === 'changed') this.#pending = end;
    this.#wakeUp();
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#wakeUp();
  }

  #wakeUp(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}

/** Only a node that has stood still for long loses the place of a waiting request. */
function fellBehind(): CoordinationError {
  return new CoordinationError('CONNECTIONLOSS', 'this node fell behind while the request waited');
}
