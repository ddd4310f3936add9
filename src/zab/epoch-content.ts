/**
 * What a new leader writes into its `epoch` record: the cluster, the configuration with the lives of data
 * directories, and what all voters can apply. It is gathered from those who speak to the leader.
 */
import { assert } from '../protocol/assert.ts';
import { encodeConfig } from './config.ts';
import type { Context } from './context.ts';
import { encodeEpochRecord } from './epoch-record.ts';
import type { Member } from './options.ts';

/** Records from before there were feature levels need nothing else. */
const LEAST_FEATURE_LEVEL = 1;

export class EpochContent {
  readonly #context: Context;
  readonly #newClusterId: () => string;
  readonly #featureLevels = new Map<number, number>();
  /** The life of the data directory of each node that has spoken to this leader. */
  readonly #lives = new Map<number, string>();

  /** @param newClusterId called where this leader founds the cluster */
  constructor(context: Context, newClusterId: () => string) {
    this.#context = context;
    this.#newClusterId = newClusterId;
    const { self, options } = context;
    this.#featureLevels.set(self, options.featureLevel ?? LEAST_FEATURE_LEVEL);
  }

  /** What a learner says of itself. */
  hear(id: number, incarnation: string, featureLevel: number): void {
    this.#lives.set(id, incarnation);
    this.#featureLevels.set(id, featureLevel);
  }

  /** The payload of the record, by what has been heard until now. */
  encode(voters: readonly number[]): Uint8Array {
    const { self, options } = this.#context;
    return encodeEpochRecord({
      leader: self,
      incarnation: options.incarnation,
      clusterId: this.#clusterId(),
      featureLevel: this.#featureLevel(voters),
      config: this.#config(),
    });
  }

  #clusterId(): string {
    const { clusterId, log } = this.#context;
    if (clusterId !== undefined) return clusterId;
    assert(log.last.zxid === 0, 'a node with a history knows its cluster');
    return this.#newClusterId();
  }

  /**
   * As the log has it; the first one names the lives that were there at the birth, also where a link is
   * gone by now: a voter without a life would be counted in every one.
   */
  #config(): Uint8Array {
    const { log, members, peers, options, self } = this.#context;
    const inForce = log.epochRecord?.config;
    if (inForce !== undefined && inForce.length > 0) return inForce;
    const withLives = members.list.map((member): Member => {
      if (member.id === self) return { ...member, incarnation: options.incarnation };
      const linked = peers.get(member.id)?.incarnation;
      const incarnation = this.#lives.get(member.id) ?? linked ?? member.incarnation;
      return { ...member, incarnation };
    });
    return encodeConfig(withLives);
  }

  /** The least level of the voters; while one of them is unknown, what was in force before. */
  #featureLevel(voters: readonly number[]): number {
    const levels = voters.map((voter) => this.#featureLevels.get(voter));
    const known = levels.filter((level) => level !== undefined);
    if (known.length === levels.length) return Math.min(...known);
    return this.#context.log.epochRecord?.featureLevel ?? LEAST_FEATURE_LEVEL;
  }
}
