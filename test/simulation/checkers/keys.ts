/**
 * Which idempotency keys are remembered at every zxid. An owner that has more than its share forgets its oldest; when
 * all together have too many, the owner that takes the most room does, the one with the older key where two do.
 */
import { costOf } from '../../../src/replica/idempotency.ts';
import type { IdempotencyRecord } from '../../../src/tree/index.ts';

export interface KeyLimits {
  readonly idempotencyKeysMax: number;
  readonly idempotencyKeysPerOwnerMax: number;
}

interface Use {
  readonly zxid: number;
  readonly key: string;
  readonly owner: string;
  readonly cost: number;
}

export class Keys {
  readonly #limits: KeyLimits;
  /** Oldest first. */
  #kept: Use[] = [];
  /** By the zxid of the use: when it was forgotten. */
  readonly #forgotten = new Map<number, number>();

  constructor(limits: KeyLimits) {
    this.#limits = limits;
  }

  used(zxid: number, record: IdempotencyRecord): void {
    const { key, owner } = record;
    const use = { zxid, key, owner, cost: costOf(key, record) };
    for (const former of this.#kept.filter((each) => each.key === key)) this.#forget(former, zxid);
    this.#kept.push(use);
    const own = this.#kept.filter((each) => each.owner === owner);
    const [oldest] = own;
    const { idempotencyKeysMax, idempotencyKeysPerOwnerMax } = this.#limits;
    if (oldest !== undefined && own.length > idempotencyKeysPerOwnerMax) this.#forget(oldest, zxid);
    if (this.#kept.length > idempotencyKeysMax) this.#forgetOfLargest(zxid);
  }

  /** @param since the zxid of the transaction that a key was used for last */
  isRemembered(since: number, zxid: number): boolean {
    return zxid >= since && zxid < (this.#forgotten.get(since) ?? Infinity);
  }

  #forgetOfLargest(zxid: number): void {
    const sizes = new Map<string, number>();
    for (const { owner, cost } of this.#kept) sizes.set(owner, (sizes.get(owner) ?? 0) + cost);
    const most = Math.max(...sizes.values());
    const oldest = this.#kept.find(({ owner }) => sizes.get(owner) === most);
    if (oldest !== undefined) this.#forget(oldest, zxid);
  }

  #forget(use: Use, zxid: number): void {
    this.#kept = this.#kept.filter((each) => each !== use);
    this.#forgotten.set(use.zxid, zxid);
  }
}
