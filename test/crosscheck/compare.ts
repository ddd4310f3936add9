/**
 * The comparison of two observations. Numbers that each system chooses for itself (zxids, session ids,
 * times) are compared by their pattern: equal here if and only if equal there, and in the same order.
 */
import type { ObservedEvent, ObservedMember, ObservedStat, Observation } from './observation.ts';

export interface Difference {
  readonly field: string;
  readonly expected: unknown;
  readonly actual: unknown;
}

/** What of a list of events counts: all of it, all but the order, or only which there are. */
export type EventComparison = 'sequence' | 'bag' | 'set';

/** A one-to-one relation between the numbers of both sides, grown as pairs are met. */
class Pairing<Key> {
  readonly #forward = new Map<Key, Key>();
  readonly #backward = new Map<Key, Key>();

  /** False where either is already paired with another. */
  pair(expected: Key, actual: Key): boolean {
    const known = this.#forward.get(expected);
    if (known === undefined && !this.#backward.has(actual)) {
      this.#forward.set(expected, actual);
      this.#backward.set(actual, expected);
      return true;
    }
    return known === actual;
  }

  entries(): [Key, Key][] {
    return [...this.#forward];
  }
}

const exactStatFields = ['version', 'cversion', 'aversion', 'dataLength', 'numChildren'] as const;
const zxidFields = ['czxid', 'mzxid', 'pzxid'] as const;

/**
 * Where an entry of an ACL says `auth`, one entry for each identity of the session takes its place, all with
 * the same permissions. ZooKeeper keeps these identities in a hash set (`ServerCnxn.authInfo`) and so has
 * them in the order of their hashes; ours come in the order of authentication. So among neighbours that
 * are names and passwords with equal permissions the order says nothing; all other order is compared.
 *
 * @param acl entries as `scheme:id:permissions`
 */
function withSettledOrder(acl: readonly string[] | undefined): readonly string[] | undefined {
  if (acl === undefined) return undefined;
  const runs: string[][] = [];
  for (const entry of acl) {
    const run = runs.at(-1);
    if (run?.[0] !== undefined && areInterchangeable(run[0], entry)) run.push(entry);
    else runs.push([entry]);
  }
  return runs.flatMap((run) => run.sort());
}

function areInterchangeable(left: string, right: string): boolean {
  const permissions = (entry: string): string => entry.slice(entry.lastIndexOf(':'));
  const areNames = left.startsWith('digest:') && right.startsWith('digest:');
  return areNames && permissions(left) === permissions(right);
}

/** Holds the pairings of one program. */
export class Comparator {
  readonly #zxids = new Pairing<number>();
  readonly #sessions = new Pairing<string>();
  /** When a transaction was, as each side says. */
  readonly #times = [new Map<number, number>(), new Map<number, number>()] as const;
  #differences: Difference[] = [];

  constructor() {
    this.#sessions.pair('0', '0');
  }

  sessions(expected: string, actual: string): Difference[] {
    return this.#collect(() => this.#session('session', expected, actual));
  }

