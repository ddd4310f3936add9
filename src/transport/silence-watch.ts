import type { Conversation } from './conversation.ts';
import type { TransportLimits } from './limits.ts';
import type { TransportScheduler } from './network.ts';

export interface SilenceWatchParts {
  readonly scheduler: TransportScheduler;
  readonly limits: TransportLimits;
  readonly links: () => Iterable<Conversation>;
  readonly onSilent: (link: Conversation) => void;
}

/**
 * Sends signs of life, and finds the links that carry none: a machine that has lost its power or its cable
 * closes no connection. The failure detection of the ensemble is faster and does not rest on this; it is what
 * lets two nodes that say nothing to one another find out that they could not.
 */
export class SilenceWatch {
  readonly #parts: SilenceWatchParts;
  #dueMs = 0;
  #cancel: (() => void) | undefined;

  constructor(parts: SilenceWatchParts) {
    this.#parts = parts;
  }

  start(): void {
    const { scheduler, limits } = this.#parts;
    this.#dueMs = scheduler.nowMs() + limits.aliveMs;
    this.#cancel = scheduler.after(limits.aliveMs, () => {
      this.#look();
      this.start();
    });
  }

  stop(): void {
    this.#cancel?.();
  }

  #look(): void {
    const { scheduler, limits, links, onSilent } = this.#parts;
    const { aliveMs, silenceMs } = limits;
    const nowMs = scheduler.nowMs();
    // A node that has stood still itself has not listened: it blames nobody for it.
    const hasSlept = nowMs - this.#dueMs > aliveMs;
    for (const link of links()) {
      if (hasSlept) link.receivedAtMs = nowMs;
      if (nowMs - link.receivedAtMs > silenceMs) onSilent(link);
      else if (nowMs - link.sentAtMs >= aliveMs && link.queuedBytes === 0) link.sendAlive();
    }
  }
}
