/** The signals that ask a process to end. */
import { performance } from 'node:perf_hooks';
import process from 'node:process';
import { belongsToParent, whenParentEnds } from './parent.ts';

/** In the place of a signal: the process that started this one has ended. */
const PARENT_ENDED = 'end of the parent process';

/** A closed terminal ends it like the other two. */
const stopSignals = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

/**
 * Ctrl-C reaches all processes of the terminal, and npm hands what it gets on to its child: what comes so
 * soon after the first signal is the same wish, milliseconds.
 */
const SAME_SIGNAL_MS = 500;

/** Resolves with the first signal, or when the process that this one belongs to has ended. @param onSecond called for each one that is a wish of its own */
export function nextSignal(onSecond: () => void): Promise<string> {
  return new Promise((resolve) => {
    let firstMs: number | undefined;
    const take = (signal: string): void => {
      const nowMs = performance.now();
      firstMs ??= nowMs;
      if (nowMs - firstMs > SAME_SIGNAL_MS) onSecond();
      resolve(signal);
    };
    for (const name of stopSignals) process.on(name, take);
    // No second wish where a signal has come before: its sender may just not have waited.
    if (belongsToParent(process.env)) whenParentEnds(() => firstMs ?? take(PARENT_ENDED));
  });
}
