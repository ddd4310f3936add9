/** One node: the core with a driver that does at once what needs no disk, and the rest when it is told to. */
import { crc32 } from 'node:zlib';
import { decodeEpochRecord, Zab } from '../../../../src/zab/index.ts';
import type {
  EpochPromise,
  LogPosition,
  LogRecord,
  Peer,
  Ready,
  SnapshotChunk,
  SnapshotRequest,
  ZabMessage,
} from '../../../../src/zab/index.ts';
import { apply, lastOf } from './disk.ts';
import type { Base, DiskWork, Image } from './disk.ts';
import { demand } from './oracle.ts';
import type { Oracle } from './oracle.ts';

export interface NodeSettings {
  readonly self: number;
  readonly voters: readonly number[];
  readonly observers: readonly number[];
  /** Applied records that stay in memory. */
  readonly ringRecords: number;
  readonly random: (bound: number) => number;
}

export interface NodeWorld {
  readonly oracle: Oracle;
  send(from: number, to: number, message: ZabMessage): void;
  disconnect(a: number, b: number): void;
  /** True when a quorum of voters would still have the record after a loss of power. */
  isOnQuorum(record: LogRecord): boolean;
}

interface Transfer extends SnapshotRequest {
  base: Base | undefined;
  sent: number;
  acked: number;
}

const PIECES = 3;

export class Node {
  readonly id: number;
  readonly zab: Zab;
  /** What a loss of power would leave now, at the least. */
  image: Image;
  readonly work: DiskWork[] = [];
  readonly promises: { readonly tenure: number; readonly promise: EpochPromise }[] = [];
  readonly reads: Ready['reads'][number][] = [];
  paused = false;
  readonly #settings: NodeSettings;
  readonly #world: NodeWorld;
  /** The log in memory, by zxid. */
  readonly #log = new Map<number, LogRecord>();
  readonly #transfers = new Map<number, Transfer>();
  readonly #barriers = new Map<number, { position: LogPosition; before: number }>();
  #received: SnapshotChunk[] = [];
  #committed: LogPosition;
  #applied: LogPosition;
  passedBarriers = 0;

