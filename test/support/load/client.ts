/** What all clients of a run share. */
import type { Recorder } from '../history/recorder.ts';
import type { Random } from '../random.ts';

export interface Place {
  readonly id: number;
  readonly url: string;
}

/** Who may be asked; a client does not know who is well. */
export type Places = () => readonly Place[];

export interface ClientContext {
  readonly recorder: Recorder;
  readonly places: Places;
  readonly random: Random;
  /** Names the run: the ensemble remembers the idempotency keys of those before it. */
  readonly run: string;
}

export abstract class Client {
  readonly name: string;
  protected readonly context: ClientContext;
  /** The greatest zxid that it has ever been shown. */
  known = 0;
  #texts = 0;
  #isOver = false;

  constructor(name: string, context: ClientContext) {
    this.name = name;
    this.context = context;
  }

  hasFinished(): boolean {
    return this.#isOver;
  }

  /** From now on it begins nothing. */
  finish(): void {
    this.#isOver = true;
  }

  /** A text that has never been written before. */
  text(): string {
    this.#texts += 1;
    return `${this.name}-${this.#texts}`;
  }

  below(count: number): number {
    return Math.floor(this.context.random() * count);
  }

  chance(probability: number): boolean {
    return this.context.random() < probability;
  }

  /** Some node, another than `not` where there is another. */
  protected place(not?: number): Place | undefined {
    const all = this.context.places();
    const others = all.filter(({ id }) => id !== not);
    const among = others.length > 0 ? others : all;
    return among[this.below(among.length)];
  }

  protected learn(zxid: number | undefined): void {
    if (zxid !== undefined && zxid > this.known) this.known = zxid;
  }
}
