/**
 * One live process of the model: the core with its disk, driven as `Ready` says. It is told one input at a time
 * and does at once all that needs no disk; what it says to others, and what is wrong with it, is its effect.
 */
import { comparePositions, noPosition } from '../../../src/zab/index.ts';
import type {
  LogPosition,
  LogRecord,
  Peer,
  Ready,
  TraceEvent,
  VoteMessage,
  Zab,
  ZabMessage,
  ZabStatus,
} from '../../../src/zab/index.ts';
import { eventText } from '../../scenario/harness/describe.ts';
import { holds, ScenarioDisk } from '../../scenario/harness/disk.ts';
import type { DiskImage } from '../../scenario/harness/disk.ts';
import { clusterIdOf, committedOf, crc32Of, logStartOf } from '../../scenario/harness/found.ts';
import { nameOf, positionText } from '../../scenario/harness/words.ts';
import { fingerprint, LONG_AGO_MS } from './fingerprint.ts';
import type { Core } from './open-core.ts';

/** What happens to one node. */
export type Input =
  | { readonly type: 'boot'; readonly peers: readonly Peer[] }
  | { readonly type: 'up'; readonly peer: Peer }
  | { readonly type: 'down'; readonly peer: number }
  | { readonly type: 'message'; readonly from: number; readonly message: ZabMessage }
  /** The oldest work of the log's queue, or of the promise's, is on disk. */
  | { readonly type: 'log' | 'promise' }
  /** Time goes on until a deadline fires. */
  | { readonly type: 'timeout' }
  | { readonly type: 'propose'; readonly payload: string }
  /** The election is over for this node: it leads, or follows the leader that it is told of. */
  | { readonly type: 'lead' }
  | { readonly type: 'follow'; readonly leader: number; readonly round: number };

export interface ProcessOptions {
  readonly core: Core;
  readonly self: number;
  readonly voters: readonly number[];
  /** True where nodes elect their leader by their votes; else votes go nowhere. */
  readonly votes: boolean;
}

const encoder = new TextEncoder();

const PEER_MS = 1000;

/** Ticks are so close that no node takes itself for one that stood still. */
const TICK_MS = 50;

/** How long a node avoids a leader that it has left, and a bit more. */
const AVOIDING_MS = 110;

/** Nothing is said only because time goes on: that needs no deadline, and shows nothing new. */
const NEVER_MS = 1_000_000;

export class Process {
  readonly zab: Zab;
  readonly disk: ScenarioDisk;
  /** The log in memory, from zxid 1 on. */
  log: LogRecord[];
  /** What it has sent since `apply` began. */
  sent: { readonly to: number; readonly message: ZabMessage }[] = [];
  /** What it has told since then. */
  events: TraceEvent[] = [];
  /** The epoch that it has begun since then, as its leader; 0 for none. */
  begun = 0;
  /** The first thing that is wrong with it. */
  problem: string | undefined;
  readonly #options: ProcessOptions;
  #committed: LogPosition;
  #applied: LogPosition;
  #isLeading = false;
  #nowMs = 0;

  constructor(options: ProcessOptions, image: DiskImage) {
    const { core, self, voters } = options;
    this.#options = options;
    this.disk = new ScenarioDisk(image);
    this.log = [...image.records];
    const committed = committedOf(image);
    this.#committed = committed;
    this.#applied = committed;
    this.zab = new core.Zab({
      ...{ self, voters, incarnation: image.incarnation, checksum: crc32Of, committed },
      ...{ clusterId: clusterIdOf(image), newClusterId: () => `cluster-of-${nameOf(self)}` },
      ...{ log: logStartOf(image, committed), promise: image.promise },
      limits: { outstandingTransactionsMax: 16, outstandingBytesMax: 10_000 },
      timeouts: {
        ...{ peerMs: PEER_MS, connectMs: PEER_MS, handOffMs: PEER_MS },
        ...{ pingMs: NEVER_MS, diskStallMs: NEVER_MS },
      },
      records: { at: (zxid) => this.log[zxid - 1] },
    });
  }

