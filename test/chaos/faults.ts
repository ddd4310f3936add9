/** What can be done to an ensemble, chosen by chance, and never to more voters at once than it can lose. */
import type { Cluster } from '../support/cluster.ts';
import type { Random } from '../support/random.ts';
import { pause } from '../support/waiting.ts';

export interface Fault {
  readonly name: string;
  /** Does the harm, waits as long as it lasts, and repairs what it has broken. */
  run(): Promise<void>;
}

export class Faults {
  readonly #cluster: Cluster;
  readonly #random: Random;
  /** How often each kind has been done. */
  readonly counts = new Map<string, number>();
  /** What was done when, by the clock of `performance.now`; an end that is missing has not come. */
  readonly done: { readonly name: string; readonly fromMs: number; untilMs: number }[] = [];

  constructor(cluster: Cluster, random: Random) {
    this.#cluster = cluster;
    this.#random = random;
  }

  /** One after another, until `isOver`; everything is repaired when it resolves. */
  async runUntil(isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      const fault = this.#choose();
      this.counts.set(fault.name, (this.counts.get(fault.name) ?? 0) + 1);
      const done = { name: fault.name, fromMs: performance.now(), untilMs: Infinity };
      this.done.push(done);
      await fault.run();
      done.untilMs = performance.now();
      await pause(this.#below(900));
    }
  }

  #choose(): Fault {
    const faults: readonly (readonly [weight: number, name: string, run: () => Promise<void>])[] = [
      [14, 'kill', () => this.#killed(this.#victims(), 'SIGKILL')],
      [8, 'kill the leader', async () => this.#killed([await this.#leader()], 'SIGKILL')],
      [5, 'kill all', () => this.#killed(this.#cluster.ids, 'SIGKILL')],
      [8, 'restart', () => this.#killed(this.#victims(1), 'SIGTERM')],
      [8, 'hand-off', async () => this.#killed([await this.#leader()], 'SIGTERM')],
      [10, 'pause', () => this.#paused(this.#victims(1))],
      [8, 'pause the leader', async () => this.#paused([await this.#leader()])],
      [2, 'pause all', () => this.#paused(this.#cluster.ids)],
      [10, 'partition', () => this.#partitioned(this.#victims(), { cut: true })],
      [
        8,
        'cut off the leader',
        async () => this.#partitioned([await this.#leader()], { cut: true }),
      ],
      [6, 'stall', () => this.#partitioned(this.#victims(), { stall: true })],
      [10, 'one-way cut', () => this.#oneWay()],
      [6, 'slow links', () => this.#slow()],
      [6, 'resets', () => this.#resets()],
      [4, 'wipe an observer', () => this.#wiped()],
      [6, 'swizzle', () => this.#swizzle()],
    ];
    const total = faults.reduce((sum, [weight]) => sum + weight, 0);
    let left = this.#random() * total;
    for (const [weight, name, run] of faults) {
      left -= weight;
      if (left < 0) return { name, run };
    }
    throw new Error('weights that do not add up');
  }

  async #killed(ids: readonly number[], signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    await Promise.all(ids.map((id) => this.#cluster.end(id, signal)));
    await pause(this.#below(1500));
    await Promise.all(ids.map((id) => this.#cluster.startNode(id)));
  }

  async #paused(ids: readonly number[]): Promise<void> {
    for (const id of ids) this.#cluster.pause(id);
    await pause(200 + this.#below(2800));
    for (const id of ids) this.#cluster.resume(id);
  }

  async #partitioned(
    ids: readonly number[],
    fault: { readonly cut: true } | { readonly stall: true },
  ): Promise<void> {
    this.#cluster.partition(ids, fault);
    await pause(300 + this.#below(3000));
    this.#cluster.heal();
  }

  async #oneWay(): Promise<void> {
    const [from, to] = [this.#one(this.#cluster.ids), this.#one(this.#cluster.ids)];
    if (from !== to) this.#cluster.link(from, to, { cut: true });
    await pause(300 + this.#below(3000));
    this.#cluster.heal();
  }

  async #slow(): Promise<void> {
    const fault = { delayMs: 5 + this.#below(120), bytesPerSecond: 50_000 + this.#below(400_000) };
    for (const one of this.#cluster.ids) {
      for (const other of this.#cluster.ids) {
        if (one < other && this.#random() < 0.6) this.#cluster.between(one, other, fault);
      }
    }
    await pause(500 + this.#below(3000));
    this.#cluster.heal();
  }

  async #resets(): Promise<void> {
    for (let count = this.#below(12); count >= 0; count -= 1) {
      this.#cluster.reset(this.#one(this.#cluster.ids), this.#one(this.#cluster.ids));
      await pause(this.#below(200));
    }
  }

  /** A voter that loses its disk has no vote any more, for good: only one without a vote is wiped here. */
  async #wiped(): Promise<void> {
    const { ids } = this.#cluster;
    const observer = ids.find((id) => this.#cluster.node(id).role === 'observer');
    if (observer === undefined) return;
    await this.#cluster.end(observer);
    this.#cluster.wipe(observer);
    await pause(this.#below(500));
    await this.#cluster.startNode(observer);
  }

  /** Links go one after another, and come back in another order. */
  async #swizzle(): Promise<void> {
    const victims = [...this.#cluster.ids].filter(() => this.#random() < 0.6);
    for (const id of victims) {
      this.#cluster.partition([id], { stall: true });
      await pause(this.#below(400));
    }
    for (const id of victims.sort(() => this.#random() - 0.5)) {
      this.#cluster.partition([id], {});
      await pause(this.#below(400));
    }
    this.#cluster.heal();
  }

  /** Some voters that are a minority, sometimes with an observer. */
  #victims(max = Infinity): readonly number[] {
    const { voters, ids } = this.#cluster;
    const most = Math.min(max, Math.floor((voters.length - 1) / 2));
    const count = 1 + this.#below(most - 1);
    const others = ids.filter((id) => !voters.includes(id) && this.#random() < 0.3);
    return max === 1 && this.#random() < 0.25
      ? [this.#one(ids)]
      : [...this.#shuffled(voters).slice(0, count), ...(max === 1 ? [] : others)];
  }

  async #leader(): Promise<number> {
    return (await this.#cluster.leader()) ?? this.#one(this.#cluster.voters);
  }

  #shuffled(ids: readonly number[]): readonly number[] {
    return ids
      .map((id) => ({ id, at: this.#random() }))
      .sort((a, b) => a.at - b.at)
      .map(({ id }) => id);
  }

  #one(ids: readonly number[]): number {
    return ids[this.#below(ids.length - 1)] ?? 1;
  }

  /** A whole number from 0 to `most`. */
  #below(most: number): number {
    return Math.floor(this.#random() * (most + 1));
  }
}