  observations(expected: Observation, actual: Observation): Difference[] {
    return this.#collect(() => {
      this.#exact('code', expected.code, actual.code);
      if (expected.code !== actual.code) return;
      this.#zxid('zxid', expected.zxid, actual.zxid);
      this.#stat('stat', expected.stat, actual.stat);
      this.#session('session', expected.session, actual.session);
      this.#members(expected.members, actual.members);
      const exact = ['path', 'data', 'children', 'paths', 'count', 'identities'] as const;
      for (const field of exact) this.#exact(field, expected[field], actual[field]);
      this.#exact('acl', withSettledOrder(expected.acl), withSettledOrder(actual.acl));
    });
  }

  events(
    expected: readonly ObservedEvent[],
    actual: readonly ObservedEvent[],
    options: { readonly slot: number; readonly as: EventComparison },
  ): Difference[] {
    const show = (events: readonly ObservedEvent[]): string[] => {
      const lines = events.map(({ type, path }) => `${type} ${path}`);
      if (options.as === 'sequence') return lines;
      return (options.as === 'bag' ? lines : [...new Set(lines)]).sort();
    };
    return this.#collect(() =>
      this.#exact(`events of session ${options.slot}`, show(expected), show(actual)),
    );
  }

  /** After the last step: later on one side must be later on the other. */
  order(): Difference[] {
    const pairs = this.#zxids.entries().sort(([left], [right]) => left - right);
    return this.#collect(() => {
      for (const [index, [expected, actual]] of pairs.entries()) {
        const before = pairs[index - 1];
        if (before !== undefined && before[1] >= actual) {
          this.#exact('order of zxids', `${before[0]} < ${expected}`, `${before[1]} >= ${actual}`);
        }
      }
    });
  }

  #collect(compare: () => void): Difference[] {
    this.#differences = [];
    compare();
    return this.#differences;
  }

  #exact(field: string, expected: unknown, actual: unknown): void {
    if (JSON.stringify(expected) === JSON.stringify(actual)) return;
    this.#differences.push({ field, expected, actual });
  }

  #zxid(field: string, expected: number | undefined, actual: number | undefined): void {
    if (expected === undefined && actual === undefined) return;
    if (expected !== undefined && actual !== undefined && this.#zxids.pair(expected, actual))
      return;
    this.#differences.push({ field, expected, actual });
  }

  #session(field: string, expected: string | undefined, actual: string | undefined): void {
    if (expected === undefined && actual === undefined) return;
    if (expected !== undefined && actual !== undefined && this.#sessions.pair(expected, actual)) {
      return;
    }
    this.#differences.push({ field, expected, actual });
  }

  #stat(field: string, expected: ObservedStat | undefined, actual: ObservedStat | undefined): void {
    if (expected === undefined || actual === undefined) {
      this.#exact(field, expected, actual);
      return;
    }
    for (const name of exactStatFields)
      this.#exact(`${field}.${name}`, expected[name], actual[name]);
    for (const name of zxidFields) this.#zxid(`${field}.${name}`, expected[name], actual[name]);
    this.#session(`${field}.ephemeralOwner`, expected.ephemeralOwner, actual.ephemeralOwner);
    if (expected.kind !== undefined) this.#exact(`${field}.kind`, expected.kind, actual.kind);
    this.#time(0, field, expected);
    this.#time(1, field, actual);
  }

  /** Whatever a transaction wrote must bear the same time, wherever it is read. */
  #time(side: 0 | 1, field: string, stat: ObservedStat): void {
    const times = this.#times[side];
    const said = [
      ['ctime', stat.czxid, stat.ctime],
      ['mtime', stat.mzxid, stat.mtime],
    ] as const;
    for (const [name, zxid, time] of said) {
      const known = times.get(zxid) ?? time;
      times.set(zxid, known);
      if (known !== time) {
        const label = `${field}.${name} of zxid ${zxid} (side ${side === 0 ? 'expected' : 'actual'})`;
        this.#exact(label, known, time);
      }
    }
  }

  #members(
    expected: readonly ObservedMember[] | undefined,
    actual: readonly ObservedMember[] | undefined,
  ): void {
    this.#exact('members.length', expected?.length, actual?.length);
    if (expected === undefined || actual === undefined) return;
    for (const [index, member] of expected.entries()) {
      const other = actual[index];
      if (other === undefined) return;
      const field = `members[${index}]`;
      for (const name of ['code', 'path', 'data', 'children'] as const) {
        this.#exact(`${field}.${name}`, member[name], other[name]);
      }
      // ZooKeeper tells no stat of what a multi creates; the next read of it is compared.
      const isCreate = member.path !== undefined;
      if (!isCreate) this.#stat(`${field}.stat`, member.stat, other.stat);
    }
  }
}
