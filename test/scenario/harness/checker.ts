/**
 * What must hold in every scenario at every moment, judged from outside with the eyes of somebody who sees
 * all disks at once. A crash image is what would survive a loss of power now.
 */
import { comparePositions, decodeEpochRecord } from '../../../src/zab/index.ts';
import type { EpochPromise, LogPosition, LogRecord, ZabMessage } from '../../../src/zab/index.ts';
import { holds, lastOf } from './disk.ts';
import type { DiskImage, SnapshotImage } from './disk.ts';
import { nameOf, payloadText, positionOf, positionText } from './words.ts';

/** A node as the checker sees it. */
export interface Witness {
  readonly id: number;
  /** Counts its processes. */
  readonly boot: number;
  /** What would survive a loss of power now. */
  readonly image: DiskImage;
  /** A member of the configuration in force with a vote, in whatever life. */
  readonly isMember: boolean;
  /** Such a member in the life that the configuration names. */
  readonly isVoter: boolean;
  /** The log as the process has it in memory. */
  recordAt(zxid: number): LogPosition | undefined;
}

interface BarrierMark {
  /** The greatest commit point anywhere when the barrier was set. */
  readonly committed: LogPosition;
}

const none: LogPosition = { epoch: 0, zxid: 0 };

export class Checker {
  readonly #witnesses: readonly Witness[];
  readonly #report: (violation: string) => void;
  /** Chain of every record that ever was, by its position. */
  readonly #chains = new Map<string, number>();
  readonly #records = new Map<string, LogRecord>();
  /** The record before each, by its position. */
  readonly #predecessors = new Map<string, string>();
  /** The committed history, by zxid. */
  readonly #committed = new Map<number, LogPosition>();
  #lastCommitted = none;
  /** Node and boot of the leader that established each epoch, and of the one that began it. */
  readonly #established = new Map<number, string>();
  readonly #proposers = new Map<number, string>();
  /** To whom each life of each node promised each epoch. */
  readonly #promises = new Map<string, string>();
  /** Commit points that processes have told, by node. */
  readonly #told = new Map<number, { readonly boot: number; readonly committed: LogPosition }>();
  readonly #barriers = new Map<string, BarrierMark>();
  /** Nodes that have lost acknowledged records to their hardware or an operator. */
  readonly #damaged = new Set<number>();
  #isLossAllowed = false;

  constructor(witnesses: readonly Witness[], report: (violation: string) => void) {
    this.#witnesses = witnesses;
    this.#report = report;
  }

  get lastCommitted(): LogPosition {
    return this.#lastCommitted;
  }

