/** Runs a scenario script and tells what it said, and what was wrong. */
import { Scenario, ScenarioOver } from './commands.ts';
import { formatScript, parseScript } from './script.ts';

export interface ScriptResult {
  /** The script with the output that it has had. */
  readonly text: string;
  /** Violated invariants and expectations, in order. */
  readonly failures: readonly string[];
  /** An invariant was violated, not only an expectation of the script. */
  readonly hasViolation: boolean;
}

export function runScript(text: string): ScriptResult {
  const script = parseScript(text);
  const scenario = new Scenario();
  const outputs: string[][] = [];
  const over: string[] = [];
  try {
    for (const { commands } of script.blocks) {
      outputs.push(commands.flatMap((command) => scenario.run(command)));
    }
  } catch (error) {
    if (!(error instanceof ScenarioOver)) throw error;
    over.push(error.message);
    outputs.push([`OVER: ${error.message}`]);
  }
  const failures = [...scenario.failures, ...over];
  return { text: formatScript(script, outputs), failures, hasViolation: scenario.hasViolation };
}
