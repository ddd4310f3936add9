/**
 * One node of a scenario: the production core with a disk of its own, driven as `Ready` says. A process may
 * end and begin again; the disk stays.
 */
import { InvariantError } from '../../../src/protocol/assert.ts';
import { comparePositions, decodeEpochRecord, noPosition, Zab } from '../../../src/zab/index.ts';
import type {
  LogPosition,
  LogRecord,
  Peer,
  ReadRequest,
  Ready,
  ZabMessage,
  ZabOptions,
} from '../../../src/zab/index.ts';
import { clusterIdOf, committedOf, crc32Of, logStartOf, readFrom, snapshotAt } from './found.ts';
import type { Checker, Witness } from './checker.ts';
import { eventText } from './describe.ts';
import { emptyImage, lastOf, ScenarioDisk } from './disk.ts';
import type { Completion, DiskImage, SnapshotImage } from './disk.ts';
import { SnapshotReceiver, SnapshotSender } from './transfers.ts';
import { idOf, nameOf, positionOf, positionText } from './words.ts';

/** What a node needs of the world around it. */
export interface Surroundings {
  readonly checker: Checker;
  readonly nowMs: number;
  say(line: string): void;
  send(from: number, to: number, message: ZabMessage): void;
  disconnect(a: number, b: number, reason: string): void;
  /** The process has ended by itself. */
  ended(node: ScenarioNode): void;
}

export interface NodeOptions {
  readonly self: number;
  readonly isVoter: boolean;
  readonly core: Pick<
    ZabOptions,
    'voters' | 'observers' | 'limits' | 'timeouts' | 'streams' | 'featureLevel'
  >;
}

/** A process: the core, and what its driver has in memory. */
interface Process {
  readonly zab: Zab;
  /** The log, from the oldest record that memory has; behind a snapshot it may be empty. */
  log: LogRecord[];
  /** What comes before the log. */
  base: SnapshotImage | undefined;
  applied: LogPosition;
  committed: LogPosition;
  readonly sender: SnapshotSender;
  readonly receiver: SnapshotReceiver;
  reads: ReadRequest[];
  /** Names that the scenario gave to barriers. */
  readonly barriers: Map<number, string>;
}

type Event = (zab: Zab) => void;

const encoder = new TextEncoder();

export class ScenarioNode implements Witness {
  readonly id: number;
  readonly isObserver: boolean;
  readonly settled = new Map<string, string>();
  boot = 0;
  life = 1;
  disk: ScenarioDisk;
  /** The process stands still while it is true; its links stay up. */
  paused = false;
  /** Ahead of the world's clock, milliseconds. */
  aheadMs = 0;
  /** Records that memory keeps beyond what is not applied. */
  ring = Infinity;
  /** Of each snapshot that this node sends. */
  pieces = 3;
  /** Records on disk cost more than a snapshot would. */
  prefersSnapshots = false;
  /** Why the process has ended by itself. */
  endedBecause: string | undefined;
  readonly #options: NodeOptions;
  readonly #world: Surroundings;
  #process: Process | undefined;
  /** An old copy of the data directory. */
  #copy: DiskImage | undefined;
  /** What has happened to a paused process, or is still on its way to it. */
  #missed: Event[] = [];

  constructor(options: NodeOptions, world: Surroundings) {
    this.id = options.self;
    this.isObserver = !options.isVoter;
    this.#options = options;
    this.#world = world;
    this.disk = new ScenarioDisk(emptyImage(this.incarnation));
  }

  get name(): string {
    return nameOf(this.id);
  }

  get incarnation(): string {
    return `${this.name}${this.life}`;
  }

  get isMember(): boolean {
    return this.#options.isVoter;
  }

  /** A life that the configuration does not name has no vote. */
  get isVoter(): boolean {
    return this.#options.isVoter && this.life === 1;
  }

  get image(): DiskImage {
    return this.disk.image;
  }

  get isRunning(): boolean {
    return this.#process !== undefined;
  }

