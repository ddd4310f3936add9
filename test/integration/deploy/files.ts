/** The files of deploy/, read as those read them that run them. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { otherRoutes } from '../../../src/protocol/rest/service-routes.ts';
import { loadConfig } from '../../../src/server/config/index.ts';
import type { Config } from '../../../src/server/config/index.ts';
import { settingNames, variableOf } from '../../../src/server/config/settings.ts';

export const root = fileURLToPath(new URL('../../../', import.meta.url));

export function deployFile(name: string): string {
  return readFileSync(`${root}deploy/${name}`, 'utf8');
}

/** Every document of a YAML file; what a parser would only warn of is an error. */
export function yamlDocuments<T>(text: string): T[] {
  return parseAllDocuments(text, { merge: true, uniqueKeys: true }).map((document) => {
    expect([...document.errors, ...document.warnings]).toEqual([]);
    return document.toJS() as T;
  });
}

export type Environment = Readonly<Record<string, string>>;

/** The settings that a node started so would have. @throws ConfigError as the node would */
export function configFor(env: Environment, args: readonly string[] = []): Config {
  // What nearly is a setting is refused by the node; what is none of them would be passed over.
  const known = settingNames.map(variableOf);
  const ours = Object.keys(env).filter((name) => name.startsWith('ZOOGATE_'));
  for (const name of ours) expect(known).toContain(name);
  const { config, warnings } = loadConfig({ args, env }).resolve();
  expect(warnings).toEqual([]);
  return config;
}

/** `ENV` of the image, whose settings its users' add to. */
export function imageEnvironment(): Environment {
  const joined = deployFile('Dockerfile').replaceAll('\\\n', ' ');
  const [line = ''] = /^ENV .*$/m.exec(joined) ?? [];
  const pairs = line.trim().split(/\s+/).slice(1);
  return Object.fromEntries(
    pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]),
  );
}

/** The paths that a health check may ask. */
export const healthPaths: readonly string[] = Object.values(otherRoutes)
  .map(({ path }) => path)
  .filter((path) => path.startsWith('/health/'));

export function productVersion(): string {
  return (JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as { version: string }).version;
}
