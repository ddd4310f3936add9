import { crc32 } from 'node:zlib';
import { noPosition, Zab } from '../../../src/zab/index.ts';
import type {
  EpochPromise,
  LogPosition,
  LogRecord,
  LogStart,
  Ready,
  SettledBarrier,
  TraceEvent,
  ZabMessage,
  ZabOptions,
} from '../../../src/zab/index.ts';

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

/** A core with a disk that completes only when it is told to. */
export class Host {
  readonly zab: Zab;
  readonly settled: SettledBarrier[] = [];
  readonly sent: { to: number; message: ZabMessage }[] = [];
  readonly trace: TraceEvent[] = [];
  /** Handed out and not completed, oldest first. */
  appends: { tenure: number; records: readonly LogRecord[] }[] = [];
  promises: { tenure: number; promise: EpochPromise }[] = [];
  readonly #onDisk: LogRecord[];
  #promise: EpochPromise | undefined;

  constructor(disk: DiskImage = emptyDisk, options: Partial<ZabOptions> = {}) {
    this.#onDisk = [...disk.records];
    this.#promise = disk.promise;
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
      ...options,
    });
    this.zab.start(0);
    const others = [...(options.voters ?? []), ...(options.observers ?? [])];
    for (const id of others) {
      if (id === (options.self ?? 1)) continue;
      const clusterId = options.clusterId;
      this.zab.peerUp({ id, incarnation: `life-of-${String(id)}`, clusterId, featureLevel: 1 });
    }
  }

  get image(): DiskImage {
    return { records: [...this.#onDisk], promise: this.#promise };
  }

  /** Takes what the core wants done, up to the disk. */
  take(): Ready | undefined {
    const ready = this.zab.ready();
    if (ready === undefined) return undefined;
    const { tenure, promise, append } = ready;
    if (promise !== undefined) this.promises.push({ tenure, promise });
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

  propose(...payloads: string[]): LogRecord[] {
    return payloads.map((payload) => this.zab.propose(text(payload)));
  }

  outcome(barrier: number): string | undefined {
    return this.settled.find(({ id }) => id === barrier)?.outcome;
  }

  ignored(): string[] {
    return this.trace.flatMap((event) => (event.type === 'ignored' ? [event.what] : []));
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
  };
}

/** A voter's part of discovery, as the leader sees it. */
export function follow(
  host: Host,
  from: number,
  last: LogPosition = noPosition,
  promise?: EpochPromise,
): void {
  host.zab.step(from, {
    type: 'FOLLOWERINFO',
    promise,
    clusterId: undefined,
    ...{ tenure: 0, featureLevel: 1, recovering: false, last },
  });
  host.takeAll();
  const epoch = host.zab.status.epoch;
  host.zab.step(from, {
    type: 'ACKEPOCH',
    epoch: promisedEpoch(host) ?? epoch,
    counted: true,
    last,
    ...{ tenure: 0, chain: 0, epochStarts: [], committed: last },
  });
}

function promisedEpoch(host: Host): number | undefined {
  const epochs = host.trace.flatMap((event) => (event.type === 'promise' ? [event.epoch] : []));
  return epochs.at(-1);
}

export function vote(host: Host, from: number, candidate = 1): void {
  const round = host.trace.filter(
    (event) => event.type === 'role' && event.role === 'looking',
  ).length;
  host.zab.step(from, {
    ...{ type: 'VOTE', round, candidate, key: host.zab.status.durable },
    ...{ state: 'looking', epoch: 0, leader: undefined },
  });
}

export function ack(host: Host, from: number, position: LogPosition, round = 0): void {
  host.zab.step(from, { type: 'ACK', tenure: 0, position: positionOf(position), round });
}
