/** `npm run simulate -- --exhaustive`: one space, as large as is asked for. */
import { explore } from './explore.ts';
import type { Budget } from './model.ts';
import { openCore } from './open-core.ts';
import { beginnings, nothing } from './spaces.ts';
import type { BeginningName } from './spaces.ts';

/** Options of the command line. */
export const exhaustiveOptions = {
  exhaustive: { type: 'boolean', default: false },
  begin: { type: 'string', default: 'founded' },
  crashes: { type: 'string', default: '0' },
  timeouts: { type: 'string', default: '0' },
  transactions: { type: 'string', default: '1' },
  elections: { type: 'string', default: '1' },
  cuts: { type: 'string', default: '0' },
  votes: { type: 'boolean', default: false },
} as const;

type Values = {
  readonly [
    Name in keyof typeof exhaustiveOptions
  ]: (typeof exhaustiveOptions)[Name]['type'] extends 'boolean' ? boolean : string;
} & { readonly seconds?: string | undefined };

/** A state has some 60 bytes, and while the table grows there are two of it. */
const STATES_MAX = 40_000_000;

export interface Space {
  readonly begin: BeginningName;
  readonly votes: boolean;
  readonly budget: Budget;
  readonly secondsMax: number;
}

/** @throws Error saying which option has no meaning */
export function spaceOf(values: Values): Space {
  const { begin, votes, seconds = '3600' } = values;
  if (!isBeginning(begin)) {
    throw new Error(`--begin is one of ${Object.keys(beginnings).join(', ')}, not ${begin}`);
  }
  const budget = {
    ...{ ...nothing, crashes: amountOf(values, 'crashes'), cuts: amountOf(values, 'cuts') },
    transactions: amountOf(values, 'transactions'),
    ...{ timeouts: amountOf(values, 'timeouts'), elections: amountOf(values, 'elections') },
  };
  return { begin, votes, budget, secondsMax: Number(seconds) };
}

/** @returns true when no invariant was broken */
export async function runExhaustive(space: Space): Promise<boolean> {
  const { begin, votes, budget, secondsMax } = space;
  const startedMs = performance.now();
  const { states, transitions, locals, depth, committed, ended, violation } = explore({
    ...{ core: await openCore(), disks: beginnings[begin], budget, votes },
    ...{ statesMax: STATES_MAX, secondsMax },
  });
  const tookMs = performance.now() - startedMs;
  const budgetText = Object.entries(budget).map(([name, amount]) => `${amount} ${name}`);
  console.log(`${begin}${votes ? ', by votes' : ''}; at most ${budgetText.join(', ')}`);
  if (violation !== undefined) console.log([violation.problem, ...violation.story].join('\n'));
  const how = ended === 'exhausted' ? ended : `ended ${ended}`;
  console.log(`${states} states, ${transitions} transitions, ${how}`);
  console.log(
    `${locals} states of single nodes, ${depth} steps deep, ${committed} records committed, ` +
      `in ${(tookMs / 1000).toFixed(1)} s`,
  );
  return violation === undefined;
}

function isBeginning(name: string): name is BeginningName {
  return name in beginnings;
}

function amountOf(
  values: Values,
  name: 'crashes' | 'timeouts' | 'transactions' | 'elections' | 'cuts',
): number {
  const amount = Number(values[name]);
  if (!Number.isInteger(amount) || amount < 0 || amount > 15) {
    throw new Error(`--${name} is a number from 0 to 15, not ${values[name]}`);
  }
  return amount;
}
