/**
 * What the connections of a node share: one batch of messages to the coordinator a turn, one timer for all
 * their deadlines, the bound on what they have in flight, and the end of them all.
 */
import type { CoordinatorMessage } from '../coordinator.ts';
import type { Client } from '../common/clients.ts';
import type { UnreadStreams } from '../common/unread-streams.ts';
import type { CoordinatorRouter } from '../router.ts';
import type { GatewaySettings } from '../settings.ts';
import { TimerWheel } from './wheel.ts';
import type { WheelEntry } from './wheel.ts';

/** Resolution of all deadlines, milliseconds. */
const TICK_MS = 50;

/**
 * Most of a stall of the process is not counted: what clients sent meanwhile waits unread in the kernel,
 * and they must not be found silent for it.
 */
const TICKS_AT_ONCE_MAX = 4;

/** How long a reader with too many unread answers may stand still before it is given up, milliseconds. */
const STALL_MS = 1000;

/** How long a drain waits for open requests, milliseconds, and then for the sockets to close. */
const DRAIN_MS = 2000;
const CLOSE_MS = 1000;

/** A connection as the hub sees it. */
export interface Member extends WheelEntry {
  /** The deadline that it has set. */
  due(): void;
  /** True while too many answers wait for its reader. */
  readonly isBehind: boolean;
  /** Ends it for that. */
  giveUp(): void;
  /** Goes on with what it has left for another turn. */
  goOn(): void;
  goAway(retryAfterMs: number): void;
  /** Ends it at once, answered or not. */
  abandon(): void;
  terminate(): void;
}

export interface HubContext {
  readonly router: CoordinatorRouter;
  readonly settings: GatewaySettings;
  readonly unread: UnreadStreams;
}

