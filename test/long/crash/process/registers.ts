/**
 * Znodes that one client alone writes, one value after another, none of them twice: so a value that is read
 * says which writes have taken effect.
 */
import { fail } from '../fail.ts';

/** Undefined = there is no znode. */
export type Value = string | undefined;

interface OpenWrite {
  readonly value: Value;
  /** Place among all writes of the client. */
  readonly order: number;
}

interface Register {
  settled: Value;
  /** Sent and not answered, oldest first. */
  open: OpenWrite[];
}

export class Registers {
  readonly #owner: string;
  readonly #registers = new Map<string, Register>();
  #orders = 0;

  constructor(owner: string) {
    this.#owner = owner;
  }

  get paths(): readonly string[] {
    return [...this.#registers.keys()];
  }

  /** What a read behind all writes sent so far must find. */
  latest(path: string): Value {
    const register = this.#register(path);
    const last = register.open.at(-1);
    return last === undefined ? register.settled : last.value;
  }

  /** A write of all `paths` in one transaction is sent. @returns its number */
  begin(paths: readonly string[], value: Value): number {
    const order = (this.#orders += 1);
    for (const path of paths) this.#register(path).open.push({ value, order });
    return order;
  }

  applied(paths: readonly string[], order: number): void {
    for (const path of paths) {
      const register = this.#register(path);
      const index = register.open.findIndex((write) => write.order === order);
      const write = register.open[index] ?? fail(`${path}: answered twice`);
      register.settled = write.value;
      register.open.splice(0, index + 1);
    }
  }

  /** Nothing has been done. */
  refused(paths: readonly string[], order: number): void {
    for (const path of paths) {
      const register = this.#register(path);
      register.open = register.open.filter((write) => write.order !== order);
    }
  }

  /**
   * The node was killed, and this is what its next life has: what was acknowledged, and of the writes
   * without an answer all or none or the first so many, in the order in which they were sent.
   */
  survived(read: (path: string) => Value): void {
    let lastApplied = 0;
    let firstLost = Infinity;
    for (const [path, register] of this.#registers) {
      const { settled, open } = register;
      const actual = read(path);
      const applied = open.findLastIndex(({ value }) => value === actual);
      if (applied < 0 && actual !== settled) {
        const might = JSON.stringify([settled, ...open.map(({ value }) => value)]);
        fail(`${this.#owner}: ${path} holds ${String(actual)}, and might hold ${might}`);
      }
      // A znode that is missing may have been removed once or twice.
      const isPlain = new Set([settled, ...open.map(({ value }) => value)]).size > open.length;
      if (isPlain) {
        lastApplied = Math.max(lastApplied, open[applied]?.order ?? 0);
        firstLost = Math.min(firstLost, open[applied + 1]?.order ?? Infinity);
      }
      register.settled = actual;
      register.open = [];
    }
    if (lastApplied > firstLost) {
      fail(`${this.#owner}: write ${lastApplied} is there, and ${firstLost} before it is not`);
    }
  }

  #register(path: string): Register {
    const known = this.#registers.get(path);
    if (known !== undefined) return known;
    const register: Register = { settled: undefined, open: [] };
    this.#registers.set(path, register);
    return register;
  }
}
