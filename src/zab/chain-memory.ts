/** The chains of the newest records: as far back as a peer's position is verified from memory alone. */

interface ChainPoint {
  readonly zxid: number;
  readonly chain: number;
}

const CHAINS_KEPT = 65_536;

export class ChainMemory {
  readonly #chains = new Uint32Array(CHAINS_KEPT);
  /** Chains of zxids above this one, up to `#last`, are remembered. */
  #from = 0;
  #last = 0;
  /** One older point. */
  #anchor: ChainPoint | undefined;

  constructor(start: ChainPoint) {
    this.restart(start);
  }

  /** Remembers this one record and nothing else. */
  restart({ zxid, chain }: ChainPoint): void {
    this.#from = zxid - 1;
    this.#last = zxid;
    this.#anchor = undefined;
    this.#chains[zxid % CHAINS_KEPT] = chain;
  }

  /** Remembers one older record besides. */
  anchor(point: ChainPoint): void {
    this.#anchor = point;
  }

  /** The next record. */
  push(zxid: number, chain: number): void {
    this.#chains[zxid % CHAINS_KEPT] = chain;
    this.#last = zxid;
    if (this.#from < zxid - CHAINS_KEPT) this.#from = zxid - CHAINS_KEPT;
  }

  /** Forgets what is behind a record. */
  cut({ zxid, chain }: ChainPoint): void {
    this.#last = zxid;
    this.#chains[zxid % CHAINS_KEPT] = chain;
    if (this.#from >= zxid) this.#from = zxid - 1;
  }

  at(zxid: number): number | undefined {
    if (zxid === 0) return 0;
    if (zxid > this.#from && zxid <= this.#last) return this.#chains[zxid % CHAINS_KEPT];
    return this.#anchor?.zxid === zxid ? this.#anchor.chain : undefined;
  }
}