  /** The committed records of transactions, as payloads, in order. */
  get committedPayloads(): string[] {
    const records = [...this.#committed.values()].map((at) => this.#records.get(positionText(at)));
    return records.flatMap((record) => (record?.kind === 'txn' ? [payloadText(record)] : []));
  }

  /** What was committed may be gone from here on: more was destroyed than a quorum can bear. */
  allowLoss(): void {
    this.#isLossAllowed = true;
  }

  damaged(node: number): void {
    this.#damaged.add(node);
  }

  /** Log matching: one position is one record with one history, everywhere and for ever. */
  appended(node: Witness, record: LogRecord): void {
    const key = positionText(record);
    const known = this.#chains.get(key);
    if (known !== undefined && known !== record.chain) {
      this.#violated(node, `has another record, or another history, at ${key} (log matching)`);
    }
    this.#chains.set(key, record.chain);
    this.#records.set(key, record);
    const before = node.recordAt(record.zxid - 1) ?? lastOf(node.image);
    if (before.zxid !== record.zxid - 1 || before.epoch > record.epoch) {
      this.#violated(node, `appends ${key} behind ${positionText(before)} (contiguous log)`);
    }
    const predecessor = this.#predecessors.get(key) ?? positionText(before);
    this.#predecessors.set(key, predecessor);
    if (predecessor !== positionText(before)) {
      this.#violated(node, `has ${key} behind ${positionText(before)}, not ${predecessor}`);
    }
  }

  /** This node begins an epoch, or proposes in it. */
  proposed(node: Witness, record: LogRecord): void {
    const proposer = `${nameOf(node.id)}.${node.boot}`;
    const known = this.#proposers.get(record.epoch) ?? proposer;
    this.#proposers.set(record.epoch, known);
    if (known !== proposer) {
      this.#violated(node, `proposes in epoch ${record.epoch} of ${known} (primary integrity)`);
    }
    if (record.kind === 'epoch') this.#promisedByQuorum(node, record);
  }

  truncated(node: Witness, after: LogPosition, isObserver: boolean): void {
    const lost = [...this.#committed.values()].find(
      ({ epoch, zxid }) => zxid > after.zxid && node.recordAt(zxid)?.epoch === epoch,
    );
    if (lost !== undefined) {
      this.#violated(node, `removes ${positionText(lost)}, which is committed (never lost)`);
    }
    if (isObserver) this.#violated(node, 'is an observer, and its log is cut');
  }

  installed(node: Witness, snapshot: SnapshotImage, before: DiskImage): void {
    const { position, chain } = snapshot;
    if (comparePositions(position, this.#lastCommitted) > 0) {
      this.#violated(node, `takes a snapshot of what is not committed, ${positionText(position)}`);
    }
    const known = this.#chains.get(positionText(position));
    if (known !== undefined && known !== chain) {
      this.#violated(node, `takes a snapshot of another history at ${positionText(position)}`);
    }
    const lost = [...this.#committed.values()].find(
      (at) => at.zxid > position.zxid && holds(before, at),
    );
    if (lost !== undefined) {
      this.#violated(node, `holds less than it acknowledged: without ${positionText(lost)}`);
    }
  }

  /** A process says how far the log is committed. */
  committedTo(node: Witness, committed: LogPosition, isLeader: boolean): void {
    const told = this.#told.get(node.id);
    if (told?.boot === node.boot && comparePositions(told.committed, committed) > 0) {
      this.#violated(node, `takes its commit point back to ${positionText(committed)}`);
    }
    const from = told?.boot === node.boot ? told.committed.zxid : 0;
    this.#told.set(node.id, { boot: node.boot, committed });
    for (let zxid = from + 1; zxid <= committed.zxid; zxid++) {
      const at = node.recordAt(zxid);
      if (at !== undefined) this.#commit(node, at, isLeader);
    }
  }

  applied(node: Witness, applied: LogPosition, committed: LogPosition): void {
    if (comparePositions(applied, committed) > 0) {
      this.#violated(node, `applies ${positionText(applied)} beyond its commit point`);
    }
    if (!holds(node.image, applied)) {
      this.#violated(node, `applies ${positionText(applied)}, which is not on its disk`);
    }
  }

  established(node: Witness, epoch: number): void {
    const leader = `${nameOf(node.id)}.${node.boot}`;
    const known = this.#established.get(epoch) ?? leader;
    if (known !== leader) {
      this.#violated(node, `establishes epoch ${epoch}, which was established by ${known}`);
    }
    this.#established.set(epoch, known);
    if (this.#isLossAllowed) return;
    for (const at of this.#committed.values()) {
      const own = node.recordAt(at.zxid);
      if (own === undefined ? !holds(node.image, at) : own.epoch !== at.epoch) {
        this.#violated(
          node,
          `leads epoch ${epoch} without ${positionText(at)}, which is committed`,
        );
      }
    }
  }

  promised(node: Witness, promise: EpochPromise): void {
    const key = `${node.image.incarnation}:${promise.epoch}`;
    const to = `${nameOf(promise.leader)}:${promise.incarnation}`;
    const known = this.#promises.get(key) ?? to;
    if (known !== to) {
      this.#violated(node, `promises epoch ${promise.epoch} to ${to} after ${known}`);
    }
    this.#promises.set(key, known);
  }

  /** What a message advertises is on the disk of its sender. */
  sent(node: Witness, message: ZabMessage): void {
    const { image } = node;
    const advertised = advertisedBy(node, message);
    if (advertised !== undefined && !isEmpty(advertised) && !holds(image, advertised)) {
      const at = positionText(advertised);
      this.#violated(node, `sends ${message.type} with ${at}, which is not on its disk`);
    }
    const own = message.type === 'VOTE' && message.candidate === node.id;
    if (own && message.state === 'looking' && comparePositions(message.key, lastOf(image)) > 0) {
      this.#violated(node, 'votes for itself with more than its disk has');
    }
    const epoch = promisedBy(message);
    if (epoch !== undefined && (image.promise?.epoch ?? 0) < epoch) {
      this.#violated(node, `sends ${message.type} before its promise of ${epoch} is on disk`);
    }
  }

  barrierSet(node: Witness, name: string): void {
    this.#barriers.set(`${node.id}:${node.boot}:${name}`, { committed: this.#lastCommitted });
  }

  /** A linearizable answer sees all that was committed anywhere before it was asked for. */
  barrierPassed(node: Witness, name: string, committed: LogPosition): void {
    const mark = this.#barriers.get(`${node.id}:${node.boot}:${name}`);
    if (mark !== undefined && comparePositions(mark.committed, committed) > 0) {
      const missing = positionText(mark.committed);
      this.#violated(node, `passes ${name} without ${missing}, committed before it was set`);
    }
  }

  /** What holds at rest, after every command. */
  check(): void {
    const voters = this.#witnesses.filter(({ isMember }) => isMember);
    for (const node of this.#witnesses) this.#checkImage(node);
    const last = this.#lastCommitted;
    if (isEmpty(last) || this.#isLossAllowed) return;
    const holders = voters.filter(({ id, image }) => this.#damaged.has(id) || holds(image, last));
    if (holders.length < majority(voters.length)) {
      const names = holders.map(({ id }) => nameOf(id)).join(', ');
      this.#report(`${positionText(last)} is committed and only on ${names || 'no disk'}`);
    }
  }

  #checkImage(node: Witness): void {
    const { records, snapshot, committed } = node.image;
    for (const [index, record] of records.entries()) {
      const previous = records[index - 1] ?? (index === 0 ? snapshot?.position : undefined);
      if (index > 0 && previous?.zxid !== record.zxid - 1) {
        this.#violated(node, `has a gap on its disk before ${positionText(record)}`);
      }
      if (this.#chains.get(positionText(record)) !== record.chain) {
        this.#violated(node, `has a record on its disk that nobody proposed`);
      }
    }
    if (snapshot !== undefined && (records[0]?.zxid ?? 0) > snapshot.position.zxid + 1) {
      this.#violated(node, 'has a gap between its snapshot and its log');
    }
    if (comparePositions(committed, this.#lastCommitted) > 0) {
      this.#violated(node, `remembers ${positionText(committed)} as committed, which is not`);
    }
  }

  #commit(node: Witness, at: LogPosition, isLeader: boolean): void {
    const known = this.#committed.get(at.zxid);
    if (known !== undefined) {
      if (known.epoch === at.epoch || this.#isLossAllowed) return;
      const [own, theirs] = [positionText(at), positionText(known)];
      this.#violated(node, `commits ${own} where ${theirs} is committed (agreement)`);
      return;
    }
    this.#committed.set(at.zxid, positionOf(at));
    if (at.zxid > this.#lastCommitted.zxid) this.#lastCommitted = positionOf(at);
    if (!isLeader) {
      this.#violated(node, `commits ${positionText(at)} before any leader does`);
    }
    const voters = this.#witnesses.filter(({ isVoter }) => isVoter);
    const holders = voters.filter(({ image }) => holds(image, at));
    if (holders.length < majority(voters.length)) {
      const names = holders.map(({ id }) => nameOf(id)).join(', ') || 'nobody';
      this.#violated(node, `commits ${positionText(at)} that only ${names} has on disk (quorum)`);
    }
  }

  /** A promise counts once, for the leader that it was given to, and only of the lives that vote. */
  #promisedByQuorum(node: Witness, record: LogRecord): void {
    const { leader, incarnation } = decodeEpochRecord(record.payload);
    const to = `${nameOf(leader)}:${incarnation}`;
    const voters = this.#witnesses.filter(({ isVoter }) => isVoter);
    const count = voters.filter(
      ({ image }) => this.#promises.get(`${image.incarnation}:${record.epoch}`) === to,
    ).length;
    if (count < majority(voters.length)) {
      this.#violated(node, `begins epoch ${record.epoch} with ${count} promises of voters`);
    }
  }

  #violated(node: Witness, what: string): void {
    this.#report(`${nameOf(node.id)} ${what}`);
  }
}

function isEmpty({ zxid }: LogPosition): boolean {
  return zxid === 0;
}

function majority(voters: number): number {
  return Math.floor(voters / 2) + 1;
}

function advertisedBy(node: Witness, message: ZabMessage): LogPosition | undefined {
  switch (message.type) {
    case 'VOTE':
      return message.candidate === node.id && message.state === 'looking' ? message.key : undefined;
    case 'FOLLOWERINFO':
    case 'ACKEPOCH':
      return message.last;
    case 'ACK':
      return message.position;
    default:
      return undefined;
  }
}

function promisedBy(message: ZabMessage): number | undefined {
  if (message.type === 'LEADERINFO') return message.epoch;
  return message.type === 'ACKEPOCH' && message.counted ? message.epoch : undefined;
}
