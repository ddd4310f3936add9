/** A replica on a disk in memory whose every turn the test decides: nothing runs by itself. */
import { crc32 } from 'node:zlib';
import type { CoordinatorAnswer, CoordinatorMessage } from '../../../src/protocol/coordination.ts';
import { defaultLimits } from '../../../src/protocol/limits.ts';
import type { Limits } from '../../../src/protocol/limits.ts';
import { createReplica } from '../../../src/replica/index.ts';
import type { Replica } from '../../../src/replica/index.ts';
import { Storage } from '../../../src/storage/index.ts';
import { MemoryDisk } from '../../support/memory-disk.ts';

export interface ManualOptions {
  readonly limits?: Partial<Limits>;
  readonly tickMs?: number;
  readonly disk?: MemoryDisk;
  /** This one alone unless said; with others, whom nobody connects it with, it serves nobody. */
  readonly voters?: readonly number[];
}

export class ManualReplica {
  readonly replica: Replica;
  readonly answers: CoordinatorAnswer[] = [];
  readonly #world: World;

  private constructor(replica: Replica, world: World) {
    this.replica = replica;
    this.#world = world;
    replica.listen((batch) => this.answers.push(...batch));
  }

  static async start(options: ManualOptions = {}): Promise<ManualReplica> {
    const world = new World();
    const { storage, recovered } = await Storage.open({
      disk: options.disk ?? new MemoryDisk(),
      checksum: (bytes, seed) => crc32(bytes, seed),
      randomId: () => `id-${world.count()}`,
      segmentBytes: 256 * 1024,
    });
    const { tickMs = 2000, voters = [1] } = options;
    const starting = createReplica({
      settings: {
        ...{ self: 1, voters, tickMs, limits: { ...defaultLimits, ...options.limits } },
        ...{ sessionTimeoutMinMs: 2 * tickMs, sessionTimeoutMaxMs: 600_000 },
        ...{ sessionTimeoutDefaultMs: 10_000, containerCheckMs: 60_000 },
        ...{ containerNeverUsedMs: 300_000, snapshotEveryTransactions: 1_000_000 },
      },
      ...{ storage, recovered },
      clock: { monotonicMs: () => world.nowMs, wallMs: () => 1_700_000_000_000 + world.nowMs },
      scheduler: {
        defer: (task) => world.deferred.push(task),
        every: (_ms, task) => {
          world.timers.add(task);
          return () => world.timers.delete(task);
        },
      },
      log: { info: () => undefined, warn: (_fields, text) => world.warnings.push(text) },
      randomBytes: (count) => new Uint8Array(count).map(() => world.count() & 255),
      onFatal: (error) => {
        world.fatal = error;
      },
    });
    const replica = await starting;
    replica.start();
    if (voters.length === 1) await world.until(replica.serving());
    return new ManualReplica(replica, world);
  }

  submit(...messages: CoordinatorMessage[]): void {
    this.replica.submit(messages);
  }

  /** Runs what has been deferred so far. */
  turn(): void {
    this.#world.turn();
  }

  /** Lets the disk complete what it has, and everything that follows from it. */
  async settle(): Promise<void> {
    await this.#world.settle();
  }

  /** Time passes; everything that is due at the end of it runs. */
  async pass(ms: number): Promise<void> {
    this.#world.nowMs += ms;
    for (const timer of this.#world.timers) timer();
    await this.settle();
  }

  /** What it has warned of. */
  get warnings(): readonly string[] {
    return this.#world.warnings;
  }

  get fatal(): Error | undefined {
    return this.#world.fatal;
  }

  /** The answers since the last call. */
  take(): CoordinatorAnswer[] {
    return this.answers.splice(0);
  }
}

class World {
  nowMs = 1000;
  readonly deferred: (() => void)[] = [];
  readonly timers = new Set<() => void>();
  readonly warnings: string[] = [];
  fatal: Error | undefined;
  #counter = 0;

  count(): number {
    return this.#counter++;
  }

  turn(): void {
    for (const task of this.deferred.splice(0)) task();
  }

  /** The disk in memory answers in promises: a bounded number of turns of the event loop is enough. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < 8;) {
      const busy = this.deferred.length > 0;
      this.turn();
      await new Promise((resolve) => setImmediate(resolve));
      quiet = busy || this.deferred.length > 0 ? 0 : quiet + 1;
    }
  }

  async until(promise: Promise<unknown>): Promise<void> {
    const state = { done: false };
    const mark = (): void => {
      state.done = true;
    };
    promise.then(mark, mark);
    while (!state.done) await this.settle();
  }
}
