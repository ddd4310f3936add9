/**
 * Who is a member and who counts. The configuration is a function of the log; until the log has one, the
 * flags hold. Once it names the life of a voter's data directory, no other life of it is ever counted: a
 * wiped node has forgotten what it promised and acknowledged.
 */
import { decodeConfig } from './config.ts';
import type { EpochRecord } from './epoch-record.ts';
import type { Member } from './options.ts';
import { majorityOf } from './quorum.ts';
import type { Verifier } from './quorum.ts';

interface Flags {
  readonly self: number;
  readonly incarnation: string;
  readonly voters: readonly number[];
  readonly observers?: readonly number[];
}

export class Members {
  readonly #flags: Flags;
  readonly #byFlags: readonly Member[];
  #record: EpochRecord | undefined;
  #list: readonly Member[];
  #verifiers: readonly Verifier[] = [];

  constructor(flags: Flags, record: EpochRecord | undefined) {
    this.#flags = flags;
    const { voters, observers = [] } = flags;
    this.#byFlags = [
      ...voters.map((id): Member => ({ id, role: 'voter', incarnation: '' })),
      ...observers.map((id): Member => ({ id, role: 'observer', incarnation: '' })),
    ];
    this.#record = record;
    this.#list = this.#byFlags;
    this.#load(record);
  }

  /** The log's last `epoch` record may be another one now. */
  update(record: EpochRecord | undefined): void {
    if (record !== this.#record) this.#load(record);
  }

  get list(): readonly Member[] {
    return this.#list;
  }

  /** Every configuration in force. */
  get verifiers(): readonly Verifier[] {
    return this.#verifiers;
  }

  get voters(): readonly number[] {
    return this.#list.filter(({ role }) => role === 'voter').map(({ id }) => id);
  }

  /** True when the log has a configuration and the flags say something else. */
  get differsFromFlags(): boolean {
    const text = (members: readonly Member[]): string =>
      members
        .map(({ id, role }) => `${id} ${role}`)
        .sort()
        .join();
    return text(this.#list) !== text(this.#byFlags);
  }

  has(id: number): boolean {
    const isListed = (member: Member): boolean => member.id === id;
    return this.#list.some(isListed) || this.#byFlags.some(isListed);
  }

  /** True when this life of a node is a voter. */
  counts(id: number, incarnation: string): boolean {
    const member = this.#list.find((listed) => listed.id === id);
    if (member?.role !== 'voter') return false;
    return member.incarnation === '' || member.incarnation === incarnation;
  }

  get selfCounts(): boolean {
    return this.counts(this.#flags.self, this.#flags.incarnation);
  }

  #load(record: EpochRecord | undefined): void {
    this.#record = record;
    const hasConfig = record !== undefined && record.config.length > 0;
    this.#list = hasConfig ? decodeConfig(record.config) : this.#byFlags;
    this.#verifiers = [majorityOf(this.voters)];
  }
}
