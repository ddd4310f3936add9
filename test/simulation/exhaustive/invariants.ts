/**
 * What holds in every state of the ensemble, seen by somebody who sees all disks at once; and what has to be
 * remembered of the way there to say it.
 */
import { nameOf, positionText } from '../../scenario/harness/words.ts';
import { Interned } from './interned.ts';
import type { Local } from './locals.ts';
import type { Logs } from './logs.ts';

/** Of all that has been: how much of it decides what may be from here on. */
interface Past {
  /** The longest log that any node knew to be committed, as `Logs` numbers it. */
  readonly committed: number;
  /** A bit for each epoch that a leader has begun. */
  readonly begun: number;
}

/** A node has taken a step. */
export interface Change {
  readonly past: number;
  readonly was: Local;
  readonly is: Local;
  /** All nodes then. */
  readonly nodes: readonly Local[];
  /** The epoch that it begins; 0 for none. */
  readonly begun: number;
}

export class Judge {
  readonly #logs: Logs;
  readonly #pasts = new Interned<Past>(({ committed, begun }) => `${committed} ${begun}`);
  #problem: string | undefined;

  constructor(logs: Logs) {
    this.#logs = logs;
  }

  /** Where everything begins: what is on the disks of a quorum, and which epochs have been. */
  pastOf(nodes: readonly Local[]): number {
    const hints = nodes.map(({ hintLog }) => hintLog);
    const committed = hints.reduce((longest, hint) => {
      return this.#logs.lengthOf(hint) > this.#logs.lengthOf(longest) ? hint : longest;
    });
    let begun = 0;
    for (const { diskLog } of nodes) {
      for (const { epoch } of this.#logs.recordsOf(diskLog)) begun |= 1 << epoch;
    }
    return this.#pasts.numberOf({ committed, begun });
  }

  committedOf(past: number): number {
    return this.#pasts.at(past).committed;
  }

  /** @returns the past then, or what is wrong */
  judge(change: Change): number | string {
    const { was, is, nodes } = change;
    const begun = this.#begin(change);
    const committed = this.#commit(change);
    this.#keep(committed, was, is);
    this.#agree(nodes, committed);
    return this.#takeProblem() ?? this.#pasts.numberOf({ committed, begun });
  }

  #takeProblem(): string | undefined {
    const problem = this.#problem;
    this.#problem = undefined;
    return problem;
  }

  /**
   * Nothing is on its way, neither to a node nor to a disk: who has been accepted by a leader, and told its epoch,
   * has all that it has, and both know that it is committed.
   * @returns what is wrong
   */
  atRest(nodes: readonly Local[]): string | undefined {
    for (const { node, log, committedLog, running } of nodes) {
      if (running?.established !== true) continue;
      for (const other of nodes) {
        const { role, leader, epoch } = other.running ?? {};
        if (role !== 'following' || leader !== node || epoch !== running.epoch) continue;
        if (other.log !== log || other.diskLog !== log || other.committedLog !== log) {
          return `${nameOf(other.node)} is behind its leader, and nothing is on its way`;
        }
        if (committedLog !== log) {
          return `${nameOf(node)} has not committed all, and nothing is on its way`;
        }
      }
    }
    return undefined;
  }

