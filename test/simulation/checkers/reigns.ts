/**
 * Who leads in which epoch, and what a leader may do there: propose what is its own, behind all that was before,
 * in an ensemble whose members are those that it was born with.
 */
import { decodeConfig } from '../../../src/zab/config.ts';
import { decodeEpochRecord } from '../../../src/zab/epoch-record.ts';
import type { EpochRecord } from '../../../src/zab/epoch-record.ts';
import type { LogRecord } from '../../../src/zab/types.ts';
import type { Life } from '../world/machine.ts';
import { violated } from '../world/world.ts';
import { same } from './same.ts';

interface Reign {
  /** Who has proposed its epoch record. */
  readonly leader: Life;
  readonly startZxid: number;
  isEstablished: boolean;
}

const nameOf = ({ machine, number }: Life): string => `node ${machine.id} in life ${number}`;

export class Reigns {
  readonly #voters: readonly number[];
  readonly #reigns = new Map<number, Reign>();
  #born: EpochRecord | undefined;

  constructor(voters: readonly number[]) {
    this.#voters = voters;
  }

  /** A record that no log had before. @param appliedZxid of the node whose log it comes into */
  proposed(life: Life, { epoch, zxid, kind }: LogRecord, appliedZxid: number): void {
    const reign = this.#reigns.get(epoch);
    if (kind === 'epoch') {
      if (reign !== undefined) {
        violated(
          `I-7: ${nameOf(life)} begins epoch ${epoch}, which ${nameOf(reign.leader)} has begun`,
        );
      }
      this.#reigns.set(epoch, { leader: life, startZxid: zxid, isEstablished: false });
      return;
    }
    if (reign?.isEstablished !== true || reign.leader !== life) {
      violated(`I-1: ${nameOf(life)} proposes ${zxid} in epoch ${epoch}, and does not lead it`);
    }
    if (appliedZxid < reign.startZxid) {
      violated(`I-5: ${nameOf(life)} proposes ${zxid} in epoch ${epoch} and is at ${appliedZxid}`);
    }
  }

  /** A leader serves in an epoch. */
  established(life: Life, epoch: number): void {
    const reign = this.#reigns.get(epoch);
    if (reign?.leader !== life) {
      const who = reign === undefined ? 'nobody' : nameOf(reign.leader);
      violated(`I-7: ${nameOf(life)} leads epoch ${epoch}, and ${who} has begun it`);
    }
    reign.isEstablished = true;
  }

  /** An epoch record is committed. */
  committed({ epoch, zxid, payload }: LogRecord): void {
    const record = decodeEpochRecord(payload);
    const leader = this.#reigns.get(epoch)?.leader.machine.id;
    same(record.leader, leader, () => `I-1: the leader in the epoch record at ${zxid}`);
    if (this.#born === undefined) {
      this.#born = record;
      this.#checkLives(record, zxid);
      return;
    }
    const { clusterId, config } = this.#born;
    same(record.clusterId, clusterId, () => `I-15: the cluster in the epoch record at ${zxid}`);
    const isSame = Buffer.from(record.config).equals(config);
    if (!isSame) violated(`I-15: the configuration in the epoch record at ${zxid} is another`);
  }

  /** An ensemble begins with all its voters, and counts no others ever after. */
  #checkLives({ config }: EpochRecord, zxid: number): void {
    const voters = decodeConfig(config).filter(({ role }) => role === 'voter');
    const ids = voters.map(({ id }) => id).sort();
    same(ids, [...this.#voters].sort(), () => `I-15: the voters in the epoch record at ${zxid}`);
    const unknown = voters.find(({ incarnation }) => incarnation === '');
    if (unknown === undefined) return;
    violated(`I-15: the ensemble begins at ${zxid} without voter ${unknown.id}`);
  }
}
