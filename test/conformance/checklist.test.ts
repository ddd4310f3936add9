/** Every line of the checklist is shown by a test, or it is said where it will be. */
import { readFileSync, readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { checklist, elsewhere } from './checklist.ts';

const folder = new URL('.', import.meta.url);

test('every line of the checklist has its test', () => {
  const shown = new Set<string>();
  for (const name of readdirSync(folder).filter((file) => file.endsWith('.test.ts'))) {
    const text = readFileSync(new URL(name, folder), 'utf8');
    for (const [, number] of text.matchAll(/\bline\(\s*([0-9]+)/g)) shown.add(number ?? '');
  }
  const missing = Object.keys(checklist).filter(
    (number) => !shown.has(number) && !(number in elsewhere),
  );
  expect(missing).toEqual([]);
});
