import type { TransportScheduler } from './network.ts';
import type { TransportHandlers } from './transport.ts';

export type Telling = (handlers: TransportHandlers) => void;

/**
 * Calls the handlers, always from the event loop and in order: news of links at the end of the turn in which
 * they happened or before the next message, whichever is first; `idle` when all has been told.
 */
export class Teller {
  readonly #scheduler: TransportScheduler;
  readonly #news: Telling[] = [];
  #isNewsDue = false;
  /** Something was told since `idle`. */
  #isBusy = false;
  #handlers: TransportHandlers | undefined;

  constructor(scheduler: TransportScheduler) {
    this.#scheduler = scheduler;
  }

  /** From now on there is somebody to tell. */
  set handlers(handlers: TransportHandlers) {
    this.#handlers = handlers;
  }

  get isListening(): boolean {
    return this.#handlers !== undefined;
  }

  /** No handler is called any more. */
  stop(): void {
    this.#handlers = undefined;
    this.#news.length = 0;
  }

  /** May be called from within a handler. */
  announce(news: Telling): void {
    this.#news.push(news);
    if (this.#isNewsDue) return;
    this.#isNewsDue = true;
    this.#scheduler.endOfTurn(() => {
      this.#isNewsDue = false;
      this.idle();
    });
  }

  /** Tells a message of a link, unless what has to be told before it brings about the end of that link. */
  tell(link: { readonly state: string }, message: Telling): void {
    this.#tellNews();
    if (this.#handlers === undefined || link.state !== 'linked') return;
    this.#isBusy = true;
    message(this.#handlers);
  }

  /** All that one read has brought was told. */
  idle(): void {
    this.#tellNews();
    if (!this.#isBusy) return;
    this.#isBusy = false;
    this.#handlers?.idle();
  }

  #tellNews(): void {
    for (let news = this.#news.shift(); news !== undefined; news = this.#news.shift()) {
      if (this.#handlers === undefined) continue;
      this.#isBusy = true;
      news(this.#handlers);
    }
  }
}
