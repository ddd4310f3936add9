/** Writes with an idempotency key whose client does not know what has become of them, or does not believe it. */
import type { Request } from '../checkers/requests.ts';
import type { Chance } from '../world/chance.ts';

/** More of them are forgotten. */
const DOUBTFUL_MAX = 8;

/** So often a client asks for one thing. */
const ATTEMPTS_MAX = 5;

export class Repeats {
  readonly #chance: Chance;
  readonly #doubtful: Request[] = [];

  constructor(chance: Chance) {
    this.#chance = chance;
  }

  /** The client knows by now, or will never know, what has become of the request. */
  ended(request: Request): void {
    const { outcome, message, deed } = request;
    if (message.idempotency === undefined || deed.attempts.length >= ATTEMPTS_MAX) return;
    // Who was answered asks again now and then: the answer must be the same.
    if (outcome === 'applied' && !this.#chance.happens(0.2)) return;
    if (this.#doubtful.length < DOUBTFUL_MAX) this.#doubtful.push(request);
  }

  /** The next one to be repeated by who speaks for this session. */
  take(session: number): Request | undefined {
    const own = this.#doubtful.filter((request) => request.session === session);
    if (own.length === 0) return undefined;
    // Also what was done long ago.
    const chosen = this.#chance.pick(own);
    this.#doubtful.splice(this.#doubtful.indexOf(chosen), 1);
    return chosen;
  }

  /** A session that is over: nobody can speak for it. */
  forget(session: number): void {
    for (let index = this.#doubtful.length - 1; index >= 0; index -= 1) {
      if (session !== 0 && this.#doubtful[index]?.session === session) {
        this.#doubtful.splice(index, 1);
      }
    }
  }
}
