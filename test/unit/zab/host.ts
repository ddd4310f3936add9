import { crc32 } from 'node:zlib';
import { encodeEpochRecord, encodeRecord, noPosition, Zab } from '../../../src/zab/index.ts';
import type {
  EpochPromise,
  LogPosition,
  LogRecord,
  LogStart,
  Ready,
  SettledBarrier,
  TraceEvent,
  VoteMessage,
  ZabMessage,
  ZabOptions,
} from '../../../src/zab/index.ts';
import { encodeConfig } from '../../../src/zab/config.ts';

export const checksum = (bytes: Uint8Array, seed: number): number => crc32(bytes, seed);

/** What survives a loss of power. */
export interface DiskImage {
  readonly records: readonly LogRecord[];
  readonly promise: EpochPromise | undefined;
}

export const emptyDisk: DiskImage = { records: [], promise: undefined };

export const limits = { outstandingTransactionsMax: 100, outstandingBytesMax: 100_000 };

export function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

export function positionOf({ epoch, zxid }: LogPosition): LogPosition {
  return { epoch, zxid };
}

export function lifeOf(id: number): string {
  return `life-of-${String(id)}`;
}

/** Payload of an epoch record of the ensemble 1, 2, 3 with the observer 9. */
export function epochPayload(leader: number, featureLevel = 1): Uint8Array {
  const config = encodeConfig([
    ...[1, 2, 3].map((id) => ({ id, role: 'voter' as const, incarnation: lifeOf(id) })),
    { id: 9, role: 'observer', incarnation: lifeOf(9) },
  ]);
  const [incarnation, clusterId] = [lifeOf(leader), 'cluster-a'];
  return encodeEpochRecord({ leader, incarnation, clusterId, featureLevel, config });
}

/** Records one after another: `1e 1t 2e` is an epoch record of 1, a transaction, an epoch record of 2. */
export function recordsOf(script: string, previous?: LogRecord): LogRecord[] {
  const records: LogRecord[] = [];
  let last = previous;
  for (const word of script.split(' ').filter((part) => part !== '')) {
    const epoch = Number(word.slice(0, -1));
    const kind = word.endsWith('e') ? 'epoch' : 'txn';
    const zxid = (last?.zxid ?? 0) + 1;
    const previousChain = last?.chain ?? 0;
    const payload = kind === 'epoch' ? epochPayload(1) : text(`${word} at ${String(zxid)}`);
    last = encodeRecord({ epoch, zxid, kind, previousChain }, payload, checksum);
    records.push(last);
  }
  return records;
}

export function diskOf(script: string, promise?: number): DiskImage {
  const records = recordsOf(script);
  const epoch = promise ?? records.at(-1)?.epoch ?? 0;
  return { records, promise: { epoch, leader: 3, incarnation: lifeOf(3) } };
}

/** A core with a disk that completes only when it is told to. */
export class Host {
  readonly zab: Zab;
  readonly settled: SettledBarrier[] = [];
  readonly sent: { to: number; message: ZabMessage }[] = [];
  readonly trace: TraceEvent[] = [];
  readonly readies: Ready[] = [];
  /** Handed out and not completed, oldest first. */
  appends: { tenure: number; records: readonly LogRecord[] }[] = [];
  promises: { tenure: number; promise: EpochPromise }[] = [];
  readonly #onDisk: LogRecord[];
  /** All records that the driver has seen. */
  readonly #memory = new Map<number, LogRecord>();
  #promise: EpochPromise | undefined;

