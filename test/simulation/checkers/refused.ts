/** What the reference model throws where a request is refused. */
import type { ErrorCode } from '../../../src/protocol/errors.ts';

const all = new Map<string, Refused>();

export class Refused extends Error {
  readonly code: ErrorCode;
  /** Of a multi. */
  readonly failedIndex: number | undefined;

  private constructor(code: ErrorCode, failedIndex?: number) {
    super(code);
    this.code = code;
    this.failedIndex = failedIndex;
  }

  /** One object for each: they are many, and the stack that an error takes along is dear. */
  static with(code: ErrorCode, failedIndex?: number): Refused {
    const key = `${code}/${failedIndex ?? ''}`;
    let refused = all.get(key);
    if (refused === undefined) all.set(key, (refused = new Refused(code, failedIndex)));
    return refused;
  }

  /** What `work` gives, or why it is refused. */
  static by<Outcome>(work: () => Outcome): Outcome | Refused {
    try {
      return work();
    } catch (error) {
      if (error instanceof Refused) return error;
      throw error;
    }
  }
}