  get core(): Zab {
    if (this.#process === undefined) throw new Error(`${this.name} does not run`);
    return this.#process.zab;
  }

  get applied(): LogPosition {
    return this.#process?.applied ?? noPosition;
  }

  /** The log in memory. */
  get log(): readonly LogRecord[] {
    return this.#process?.log ?? [];
  }

  get peer(): Peer {
    const { featureLevel = 1 } = this.#options.core;
    const { clusterId } = this.core;
    return { id: this.id, incarnation: this.incarnation, clusterId, featureLevel };
  }

  recordAt(zxid: number): LogPosition | undefined {
    if (this.#process === undefined) return undefined;
    const { log, base } = this.#process;
    const record = log[zxid - (log[0]?.zxid ?? 0)];
    return record ?? (base?.position.zxid === zxid ? base.position : undefined);
  }

  say(line: string): void {
    this.#world.say(`${this.name} ${line}`);
  }

  start(): void {
    const { image } = this.disk;
    this.boot += 1;
    this.endedBecause = undefined;
    const committed = committedOf(image);
    const process: Process = {
      ...{ log: [...image.records], base: image.snapshot, applied: committed, committed },
      ...{ sender: this.#newSender(), receiver: new SnapshotReceiver(), reads: [] },
      barriers: new Map(),
      zab: new Zab({
        ...this.#options.core,
        ...{ self: this.id, incarnation: this.incarnation, checksum: crc32Of, committed },
        ...{ clusterId: clusterIdOf(image), newClusterId: () => `cluster-of-${this.name}` },
        ...{ log: logStartOf(image, committed), promise: image.promise },
        records: { at: (zxid) => this.#inMemory(zxid) },
        ...(image.recovering ? { recovering: true } : {}),
      }),
    };
    this.#process = process;
    this.tell((zab) => zab.start(this.#nowMs));
  }

  /** The process ends; `image` is what its disk holds at the next boot. */
  stop(image: DiskImage = this.disk.image): void {
    this.#process = undefined;
    this.#missed = [];
    this.paused = false;
    const { stalled } = this.disk;
    this.disk = new ScenarioDisk(image);
    this.disk.stalled = stalled;
  }

  /** The data directory is lost; the next one has another life. */
  wipe(): void {
    this.life += 1;
    this.disk = new ScenarioDisk(emptyImage(this.incarnation));
  }

  /** The log is damaged from `zxid` on; that part is set aside, and the promise is intact. */
  rot(zxid: number): void {
    const { image } = this.disk;
    const records = image.records.filter((record) => record.zxid < zxid);
    const end = lastOf({ ...image, records });
    const committed = comparePositions(image.committed, end) < 0 ? image.committed : end;
    this.disk = new ScenarioDisk({ ...image, records, committed, recovering: true });
  }

  /** Its disk holds a promise that it gave in some other story. */
  promiseGiven(epoch: number, leader: string): void {
    const promise = { epoch, leader: idOf(leader), incarnation: `${leader}1` };
    this.disk = new ScenarioDisk({ ...this.disk.image, promise });
  }

  backup(): void {
    this.#copy = this.disk.image;
  }

  restore(): void {
    if (this.#copy === undefined) throw new Error(`${this.name} has no copy`);
    this.disk = new ScenarioDisk(this.#copy);
  }

  /** Something happens to the core; while it is paused, it waits. */
  tell(event: Event): void {
    if (this.paused) {
      this.#missed.push(event);
      return;
    }
    if (this.#process === undefined) return;
    this.#guarded(() => {
      event(this.core);
      this.#drain();
    });
  }

  tick(): void {
    this.tell((zab) => zab.tick(this.#nowMs));
  }

  /** The first thing after a pause is the time. */
  resume(): void {
    this.paused = false;
    this.tick();
    for (const event of this.#missed.splice(0)) this.tell(event);
  }

  propose(payload: string): void {
    this.tell((zab) => {
      const record = zab.propose(encoder.encode(payload));
      this.#world.checker.proposed(this, record);
    });
  }

  barrier(name: string, options: Parameters<Zab['barrier']>[0]): void {
    this.tell((zab) => {
      this.#world.checker.barrierSet(this, name);
      this.settled.delete(name);
      this.#process?.barriers.set(zab.barrier(options), name);
    });
  }

  /** Tells the core what its disk has completed, and lets it read. @returns false when there was nothing */
  diskDone(completions: readonly Completion[]): boolean {
    for (const completion of completions) {
      this.tell((zab) => this.#complete(zab, completion));
    }
    return completions.length > 0;
  }

  /** Answers what the core wants to read. */
  serveReads(): boolean {
    const reads = this.#process?.reads.splice(0) ?? [];
    for (const read of reads) {
      const found = this.prefersSnapshots ? 'snapshot' : readFrom(this.image, read);
      this.tell((zab) => zab.recordsRead(read.to, read.tenure, found));
    }
    return reads.length > 0;
  }

  /** A snapshot of what is applied, written to the disk. */
  saveSnapshot(): void {
    const snapshot = this.#snapshotNow();
    if (snapshot !== undefined) this.disk.saveSnapshot(snapshot);
  }

  get #nowMs(): number {
    return this.#world.nowMs + this.aheadMs;
  }

  #guarded(action: () => void): void {
    try {
      action();
    } catch (error) {
      if (!(error instanceof InvariantError)) throw error;
      this.end(error.message);
    }
  }

  /** The process ends by itself; what its disk has completed stays. */
  end(why: string): void {
    this.say(`ends: ${why}`);
    this.stop();
    this.endedBecause = why;
    this.#world.ended(this);
  }

  #drain(): void {
    const process = this.#process;
    if (process === undefined) return;
    for (let ready = process.zab.ready(); ready !== undefined; ready = process.zab.ready()) {
      this.#handle(process, ready);
      if (this.#process !== process) return;
    }
    process.sender.go();
  }

  #handle(process: Process, ready: Ready): void {
    const { tenure } = ready;
    for (const event of ready.trace) {
      this.say(eventText(event));
      if (event.type === 'recovered') this.disk.recovered();
    }
    if (ready.promise !== undefined) {
      this.disk.promiseQueue.push({ tenure, work: ready.promise });
    }
    this.#changeLog(process, ready);
    for (const event of ready.trace) {
      if (event.type === 'established') this.#world.checker.established(this, event.epoch);
    }
    for (const { to, message } of ready.messages) this.#world.send(this.id, to, message);
    this.#moveOn(process, ready);
    for (const { peer, reason } of ready.disconnect) {
      this.#world.disconnect(this.id, peer, reason);
    }
    process.reads.push(...ready.reads);
    process.sender.over(ready.snapshotsOver);
    process.sender.request(ready.snapshots);
    process.sender.taken(ready.snapshotAcks);
    for (const chunk of ready.chunks) {
      const received = process.receiver.take(chunk);
      process.zab.chunkTaken(chunk.tenure, chunk.transfer, chunk.index);
      if (received === 'broken') {
        const departure = { reason: 'a piece is not whole', violation: true };
        process.zab.snapshotRefused(chunk.tenure, departure);
      } else if (received !== undefined) {
        this.disk.logQueue.push({ tenure, work: { kind: 'install', snapshot: received } });
      }
    }
  }

  #changeLog(process: Process, ready: Ready): void {
    const { tenure, forgetAfter, truncateAfter, append } = ready;
    const { checker } = this.#world;
    const cut = truncateAfter ?? forgetAfter;
    if (cut !== undefined) {
      checker.truncated(this, cut, this.isObserver);
      process.log = process.log.filter(({ zxid }) => zxid <= cut.zxid);
    }
    if (truncateAfter !== undefined) {
      this.disk.logQueue.push({ tenure, work: { kind: 'truncate', after: truncateAfter } });
    }
    for (const record of append) {
      checker.appended(this, record);
      if (record.kind === 'epoch' && decodeEpochRecord(record.payload).leader === this.id) {
        if (process.zab.status.role === 'leading') checker.proposed(this, record);
      }
      const { committed } = ready;
      const hint = comparePositions(committed, record) < 0 ? committed : positionOf(record);
      this.disk.logQueue.push({ tenure, work: { kind: 'append', record, committed: hint } });
      process.log.push(record);
    }
  }

  #moveOn(process: Process, { committed, applicable, barriers }: Ready): void {
    const { checker } = this.#world;
    if (comparePositions(committed, process.committed) !== 0) {
      checker.committedTo(this, committed, process.zab.status.role === 'leading');
      process.committed = committed;
      this.say(`commits ${positionText(committed)}`);
    }
    if (comparePositions(applicable, process.applied) > 0) {
      checker.applied(this, applicable, committed);
      process.applied = applicable;
    }
    for (const { id, outcome } of barriers) {
      const name = process.barriers.get(id) ?? String(id);
      this.settled.set(name, outcome);
      this.say(`barrier ${name}: ${outcome}`);
      if (outcome === 'passed') checker.barrierPassed(this, name, committed);
    }
  }

  #complete(zab: Zab, completion: Completion): void {
    const process = this.#process;
    switch (completion.kind) {
      case 'durable':
        this.say(`has ${positionText(completion.position)} on disk`);
        zab.durable(completion.tenure, completion.position);
        return;
      case 'truncated':
        this.say(`has cut its disk after ${positionText(completion.after)}`);
        return;
      case 'promised':
        this.#world.checker.promised(this, completion.promise);
        zab.promiseDurable(completion.tenure, completion.promise);
        return;
      case 'installed': {
        const { snapshot } = completion;
        this.#world.checker.installed(this, snapshot, completion.before);
        if (process !== undefined) {
          process.log = [];
          process.base = snapshot;
          process.applied = snapshot.position;
        }
        zab.snapshotInstalled(completion.tenure, snapshot);
      }
    }
  }

  #inMemory(zxid: number): LogRecord | undefined {
    const process = this.#process;
    if (process === undefined) return undefined;
    const { log, applied } = process;
    const last = log.at(-1)?.zxid ?? 0;
    if (zxid <= Math.min(last - this.ring, applied.zxid)) return undefined;
    return log[zxid - (log[0]?.zxid ?? 0)];
  }

  #newSender(): SnapshotSender {
    return new SnapshotSender({
      pieces: () => this.pieces,
      send: (to, message) => this.#world.send(this.id, to, message),
      sent: ({ to, tenure, transfer }, { position, chain }) => {
        this.tell((zab) => zab.snapshotSent(to, tenure, { transfer, position, chain }));
      },
      snapshotAtLeast: ({ atLeast }) => {
        const saved = this.image.snapshot;
        const first = this.image.records[0]?.zxid ?? Infinity;
        const reaches = saved !== undefined && comparePositions(saved.position, atLeast) >= 0;
        if (reaches && first <= saved.position.zxid + 1) return saved;
        const now = this.#snapshotNow();
        return now !== undefined && comparePositions(now.position, atLeast) >= 0 ? now : undefined;
      },
    });
  }

  #snapshotNow(): SnapshotImage | undefined {
    const process = this.#process;
    if (process === undefined) return undefined;
    return snapshotAt(process.log, process.base, process.applied);
  }
}
