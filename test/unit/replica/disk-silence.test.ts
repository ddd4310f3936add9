/** A disk that hangs is said in the log, not once and not all the time. */
import { expect, test } from 'vitest';
import {
  DISK_SILENCE_TOLD_MS,
  DiskSilence,
  diskSilenceText,
} from '../../../src/replica/disk-silence.ts';

function silence(): { lines: string[]; tick: (nowMs: number, silentMs: number) => void } {
  const lines: string[] = [];
  const warn = (_fields: object, text: string): void => void lines.push(text);
  const teller = new DiskSilence({ info: () => undefined, warn });
  return { lines, tick: (nowMs, silentMs) => teller.tick(nowMs, silentMs) };
}

test('a silence is told at its beginning, again at its pace, and at its end', () => {
  const { lines, tick } = silence();
  const startMs = 5000;
  for (let ms = 0; ms < 3 * DISK_SILENCE_TOLD_MS; ms += 100) tick(startMs + ms, ms);
  expect(lines).toHaveLength(3);
  expect(lines[0]).toBe(
    'the disk has completed nothing for 0.1 s: this node acknowledges no writes until it does',
  );
  tick(startMs + 3 * DISK_SILENCE_TOLD_MS, 0);
  tick(startMs + 3 * DISK_SILENCE_TOLD_MS + 100, 0);
  expect(lines.slice(3)).toEqual(['the disk completes writes again']);
});

test('the next silence is told at once', () => {
  const { lines, tick } = silence();
  tick(0, 1000);
  tick(100, 0);
  tick(200, 1500);
  expect(lines.at(-1)).toContain(diskSilenceText(1500));
  expect(lines).toHaveLength(3);
});

test('a disk that works is nothing to talk about', () => {
  const { lines, tick } = silence();
  tick(0, 0);
  expect(lines).toEqual([]);
});
