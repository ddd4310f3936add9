/** The disk of a machine: how long it takes, when it fails, and what a loss of power leaves of it. */
import { MemoryDisk } from '../../support/memory-disk.ts';
import type { DiskFault, DiskOperation, MemoryDiskOptions } from '../../support/memory-disk.ts';
import type { Chance } from './chance.ts';
import type { World } from './world.ts';

export interface DiskTimes {
  /** Mean time of a sync, milliseconds. */
  readonly syncMs: number;
  /** Mean time of anything else, milliseconds. */
  readonly otherMs: number;
}

const names: ReadonlySet<DiskOperation['kind']> = new Set(['rename', 'remove', 'syncDirectory']);

interface Failing {
  readonly kinds: ReadonlySet<DiskOperation['kind']>;
  readonly code: string;
  readonly howLong: 'once' | 'for good';
}

export class SimulatedDisk {
  readonly #world: World;
  readonly #chance: Chance;
  readonly #times: DiskTimes;
  readonly #options: MemoryDiskOptions;
  #disk: MemoryDisk;
  #kind: DiskOperation['kind'] = 'read';
  #stalledUntilUs = 0;
  /** What completes late, unless the disk is repaired before. */
  readonly #stalled = new Set<() => void>();
  #failing: Failing | undefined;
  #crashIn = Infinity;
  #isLying = false;
  /** Asked when the power goes while it lies: whether what it had said to be durable may be lost. */
  mayTakeBack: () => boolean = () => false;
  /** Bytes; Infinity unless the disk is made small. */
  capacityBytes = Number.MAX_SAFE_INTEGER;
  /** How the process that runs learns that an operation is done. */
  complete: (done: () => void) => void = (done) => done();
  /** Told before a name changes, or is made durable: between two of them a loss of power does most. */
  onName: () => void = () => undefined;
  /** Told when the machine is to stop while an operation is under way. */
  onCrashPoint: () => void = () => undefined;

  constructor(world: World, chance: Chance, times: DiskTimes) {
    this.#world = world;
    this.#chance = chance;
    this.#times = times;
    const capacity = (): number => this.capacityBytes;
    this.#options = {
      random: chance.real,
      get capacityBytes() {
        return capacity();
      },
      isLying: () => this.#isLying,
      fault: (operation) => this.#fault(operation),
      schedule: (complete) => this.#schedule(complete),
    };
    this.#disk = new MemoryDisk(this.#options);
  }

  /** Of the process that runs, or ran last. */
  get disk(): MemoryDisk {
    return this.#disk;
  }

  /** The process has ended; what it has written is with the kernel. */
  killed(): void {
    this.#calm();
    this.#disk = this.#disk.kill(this.#options);
  }

  /** Of what was not synced each part is lost, kept or torn; or all of it is lost. */
  powerLost(how: 'chance' | 'worst'): void {
    this.#calm();
    if (this.#isLying && !this.mayTakeBack()) this.#disk.honour();
    this.#isLying = false;
    const random = how === 'chance' ? this.#chance.real : undefined;
    this.#disk = this.#disk.powerLoss(random, this.#options);
  }

  /** What would be found after the worst loss of power now; the disk goes on as it is. */
  crashImage(): MemoryDisk {
    const image = this.#disk.fork();
    image.honour();
    return image.powerLoss();
  }

  /** What is on it, for `restore`: on another disk, which does not lie, it is what this one says that it has. */
  copy(): MemoryDisk {
    const copy = this.#disk.fork();
    copy.honour();
    return copy;
  }

  /** It holds what it held when the copy was made. */
  restore(copy: MemoryDisk): void {
    this.#calm();
    this.#isLying = false;
    this.#disk.kill();
    this.#disk = copy.fork(this.#options);
  }

  /** A disk as it comes from the factory. */
  wiped(): void {
    this.#calm();
    this.#isLying = false;
    this.#disk.kill();
    this.#disk = new MemoryDisk(this.#options);
  }

  get isLying(): boolean {
    return this.#isLying;
  }

  /** From now on it says that things are durable which are not, until the power goes or it is honest again. */
  lie(): void {
    this.#isLying = true;
  }

  beHonest(): void {
    this.#isLying = false;
    this.#disk.honour();
  }

  /** Nothing completes for a while. */
  stall(ms: number): void {
    this.#stalledUntilUs = Math.max(this.#stalledUntilUs, this.#world.nowUs + ms * 1000);
  }

  /** The next operation of one of these kinds fails, and unless it is `once` all after it. */
  breakDown(
    kinds: readonly DiskOperation['kind'][],
    code: string,
    howLong: Failing['howLong'] = 'for good',
  ): void {
    this.#failing = { kinds: new Set(kinds), code, howLong };
  }

  /** The machine stops at the n-th operation from now. */
  crashAt(operations: number): void {
    this.#crashIn = operations;
  }

  /** From here on nothing is wrong with it. */
  repair(): void {
    this.#calm();
    this.beHonest();
    this.#stalledUntilUs = 0;
    for (const done of this.#stalled) this.#world.after(0, done);
    this.capacityBytes = Number.MAX_SAFE_INTEGER;
  }

  #calm(): void {
    this.#failing = undefined;
    this.#crashIn = Infinity;
  }

  #fault({ kind }: DiskOperation): DiskFault | undefined {
    this.#kind = kind;
    this.#crashIn -= 1;
    if (this.#crashIn <= 0) {
      this.#crashIn = Infinity;
      this.onCrashPoint();
      return { type: 'crash' };
    }
    if (names.has(kind)) this.onName();
    const failing = this.#failing;
    if (failing?.kinds.has(kind) !== true) return undefined;
    if (failing.howLong === 'once') this.#failing = undefined;
    return { type: 'error', code: failing.code, written: this.#chance.below(64) };
  }

  #schedule(complete: () => void): void {
    const { syncMs, otherMs } = this.#times;
    const isSync = this.#kind === 'sync' || this.#kind === 'syncDirectory';
    const takesUs = this.#chance.exponential((isSync ? syncMs : otherMs) * 1000);
    const stalledUs = this.#stalledUntilUs - this.#world.nowUs;
    if (stalledUs <= 0) {
      this.#world.after(takesUs, () => this.complete(complete));
      return;
    }
    const done = (): void => {
      if (this.#stalled.delete(done)) this.complete(complete);
    };
    this.#stalled.add(done);
    this.#world.after(takesUs + stalledUs, done);
  }
}
