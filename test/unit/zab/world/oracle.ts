/** What must hold whatever happens, checked at every step against everything that was ever committed. */
import type { LogPosition, LogRecord } from '../../../../src/zab/index.ts';

export class OracleError extends Error {
  override readonly name = 'OracleError';
}

export function demand(condition: boolean, text: string): asserts condition {
  if (!condition) throw new OracleError(text);
}

interface Entry {
  readonly epoch: number;
  readonly chain: number;
}

export class Oracle {
  /** What is committed at each zxid, from 1 on. */
  readonly #ledger: (Entry | undefined)[] = [];
  readonly #leaders = new Map<number, number>();
  #last = 0;

  /** The greatest zxid that was ever committed. */
  get last(): number {
    return this.#last;
  }

  /** A node knows `record` to be committed; `holders` of `voters` would still have it after a loss of power. */
  committed(node: number, record: LogRecord, quorum: () => boolean): void {
    const { zxid, epoch, chain } = record;
    const known = this.#ledger[zxid];
    if (known === undefined) {
      demand(zxid === this.#last + 1, `node ${node} commits ${zxid} before ${this.#last + 1}`);
      demand(quorum(), `node ${node} commits ${epoch}.${zxid}, which no quorum has on disk`);
      this.#ledger[zxid] = { epoch, chain };
      this.#last = zxid;
      return;
    }
    demand(
      known.epoch === epoch && known.chain === chain,
      `node ${node} commits ${epoch}.${zxid} where ${known.epoch}.${zxid} was committed`,
    );
  }

  /** True when this very record is committed. */
  isCommitted({ zxid, epoch, chain }: LogRecord): boolean {
    const known = this.#ledger[zxid];
    return known?.epoch === epoch && known.chain === chain;
  }

  /** All that was committed in earlier epochs is committed at a leader that is established. */
  established(
    node: number,
    { epoch, zxid: committed }: LogPosition,
    recordAt: (zxid: number) => LogRecord | undefined,
  ): void {
    const other = this.#leaders.get(epoch);
    demand(other === undefined || other === node, `${node} and ${other} are leaders of ${epoch}`);
    this.#leaders.set(epoch, node);
    for (let zxid = 1; zxid <= this.#last; zxid++) {
      if ((this.#ledger[zxid]?.epoch ?? 0) >= epoch) break;
      const record = recordAt(zxid);
      const isThere = record === undefined || this.isCommitted(record);
      demand(isThere && zxid <= committed, `leader ${node} of ${epoch} has lost ${zxid}`);
    }
  }

  /** A record is removed from a disk. */
  removed(node: number, record: LogRecord): void {
    demand(!this.isCommitted(record), `node ${node} removes ${record.epoch}.${record.zxid}`);
  }

  /** A barrier has passed whose position was chosen when `before` was committed somewhere. */
  passed(node: number, position: LogPosition, before: number): void {
    demand(position.zxid >= before, `the barrier of ${node} at ${position.zxid} misses ${before}`);
  }
}
