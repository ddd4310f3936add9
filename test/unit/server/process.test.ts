import { expect, it } from 'vitest';
import { makeLogger } from '../../../src/server/logging.ts';
import { stopInTime } from '../../../src/server/process.ts';

it('gives a stop up when its time is over, with another status', async () => {
  const lines: string[] = [];
  const logger = makeLogger('info', { write: (line) => void lines.push(line) });
  const stuck = { stop: () => new Promise<never>(() => undefined) };
  expect(await stopInTime(stuck, { shutdownTimeout: 20 }, { logger })).toBe(1);
  expect(lines.at(-1)).toContain('not stopped in time');

  const done = { stop: () => Promise.resolve() };
  expect(await stopInTime(done, { shutdownTimeout: 60_000 }, { logger })).toBe(0);
  expect(lines.at(-1)).toContain('"stopped"');
});
