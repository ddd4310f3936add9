import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { configText, loadConfig, settingsHelp } from '../../../../src/server/config/index.ts';
import {
  flagOf,
  limitNames,
  limitVariableOf,
  settingNames,
  variableOf,
} from '../../../../src/server/config/settings.ts';
import { temporaryDirectory } from '../../../support/server-process.ts';

const superDigest = 'admin:X41ZCzzImSwzLYGJgl4HpLgQSUQ=';

describe('the help text', () => {
  const help = settingsHelp();

  it('names every setting with its flag and variable', () => {
    for (const name of settingNames) {
      expect(help).toMatch(new RegExp(`^  --${flagOf(name)}( |$)`, 'm'));
      expect(help).toContain(variableOf(name));
    }
  });

  it('names every limit with its default', () => {
    for (const name of limitNames) expect(help).toMatch(new RegExp(`^      ${name} +\\S+`, 'm'));
    expect(help).toMatch(/^ {6}znodeDataBytesMax +1MiB$/m);
    expect(help).toMatch(/^ {6}requestTimeoutMs +5s$/m);
    expect(help).toMatch(/^ {6}treeBytesMax +from the memory of the machine$/m);
  });

  it('fits a terminal', () => {
    const widest = Math.max(...help.split('\n').map((line) => line.length));
    expect(widest).toBeLessThanOrEqual(100);
  });
});

describe('--print-config', () => {
  const args = ['--id', '2', '--allowed-host', 'a', '--limit', 'sessionsMax=7'];

  it('shows every value and where it comes from', () => {
    const text = configText(loadConfig({ args, env: { ZOOGATE_TICK_MS: '1500' } }).resolve());
    expect(text).toMatch(/^id: 2 +# --id$/m);
    expect(text).toMatch(/^port: 8182 +# default$/m);
    expect(text).toMatch(/^tick-ms: 1500ms +# ZOOGATE_TICK_MS$/m);
    expect(text).toMatch(/^allowed-host: \["a"\] +# --allowed-host$/m);
    expect(text).toMatch(/^ {2}sessionsMax: 7 +# --limit sessionsMax$/m);
    expect(text).toMatch(/^ {2}frameBytesMax: 2MiB +# default$/m);
  });

  it('is a file that gives the same configuration', () => {
    const resolved = loadConfig({ args, env: {} }).resolve();
    const file = join(temporaryDirectory(), 'zoogate.yaml');
    writeFileSync(file, configText(resolved));
    const again = loadConfig({ args: ['--config', file], env: {} }).resolve();
    expect(again.config).toEqual(resolved.config);
  });

  it('hides secrets', () => {
    const text = configText(
      loadConfig({ args: ['--super-digest', superDigest], env: {} }).resolve(),
    );
    expect(text).toMatch(/^super-digest: \(hidden\) +# --super-digest$/m);
    expect(text).not.toContain('X41Z');
  });
});

it('gives each setting and limit a name of its own in each source', () => {
  const flags = settingNames.map(flagOf);
  const variables = [...settingNames.map(variableOf), ...limitNames.map(limitVariableOf)];
  expect(new Set(flags).size).toBe(flags.length);
  expect(new Set(variables).size).toBe(variables.length);
});
