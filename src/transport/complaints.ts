/**
 * What goes wrong on a link goes wrong many times a second. Each complaint about each peer is logged once
 * in a while, with the number of those that were kept back.
 */
export interface TransportLog {
  info(fields: object, text: string): void;
  warn(fields: object, text: string): void;
}

export interface Complaint {
  /** Whom it is about: `node 3`, or an address of a stranger. */
  readonly about: string;
  /** Two complaints of one kind about the same are one. */
  readonly kind: string;
  /** Whole sentences that say what is wrong and what to do. */
  readonly text: string;
  /** Worth a person's attention; default true. */
  readonly warning?: boolean;
}

/** Strangers can have any number of addresses. */
const KEPT_MAX = 1000;

export class Complaints {
  readonly #log: TransportLog;
  readonly #intervalMs: number;
  readonly #last = new Map<string, { readonly atMs: number; suppressed: number }>();

  constructor(log: TransportLog, intervalMs: number) {
    this.#log = log;
    this.#intervalMs = intervalMs;
  }

  say(nowMs: number, { about, kind, text, warning = true }: Complaint): void {
    const key = `${kind} ${about}`;
    const last = this.#last.get(key);
    if (last !== undefined && nowMs - last.atMs < this.#intervalMs) {
      last.suppressed++;
      return;
    }
    this.#last.delete(key);
    const [oldest] = this.#last.keys();
    if (this.#last.size >= KEPT_MAX && oldest !== undefined) this.#last.delete(oldest);
    this.#last.set(key, { atMs: nowMs, suppressed: 0 });
    const fields = {
      ...{ peer: about, problem: kind },
      ...(last !== undefined && last.suppressed > 0 && { suppressed: last.suppressed }),
    };
    if (warning) this.#log.warn(fields, text);
    else this.#log.info(fields, text);
  }
}
