/**
 * Which attachment of each session is the newest. The leader gives generations and raises them before
 * the newer stream is told that it is connected; whatever an older one still asks is refused. They are
 * ordered across leaders by the epoch in which they were given, so that an attachment that is registered
 * late never displaces one that the present leader has given.
 */
import type { SessionId } from '../protocol/model.ts';

export interface Generation {
  /** In which it was given. */
  readonly epoch: number;
  /** Counts the attachments that were given in it. */
  readonly count: number;
}

/** Older than any that is given. */
export const noGeneration: Generation = { epoch: 0, count: 0 };

/** Negative, zero or positive as `a` is older than, the same as or newer than `b`. */
export function compareGenerations(a: Generation, b: Generation): number {
  return a.epoch === b.epoch ? a.count - b.count : a.epoch - b.epoch;
}

/** The newest attachment of a session. */
export interface Holder {
  readonly generation: Generation;
  /** The node whose stream has it; 0 once that stream has ended. */
  readonly node: number;
  /** As negotiated for this attachment, milliseconds. */
  readonly timeoutMs: number;
}

/** The leader's table; empty when its reign begins. */
export class Generations {
  readonly #holders = new Map<SessionId, Holder>();
  #epoch = 0;
  #count = 0;

  get size(): number {
    return this.#holders.size;
  }

  /** The reign of a new leader: what others gave is told again by those who have it. */
  begin(epoch: number): void {
    this.#holders.clear();
    this.#epoch = epoch;
    this.#count = 0;
  }

  /** A new attachment. @returns it, and whom it displaces */
  raise(
    session: SessionId,
    at: Omit<Holder, 'generation'>,
  ): { readonly generation: Generation; readonly older: Holder | undefined } {
    const older = this.#holders.get(session);
    this.#count += 1;
    const generation = { epoch: this.#epoch, count: this.#count };
    this.#holders.set(session, { ...at, generation });
    return { generation, older };
  }

  /**
   * An attachment that was given before this reign, told by the node that has it.
   * @returns the older of the two when there are two: it must end
   */
  register(session: SessionId, registered: Holder): Holder | undefined {
    const known = this.#holders.get(session);
    if (known === undefined) {
      this.#holders.set(session, registered);
      return undefined;
    }
    const order = compareGenerations(registered.generation, known.generation);
    if (order < 0) return registered;
    this.#holders.set(session, registered);
    return order === 0 ? undefined : known;
  }

  /** True for the newest attachment alone. */
  isCurrent(session: SessionId, generation: Generation): boolean {
    const known = this.#holders.get(session);
    return known !== undefined && compareGenerations(known.generation, generation) === 0;
  }

  /** As its newest attachment has negotiated it; undefined when no stream is attached. */
  timeoutOf(session: SessionId): number | undefined {
    const holder = this.#holders.get(session);
    return holder === undefined || holder.node === 0 ? undefined : holder.timeoutMs;
  }

  /**
   * The stream of that attachment has ended; a newer one stays. Its generation is remembered, lest an
   * older one that is registered late be taken for the newest.
   */
  detach(session: SessionId, generation: Generation): void {
    const known = this.#holders.get(session);
    if (known === undefined || compareGenerations(known.generation, generation) !== 0) return;
    this.#holders.set(session, { ...known, node: 0 });
  }

  /** True when a stream is attached to the session, on whatever node. */
  isAttached(session: SessionId): boolean {
    return (this.#holders.get(session)?.node ?? 0) !== 0;
  }

  /** The session has ended. */
  remove(session: SessionId): void {
    this.#holders.delete(session);
  }
}
