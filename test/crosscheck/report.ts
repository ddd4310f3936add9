/** What the cross-check prints. */
import type { Difference } from './compare.ts';
import type { KnownDifference } from './known-differences.ts';
import type { Step } from './program.ts';
import type { Failure, Statistics } from './runner.ts';

export function printStatistics(
  title: string,
  statistics: Statistics,
  known: readonly KnownDifference[],
): void {
  const byType = new Map<string, string[]>();
  let total = 0;
  for (const [key, amount] of [...statistics.operations].sort()) {
    const [type = '', code = ''] = key.split(' ');
    byType.set(type, [...(byType.get(type) ?? []), `${code}: ${amount}`]);
    total += amount;
  }
  console.log(`${title}: ${total} operations and ${statistics.events} events compared`);
  for (const [type, codes] of byType) console.log(`  ${type.padEnd(12)} ${codes.join(', ')}`);
  for (const { name, reason } of known) {
    const times = statistics.known.get(name) ?? 0;
    console.log(`  known difference, ${times} times: ${name} (${reason})`);
  }
}

export function printFailure(failure: Failure, program: readonly Step[], seed: number): void {
  console.log(`DIFFERENCE with seed ${seed}, in a program of ${program.length} steps:`);
  for (const [index, step] of program.entries()) {
    const mark = index === failure.at ? '→' : ' ';
    console.log(` ${mark} ${String(index).padStart(3)} ${describe(step)}`);
  }
  if (failure.step === undefined) console.log(' → after the last step');
  printDifferences(failure.differences);
}

export function printDifferences(differences: readonly Difference[]): void {
  for (const { field, expected, actual } of differences) {
    console.log(`   ${field}: expected ${show(expected)}, got ${show(actual)}`);
  }
}

function describe(step: Step): string {
  const { type, slot, ...fields } = step;
  return `session ${slot} ${type} ${JSON.stringify(fields)}`;
}

const show = (value: unknown): string => (value === undefined ? 'nothing' : JSON.stringify(value));