  /** A text that is the same for processes that do the same from now on. */
  get fingerprint(): string {
    const { image, logQueue, promiseQueue } = this.disk;
    const log = logQueue.map(({ tenure, work }) => {
      if (work.kind === 'append') {
        const { record, committed } = work;
        return `${tenure}+${positionText(record)}:${record.chain} ${positionText(committed)}`;
      }
      return `${tenure}-${work.kind === 'truncate' ? positionText(work.after) : ''}`;
    });
    return [
      imageText(image),
      log.join(),
      promiseQueue.map(({ tenure, work }) => `${tenure} ${work.epoch} ${work.leader}`).join(),
      this.log.map(({ epoch, chain }) => `${epoch}:${chain}`).join(),
      positionText(this.#applied),
      fingerprint(this.zab, this.#nowMs),
    ].join('|');
  }

  /** True when it leads, and has applied what its clients have to see first. */
  canPropose({ established, epochStart }: ZabStatus): boolean {
    if (!established || !this.zab.hasRoom || epochStart === undefined) return false;
    return comparePositions(this.#applied, epochStart) >= 0;
  }

  /** @returns false where the input can do nothing here */
  apply(input: Input): boolean {
    this.sent = [];
    this.events = [];
    this.begun = 0;
    try {
      const hasHappened = this.#take(input);
      this.#drain();
      return hasHappened;
    } catch (error) {
      if (!(error instanceof Error) || error.name !== 'InvariantError') throw error;
      this.#wrong(`ends itself: ${error.message}`);
      return true;
    }
  }

  #take(input: Input): boolean {
    const { zab } = this;
    switch (input.type) {
      case 'boot':
        zab.start(this.#nowMs);
        for (const peer of input.peers) zab.peerUp(peer);
        return true;
      case 'up':
        zab.peerUp(input.peer);
        return true;
      case 'down':
        zab.peerDown(input.peer);
        return true;
      case 'message':
        zab.step(input.from, input.message);
        return true;
      case 'log':
      case 'promise':
        this.#complete(input.type);
        return true;
      case 'timeout':
        return this.#timeOut();
      case 'propose':
        zab.propose(encoder.encode(input.payload));
        return true;
      case 'lead':
        return this.#elect();
      case 'follow':
        return this.#follow(input.leader, input.round);
    }
  }

  /** The first deadline that changes anything. */
  #timeOut(): boolean {
    for (let passed = 0; passed < LONG_AGO_MS; passed += TICK_MS) {
      this.#tick(TICK_MS);
      if (this.#drain()) {
        // Who has given up a leader may try it again.
        if (!this.#options.votes) this.#tick(AVOIDING_MS);
        return true;
      }
    }
    return false;
  }

  #tick(ms: number): void {
    this.#nowMs += ms;
    this.zab.tick(this.#nowMs);
  }

  /** All linked nodes vote for this one: it cannot know better. */
  #elect(): boolean {
    const { self, voters } = this.#options;
    const own = this.#ownVote();
    if (own?.candidate !== self) return false;
    const { round, key } = own;
    const vote = { type: 'VOTE', round, candidate: self, key, state: 'looking' } as const;
    for (const from of voters.filter((id) => id !== self)) {
      if (this.zab.status.role !== 'looking') break;
      this.zab.step(from, { ...vote, epoch: 0, leader: undefined });
    }
    return this.zab.status.role === 'leading';
  }

  #follow(leader: number, round: number): boolean {
    const vote = { type: 'VOTE', round, candidate: leader, key: noPosition } as const;
    this.zab.step(leader, { ...vote, state: 'leading', epoch: 0, leader });
    return this.zab.status.role === 'following';
  }

  /** A vote of an older round is answered with the present one. */
  #ownVote(): VoteMessage | undefined {
    const { self, voters } = this.#options;
    const old = { type: 'VOTE', round: 0, candidate: 0, key: noPosition } as const;
    for (const from of voters.filter((id) => id !== self)) {
      this.zab.step(from, { ...old, state: 'looking', epoch: 0, leader: undefined });
      for (const { message } of this.zab.ready()?.messages ?? []) {
        if (message.type === 'VOTE') return message;
      }
    }
    return undefined;
  }

