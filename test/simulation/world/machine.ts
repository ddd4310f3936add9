/** A machine: it outlives the processes that run on it, keeps the disk and the clock, and may lose its power. */
import { crc32 } from 'node:zlib';
import type { CoordinatorAnswer, CoordinatorMessage } from '../../../src/protocol/coordination.ts';
import { createReplica } from '../../../src/replica/index.ts';
import type { ReplicaLog } from '../../../src/replica/host.ts';
import type { Replica, ReplicaSettings } from '../../../src/replica/index.ts';
import { Storage } from '../../../src/storage/index.ts';
import type { Recovered } from '../../../src/storage/index.ts';
import type { StorageOptions } from '../../../src/storage/storage.ts';
import { TcpTransport } from '../../../src/transport/index.ts';
import type { MemoryDisk } from '../../support/memory-disk.ts';
import type { Chance } from './chance.ts';
import type { MachineClock } from './clock.ts';
import type { SimulatedDisk } from './disk.ts';
import type { SimulatedNetwork } from './network.ts';
import { Process } from './process.ts';
import type { World } from './world.ts';

/** One process with what runs in it. */
export interface Life {
  readonly machine: Machine;
  /** Of this machine, from 1. */
  readonly number: number;
  readonly process: Process;
  /** Undefined until the disk has been read. */
  replica: Replica | undefined;
  /** It has been told to end in order. */
  isStopping: boolean;
}

/** Who is told of everything that an oracle has to know. All are called before what they tell of takes effect. */
export interface Observer {
  /** The disk has been read; nothing has been built on it yet. */
  opened(life: Life, storage: Storage, recovered: Recovered): void;
  /** The replica has been made and has done nothing. */
  made(life: Life, replica: Replica): void;
  /** Its links are about to be made. */
  links(life: Life, transport: TcpTransport): void;
  answers(life: Life, answers: readonly CoordinatorAnswer[]): void;
  /** However it came about; nothing of it does anything any more. */
  ended(life: Life, how: Ending, error?: Error): void;
}

export type Ending = 'killed' | 'power' | 'fatal' | 'stopped' | 'refused-to-start';

export interface MachineParts {
  readonly id: number;
  readonly world: World;
  readonly chance: Chance;
  readonly clock: MachineClock;
  readonly disk: SimulatedDisk;
  readonly network: SimulatedNetwork;
  readonly observer: Observer;
  readonly members: readonly { readonly id: number; readonly role: 'voter' | 'observer' }[];
  readonly settings: Omit<ReplicaSettings, 'self'>;
  readonly storage: Partial<StorageOptions>;
  readonly inputUs: number;
}

export class Machine {
  readonly id: number;
  readonly parts: MachineParts;
  #life: Life | undefined;
  #lives = 0;
  /** What a process here needs for a piece of input, microseconds. */
  inputUs: number;
  /** Why the last life has ended. */
  lastEnding: { readonly how: Ending; readonly error?: Error } | undefined;

  constructor(parts: MachineParts) {
    this.id = parts.id;
    this.parts = parts;
    this.inputUs = parts.inputUs;
  }

  /** The process that runs; undefined when none does. */
  get life(): Life | undefined {
    return this.#life;
  }

  get replica(): Replica | undefined {
    return this.#life?.replica;
  }

  get disk(): SimulatedDisk {
    return this.parts.disk;
  }

  /** True while a process runs here that clients can reach. */
  get isReachable(): boolean {
    return this.replica !== undefined;
  }

  get isServing(): boolean {
    const { replica } = this;
    return replica !== undefined && replica.status().notReady === undefined;
  }

