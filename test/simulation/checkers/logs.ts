/**
 * What stands in the log of every node, by what its storage was told, and what that means for the ensemble:
 * agreement of logs, quorums, promises, and that a disk has what it was said to have.
 */
import type { CoordinatorStatus } from '../../../src/protocol/coordination.ts';
import type { Replica } from '../../../src/replica/index.ts';
import type { Recovered, Storage } from '../../../src/storage/index.ts';
import type { EpochPromise, LogPosition, LogRecord } from '../../../src/zab/types.ts';
import { comparePositions, noPosition } from '../../../src/zab/types.ts';
import type { ZabStatus } from '../../../src/zab/index.ts';
import type { Life } from '../world/machine.ts';
import { violated } from '../world/world.ts';
import type { Commits } from './commits.ts';
import { emptyLog, entryAt, lastOf } from './node-log.ts';
import type { Entry, Log, Placed } from './node-log.ts';
import { Reigns } from './reigns.ts';

/** A record when it was appended first, and what it was appended to. */
interface Appended {
  readonly chain: number;
  readonly before: Placed;
}

/** What a node had on its disk. */
interface Possession {
  readonly log: Log;
  readonly durable: LogPosition;
}

interface NodeState {
  log: Log;
  /** What the files may still hold while they are being changed. */
  former: Log[];
  durable: LogPosition;
  /** What it has at least while its files are being changed. */
  floorZxid: number;
  /** Of the log that a snapshot is replacing: until that is done the node goes by it. */
  durableBefore: LogPosition | undefined;
  /** The furthest that was ever on its disk. */
  everDurable: LogPosition;
  /** On the disk. */
  promise: EpochPromise | undefined;
  applied: number;
  /** Its disk was replaced, or has lied: it may come back with less than it had. */
  isExcused: boolean;
  /** It has all that it had acknowledged: nothing was damaged, or a leader has given it back. */
  isWhole: boolean;
  /** It has found out that it is not whole, and has not heard from a leader that it is again. */
  isRecovering: boolean;
  /** What its log was before it was found to be damaged. */
  lost: Possession | undefined;
  /** What it had when it counted last, while it does not: for that its acknowledgements may still arrive. */
  counted: Possession | undefined;
  /** Its data directory is not the one that the ensemble was born with. */
  isStranger: boolean;
  /** The commit point with which it began its role. */
  committedBefore: number;
  /** What was committed when it began to follow its leader. */
  committedAtFirst: number;
}

/** A digest stands for all that was done before: to look at some of them finds as much. */
const DIGEST_EVERY = 8;

export class Logs {
  readonly #commits: Commits;
  readonly #voters: readonly number[];
  readonly #nodes = new Map<number, NodeState>();
  /** The chain of every record that was ever in a log, by epoch and zxid. */
  readonly #records = new Map<string, Appended>();
  readonly #reigns: Reigns;
  /** Committed by what leaders have said, applied or not. */
  #toldZxid = 0;
  /** Told when the files of a node have just come into another state. */
  onChange: (life: Life) => void = () => undefined;
  /** A record that no log had before: told while the process that proposes it hands it to its disk. */
  onProposed: (life: Life, record: LogRecord) => void = () => undefined;

  constructor(commits: Commits, voters: readonly number[]) {
    this.#commits = commits;
    this.#voters = voters;
    this.#reigns = new Reigns(voters);
  }

  promiseOf(id: number): EpochPromise | undefined {
    return this.#node(id).promise;
  }

  isRecovering(id: number): boolean {
    return this.#node(id).isRecovering;
  }

  /** True when a node has the very record on disk, or what a snapshot of a later one stands for. */
  isOnDisk(id: number, { epoch, zxid }: LogPosition): boolean {
    const { durable, log } = this.#node(id);
    if (zxid > durable.zxid) return false;
    return zxid < log.base.zxid || entryAt(log, zxid)?.epoch === epoch;
  }