  #complete(queue: 'log' | 'promise'): void {
    const before = this.disk.image.promise;
    const done = queue === 'log' ? this.disk.completeLog(1) : this.disk.completePromise();
    for (const completion of done) {
      if (completion.kind === 'durable') {
        this.zab.durable(completion.tenure, completion.position);
      } else if (completion.kind === 'promised') {
        const { promise, tenure } = completion;
        const isKept = before === undefined || before.epoch < promise.epoch;
        const isSame = before?.epoch === promise.epoch && before.leader === promise.leader;
        if (!isKept && !isSame) this.#wrong(`forgets its promise of ${before.epoch} (I-8)`);
        this.zab.promiseDurable(tenure, promise);
      }
    }
  }

  /** @returns false where nothing was to be done */
  #drain(): boolean {
    let isIdle = true;
    for (let ready = this.zab.ready(); ready !== undefined; ready = this.zab.ready()) {
      isIdle = false;
      this.#handle(ready);
    }
    return !isIdle;
  }

  #handle(ready: Ready): void {
    const { tenure, promise, reads, snapshots, disconnect } = ready;
    this.events.push(...ready.trace);
    for (const event of ready.trace) {
      if (event.type === 'role') this.#isLeading = event.role === 'leading';
      if (event.type === 'alarm' || event.type === 'violation') this.#wrong(eventText(event));
    }
    if (promise !== undefined) this.disk.promiseQueue.push({ tenure, work: promise });
    this.#changeLog(ready);
    for (const { to, message } of ready.messages) this.#send(to, message);
    this.#moveOn(ready);
    if (reads.length + snapshots.length > 0) {
      this.#wrong('wants what is not in memory, where everything is');
    }
    if (disconnect.length > 0) this.#wrong('ends a connection');
  }

  #changeLog({ tenure, forgetAfter, truncateAfter, append, committed }: Ready): void {
    const cut = truncateAfter ?? forgetAfter;
    if (cut !== undefined) {
      if (comparePositions(cut, this.#committed) < 0) {
        this.#wrong(`removes what it knows to be committed, after ${positionText(cut)} (I-12)`);
      }
      this.log = this.log.slice(0, cut.zxid);
    }
    if (truncateAfter !== undefined) {
      this.disk.logQueue.push({ tenure, work: { kind: 'truncate', after: truncateAfter } });
    }
    for (const record of append) {
      if (record.zxid !== this.log.length + 1) {
        this.#wrong(`appends ${positionText(record)} behind ${this.log.length} records (I-3)`);
      }
      const isBehind = comparePositions(committed, record) < 0;
      const hint = isBehind ? committed : { epoch: record.epoch, zxid: record.zxid };
      this.disk.logQueue.push({ tenure, work: { kind: 'append', record, committed: hint } });
      this.log.push(record);
      if (record.kind === 'epoch' && this.#isLeading) this.begun = record.epoch;
    }
  }

  #moveOn({ committed, applicable }: Ready): void {
    if (comparePositions(committed, this.#committed) < 0) {
      this.#wrong(`takes its commit point back to ${positionText(committed)} (I-14)`);
    }
    this.#committed = committed;
    if (comparePositions(applicable, this.#applied) <= 0) return;
    this.#applied = applicable;
    const isAhead = comparePositions(applicable, committed) > 0;
    if (isAhead || !holds(this.disk.image, applicable)) {
      this.#wrong(`applies ${positionText(applicable)}, not on its disk or not committed (I-14)`);
    }
  }

  #send(to: number, message: ZabMessage): void {
    this.#checkMessage(message);
    // Who answers is alive, and that is all that it says: rounds begin with barriers, and there are none. In
    // the model time goes on only when a deadline fires, and then all others are taken to have been silent.
    if (message.type === 'PONG') return;
    if (message.type !== 'VOTE' || this.#options.votes) this.sent.push({ to, message });
  }

  /** What is advertised is on the disk. */
  #checkMessage(message: ZabMessage): void {
    const { image } = this.disk;
    const { type } = message;
    const position = this.#advertised(message);
    if (position.zxid > 0 && !holds(image, position)) {
      this.#wrong(`sends ${type} with ${positionText(position)}, not on its disk (R-2, R-7)`);
    }
    if (type === 'LEADERINFO' || (type === 'ACKEPOCH' && message.counted)) {
      if (image.promise?.epoch !== message.epoch) {
        this.#wrong(`sends ${type} without the promise of ${message.epoch} on disk (I-8)`);
      }
    }
  }

  #advertised(message: ZabMessage): LogPosition {
    switch (message.type) {
      case 'VOTE': {
        const isOwn = message.candidate === this.#options.self && message.state === 'looking';
        return isOwn ? message.key : noPosition;
      }
      case 'FOLLOWERINFO':
      case 'ACKEPOCH':
        return message.last;
      case 'ACK':
        return message.position;
      default:
        return noPosition;
    }
  }

  #wrong(what: string): void {
    this.problem ??= `${nameOf(this.#options.self)} ${what}`;
  }
}

export function imageText({ records, committed, promise }: DiskImage): string {
  const log = records.map(({ epoch, chain }) => `${epoch}:${chain}`).join();
  return `${log} ${positionText(committed)} ${promise?.epoch ?? 0} ${promise?.leader ?? 0}`;
}
