/**
 * Which attachment of each session is the newest, as the leader knows it. The generation of an attachment
 * is the zxid of the transaction that made it, so that it is in the log: the replicated session table says
 * which one is the newest of those that are applied, on every leader the same. What is proposed and not
 * applied yet stands here, so that older ones are refused from that moment on.
 *
 * Who has the newest attachment now is known to the leader alone, and told to the next one by those who
 * have it. The timeout that it has negotiated is in the table as well, as soon as its record is applied.
 */
import type { SessionId, Zxid } from '../protocol/model.ts';
import type { SessionTable } from '../sessions/index.ts';

/** The stream that has the newest attachment of a session. */
export interface Holder {
  readonly generation: Zxid;
  /** As negotiated for this attachment, milliseconds. */
  readonly timeoutMs: number;
  /** The stream's; undefined once that node is lost, and with it all news of the stream. */
  readonly node: number | undefined;
}

/** What the leader asks of the replicated state, which another may take the place of. */
export interface AppliedGenerations {
  readonly sessions: Pick<SessionTable, 'generationOf'>;
}

/** The leader's knowledge; empty when its reign begins. */
export class Generations {
  readonly #applied: AppliedGenerations;
  /** Of sessions that an attachment is proposed for and not applied yet: the newest. */
  readonly #outstanding = new Map<SessionId, Zxid>();
  readonly #holders = new Map<SessionId, Holder>();

  constructor(applied: AppliedGenerations) {
    this.#applied = applied;
  }

  /** Sessions that have a holder. */
  get size(): number {
    return this.#holders.size;
  }

  /** The reign of a new leader: what is not in the log is told again by those who have it. */
  begin(): void {
    this.#outstanding.clear();
    this.#holders.clear();
  }

  /** A new attachment has been proposed: from now on the older ones of the session are refused. */
  raise(session: SessionId, holder: Holder): void {
    this.#outstanding.set(session, holder.generation);
    this.#holders.set(session, holder);
  }

  /** An attachment has been applied: the table has it. */
  applied(session: SessionId, generation: Zxid): void {
    if (this.#outstanding.get(session) === generation) this.#outstanding.delete(session);
  }

  /**
   * An attachment that was made before this reign, told by the node that has it.
   * @returns false when there is a newer one: it must end
   */
  register(session: SessionId, holder: Holder): boolean {
    if (!this.isCurrent(session, holder.generation)) return false;
    this.#holders.set(session, holder);
    return true;
  }

  /** True for the newest attachment alone. */
  isCurrent(session: SessionId, generation: Zxid): boolean {
    const newest = this.#outstanding.get(session) ?? this.#applied.sessions.generationOf(session);
    return newest === generation;
  }

  /** As its newest attachment has negotiated it; undefined when that stream has ended. */
  timeoutOf(session: SessionId): number | undefined {
    return this.#holders.get(session)?.timeoutMs;
  }

  /** The stream of that attachment has ended; a newer one stays. */
  detach(session: SessionId, generation: Zxid): void {
    if (this.#holders.get(session)?.generation === generation) this.#holders.delete(session);
  }

  /**
   * The node is lost, or tells anew which streams it has: those that it had may have ended unheard. What
   * they have negotiated stays in force, since their clients count on it until they come back.
   */
  leave(node: number): void {
    for (const [session, holder] of this.#holders) {
      if (holder.node === node) this.#holders.set(session, { ...holder, node: undefined });
    }
  }

  /** True when a stream is attached to the session, on whatever node. */
  isAttached(session: SessionId): boolean {
    return this.#holders.get(session)?.node !== undefined;
  }

  /** The session has ended. */
  remove(session: SessionId): void {
    this.#outstanding.delete(session);
    this.#holders.delete(session);
  }
}