  /** Turns the power on if it is off, and starts a process. */
  start(): void {
    if (this.#life !== undefined) return;
    const { world, clock, network, id, disk } = this.parts;
    this.#lives += 1;
    const process = new Process({ id, world, clock, inputUs: () => this.inputUs });
    const life: Life = {
      ...{ machine: this, number: this.#lives, process },
      ...{ replica: undefined, isStopping: false },
    };
    this.#life = life;
    network.power(id, true);
    disk.complete = (done) => process.input(done);
    disk.onCrashPoint = process.onCrashPoint = () => {
      world.endOfTurn(() => {
        if (this.#life !== life) return;
        if (this.parts.chance.happens(0.5)) this.kill();
        else this.losePower('chance');
      });
      process.end();
    };
    world.trace.tell(() => `node ${id} starts, life ${life.number}`);
    this.#boot(life).catch((error: unknown) => {
      this.#refused(life, asError(error));
    });
  }

  /** What a process would find on the disk after the worst loss of power now; nothing is changed by asking. */
  async crashImage(): Promise<Recovered> {
    const { chance, disk } = this.parts;
    const own = chance.fork('crash image');
    const { recovered } = await this.#openStorage(disk.crashImage(), own);
    return recovered;
  }

  /** `kill -9`. */
  kill(): void {
    this.#end('killed');
  }

  losePower(how: 'chance' | 'worst'): void {
    if (this.#life !== undefined) {
      this.#end('power');
    }
    this.parts.disk.powerLost(how);
    const { chance, clock } = this.parts;
    clock.boot(chance.happens(0.2) ? -Math.floor(chance.exponential(600_000)) : 0);
  }

  /** Ends in order, as far as the others let it. */
  stop(): void {
    const life = this.#life;
    if (life?.replica === undefined) {
      this.kill();
      return;
    }
    const { replica } = life;
    life.isStopping = true;
    life.process.input(() => {
      replica.stop().then(
        () => this.#ended(life, 'stopped'),
        (error: unknown) => this.#ended(life, 'fatal', asError(error)),
      );
    });
  }

  /** The process stands still, as under SIGSTOP. */
  pause(): void {
    this.#life?.process.pause();
  }

  resume(): void {
    this.#life?.process.resume();
  }

  /** A new, empty disk; the process ends. */
  wipe(): void {
    if (this.#life !== undefined) this.kill();
    this.parts.disk.wiped();
  }

  /** An operator brings back what a disk held once; the process ends. */
  restore(copy: MemoryDisk): void {
    if (this.#life !== undefined) this.kill();
    this.parts.disk.restore(copy);
  }

  /** As fast again as the run began with it. */
  calm(): void {
    this.inputUs = this.parts.inputUs;
  }

  /** @param onTaken told when the process takes them, which may be later than they come */
  submit(messages: readonly CoordinatorMessage[], onTaken?: () => void): void {
    const life = this.#life;
    life?.process.input(() => {
      onTaken?.();
      life.replica?.submit(messages);
    });
  }

  #end(how: 'killed' | 'power'): void {
    const life = this.#life;
    if (life !== undefined) this.#ended(life, how);
  }

  #ended(life: Life, how: Ending, error?: Error): void {
    if (this.#life !== life) return;
    this.#life = undefined;
    this.lastEnding = error === undefined ? { how } : { how, error };
    life.process.end();
    const { network, disk, world, observer, id } = this.parts;
    if (how === 'power') {
      network.powerLost(life.process);
    } else {
      network.processEnded(life.process);
      disk.killed();
    }
    world.trace.tell(
      () => `node ${id} ends: ${how}${error === undefined ? '' : `, ${error.message}`}`,
    );
    observer.ended(life, how, error);
  }

  #refused(life: Life, error: Error): void {
    if (this.#life !== life) return;
    this.#ended(life, 'refused-to-start', error);
  }

  async #boot(life: Life): Promise<void> {
    const { chance, disk, observer, settings } = this.parts;
    const { process } = life;
    const { storage, recovered } = await this.#openStorage(disk.disk, chance);
    observer.opened(life, storage, recovered);
    const replica = await createReplica({
      settings: { ...settings, self: this.id, url: `http://node${this.id}:8180` },
      ...{ storage, recovered },
      clock: process.clock,
      scheduler: process.scheduler,
      log: this.#log(),
      randomBytes: (count) => chance.bytes(count),
      onFatal: (error) => this.#ended(life, 'fatal', error),
    });
    life.replica = replica;
    observer.made(life, replica);
    replica.listen((answers) => {
      if (process.isAlive) observer.answers(life, answers);
    });
    const links = await this.#openLinks(life, recovered, replica);
    observer.links(life, links);
    replica.start(links);
  }

  #openStorage(disk: MemoryDisk, chance: Chance): ReturnType<typeof Storage.open> {
    const { members, storage } = this.parts;
    return Storage.open({
      disk,
      checksum: (bytes, seed) => crc32(bytes, seed),
      randomId: () => chance.hex(16),
      onDamage: members.length > 1 ? 'set-aside' : 'refuse',
      ...storage,
    });
  }

  async #openLinks(life: Life, recovered: Recovered, replica: Replica): Promise<TcpTransport> {
    const { id } = this;
    const { chance, network, members } = this.parts;
    const { incarnation } = recovered.identity;
    return TcpTransport.open({
      self: {
        ...{ id, incarnation, boot: chance.hex(8), url: `http://node${id}:8180` },
        featureLevel: 1,
      },
      clusterId: () => replica.status().clusterId || undefined,
      members: members.map((member) => ({ ...member, host: `node${member.id}`, port: 1 })),
      listen: { host: `node${id}`, port: 1 },
      network: network.of(life.process),
      scheduler: life.process.transportScheduler,
      random: chance.real,
      log: this.#log(),
    });
  }

  #log(): ReplicaLog {
    const { world } = this.parts;
    const say = (fields: object, text: string): void => {
      world.trace.tell(() => `node ${this.id}: ${text} ${JSON.stringify(fields)}`);
    };
    return { info: say, warn: say };
  }
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
