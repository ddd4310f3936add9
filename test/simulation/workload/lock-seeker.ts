/** The lock recipe: an ephemeral sequential znode, and a look at who is first. */
import type { Operation } from '../../../src/protocol/operations.ts';
import type { ZnodePath } from '../../../src/protocol/model.ts';
import type { Locks } from '../checkers/locks.ts';
import type { Answer, Request } from '../checkers/requests.ts';
import type { Chance } from '../world/chance.ts';

const lock = '/lock' as ZnodePath;
const encoder = new TextEncoder();

export class LockSeeker {
  readonly #chance: Chance;
  #own: { readonly path: ZnodePath; readonly czxid: number } | undefined;
  #isHolding = false;
  #isAsking = false;

  constructor(chance: Chance) {
    this.#chance = chance;
  }

  /** The next step; undefined while an answer is awaited. @param tag stands in the data */
  next(tag: string): Operation | undefined {
    if (this.#isAsking) return undefined;
    this.#isAsking = true;
    const own = this.#own;
    if (own === undefined) {
      const sequential = { kind: 'ephemeral', sequential: true, parents: true } as const;
      return { type: 'create', path: `${lock}/x-`, data: encoder.encode(`${tag} `), ...sequential };
    }
    if (!this.#isHolding || this.#chance.happens(0.7)) return { type: 'children', path: lock };
    return { type: 'delete', path: own.path, condition: [{ version: 0, czxid: own.czxid }] };
  }

  learn({ operation }: Request, answer: Answer, locks: Locks): void {
    if (!('path' in operation) || !operation.path.startsWith(lock)) return;
    this.#isAsking = false;
    if (answer.type === 'error') {
      if (operation.type !== 'children') this.forget();
      return;
    }
    const { result, zxid } = answer;
    if (operation.type === 'delete') this.forget();
    if ('created' in result) this.#own = { path: result.path, czxid: result.stat.czxid };
    const own = this.#own;
    if (own === undefined || !('children' in result)) return;
    this.#isHolding = `${lock}/${result.children[0]?.name ?? ''}` === own.path;
    if (this.#isHolding) locks.claimed({ ...own, zxid });
  }

  /** Its session may be over, or its stream, and nobody has told what was done. */
  forget(): void {
    this.#own = undefined;
    this.#isHolding = false;
    this.#isAsking = false;
  }
}
