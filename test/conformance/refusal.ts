/** Failures, the same through every door: the problem that the answer carried. */
import { expect } from 'vitest';

export interface ProblemBody {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly zkCode: number | null;
  readonly path?: string;
  readonly zxid?: number;
  readonly outcome: string;
  readonly retryable: boolean;
  readonly failedIndex?: number;
  readonly results?: readonly {
    readonly op: string;
    readonly path: string;
    readonly code: string;
  }[];
  readonly oldestZxid?: number;
  readonly currentZxid?: number;
}

export class Refusal extends Error {
  readonly problem: ProblemBody;
  readonly zxid: number;

  constructor(problem: ProblemBody, zxid: number) {
    super(`${problem.code} (${problem.status}): ${problem.detail}`);
    this.name = 'Refusal';
    this.problem = problem;
    this.zxid = zxid;
  }

  get code(): string {
    return this.problem.code;
  }
}

/** The refusal that `request` must meet. */
export async function refusalOf(request: Promise<unknown>): Promise<Refusal> {
  let answer: unknown;
  try {
    answer = await request;
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
  throw new Error(`was not refused, but answered with ${JSON.stringify(answer)}`);
}

/** Asserts that the request is refused with the code, and that nothing of it has been applied. */
export async function expectRefusal(request: Promise<unknown>, code: string): Promise<Refusal> {
  const refusal = await refusalOf(request);
  expect(`${refusal.code} ${refusal.problem.outcome}`, refusal.message).toBe(`${code} not-applied`);
  return refusal;
}
