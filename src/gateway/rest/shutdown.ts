/** Tells what waits (long polls, event streams) that the node shuts down, so that closing does not wait for it. */
import { CoordinationError } from '../../protocol/errors.ts';

export class Shutdown {
  readonly #listeners = new Set<() => void>();
  #begun = false;

  get begun(): boolean {
    return this.#begun;
  }

  /** Calls `listener` once when the shutdown begins; returns how to take it back. */
  onBegin(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  begin(): void {
    this.#begun = true;
    const listeners = [...this.#listeners];
    this.#listeners.clear();
    for (const listener of listeners) listener();
  }
}

/** The 503 of a request that a shutdown ends. */
export function shuttingDown(): CoordinationError {
  return new CoordinationError('CONNECTIONLOSS', 'this node is shutting down, ask another one');
}
