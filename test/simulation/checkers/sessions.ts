/** Sessions as their clients know them: when one may end, and which stream speaks for it. */
import { decodeTransaction } from '../../../src/tree/index.ts';
import type { LogRecord } from '../../../src/zab/types.ts';
import type { Life } from '../world/machine.ts';
import type { World } from '../world/world.ts';
import { violated } from '../world/world.ts';
import { nameOf } from './requests.ts';
import type { Conversation, Request } from './requests.ts';

export interface Grant {
  readonly id: number;
  readonly secret: string;
}

/** By the clock of the node, and by the world's, milliseconds. */
interface Moment {
  readonly clockMs: number;
  readonly worldMs: number;
}

interface Known extends Grant {
  timeoutMs: number;
  /** When the life of a node was last told something by the session's client. */
  readonly heard: Map<Life, Moment>;
  /** Until when somebody was promised that it lives, milliseconds of the world. */
  promisedUntilMs: number;
  /** Its client has asked for its end. */
  isEnding: boolean;
  /** Its end is committed. */
  isOver: boolean;
  /** Since when, milliseconds of the world. */
  overSinceMs: number;
  newest: Conversation | undefined;
}

export class Sessions {
  readonly #world: World;
  readonly #drift: number;
  readonly #tickMs: number;
  readonly #known = new Map<number, Known>();
  /** When the last reign of a node began, by its own clock. */
  readonly #reigns = new Map<Life, number>();
  /** By epoch and zxid: ends that were proposed before what was promised, and how that breaks I-23. */
  readonly #early = new Map<string, string>();

  /** @param clocks how much a clock's rate may differ from 1, and the ticks in which sessions end */
  constructor(world: World, clocks: { readonly drift: number; readonly tickMs: number }) {
    this.#world = world;
    this.#drift = clocks.drift;
    this.#tickMs = clocks.tickMs;
  }

  granted(grant: Grant, timeoutMs: number): void {
    const heard = new Map<Life, Moment>();
    const nothing = { promisedUntilMs: 0, isEnding: false, isOver: false, newest: undefined };
    this.#known.set(grant.id, { ...grant, timeoutMs, heard, ...nothing, overSinceMs: Infinity });
  }

  grantOf(id: number): Grant | undefined {
    const known = this.#known.get(id);
    return known && { id, secret: known.secret };
  }

