/**
 * Every script in `scripts` is run against the production core, and its trace must be the one that stands in
 * it. With SCENARIO_REWRITE=1 (`npm run scenarios -- --rewrite`) the traces are written anew; what is
 * violated or expected in vain is a failure all the same.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { env } from 'node:process';
import { describe, expect, test } from 'vitest';
import { runScript } from './harness/run-script.ts';
import { headOf, parseScript } from './harness/script.ts';

const folder = new URL('scripts/', import.meta.url);
const isRewriting = env['SCENARIO_REWRITE'] === '1';

describe.each(readdirSync(folder).sort())('%s', (file) => {
  const url = new URL(file, folder);
  const text = readFileSync(url, 'utf8');

  test('says in whole sentences what happens and what must hold', () => {
    expect(headOf(parseScript(text))).toMatch(/^[A-Z“][\s\S]{100,}\.$/);
  });

  test('violates nothing and has the trace that stands in it', () => {
    const result = runScript(text);
    if (isRewriting && result.text !== text) writeFileSync(url, result.text);
    expect(result.failures).toEqual([]);
    expect(result.text).toBe(isRewriting ? result.text : text);
  });
});