  /** A leader says what is committed: a quorum has it on disk, and a record of the leader's own epoch. */
  tells(life: Life, { epoch, zxid }: LogPosition): void {
    if (zxid <= Math.max(this.#toldZxid, this.#commits.last)) return;
    const { log, committedBefore, promise } = this.#node(life.machine.id);
    this.#checkQuorum(zxid, entryAt(log, zxid)?.chain);
    if (zxid > committedBefore && epoch !== promise?.epoch) {
      const own = promise?.epoch ?? 0;
      violated(`I-11: record ${zxid} of epoch ${epoch} is committed by itself in epoch ${own}`);
    }
    this.#toldZxid = zxid;
  }

  /** A node begins to follow. */
  follows(id: number): void {
    this.#node(id).committedAtFirst = this.#commits.last;
  }

  /** The disk of a node is another, or has lied: that it comes back with less is excused once. */
  excuse(id: number): void {
    this.#node(id).isExcused = true;
  }

  /** A new disk: another life, which is never counted. */
  wiped(id: number): void {
    const node = this.#node(id);
    node.counted ??= { log: node.log, durable: node.durable };
    node.isExcused = node.isStranger = true;
    node.lost = undefined;
  }

  /** True while its files are being cut, or replaced. */
  isChanging(id: number): boolean {
    return this.#node(id).former.length > 0;
  }

  isExcused(id: number): boolean {
    return this.#node(id).isExcused;
  }

  /** The disk of a node is damaged, which it has to find out itself. */
  damaged(id: number): void {
    this.#node(id).isWhole = false;
  }

  isWhole(id: number): boolean {
    return this.#node(id).isWhole;
  }

  /** True when all other voters have on disk all that one of them had, and it has promised no later epoch than this. */
  isHeldByAll(id: number, epoch: number): boolean {
    const { log, durable, promise } = this.#node(id);
    if ((promise?.epoch ?? 0) > epoch) return false;
    const chain = entryAt(log, durable.zxid)?.chain;
    return this.#voters.every((voter) => {
      const other = this.#node(voter);
      if (other.durable.zxid < durable.zxid || !other.isWhole) return false;
      return durable.zxid === 0 || entryAt(other.log, durable.zxid)?.chain === chain;
    });
  }

  opened({ machine }: Life, recovered: Recovered): void {
    const node = this.#node(machine.id);
    this.#checkRecovered(machine.id, node, recovered);
    const { position } = recovered.last;
    if (recovered.recovering) {
      const had = { log: node.log, durable: node.durable };
      node.counted ??= had;
      if (!node.isExcused) node.lost ??= had;
    }
    this.#restart(node, recovered);
    this.#isDurable(node, position);
    node.former = [];
    node.durableBefore = undefined;
    node.promise = recovered.promise;
    node.isExcused = false;
    node.isWhole = !recovered.recovering;
    node.isRecovering = recovered.recovering;
  }

