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

interface Known extends Grant {
  timeoutMs: number;
  /** When the life of a node was last told something by the session's client, by its own clock. */
  readonly heard: Map<Life, number>;
  /** Until when somebody was promised that it lives, milliseconds of the world. */
  promisedUntilMs: number;
  /** Its client has asked for its end. */
  isEnding: boolean;
  newest: Conversation | undefined;
}

export class Sessions {
  readonly #world: World;
  readonly #drift: number;
  readonly #known = new Map<number, Known>();

  /** @param drift how much a clock's rate may differ from 1 */
  constructor(world: World, drift: number) {
    this.#world = world;
    this.#drift = drift;
  }

  granted(grant: Grant, timeoutMs: number): void {
    const heard = new Map<Life, number>();
    const nothing = { promisedUntilMs: 0, isEnding: false, newest: undefined };
    this.#known.set(grant.id, { ...grant, timeoutMs, heard, ...nothing });
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

  /** Something of the session's client has come to a node. */
  heard(id: number, life: Life): void {
    this.#known.get(id)?.heard.set(life, life.process.clock.monotonicMs());
  }

  /** The same for a stream: one that is not attached any more is no sign of life. */
  heardOn(stream: Conversation): void {
    const isNewest = this.#known.get(stream.session)?.newest === stream;
    if (stream.isAttached && isNewest) this.heard(stream.session, stream.life);
  }

  /** An answer says how long the session is sure to live. */
  promised(id: number, forMs: number): void {
    const known = this.#known.get(id);
    if (known === undefined) return;
    const surelyMs = forMs * (1 - 2 * this.#drift);
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
  proposed(life: Life, { kind, payload, zxid }: LogRecord): void {
    if (kind === 'epoch') return;
    const [first] = decodeTransaction(payload.slice()).changes;
    if (first?.type !== 'closeSession') return;
    const known = this.#known.get(first.session);
    if (known === undefined || known.isEnding) return;
    const nowMs = life.process.clock.monotonicMs();
    const heardMs = known.heard.get(life);
    if (heardMs !== undefined && nowMs - heardMs < known.timeoutMs) {
      violated(
        `I-23: session ${first.session} is closed at ${zxid} after ${nowMs - heardMs} ms of silence ` +
          `on its leader, and its timeout is ${known.timeoutMs} ms`,
      );
    }
    if (this.#world.nowMs < known.promisedUntilMs) {
      violated(
        `I-23: session ${first.session} is closed at ${zxid}, ` +
          `${known.promisedUntilMs - this.#world.nowMs} ms before what was promised`,
      );
    }
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
