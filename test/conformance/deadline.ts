/** Waiting in tests: always for something, never for a time, and not for ever. */
import { within as withinMs } from '../support/waiting.ts';

const usualMs = 8000;

/** @throws Error naming what did not come */
export function within<T>(
  what: string,
  promise: Promise<T>,
  deadlineMs: number = usualMs,
): Promise<T> {
  return withinMs(what, deadlineMs, promise);
}

/** Asks again, giving others their turn, until `ask` answers with something. */
export async function eventually<T>(
  what: string,
  ask: () => Promise<T | undefined> | T | undefined,
  deadlineMs: number = usualMs,
): Promise<T> {
  const endMs = performance.now() + deadlineMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > endMs) throw new Error(`${what}: not within ${deadlineMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
