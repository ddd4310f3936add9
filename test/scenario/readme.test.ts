/** The table of scenarios names every class and every script, and no file that does not exist. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const readme = readFileSync(new URL('README.md', import.meta.url), 'utf8');
const scripts = readdirSync(new URL('scripts/', import.meta.url));
const classes = 92;

test('every class has its row', () => {
  const rows = [...readme.matchAll(/^\| SC-(\d+) +\|/gm)].map(([, number]) => Number(number));
  expect(rows).toEqual(Array.from({ length: classes }, (_, index) => index + 1));
});

test('every script is named', () => {
  expect(scripts.filter((script) => !readme.includes(`scripts/${script}`))).toEqual([]);
});

test('every file that is named exists', () => {
  const named = [...readme.matchAll(/`((?:test|scripts|harness|src)\/[^\s`…]*)`/g)];
  const root = new URL('../../', import.meta.url);
  const missing = named.filter(([, path = '']) => {
    const isOwn = path.startsWith('scripts/') || path.startsWith('harness/');
    return !existsSync(new URL(path, isOwn ? import.meta.url : root));
  });
  expect(named.length).toBeGreaterThan(classes);
  expect(missing.map(([, path]) => path)).toEqual([]);
});