  /** The ids of all that were granted. */
  get ids(): readonly number[] {
    return [...this.#known.keys()];
  }

  ending(id: number): void {
    const known = this.#known.get(id);
    if (known !== undefined) known.isEnding = true;
  }

  /** Its end is committed. */
  ended(id: number, { epoch, zxid }: Pick<LogRecord, 'epoch' | 'zxid'>): void {
    const known = this.#known.get(id);
    if (known !== undefined) {
      known.isOver = true;
      known.overSinceMs = Math.min(known.overSinceMs, this.#world.nowMs);
    }
    const problem = this.#early.get(`${epoch} ${zxid}`);
    if (problem !== undefined) violated(problem);
  }

  /** It has ended though nobody has asked for that, also by a clock that goes as fast as one may. */
  hasExpired(id: number): boolean {
    const known = this.#known.get(id);
    if (known === undefined || known.isEnding) return false;
    return this.#world.nowMs - known.overSinceMs > 4 * this.#drift * known.timeoutMs;
  }

  /** Something of the session's client has come to a node. */
  heard(id: number, life: Life): void {
    const clockMs = life.process.clock.monotonicMs();
    this.#known.get(id)?.heard.set(life, { clockMs, worldMs: this.#world.nowMs });
  }

  /** The same for a stream: one that is not attached any more, or has been ended, is no sign of life. */
  heardOn(stream: Conversation): void {
    const isNewest = this.#known.get(stream.session)?.newest === stream;
    const isOpen = stream.isAttached && !stream.isOver;
    if (isOpen && isNewest) this.heard(stream.session, stream.life);
  }

  /** An answer says how long the session is sure to live. */
  promised(id: number, forMs: number): void {
    const known = this.#known.get(id);
    if (known === undefined) return;
    const surelyMs = forMs * (1 - 2 * this.#drift);
    const isByDrift = forMs <= 4 * this.#drift * known.timeoutMs;
    if (known.isOver && !known.isEnding && forMs > 0 && !isByDrift) {
      violated(`I-23: session ${id} is promised ${forMs} ms, and its end is committed`);
    }
    known.promisedUntilMs = Math.max(known.promisedUntilMs, this.#world.nowMs + surelyMs);
  }

  /** A stream was told that it is connected: what an older one still has under way comes to nothing. */
  connected(stream: Conversation, timeoutMs: number, generation: number): void {
    const known = this.#known.get(stream.session);
    if (known === undefined) return;
    known.timeoutMs = timeoutMs;
    known.newest = stream;
    stream.generation = generation;
  }

  /** I-23: a leader ends a session of its own accord only after its whole timeout without a sign of life. */
  proposed(life: Life, { kind, payload, zxid, epoch }: LogRecord): void {
    const nowMs = life.process.clock.monotonicMs();
    if (kind === 'epoch') {
      this.#reigns.set(life, nowMs);
      return;
    }
    const [first] = decodeTransaction(payload.slice()).changes;
    if (first?.type !== 'closeSession') return;
    const known = this.#known.get(first.session);
    if (known === undefined || known.isEnding) return;
    const heard = known.heard.get(life);
    const silentMs = heard === undefined ? Infinity : this.#silentMs(life, heard);
    const reignMs = nowMs - (this.#reigns.get(life) ?? -Infinity);
    for (const [spentMs, what] of [
      [silentMs, 'silence on its leader'],
      [reignMs, 'a new reign'],
    ] as const) {
      if (spentMs >= known.timeoutMs) continue;
      violated(
        `I-23: session ${first.session} is closed at ${zxid} after ${spentMs} ms of ${what}, ` +
          `and its timeout is ${known.timeoutMs} ms`,
      );
    }
    // Who was replaced while it stood still proposes it and knows nothing of its successor's promises: only
    // what is committed breaks them.
    const earlyMs = known.promisedUntilMs - this.#world.nowMs;
    if (earlyMs <= 0) return;
    const problem = `I-23: session ${first.session} is closed at ${zxid}, ${earlyMs} ms before what was promised`;
    this.#early.set(`${epoch} ${zxid}`, problem);
  }

  /** For how long a node that was able to listen has not heard of a session. */
  #silentMs(life: Life, { clockMs, worldMs }: Moment): number {
    let silentMs = life.process.clock.monotonicMs() - clockMs;
    for (const { fromMs, untilMs } of life.process.pauses) {
      const pausedMs = (untilMs - fromMs) * (1 - 2 * this.#drift);
      // A leader that is late by more than a tick knows that it could hear nobody.
      if (fromMs >= worldMs && pausedMs > 2 * this.#tickMs) silentMs -= pausedMs - this.#tickMs;
    }
    return silentMs;
  }

  /**
   * C-3: nothing of an older stream takes effect after a newer one is attached.
   * @param by the session that the transaction speaks for, and the newest attachment of it then
   */
  committed(
    attempts: readonly Request[],
    zxid: number,
    by: { session: number; newest: number },
  ): void {
    const [first] = attempts;
    if (first === undefined || attempts.some((request) => this.#mayBe(request, by))) return;
    const { stream, session } = first;
    const who = stream === undefined ? `client ${first.client}` : nameOf(stream);
    violated(
      `C-3: ${who} of session ${session}, attached at ${stream?.generation ?? 0}, does something ` +
        `at ${zxid} for session ${by.session}, which was attached anew at ${by.newest}`,
    );
  }

  #mayBe({ stream, session }: Request, by: { session: number; newest: number }): boolean {
    if (session === 0 || stream?.generation === 0) return true;
    if (by.session === 0) return this.#known.get(session)?.isEnding === true;
    return by.session === session && (stream === undefined || by.newest === stream.generation);
  }
}