  constructor(settings: NodeSettings, world: NodeWorld, image: Image) {
    const { self, ringRecords: _, ...options } = settings;
    this.id = self;
    this.#settings = settings;
    this.#world = world;
    this.image = image;
    const { base, records, promise, incarnation, recovering } = image;
    const epochs = records.filter(({ kind }) => kind === 'epoch');
    const starts = records.filter(({ epoch }, index) => records[index - 1]?.epoch !== epoch);
    const last = lastOf(image);
    const known = [
      ...(base.epochRecord === undefined
        ? []
        : [{ zxid: base.position.zxid, payload: base.epochRecord }]),
      ...epochs.map(({ zxid, payload }) => ({ zxid, payload })),
    ];
    const payload = known.at(-1)?.payload;
    for (const record of records) this.#log.set(record.zxid, record);
    this.#committed = base.position;
    this.#applied = base.position;
    this.zab = new Zab({
      ...{ self, incarnation, promise, recovering, ...options },
      clusterId: payload === undefined ? image.clusterId : decodeEpochRecord(payload).clusterId,
      newClusterId: () => `cluster-of-${self}`,
      checksum: (bytes, seed) => crc32(bytes, seed),
      log: {
        last: last.position,
        lastChain: last.chain,
        epochStarts: starts.map(({ epoch, zxid }) => ({ epoch, zxid })),
        epochRecords: known,
        committedChain: base.chain,
      },
      committed: base.position,
      limits: { outstandingTransactionsMax: 1000, outstandingBytesMax: 1e6 },
      timeouts: { peerMs: 200, pingMs: 40, connectMs: 3000, diskStallMs: 200, handOffMs: 200 },
      streams: { windowBytes: 2000, appendBytesMax: 500 },
      records: { at: (zxid) => this.#log.get(zxid) },
    });
  }

  get peer(): Peer {
    const { clusterId } = this.zab;
    return { id: this.id, incarnation: this.image.incarnation, clusterId, featureLevel: 1 };
  }

  start(nowMs: number): void {
    this.zab.start(nowMs);
    this.drive();
  }

  tick(nowMs: number): void {
    this.zab.tick(nowMs);
    this.drive();
  }

  propose(text: string): boolean {
    const { established, epochStart } = this.zab.status;
    if (!established || !this.zab.hasRoom || epochStart === undefined) return false;
    if (this.#applied.zxid < epochStart.zxid) return false;
    const record = this.zab.propose(new TextEncoder().encode(text));
    this.#log.set(record.zxid, record);
    this.drive();
    return true;
  }

  barrier(): void {
    const { committed } = this.zab.status;
    const id = this.zab.barrier();
    this.#barriers.set(id, { position: committed, before: this.#world.oracle.last });
    this.drive();
  }

  /** Does what the core wants done. */
  drive(): void {
    for (let ready = this.zab.ready(); ready !== undefined; ready = this.zab.ready()) {
      this.#do(ready);
    }
  }

  /** The oldest piece of the disk's work is on disk. */
  completeWork(): boolean {
    const work = this.work.shift();
    if (work === undefined) return false;
    this.#toDisk(work);
    if (work.type === 'append') {
      const last = work.records.at(-1);
      demand(last !== undefined, 'no append is empty');
      this.zab.durable(work.tenure, { epoch: last.epoch, zxid: last.zxid });
    } else if (work.type === 'install') {
      this.#log.clear();
      this.#committed = work.base.position;
      this.#applied = work.base.position;
      this.zab.snapshotInstalled(work.tenure, work.base);
    }
    this.drive();
    return true;
  }

  completePromise(): boolean {
    const next = this.promises.shift();
    if (next === undefined) return false;
    this.image = { ...this.image, promise: next.promise };
    this.zab.promiseDurable(next.tenure, next.promise);
    this.drive();
    return true;
  }

  completeRead(): boolean {
    const read = this.reads.shift();
    if (read === undefined) return false;
    const { to, tenure, after } = read;
    const { base } = this.image;
    const all = this.image.records;
    const records = all.filter(({ zxid }) => zxid > after.zxid).slice(0, 3);
    const previous = all.find(({ zxid }) => zxid === after.zxid);
    const previousChain = after.zxid === base.position.zxid ? base.chain : previous?.chain;
    if (previousChain === undefined || records.length === 0) {
      this.zab.recordsRead(to, tenure, 'snapshot');
    } else {
      this.zab.recordsRead(to, tenure, { previousChain, records });
    }
    this.drive();
    return true;
  }

  /** Takes a snapshot of what is applied, and lets the log begin behind it. */
  compact(): void {
    const { epoch, zxid } = this.#applied;
    if (zxid <= this.image.base.position.zxid) return;
    if (!this.image.records.some((record) => record.zxid === zxid)) return;
    this.image = {
      ...this.image,
      base: this.#baseAt({ epoch, zxid }),
      records: this.image.records.filter((record) => record.zxid > zxid),
    };
    this.forget();
  }

  /** Keeps of what is applied only the newest records in memory. */
  forget(): void {
    for (const zxid of this.#log.keys()) {
      if (zxid <= this.#applied.zxid - this.#settings.ringRecords) this.#log.delete(zxid);
    }
  }

  /** What a loss of power leaves: some of what was on its way to the disk may be there. */
  crashImage(random: (bound: number) => number): Image {
    for (let count = random(this.promises.length + 1); count > 0; count--) {
      const next = this.promises.shift();
      if (next !== undefined) this.image = { ...this.image, promise: next.promise };
    }
    for (let count = random(this.work.length + 1); count > 0; count--) {
      const work = this.work.shift();
      if (work === undefined) break;
      if (work.type === 'append' && count === 1) {
        const records = work.records.slice(0, random(work.records.length + 1));
        this.#toDisk({ ...work, records });
      } else {
        this.#toDisk(work);
      }
    }
    return this.image;
  }

  #toDisk(work: DiskWork): void {
    if (work.type === 'truncate') {
      for (const record of this.image.records) {
        if (record.zxid > work.after.zxid) this.#world.oracle.removed(this.id, record);
      }
    }
    this.image = apply(this.image, work);
  }

  #do(ready: Ready): void {
    const { tenure, promise, forgetAfter, truncateAfter, append } = ready;
    if (promise !== undefined) this.promises.push({ tenure, promise });
    if (forgetAfter !== undefined) {
      demand(forgetAfter.zxid >= this.#applied.zxid, 'nothing applied is forgotten');
      for (const zxid of this.#log.keys()) if (zxid > forgetAfter.zxid) this.#log.delete(zxid);
    }
    if (truncateAfter !== undefined) this.work.push({ type: 'truncate', after: truncateAfter });
    for (const record of append) this.#log.set(record.zxid, record);
    if (append.length > 0) this.work.push({ type: 'append', tenure, records: append });
    for (const { to, message } of ready.messages) this.#world.send(this.id, to, message);
    for (const { peer } of ready.disconnect) this.#world.disconnect(this.id, peer);
    this.#noteTrace(ready);
    this.#commitTo(ready.committed);
    this.#applyTo(ready.applicable);
    for (const { id, outcome } of ready.barriers) this.#settle(id, outcome);
    for (const chunk of ready.chunks) this.#receive(chunk);
    this.reads.push(...ready.reads);
    this.#advanceTransfers(ready);
  }

  #noteTrace({ trace }: Ready): void {
    const { clusterId } = this.zab;
    this.image = { ...this.image, clusterId };
    for (const event of trace) {
      if (event.type === 'recovered') this.image = { ...this.image, recovering: false };
      if (event.type !== 'established') continue;
      this.#world.oracle.established(this.id, event.committed, (zxid) => this.#log.get(zxid));
    }
  }

  #commitTo(position: LogPosition): void {
    demand(position.zxid >= this.#committed.zxid, 'the commit point never goes back');
    for (let zxid = this.#committed.zxid + 1; zxid <= position.zxid; zxid++) {
      const record = this.#log.get(zxid);
      demand(record !== undefined, `node ${this.id} commits ${zxid}, which it does not have`);
      this.#world.oracle.committed(this.id, record, () => this.#world.isOnQuorum(record));
    }
    this.#committed = position;
  }

  #applyTo(position: LogPosition): void {
    demand(position.zxid <= lastOf(this.image).position.zxid, 'only what is on disk is applied');
    demand(position.zxid <= this.#committed.zxid, 'only what is committed is applied');
    if (position.zxid > this.#applied.zxid) this.#applied = position;
  }

  #settle(id: number, outcome: string): void {
    const barrier = this.#barriers.get(id);
    demand(barrier !== undefined, 'a barrier is settled once');
    this.#barriers.delete(id);
    if (outcome !== 'passed') return;
    this.passedBarriers += 1;
    this.#world.oracle.passed(this.id, barrier.position, barrier.before);
  }

  #receive(chunk: SnapshotChunk): void {
    if (chunk.index === 0) this.#received = [];
    demand(chunk.index === this.#received.length, 'pieces come in order');
    this.#received.push(chunk);
    this.zab.chunkTaken(chunk.tenure, chunk.transfer, chunk.index);
    if (!chunk.last) return;
    const { tenure, position, chain, epochStarts } = chunk;
    const epochRecord = this.#received.find(({ bytes }) => bytes.length > 0)?.bytes;
    this.work.push({
      ...{ type: 'install', tenure },
      base: { position, chain, epochStarts, epochRecord },
    });
  }

  #advanceTransfers({ snapshots, snapshotAcks, snapshotsOver }: Ready): void {
    for (const request of snapshots) {
      this.#transfers.set(request.to, { ...request, base: undefined, sent: 0, acked: -1 });
    }
    for (const { to, tenure } of snapshotsOver) {
      if (this.#transfers.get(to)?.tenure === tenure) this.#transfers.delete(to);
    }
    for (const { to, transfer, index } of snapshotAcks) {
      const current = this.#transfers.get(to);
      if (current?.transfer === transfer) current.acked = index;
    }
    for (const transfer of this.#transfers.values()) this.#pump(transfer);
  }

  #pump(transfer: Transfer): void {
    const { to, tenure, atLeast } = transfer;
    if (transfer.base === undefined) {
      if (this.#applied.zxid < Math.max(atLeast.zxid, 1)) return;
      transfer.base = this.#baseAt(this.#applied);
    }
    const { position, chain, epochStarts, epochRecord } = transfer.base;
    while (transfer.sent < PIECES && transfer.sent <= transfer.acked + 1) {
      const index = transfer.sent++;
      this.#world.send(this.id, to, {
        ...{ type: 'SNAPSHOT', tenure, transfer: transfer.transfer, index, position, chain },
        ...{ epochStarts, last: index === PIECES - 1, totalBytes: 0 },
        bytes: index === 1 && epochRecord !== undefined ? epochRecord : new Uint8Array(),
      });
    }
    if (transfer.sent < PIECES) return;
    this.#transfers.delete(to);
    this.zab.snapshotSent(to, tenure, { transfer: transfer.transfer, position, chain });
  }

  #baseAt(position: LogPosition): Base {
    const { base } = this.image;
    const behind = [...this.#log.values(), ...this.image.records]
      .filter(({ zxid }) => zxid > base.position.zxid && zxid <= position.zxid)
      .sort((a, b) => a.zxid - b.zxid);
    const epochs = behind.filter(({ kind }) => kind === 'epoch');
    const starts = new Map(base.epochStarts.map(({ epoch, zxid }) => [epoch, zxid]));
    for (const { epoch, zxid } of epochs) starts.set(epoch, zxid);
    const chain = behind.at(-1)?.chain ?? base.chain;
    return {
      ...{ position, chain },
      epochStarts: [...starts].map(([epoch, zxid]) => ({ epoch, zxid })),
      epochRecord: epochs.at(-1)?.payload ?? base.epochRecord,
    };
  }
}
