/** `MUTANTS.md`: which faults of the code are found, by what. Measured again by a command, a part at a time. */
import { readFileSync, writeFileSync } from 'node:fs';
import { format } from 'prettier';
import type { Mutation } from '../../support/mutations/mutation.ts';
import { doorMutations } from '../../support/mutations/doors.ts';
import { shieldedMutations } from '../../support/mutations/shielded.ts';

const file = new URL('../MUTANTS.md', import.meta.url);

const NOT_MEASURED = 'not measured';

/** Characters of what was found that the table shows. */
const FAILURE_CHARACTERS = 90;

/** What is known of a mutant. */
export interface Row {
  /** The seed or the trial that finds it. */
  readonly found: string;
  /** What that has said. */
  readonly by: string;
}

export class MutantTable {
  readonly #mutants: readonly Mutation[];
  readonly #rows: Map<string, Row>;
  #writing: Promise<void> = Promise.resolve();

  constructor(mutants: readonly Mutation[]) {
    this.#mutants = mutants;
    this.#rows = readRows();
  }

  /** Names of those of which nothing is known. */
  get unknown(): readonly string[] {
    const names = this.#mutants.map(({ name }) => name);
    return names.filter((name) => !this.#rows.has(name));
  }

  /** Writes the whole file, one state of it after the other. */
  enter(name: string, { found, by }: Row): Promise<void> {
    const [line = ''] = by.replaceAll('|', '/').split('\n');
    this.#rows.set(name, { found, by: line.slice(0, FAILURE_CHARACTERS) });
    this.#writing = this.#writing.then(async () => {
      writeFileSync(file, await format(this.#text(), { parser: 'markdown', printWidth: 100 }));
    });
    return this.#writing;
  }

  #rowOf(name: string): Row {
    return this.#rows.get(name) ?? { found: NOT_MEASURED, by: '' };
  }

  #text(): string {
    const lines = this.#mutants.map(({ name, rule }) => {
      const { found, by } = this.#rowOf(name);
      return `| \`${name}\` | ${rule} | ${found} | ${by} |`;
    });
    const count = (kind: RegExp): number => lines.filter((line) => kind.test(line)).length;
    const [missed, unmeasured] = [count(/not found in/), count(/not measured/)];
    return [
      '# What the simulator finds',
      '',
      'Each mutant is the code with one fault in it, which breaks one rule. It is run with seeds from 1 on until',
      'an invariant is broken; a seed that fails without the fault does not count. What lies between the storage',
      'and the system (`mutants/disk.ts`) no simulated disk shows: there a process is followed at its system',
      'calls, without a fault of the disk and with some, and the table names the first trial that finds it.',
      'Measured again by `npm run simulate -- --mutants`, or `-- --mutants NAME` for one of them; `--missing`',
      'measures those that are not measured. The mutants are in `mutants/` and in `../support/mutations/zab.ts`.',
      '',
      `${lines.length} mutants: ${lines.length - missed - unmeasured} found, ${missed} not found, ${unmeasured} not measured.`,
      '',
      '| mutant | rule that it breaks | found at seed, or in trial | by |',
      '| --- | --- | --- | --- |',
      ...lines,
      '',
      '## Rules with a check of their own',
      '',
      'Runs of an ensemble do not show these faults, or seldom: another rule stands behind each, or it takes a loss',
      'or a moment that is rare, or it lies at a door that no run passes. Each has a check of its own, which finds',
      'it in `npm test`.',
      '',
      '| mutant | rule that it breaks | found by |',
      '| --- | --- | --- |',
      ...[...shieldedMutations, ...doorMutations].map(({ name, rule }) => {
        return `| \`${name}\` | ${rule} | \`${name}\` of \`test/unit/shielded\` |`;
      }),
      '',
    ].join('\n');
  }
}

function readRows(): Map<string, Row> {
  const rows = new Map<string, Row>();
  for (const line of readText().split('\n')) {
    const [, name = '', , found, by = ''] = line.split('|').map((cell) => cell.trim());
    const known = /^`(\w+)`$/.exec(name)?.[1];
    if (known === undefined || found === undefined || found === NOT_MEASURED) continue;
    rows.set(known, { found, by });
  }
  return rows;
}

function readText(): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}
