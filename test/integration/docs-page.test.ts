/** `/docs` is Zoogate's own page: nothing on it speaks of the library that draws it. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startInProcess } from '../support/in-process.ts';
import type { InProcessNode } from '../support/in-process.ts';

let node: InProcessNode;
beforeAll(async () => {
  node = await startInProcess();
});
afterAll(() => node.remove());

async function text(path: string): Promise<string> {
  const answer = await fetch(node.url + path);
  expect(answer.status, path).toBe(200);
  return answer.text();
}

it('has its title and its icon', async () => {
  const page = await text('/docs');
  expect(page).toContain('<title>Zoogate: the API</title>');
  const [, icon = ''] = /rel="icon" type="image\/svg\+xml" href="([^"]+)"/.exec(page) ?? [];
  expect(await text(new URL(icon, `${node.url}/docs`).pathname)).toMatch(/^<svg /);
});

it('has its logo, and not the one of the library', async () => {
  const script = await text('/docs/static/swagger-initializer.js');
  const [, base64 = ''] = /data:image\/svg\+xml;base64,([A-Za-z0-9+/=]+)/.exec(script) ?? [];
  const logo = Buffer.from(base64, 'base64');
  expect(logo.toString()).toContain('>Zoogate</text>');
  const library = dirname(createRequire(import.meta.url).resolve('@fastify/swagger-ui'));
  const theirs = readFileSync(join(library, 'static', 'logo.svg'));
  const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
  expect(digest(logo)).not.toBe(digest(theirs));
});

it('says first what to do first; the document itself does not', async () => {
  const shown = JSON.parse(await text('/docs/json')) as { info: { description: string } };
  expect(shown.info.description).toMatch(/^\*\*Begin with\*\* `PUT \/znodes\/\{path\}`/);
  expect(await text('/openapi.json')).not.toContain('Begin with');
});
