/**
 * A network and a clock that do nothing by themselves, for what real sockets do only by chance or after a
 * long time: silence, refusals, connections that are never made.
 */
import { assert } from '../../../src/protocol/assert.ts';
import type {
  Address,
  Connection,
  ConnectionEvents,
  Network,
  TransportScheduler,
} from '../../../src/transport/network.ts';

/** One end of a connection. */
export class FakeConnection implements Connection {
  readonly remote = 'fake';
  readonly written: Uint8Array[] = [];
  /** What the test says has not left the process. */
  unsentBytes = 0;
  isOpen = true;
  readonly to: Address;
  readonly #events: () => ConnectionEvents;
  readonly #later: (task: () => void) => void;

  constructor(to: Address, events: () => ConnectionEvents, later: (task: () => void) => void) {
    this.to = to;
    this.#events = events;
    this.#later = later;
  }

  write(pieces: readonly Uint8Array[]): void {
    this.written.push(...pieces);
  }

  end(): void {
    this.destroy();
  }

  destroy(): void {
    this.#close('the other end closed it', false);
  }

  // What the test does at the other end.

  open(): void {
    this.#events().opened?.();
  }

  receive(bytes: Uint8Array): void {
    this.#events().data(Buffer.from(bytes));
  }

  refuse(): void {
    this.#close('connect ECONNREFUSED', true);
  }

  #close(reason: string, refused: boolean): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.#later(() => this.#events().closed({ reason, refused }));
  }
}

interface Timer {
  readonly atMs: number;
  readonly task: () => void;
}

export class FakeWorld {
  nowMs = 1000;
  /** All that were made from here, in order. */
  readonly calls: FakeConnection[] = [];
  #timers: Timer[] = [];
  #tasks: (() => void)[] = [];
  #accept: ((connection: Connection) => ConnectionEvents) | undefined;

  readonly scheduler: TransportScheduler = {
    nowMs: () => this.nowMs,
    after: (ms, task) => {
      const timer = { atMs: this.nowMs + ms, task };
      this.#timers.push(timer);
      return () => (this.#timers = this.#timers.filter((other) => other !== timer));
    },
    endOfTurn: (task) => this.#tasks.push(task),
  };

  readonly network: Network = {
    listen: async (_at, accept) => {
      this.#accept = accept;
      return { port: 1, close: async () => undefined };
    },
    connect: (to, events) => {
      const connection = new FakeConnection(
        to,
        () => events,
        (task) => this.#tasks.push(task),
      );
      this.calls.push(connection);
      return connection;
    },
  };

  /** A connection from outside. */
  call(): FakeConnection {
    const accept = this.#accept;
    assert(accept !== undefined, 'nobody listens');
    const connection: FakeConnection = new FakeConnection(
      { host: 'fake', port: 0 },
      () => events,
      (task) => this.#tasks.push(task),
    );
    const events = accept(connection);
    return connection;
  }

  /** What falls due at the end of a turn. */
  settle(): void {
    for (let task = this.#tasks.shift(); task !== undefined; task = this.#tasks.shift()) task();
  }

  /** Lets time pass, timer by timer. */
  pass(ms: number): void {
    const untilMs = this.nowMs + ms;
    this.settle();
    for (;;) {
      const [next] = [...this.#timers].sort((a, b) => a.atMs - b.atMs);
      if (next === undefined || next.atMs > untilMs) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.nowMs = Math.max(this.nowMs, next.atMs);
      next.task();
      this.settle();
    }
    this.nowMs = untilMs;
  }

  /** The process stands still: what falls due meanwhile comes late, all at once. */
  sleep(ms: number): void {
    this.nowMs += ms;
  }
}