  /** An epoch begins once, with the promises of a quorum. */
  #begin({ past, begun: epoch, is, nodes }: Change): number {
    const { begun } = this.#pasts.at(past);
    if (epoch === 0) return begun;
    if ((begun & (1 << epoch)) !== 0) {
      this.#wrong(is, `begins epoch ${epoch}, which has been begun (I-7)`);
    }
    const promises = nodes.filter(({ promised, promisedTo }) => {
      return promised > epoch || (promised === epoch && promisedTo === is.node);
    });
    if (promises.length < 2) {
      this.#wrong(is, `begins epoch ${epoch} with ${promises.length} promises on disk (I-8)`);
    }
    return begun | (1 << epoch);
  }

  /** What is committed grows at its leader, by what a quorum has on disk. */
  #commit({ past, is, nodes }: Change): number {
    const logs = this.#logs;
    const { committed } = this.#pasts.at(past);
    const told = is.running === undefined ? is.hintLog : is.committedLog;
    if (logs.contains(committed, told)) return committed;
    const at = this.#lastText(told);
    if (!logs.contains(told, committed)) {
      this.#wrong(is, `commits ${at} where ${this.#lastText(committed)} is committed (I-2)`);
      return committed;
    }
    if (is.running?.role !== 'leading') this.#wrong(is, `commits ${at} before its leader (I-1)`);
    if (this.#holders(nodes, told) < 2) {
      this.#wrong(
        is,
        `commits ${at}, which is on the disk of ${this.#holders(nodes, told)} (I-10)`,
      );
    }
    return told;
  }

  /** What is committed stays where it was. */
  #keep(committed: number, was: Local, is: Local): void {
    const before = this.#common(was.diskLog, committed);
    if (this.#common(is.diskLog, committed) < before) {
      this.#wrong(is, `removes ${this.#lastText(committed)} from its disk, or before it (I-12)`);
    }
    if (was.running === undefined || is.running === undefined) return;
    if (this.#common(is.log, committed) < this.#common(was.log, committed)) {
      this.#wrong(is, `removes ${this.#lastText(committed)} from its log, or before it (I-12)`);
    }
  }

  #agree(nodes: readonly Local[], committed: number): void {
    const logs = this.#logs;
    for (const [index, one] of nodes.entries()) {
      for (const other of nodes.slice(index + 1)) this.#match(one, other);
      if (!logs.contains(committed, one.hintLog)) {
        this.#wrong(one, 'has a mark on its disk beyond what is committed (I-2)');
      }
      const { running } = one;
      if (running?.established !== true) continue;
      if (!logs.contains(one.log, logs.upToEpoch(committed, running.epoch))) {
        this.#wrong(one, `leads without ${this.#lastText(committed)}, which is committed (I-11)`);
      }
    }
    if (committed !== 0 && this.#holders(nodes, committed) < 2) {
      this.#problem ??= `${this.#lastText(committed)} is committed, and on the disk of one (I-11)`;
    }
  }

  #match(one: Local, other: Local): void {
    const logs = this.#logs;
    const isSame =
      logs.match(one.diskLog, other.diskLog) &&
      logs.match(one.log, other.diskLog) &&
      logs.match(one.diskLog, other.log) &&
      logs.match(one.log, other.log);
    if (!isSame) this.#wrong(one, `and ${nameOf(other.node)} have one position, two records (I-6)`);
    const [a, b] = [one.running, other.running];
    if (a?.established === true && b?.established === true && a.epoch === b.epoch) {
      this.#wrong(one, `and ${nameOf(other.node)} both lead epoch ${a.epoch} (I-7)`);
    }
  }

  /** How many nodes have all of it on disk. */
  #holders(nodes: readonly Local[], log: number): number {
    return nodes.filter(({ diskLog }) => this.#logs.contains(diskLog, log)).length;
  }

  /** How many records two logs have in common. */
  #common(log: number, other: number): number {
    let common = Math.min(this.#logs.lengthOf(log), this.#logs.lengthOf(other));
    while (this.#logs.prefix(log, common) !== this.#logs.prefix(other, common)) common -= 1;
    return common;
  }

  #lastText(log: number): string {
    return positionText(this.#logs.lastOf(log));
  }

  #wrong({ node }: Local, what: string): void {
    this.#problem ??= `${nameOf(node)} ${what}`;
  }
}

/** True where nothing changes that is judged. */
export function isSameToOthers(was: Local, is: Local): boolean {
  return (
    was.diskLog === is.diskLog &&
    was.hintLog === is.hintLog &&
    was.log === is.log &&
    was.committedLog === is.committedLog &&
    was.running?.established === is.running?.established &&
    was.running?.epoch === is.running?.epoch
  );
}
