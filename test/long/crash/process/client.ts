/** What the clients of a killed node share, whichever door they use. */
import type { Counter } from './counter.ts';
import type { History } from './history.ts';
import { Registers } from './registers.ts';
import type { Value } from './registers.ts';
import type { Random } from '../../../support/random.ts';

export interface Common {
  readonly history: History;
  readonly counter: Counter;
  /** The node has been told to stop, and may refuse what it has not begun. */
  isStopping: boolean;
}

export abstract class LoadClient {
  readonly name: string;
  readonly registers: Registers;
  protected readonly common: Common;
  protected readonly random: Random;
  #texts = 0;

  constructor(name: string, common: Common, random: Random) {
    this.name = name;
    this.common = common;
    this.random = random;
    this.registers = new Registers(name);
  }

  /** Connects to a node's next life, and finishes what the last one left without an answer. */
  abstract connect(url: string): Promise<void>;

  /** Sends writes and reads until the node is gone. Resolves then. @throws Error for a broken promise */
  abstract load(): Promise<void>;

  survived(read: (path: string) => Value): void {
    this.registers.survived(read);
  }

  /** A text that has never been written before. */
  protected nextText(): string {
    this.#texts += 1;
    return `${this.name}-${this.#texts}`;
  }

  protected below(count: number): number {
    return Math.floor(this.random() * count);
  }
}