  /** Follows what the node's storage is told; called before it is used. */
  attend(life: Life, storage: Storage): void {
    const node = this.#node(life.machine.id);
    const { append, truncateAfter, install, writePromise, recovered } = storage;
    storage.append = (records, options) => {
      for (const record of records) this.#append(life, node, record);
      append.call(storage, records, options);
    };
    storage.truncateAfter = (position) => {
      const former = this.#truncate(life, node, position);
      const truncated = truncateAfter.call(storage, position);
      return truncated.then(() => this.#changed(life, former));
    };
    storage.install = (snapshot, at) => {
      const former = this.#install(node, at.position, at.chain);
      return install.call(storage, snapshot, at).then(() => {
        node.durableBefore = undefined;
        this.#changed(life, former);
      });
    };
    storage.writePromise = (promise) => {
      if (promise.epoch < (node.promise?.epoch ?? 0)) {
        violated(`I-8: node ${life.machine.id} promises ${promise.epoch} after a greater epoch`);
      }
      return writePromise.call(storage, promise).then(() => {
        node.promise = promise;
        this.onChange(life);
      });
    };
    storage.recovered = () => {
      node.isRecovering = false;
      if (!node.isStranger) node.counted = undefined;
      this.#checkGivenBack(life, node);
      return recovered.call(storage).then(() => {
        node.isWhole = true;
      });
    };
    storage.onDurable((position) => {
      this.#checkKnown(life, node, position);
      this.#isDurable(node, position);
    });
  }

  /** Follows what the node applies; called before it is started. */
  follow(life: Life, replica: Replica): void {
    const node = this.#node(life.machine.id);
    node.applied = replica.status().appliedZxid;
    this.#checkApplied(life, node, replica);
    const { applied, replaced, served, roleChanged } = replica;
    node.committedBefore = node.applied;
    replica.roleChanged = (status) => {
      node.committedBefore = status.committed.zxid;
      this.#checkMemory(life, node, status);
      roleChanged.call(replica, status);
    };
    replica.applied = (record, transaction, pending) => {
      this.#apply(life, node, { record, replica });
      applied.call(replica, record, transaction, pending);
    };
    replica.replaced = (before) => {
      node.applied = replica.status().appliedZxid;
      this.#checkApplied(life, node, replica);
      replaced.call(replica, before);
    };
    replica.served = (status) => {
      this.#served(life, node, status);
      served.call(replica, status);
    };
  }

  /** What a worst loss of power would leave, held against what was said. */
  checkCrashImage(id: number, recovered: Recovered): void {
    this.#checkRecovered(id, this.#node(id), recovered);
  }

  describe(): CoordinatorStatus['appliedZxid'][] {
    return [...this.#nodes.values()].map(({ applied }) => applied);
  }

  /** How many voters have, or have had, the committed record at `zxid` on disk. */
  everDurable(zxid: number): number {
    const epoch = this.#commits.at(zxid)?.epoch ?? Infinity;
    // What is behind a committed record in any log is behind that very record.
    return this.#voters.filter(
      (id) => comparePositions(this.#node(id).everDurable, { epoch, zxid }) >= 0,
    ).length;
  }

  /** What is said to be durable stands in the log, and has not been cut from it. */
  #checkKnown({ machine }: Life, { log }: NodeState, { epoch, zxid }: LogPosition): void {
    if (zxid < log.base.zxid || entryAt(log, zxid)?.epoch === epoch) return;
    violated(`I-19: node ${machine.id} takes ${epoch}/${zxid} for durable, and has not got it`);
  }

  #isDurable(node: NodeState, position: LogPosition): void {
    node.durable = position;
    if (comparePositions(position, node.everDurable) > 0) node.everDurable = position;
  }

