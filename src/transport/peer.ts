/**
 * Another member of the ensemble as the links see it: the connection to it if there is one, and otherwise
 * the attempts to have one again. The end that does not call asks, when its connection was lost, whether
 * the peer's port still takes connections: a port that refuses says that the process is gone.
 */
import { Backoff } from './backoff.ts';
import type { Conversation } from './conversation.ts';
import type { TransportLimits } from './limits.ts';
import type { Address, CloseReason, Connection, Network, TransportScheduler } from './network.ts';

export interface PeerParts {
  readonly id: number;
  readonly address: Address;
  /** True where this node calls it. */
  readonly isCalled: boolean;
  readonly network: Network;
  readonly scheduler: TransportScheduler;
  readonly random: () => number;
  readonly limits: TransportLimits;
  /** Begins a conversation with it, from which `linked` or `failed` follows. */
  readonly call: () => void;
  /** Its port refuses; told once until the next `linked`. */
  readonly onGone: (reason: string) => void;
}

/** Enough to recognise two processes that take the link from one another. */
const FORMER_BOOTS_MAX = 8;

/** Which process it is: the life of its data directory, and its own. */
export interface PeerLife {
  readonly incarnation: string;
  readonly boot: string;
}

export class Peer {
  readonly id: number;
  readonly address: Address;
  readonly isCalled: boolean;
  #link: Conversation | undefined;
  readonly #parts: PeerParts;
  readonly #attempts: Backoff;
  #incarnation: string | undefined;
  #boot: string | undefined;
  #formerBoots: string[] = [];
  #isGone = false;
  #probes = 0;
  #probe: Connection | undefined;
  #isStopped = false;

  constructor(parts: PeerParts) {
    this.id = parts.id;
    this.address = parts.address;
    this.isCalled = parts.isCalled;
    this.#parts = parts;
    const { scheduler, random, limits } = parts;
    this.#attempts = new Backoff(
      { scheduler, random, minMs: limits.redialMinMs, maxMs: limits.redialMaxMs },
      () => (this.isCalled ? parts.call() : this.#ask()),
    );
  }

  get link(): Conversation | undefined {
    return this.#link;
  }

  /**
   * A peer that is to call has its port knocked at once: it has been calling in vain for a while, ever less
   * often, and learns in this way that it is worth trying.
   */
  start(): void {
    this.#probes = this.#parts.limits.probesMax;
    this.#attempts.next();
  }

  /** Somebody has knocked; it may be the peer that this node waits for. */
  hurry(): void {
    if (this.isCalled && this.#link === undefined) this.#attempts.hurry();
  }

  stop(): void {
    this.#isStopped = true;
    this.#attempts.cancel();
    this.#probe?.destroy();
  }

  /** @param life of the data directory and of the process at the other end */
  linked(link: Conversation, { incarnation, boot }: PeerLife): void {
    this.#attempts.cancel();
    this.#link = link;
    this.#incarnation = incarnation;
    this.#isGone = false;
    if (this.#boot !== undefined && this.#boot !== boot) {
      this.#formerBoots = [...this.#formerBoots, this.#boot].slice(-FORMER_BOOTS_MAX);
    }
    this.#boot = boot;
  }

  /**
   * Another process of the same id, while the one that has the link is alive: it has a data directory of its
   * own, or it comes back although its link has been taken. Whoever has the link keeps it, lest a stray
   * process push out a member, or two take it from one another for ever.
   */
  isRival({ incarnation, boot }: PeerLife): boolean {
    if (this.#link === undefined) return false;
    if (incarnation !== this.#incarnation) return true;
    return boot !== this.#boot && this.#formerBoots.includes(boot);
  }

  lost(): void {
    const { scheduler, limits } = this.#parts;
    const livedMs = scheduler.nowMs() - (this.#link?.linkedAtMs ?? 0);
    this.#link = undefined;
    // A link that ends as soon as it is made must not be made again and again without a pause.
    if (livedMs >= limits.redialMaxMs || !this.isCalled) this.#attempts.reset();
    this.#probes = 0;
    this.#attempts.next();
  }

  /** An attempt has not led to a link; there will be others. */
  failed(why: CloseReason): void {
    if (this.#link !== undefined || this.#isStopped) return;
    if (this.isCalled || (!why.refused && this.#probes < this.#parts.limits.probesMax)) {
      this.#attempts.next();
    }
    if (!why.refused || this.#isGone) return;
    this.#isGone = true;
    this.#parts.onGone(why.reason);
  }

  /** A connection that says nothing and ends at once: whether it can be made is the answer. */
  #ask(): void {
    const { network, scheduler, limits } = this.#parts;
    this.#probes++;
    const connection = network.connect(this.address, {
      opened: () => connection.destroy(),
      data: () => undefined,
      closed: (why) => {
        cancelTimeout();
        this.#probe = undefined;
        this.failed(why);
      },
    });
    this.#probe = connection;
    const cancelTimeout = scheduler.after(limits.connectTimeoutMs, () => connection.destroy());
  }
}