export class Hub {
  readonly router: CoordinatorRouter;
  readonly settings: GatewaySettings;
  readonly unread: UnreadStreams;
  #inFlightBytes = 0;
  /** Above 0: those of each client. */
  readonly #inFlightOf = new Map<Client, number>();
  readonly #members = new Set<Member>();
  readonly #wheel: TimerWheel<Member>;
  /** Readers with too many unread answers, and the tick since which they have not moved. */
  readonly #stalled = new Map<Member, number>();
  readonly #timer: NodeJS.Timeout;
  #tickedMs = performance.now();
  #batch: CoordinatorMessage[] = [];
  #scheduled = false;
  #turn = 0;
  /** Those who have taken as many messages in a turn as they may. */
  #resting: Member[] = [];
  #drain: Promise<void> | undefined;
  #whenEmpty: (() => void) | undefined;
  readonly #flushSoon = (): void => {
    this.#scheduled = false;
    this.#turn++;
    this.flush();
  };

  constructor({ router, settings, unread }: HubContext) {
    this.router = router;
    this.settings = settings;
    this.unread = unread;
    this.#wheel = new TimerWheel({ tickMs: TICK_MS, onDue: (member) => member.due() });
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#timer.unref();
  }

  /** Bytes of frames whose requests have not all been answered. */
  get inFlightBytes(): number {
    return this.#inFlightBytes;
  }

  /** Clients that have some. */
  get inFlightClients(): number {
    return this.#inFlightOf.size;
  }

  /** @param change of the bytes in flight of a connection that belongs to all of `clients` */
  countInFlight(clients: readonly Client[], change: number): void {
    if (change === 0) return;
    this.#inFlightBytes += change;
    for (const client of clients) {
      const bytes = (this.#inFlightOf.get(client) ?? 0) + change;
      if (bytes === 0) this.#inFlightOf.delete(client);
      else this.#inFlightOf.set(client, bytes);
    }
  }

  /** True while so much is in flight that a connection of these clients takes one request at a time. */
  isCrowded(clients: readonly Client[]): boolean {
    const { outstandingBytesMax, frameBytesPerClientMax } = this.settings.limits;
    if (this.#inFlightBytes > outstandingBytesMax) return true;
    return clients.some((client) => (this.#inFlightOf.get(client) ?? 0) > frameBytesPerClientMax);
  }

  get size(): number {
    return this.#members.size;
  }

  get isDraining(): boolean {
    return this.#drain !== undefined;
  }

  add(member: Member): void {
    this.#members.add(member);
  }

  /** Forgets all deadlines of a member that ends. */
  retire(member: Member): void {
    this.#wheel.cancel(member);
    this.#stalled.delete(member);
  }

  /** The member's socket is closed. */
  remove(member: Member): void {
    if (this.#members.delete(member) && this.#members.size === 0) this.#whenEmpty?.();
  }

  /** Calls the member's `due` after `delayMs`, in place of an earlier date. */
  schedule(member: Member, delayMs: number): void {
    this.#wheel.schedule(member, delayMs);
  }

  /** Puts a message into the batch of this turn. */
  submit(message: CoordinatorMessage): void {
    this.#batch.push(message);
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(this.#flushSoon);
  }

  /** Another number in every turn of the event loop in which something was submitted. */
  get turn(): number {
    return this.#turn;
  }

  /** Calls the member's `goOn` when everybody else has had a turn. */
  rest(member: Member): void {
    this.#resting.push(member);
    if (this.#resting.length > 1) return;
    setImmediate(() => {
      const rested = this.#resting;
      this.#resting = [];
      this.#turn++;
      for (const one of rested) one.goOn();
    });
  }

  /** Messages that have not been handed over yet. */
  get waiting(): number {
    return this.#batch.length;
  }

  /** Hands the batch over now. Answers may arrive before this returns. */
  flush(): void {
    if (this.#batch.length === 0) return;
    const batch = this.#batch;
    this.#batch = [];
    this.router.coordinator.submit(batch);
  }

  /** Keeps an eye on a reader with too many unread answers. */
  watch(member: Member): void {
    if (!this.#stalled.has(member)) this.#stalled.set(member, this.#wheel.now);
  }

  /** The reader has moved. */
  progressed(member: Member): void {
    if (this.#stalled.has(member)) this.#stalled.set(member, this.#wheel.now);
  }

  /**
   * Tells every client to go elsewhere and closes its connection with 1012, as soon as what it has asked is
   * answered, or after two seconds. Sessions live on. Resolves when all connections are closed.
   */
  drain(retryAfterMs: number): Promise<void> {
    this.#drain ??= this.#drainAll(retryAfterMs);
    return this.#drain;
  }

  /** Ends the timer; to be called when no connection is left. */
  stop(): void {
    clearInterval(this.#timer);
  }

  async #drainAll(retryAfterMs: number): Promise<void> {
    if (this.#members.size === 0) return;
    const empty = new Promise<void>((resolve) => {
      this.#whenEmpty = resolve;
    });
    const abandon = setTimeout(() => this.#forAll((member) => member.abandon()), DRAIN_MS);
    const terminate = setTimeout(
      () => this.#forAll((member) => member.terminate()),
      DRAIN_MS + CLOSE_MS,
    );
    this.#forAll((member) => member.goAway(retryAfterMs));
    await empty;
    clearTimeout(abandon);
    clearTimeout(terminate);
  }

  #forAll(action: (member: Member) => void): void {
    for (const member of [...this.#members]) action(member);
  }

  #tick(): void {
    const nowMs = performance.now();
    const ticks = Math.floor((nowMs - this.#tickedMs) / TICK_MS);
    if (ticks === 0) return;
    this.#tickedMs = ticks > TICKS_AT_ONCE_MAX ? nowMs : this.#tickedMs + ticks * TICK_MS;
    this.#wheel.advance(Math.min(ticks, TICKS_AT_ONCE_MAX));
    for (const [member, since] of this.#stalled) this.#judgeStalled(member, since);
    this.flush();
  }

  #judgeStalled(member: Member, since: number): void {
    if (!member.isBehind) this.#stalled.delete(member);
    else if ((this.#wheel.now - since) * TICK_MS >= STALL_MS) member.giveUp();
  }
}