  #node(id: number): NodeState {
    let node = this.#nodes.get(id);
    if (node === undefined) {
      const durable = { durable: noPosition, everDurable: noPosition };
      const nothing = { ...durable, promise: undefined, applied: 0, isExcused: false };
      const durableBefore = undefined;
      const state = {
        isWhole: true,
        isRecovering: false,
        floorZxid: 0,
        committedBefore: 0,
        committedAtFirst: 0,
      };
      const life = { lost: undefined, counted: undefined, isStranger: false };
      node = { log: emptyLog(), former: [], durableBefore, ...nothing, ...state, ...life };
      this.#nodes.set(id, node);
    }
    return node;
  }

  #append(life: Life, node: NodeState, record: LogRecord): void {
    const { log } = node;
    const { zxid, epoch, chain } = record;
    const last = lastOf(log);
    const id = life.machine.id;
    if (zxid !== last.zxid + 1) violated(`I-3: node ${id} appends ${zxid} after ${last.zxid}`);
    if (epoch < last.epoch) violated(`I-4: node ${id} appends epoch ${epoch} after ${last.epoch}`);
    const key = `${epoch}/${zxid}`;
    const known = this.#records.get(key)?.chain;
    if (known === undefined) {
      this.#records.set(key, { chain, before: last });
      this.#reigns.proposed(life, record, node.applied);
      this.onProposed(life, record);
    } else if (known !== chain) {
      violated(`I-6: node ${id} appends another record at epoch ${epoch} zxid ${zxid}`);
    }
    log.entries.push({ epoch, chain });
  }

  #truncate(life: Life, node: NodeState, { zxid }: LogPosition): Log {
    const former = node.log;
    for (let at = zxid + 1; at <= Math.min(lastOf(former).zxid, this.#commits.last); at += 1) {
      if (entryAt(former, at)?.chain === this.#commits.at(at)?.chain) {
        violated(`I-12: node ${life.machine.id} truncates after ${zxid}, and ${at} is committed`);
      }
    }
    node.former.push(former);
    const { base, entries } = former;
    node.log = { base, entries: entries.slice(0, zxid - base.zxid) };
    if (node.durable.zxid > zxid) node.durable = { epoch: lastOf(node.log).epoch, zxid };
    lowerFloor(node, node.durable.zxid);
    return former;
  }

  #install(node: NodeState, { zxid, epoch }: LogPosition, chain: number): Log {
    const committed = this.#commits.at(zxid);
    if (committed?.chain !== chain)
      violated(`I-12: a snapshot of ${zxid} is not of what is committed`);
    const former = node.log;
    node.former.push(former);
    lowerFloor(node, Math.min(node.durable.zxid, zxid));
    node.log = { base: { zxid, epoch, chain }, entries: [] };
    node.durableBefore = node.durable;
    // What it had acknowledged is in the snapshot, or in the former log until that is there.
    this.#isDurable(node, { zxid, epoch });
    return former;
  }

  #apply(
    life: Life,
    node: NodeState,
    { record, replica }: { record: LogRecord; replica: Replica },
  ): void {
    const { zxid, epoch, chain } = record;
    const { id } = life.machine;
    if (zxid !== node.applied + 1)
      violated(`I-2: node ${id} applies ${zxid} after ${node.applied}`);
    if (zxid > node.durable.zxid) violated(`I-14: node ${id} applies ${zxid}, not durable there`);
    if (this.#records.get(`${epoch}/${zxid}`)?.chain !== chain) {
      violated(`I-1: node ${id} applies ${zxid} of epoch ${epoch}, which nobody has proposed`);
    }
    if (zxid > this.#commits.last) {
      this.#checkQuorum(zxid, chain);
      if (record.kind === 'epoch') this.#reigns.committed(record);
    }
    this.#commits.applied(record);
    node.applied = zxid;
    if (zxid % DIGEST_EVERY === 0) this.#commits.digestSeen(zxid, replica.metrics().digest);
  }

  /**
   * I-10: a quorum of voters has it on disk when the first node takes it for committed. A voter that has lost its
   * disk since it acknowledged the record is one of them: it is nobody's voter before it has the record again, so
   * whoever is elected meanwhile is elected by others, of whom one has it.
   */
  #checkQuorum(zxid: number, chain: number | undefined): void {
    const holders = this.#voters.filter((id) => {
      const node = this.#node(id);
      const { log, durable } = node.counted ?? node;
      return durable.zxid >= zxid && entryAt(log, zxid)?.chain === chain;
    });
    if (holders.length * 2 > this.#voters.length) return;
    violated(`I-10: record ${zxid} is committed, and only ${holders.join(', ')} have it on disk`);
  }

  #served(life: Life, { log, promise }: NodeState, status: ZabStatus): void {
    const who = `node ${life.machine.id} in life ${life.number}`;
    const promised = promise?.epoch ?? 0;
    if (status.voter && promised > status.epoch) {
      violated(`I-8: ${who} serves in epoch ${status.epoch} and has promised ${promised}`);
    }
    if (status.role !== 'leading') return;
    this.#reigns.established(life, status.epoch);
    // One that has been replaced may find out late that a quorum had its epoch record.
    let { last } = this.#commits;
    while ((this.#commits.at(last)?.epoch ?? 0) > status.epoch) last -= 1;
    if (last > 0 && entryAt(log, last)?.chain !== this.#commits.at(last)?.chain) {
      violated(`I-11: ${who} leads epoch ${status.epoch} without the committed record ${last}`);
    }
  }

  /** I-19: what a role begins with is what the disk has. */
  #checkMemory(
    { machine }: Life,
    { durable, durableBefore = durable }: NodeState,
    status: ZabStatus,
  ): void {
    const { epoch, zxid } = status.durable;
    if (comparePositions(status.durable, durable) <= 0) return;
    if (comparePositions(status.durable, durableBefore) <= 0) return;
    violated(
      `I-19: node ${machine.id} takes ${epoch}/${zxid} for durable, and on its disk is ${durable.zxid}`,
    );
  }

  /**
   * What it had, and was committed when it began to follow, is there again. What has been committed since is on
   * the disks of a quorum also now that it counts for what it has alone.
   */
  #checkGivenBack({ machine }: Life, node: NodeState): void {
    const { lost, durable, committedAtFirst } = node;
    node.lost = undefined;
    if (lost === undefined) return;
    let zxid = Math.min(lost.durable.zxid, this.#commits.last);
    const had = (at: number): boolean =>
      entryAt(lost.log, at)?.chain === this.#commits.at(at)?.chain;
    while (zxid > lost.log.base.zxid && !had(zxid)) zxid -= 1;
    if (durable.zxid >= zxid) return;
    const least = Math.min(zxid, committedAtFirst);
    if (durable.zxid < least) {
      violated(`I-9: node ${machine.id} is whole again at ${durable.zxid}, and had ${least}`);
    }
    this.#checkQuorum(zxid, this.#commits.at(zxid)?.chain);
  }

  #changed(life: Life, former: Log): void {
    forget(this.#node(life.machine.id), former);
    this.onChange(life);
  }

  #checkApplied({ machine }: Life, { applied }: NodeState, replica: Replica): void {
    if (applied > this.#commits.last) {
      violated(`I-12: node ${machine.id} holds the state of ${applied}, which is not committed`);
    }
    if (applied > 0) this.#commits.digestSeen(applied, replica.metrics().digest);
  }

  /** I-17, I-19: a disk has what it was said to have, and nothing that was taken away. */
  #checkRecovered(id: number, node: NodeState, { last, promise, recovering }: Recovered): void {
    if (node.isExcused) return;
    if ((promise?.epoch ?? 0) < (node.promise?.epoch ?? 0)) {
      violated(`I-8: node ${id} had promised ${node.promise?.epoch ?? 0} and forgot it`);
    }
    if (recovering) {
      if (node.isWhole) violated(`I-17: node ${id} finds damage, and its disk has done none`);
      return;
    }
    const { position, chain } = last;
    const isShort =
      node.former.length === 0
        ? comparePositions(position, node.durable) < 0
        : position.zxid < node.floorZxid;
    if (isShort) {
      const { epoch, zxid } = node.durable;
      violated(
        `I-9: node ${id} had ${epoch}/${zxid} on disk and comes back at ${position.epoch}/${position.zxid}`,
      );
    }
    const isKnown = [node.log, ...node.former].some(
      (log) => position.zxid === 0 || entryAt(log, position.zxid)?.chain === chain,
    );
    if (!isKnown) violated(`I-17: node ${id} comes back with another record at ${position.zxid}`);
  }

  /** From here on its log is what was found. */
  #restart(node: NodeState, { last }: Recovered): void {
    const { zxid } = last.position;
    const found = [node.log, ...node.former].find(
      (log) => entryAt(log, zxid)?.chain === last.chain && zxid >= log.base.zxid,
    );
    if (found === undefined) {
      node.log = this.#logUpTo({ ...last.position, chain: last.chain });
    } else {
      node.log = { base: found.base, entries: found.entries.slice(0, zxid - found.base.zxid) };
    }
  }

  /** What must stand before a record that was appended somewhere once: an old copy may have it again. */
  #logUpTo(last: Placed): Log {
    const entries: Entry[] = [];
    let base = last;
    for (;;) {
      const before = this.#records.get(`${base.epoch}/${base.zxid}`)?.before;
      if (before === undefined) return { base, entries: entries.reverse() };
      entries.push({ epoch: base.epoch, chain: base.chain });
      base = before;
    }
  }
}

function forget(node: NodeState, former: Log): void {
  const index = node.former.indexOf(former);
  node.former.splice(0, index + 1);
}

/** @param zxid that the files have, whether the change that begins has been made or not */
function lowerFloor(node: NodeState, zxid: number): void {
  node.floorZxid = node.former.length === 1 ? zxid : Math.min(node.floorZxid, zxid);
}
