/** Runs a scenario script and tells what it said, and what was wrong. */
import type { Mutations } from '../../../src/zab/index.ts';
import { Scenario } from './commands.ts';
import { formatScript, parseScript } from './script.ts';

export interface ScriptResult {
  /** The script with the output that it has had. */
  readonly text: string;
  /** Violated invariants and expectations, in order. */
  readonly failures: readonly string[];
}

export function runScript(text: string, mutations?: Mutations): ScriptResult {
  const script = parseScript(text);
  const scenario = new Scenario(mutations);
  const outputs = script.blocks.map(({ commands }) =>
    commands.flatMap((command) => scenario.run(command)),
  );
  return { text: formatScript(script, outputs), failures: scenario.failures };
}
