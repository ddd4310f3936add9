/** Writes down what clients do while they do it. */
import type {
  LockClaim,
  SessionFact,
  WatchConnection,
  WatchedEvents,
  WatchedPosition,
  WatchLog,
} from './facts.ts';
import type { Answer, Operation } from './operation.ts';

/** A watch that is being carried on. */
export interface OpenWatchLog extends WatchLog {
  readonly connections: OpenWatchConnection[];
}

export interface OpenWatchConnection extends WatchConnection {
  readonly seen: (WatchedEvents | WatchedPosition)[];
}

export class Recorder {
  readonly operations: Operation[] = [];
  readonly watches: OpenWatchLog[] = [];
  readonly sessions: SessionFact[] = [];
  readonly claims: LockClaim[] = [];

  now(): number {
    return performance.now();
  }

  begin(call: Omit<Operation, 'id' | 'invokedMs' | 'answer'>): Operation {
    const operation = { ...call, id: this.operations.length, invokedMs: this.now() };
    this.operations.push(operation);
    return operation;
  }

  answer(operation: Operation, answer: Omit<Answer, 'returnedMs'>): void {
    operation.answer = { ...answer, returnedMs: this.now() };
  }

  session(id: number, client: string): SessionFact {
    const fact: SessionFact = { id, client, aliveUntilMs: 0 };
    this.sessions.push(fact);
    return fact;
  }

  watch(client: string, path: string): OpenWatchLog {
    const log: OpenWatchLog = { client, path, connections: [] };
    this.watches.push(log);
    return log;
  }
}
