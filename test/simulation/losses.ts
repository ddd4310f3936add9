/**
 * How much may be lost. The ensemble survives only that which its quorums allow: whoever wants to take away
 * something that a node has acknowledged asks here first, so that every fault is one that has been promised to
 * be survived, and nothing is excused that has not.
 */
import type { Logs } from './checkers/logs.ts';
import type { Cluster } from './cluster.ts';
import type { Machine } from './world/machine.ts';

export class Losses {
  readonly #cluster: Cluster;
  readonly #logs: Logs;
  readonly #isBorn: () => boolean;
  /** Voters whose data directory is a new one: they never count again. */
  readonly #wiped = new Set<number>();
  /** Voters whose disk was damaged after their last process had ended. */
  readonly #damaged = new Set<number>();

  /** @param isBorn whether anything has been committed */
  constructor(cluster: Cluster, logs: Logs, isBorn: () => boolean) {
    this.#cluster = cluster;
    this.#logs = logs;
    this.#isBorn = isBorn;
  }

  /** Voters that cannot count now: wiped ones, and damaged ones until a leader has given them everything again. */
  get voters(): ReadonlySet<number> {
    for (const id of this.#damaged) {
      if (this.#logs.isWhole(id)) this.#damaged.delete(id);
    }
    return new Set([...this.#wiped, ...this.#damaged]);
  }

  /** For a new, empty disk. @returns false where that is one loss too many, and must not be */
  mayWipe(machine: Machine): boolean {
    if (!this.#mayLose(machine, this.#wiped)) return false;
    this.#logs.wiped(machine.id);
    return true;
  }

  /** The same for damage that the node has to find out itself, and to make good from the others. */
  mayDamage(machine: Machine): boolean {
    if (!this.#mayLose(machine, this.#damaged)) return false;
    this.#logs.damaged(machine.id);
    return true;
  }

  /**
   * The same for what a disk has said to be durable, and is not. Where only a part of it is lost, files may
   * contradict one another; and where all is, it may be what had said that a damage was made good.
   */
  mayTakeBack(machine: Machine): boolean {
    if (!this.mayForget(machine) || !this.mayDamage(machine)) return false;
    this.#cluster.world.trace.tell(() => `node ${machine.id} comes back with less`);
    this.#logs.excuse(machine.id);
    return true;
  }

  /**
   * Whether a node may come back with less than it had acknowledged, and not know. A node without a vote always
   * may. A voter may as long as it is the only one: when all the others have all that it had and follow one
   * leader in an epoch that is no smaller than what it has promised, so that nobody counts on what it forgets.
   */
  mayForget({ id }: Machine): boolean {
    if (!this.#isVoter(id)) return true;
    if (this.voters.has(id)) return false;
    const others = this.#cluster.voters.filter((machine) => machine.id !== id);
    const [first] = others.map(({ replica }) => replica?.status());
    if (first === undefined || !this.#logs.isHeldByAll(id, first.epoch)) return false;
    return others.every((machine) => {
      const status = machine.replica?.status();
      if (status === undefined || machine.disk.isLying) return false;
      const { epoch, leader, notReady } = status;
      const isSame = epoch === first.epoch && leader === first.leader && leader !== id;
      return isSame && leader !== null && notReady === undefined;
    });
  }

  #isVoter(id: number): boolean {
    return this.#cluster.swarm.voters.includes(id);
  }

  #mayLose({ id }: Machine, losers: Set<number>): boolean {
    if (!this.#isVoter(id)) return true;
    // Before the ensemble is born an empty disk is no loss, and after it nobody can tell which it was.
    if (!this.#isBorn()) return false;
    const lost = this.voters;
    if (!lost.has(id) && lost.size >= Math.ceil(this.#cluster.voters.length / 2) - 1) return false;
    losers.add(id);
    return true;
  }
}
