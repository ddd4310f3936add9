/** The package as it is published: what is in it, and that it runs without its checkout. */
import { execFileSync } from 'node:child_process';
import { cpSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { temporaryDirectory } from '../support/server-process.ts';

interface Packed {
  readonly files: readonly { readonly path: string }[];
}

interface Manifest {
  readonly version: string;
  readonly bin: { readonly zoogate: string };
}

/** Names of the files that npm would publish. */
function packedFiles(): readonly string[] {
  const output = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [packed] = JSON.parse(output) as [Packed];
  return packed.files.map(({ path }) => path);
}

/** Of the build only what Node runs: types and source maps would lead to sources that are not there. */
function mayBePublished(path: string): boolean {
  return /^(dist\/.*\.js|openapi\/[a-z]+\.json|deploy\/.*|README\.md|LICENSE|package\.json)$/.test(
    path,
  );
}

it.each(['README.md', 'deploy/README.md'])('takes along what %s links to', (document) => {
  const files = packedFiles();
  const links = [...readFileSync(document, 'utf8').matchAll(/\]\((?!https?:|#)([^)#\s]+)[^)]*\)/g)];
  const targets = links.map(([, target = '']) => join(dirname(document), target));
  expect(targets.filter((target) => !files.includes(target))).toEqual([]);
});

it('runs from what npm would publish, and from nothing else', () => {
  const directory = temporaryDirectory();
  const files = packedFiles();
  for (const document of [
    'openapi/openapi.json',
    'openapi/asyncapi.json',
    'README.md',
    'LICENSE',
  ]) {
    expect(files).toContain(document);
  }
  expect(files.filter((path) => !mayBePublished(path))).toEqual([]);
  for (const path of files) cpSync(path, join(directory, path));
  symlinkSync(join(process.cwd(), 'node_modules'), join(directory, 'node_modules'));

  const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as Manifest;
  const bin = join(directory, manifest.bin.zoogate);
  expect(readFileSync(bin, 'utf8').split('\n', 1)).toEqual(['#!/usr/bin/env node']);
  expect(statSync(bin).size).toBeGreaterThan(0);
  const run = (...args: string[]): string =>
    execFileSync(process.execPath, [bin, ...args], { cwd: directory, encoding: 'utf8' });
  expect(run('--version')).toBe(`${manifest.version}\n`);
  expect(run('serve', '--print-config')).toMatch(/^port: 8181 /m);
});