  constructor(disk: DiskImage = emptyDisk, options: Partial<ZabOptions> = {}) {
    this.#onDisk = [...disk.records];
    this.#promise = disk.promise;
    for (const record of disk.records) this.#memory.set(record.zxid, record);
    this.zab = new Zab({
      self: 1,
      voters: [1],
      incarnation: 'first-life',
      clusterId: disk.records.length === 0 ? undefined : 'cluster-a',
      newClusterId: () => 'cluster-a',
      checksum,
      log: startOf(disk.records),
      committed: noPosition,
      promise: disk.promise,
      limits,
      records: { at: (zxid) => this.#memory.get(zxid) },
      ...options,
    });
    this.zab.start(0);
  }

  get image(): DiskImage {
    return { records: [...this.#onDisk], promise: this.#promise };
  }

  /** Takes what the core wants done, up to the disk. */
  take(): Ready | undefined {
    const ready = this.zab.ready();
    if (ready === undefined) return undefined;
    const { tenure, promise, append, truncateAfter } = ready;
    this.readies.push(ready);
    if (promise !== undefined) this.promises.push({ tenure, promise });
    if (truncateAfter !== undefined) {
      const kept = this.#onDisk.filter(({ zxid }) => zxid <= truncateAfter.zxid);
      this.#onDisk.splice(0, Infinity, ...kept);
    }
    for (const record of append) this.#memory.set(record.zxid, record);
    if (append.length > 0) this.appends.push({ tenure, records: append });
    this.settled.push(...ready.barriers);
    this.sent.push(...ready.messages);
    this.trace.push(...ready.trace);
    return ready;
  }

  /** The oldest promise becomes durable. */
  syncPromise(): void {
    const next = this.promises.shift();
    if (next === undefined) throw new Error('no promise is on its way to the disk');
    this.#promise = next.promise;
    this.zab.promiseDurable(next.tenure, next.promise);
  }

  /** The oldest append becomes durable. */
  syncAppend(): void {
    const next = this.appends.shift();
    const last = next?.records.at(-1);
    if (next === undefined || last === undefined) throw new Error('no append is on its way');
    this.#onDisk.push(...next.records);
    this.zab.durable(next.tenure, positionOf(last));
  }

  /** Lets the disk complete everything, until the core wants nothing more. */
  settle(): this {
    while (this.take() !== undefined || this.promises.length + this.appends.length > 0) {
      if (this.promises.length > 0) this.syncPromise();
      else if (this.appends.length > 0) this.syncAppend();
    }
    return this;
  }

  /** Drives the core without completing anything. */
  takeAll(): this {
    while (this.take() !== undefined);
    return this;
  }

  /** Time passes in small steps: nobody sleeps. */
  passTo(ms: number, from = ms - 20): this {
    for (let nowMs = from; nowMs <= ms; nowMs += 20) {
      this.zab.tick(nowMs);
      this.takeAll();
    }
    return this;
  }

  propose(...payloads: string[]): LogRecord[] {
    return payloads.map((payload) => this.zab.propose(text(payload)));
  }

  outcome(barrier: number): string | undefined {
    return this.settled.find(({ id }) => id === barrier)?.outcome;
  }

  ignored(): string[] {
    return this.trace.flatMap((event) => (event.type === 'ignored' ? [event.what] : []));
  }

  /** The last message of a type to a peer. */
  last<Type extends ZabMessage['type']>(
    type: Type,
    to: number,
  ): Extract<ZabMessage, { type: Type }> | undefined {
    const isOfType = (message: ZabMessage): message is Extract<ZabMessage, { type: Type }> =>
      message.type === type;
    const messages = this.sent.filter((sent) => sent.to === to).map(({ message }) => message);
    return messages.filter(isOfType).at(-1);
  }

  /** Loss of power now, and the next boot. */
  restart(options: Partial<ZabOptions> = {}): Host {
    return new Host(this.image, options);
  }
}

export function startOf(records: readonly LogRecord[]): LogStart {
  const last = records.at(-1);
  const starts = records.filter(({ epoch }, index) => records[index - 1]?.epoch !== epoch);
  return {
    last: last === undefined ? noPosition : positionOf(last),
    lastChain: last?.chain ?? 0,
    epochStarts: starts.map(positionOf),
    epochRecords: records
      .filter(({ kind }) => kind === 'epoch')
      .map(({ zxid, payload }) => ({ zxid, payload })),
  };
}

/** Node 1 of the voters 1, 2, 3 with the observer 9; links as asked. */
export function ofThree(
  disk: DiskImage = diskOf('1e'),
  options: Partial<ZabOptions> = {},
  links: readonly number[] = [2, 3, 9],
): Host {
  const host = new Host(disk, {
    ...{ voters: [1, 2, 3], observers: [9], incarnation: lifeOf(1) },
    ...options,
  });
  for (const id of links) link(host, id);
  return host.takeAll();
}

export function link(host: Host, id: number, incarnation = lifeOf(id)): void {
  const { clusterId } = host.zab;
  host.zab.peerUp({ id, incarnation, clusterId, featureLevel: 1 });
}

export function vote(host: Host, from: number, vote: Partial<VoteMessage> = {}): void {
  const own = host.last('VOTE', from);
  host.zab.step(from, {
    ...{ type: 'VOTE', round: own?.round ?? 1, candidate: 1, key: host.zab.status.durable },
    ...{ state: 'looking', epoch: 0, leader: undefined },
    ...vote,
  });
  host.takeAll();
}

/** The tenure of the relation that a peer opens: any number serves. */
export const tenureOf = (peer: number): number => 100 + peer;

export interface LearnerSays {
  readonly last?: LogPosition;
  readonly chain?: number;
  readonly promise?: EpochPromise;
  readonly epochStarts?: readonly LogPosition[];
  readonly committed?: LogPosition;
  readonly counted?: boolean;
  readonly recovering?: boolean;
  readonly featureLevel?: number;
}

export function introduce(host: Host, from: number, says: LearnerSays = {}): void {
  const { clusterId, status } = host.zab;
  const { promise, recovering = false, last = status.durable, featureLevel = 1 } = says;
  host.zab.step(from, {
    ...{ type: 'FOLLOWERINFO', tenure: tenureOf(from), promise, clusterId },
    ...{ featureLevel, recovering, last },
  });
  host.takeAll();
}

export function answerEpoch(host: Host, from: number, says: LearnerSays = {}): void {
  const { records } = host.image;
  const { last = host.zab.status.durable, counted = true, committed = noPosition } = says;
  const chain = says.chain ?? records.find(({ zxid }) => zxid === last.zxid)?.chain ?? 0;
  const starts = startOf(records.filter(({ zxid }) => zxid <= last.zxid)).epochStarts;
  const { epochStarts = [noPosition, ...starts] } = says;
  const epoch = host.last('LEADERINFO', from)?.epoch ?? 0;
  host.zab.step(from, {
    ...{ type: 'ACKEPOCH', tenure: tenureOf(from), epoch, counted, last, chain },
    ...{ committed, epochStarts },
  });
  host.takeAll();
}

/** A learner's part of discovery, as the leader sees it. */
export function follow(host: Host, from: number, says: LearnerSays = {}): void {
  introduce(host, from, says);
  if (host.promises.length > 0) host.syncPromise();
  host.takeAll();
  answerEpoch(host, from, says);
}

export function ack(host: Host, from: number, position: LogPosition, round = 0): void {
  const tenure = tenureOf(from);
  host.zab.step(from, { type: 'ACK', tenure, position: positionOf(position), round });
  host.takeAll();
}

export function pong(host: Host, from: number, round: number): void {
  host.zab.step(from, { type: 'PONG', tenure: tenureOf(from), round });
  host.takeAll();
}

/** Node 1 leads voters 2 and 3, who are linked; it has promised nothing yet. */
export function elected(disk?: DiskImage, options: Partial<ZabOptions> = {}): Host {
  const host = ofThree(disk, options);
  vote(host, 2);
  vote(host, 3);
  return host;
}

/** Node 1 leads an epoch that is established with voter 2. */
export function established(disk?: DiskImage, options: Partial<ZabOptions> = {}): Host {
  const host = elected(disk, options);
  follow(host, 2);
  host.syncAppend();
  host.takeAll();
  ack(host, 2, host.zab.status.last);
  return host;
}
