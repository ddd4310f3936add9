import type { ZabMessage } from './messages.ts';
import type { OutgoingMessage, Ready, SettledBarrier, TraceEvent } from './ready.ts';
import type { EpochPromise } from './types.ts';

/** What the parts of the core put down for the next Ready. */
export class Outbox {
  promise: EpochPromise | undefined;
  readonly barriers: SettledBarrier[] = [];
  #messages: OutgoingMessage[] = [];
  readonly #trace: TraceEvent[] = [];

  get isEmpty(): boolean {
    return (
      this.promise === undefined &&
      this.#messages.length === 0 &&
      this.barriers.length === 0 &&
      this.#trace.length === 0
    );
  }

  send(to: number, message: ZabMessage, after: OutgoingMessage['after'] = 'now'): void {
    this.#messages.push({ to, message, after });
  }

  trace(event: TraceEvent): void {
    this.#trace.push(event);
  }

  ignore(what: string, reason: string): void {
    this.#trace.push({ type: 'ignored', what, reason });
  }

  /** Withdraws what a role that has ended wanted done; what it has to tell stays. */
  disown(): void {
    this.promise = undefined;
    this.#messages = [];
  }

  /** Empties it. */
  take(): Pick<Ready, 'promise' | 'messages' | 'barriers' | 'trace'> {
    const { promise } = this;
    const taken = {
      messages: this.#messages,
      barriers: this.barriers.splice(0),
      trace: this.#trace.splice(0),
    };
    this.disown();
    return promise === undefined ? taken : { ...taken, promise };
  }
}
