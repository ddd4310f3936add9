import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { defaultLimits } from '../../../../src/protocol/limits.ts';
import { ConfigError, loadConfig } from '../../../../src/server/config/index.ts';
import type { Config } from '../../../../src/server/config/index.ts';
import { settingNames } from '../../../../src/server/config/settings.ts';

const superDigest = 'admin:X41ZCzzImSwzLYGJgl4HpLgQSUQ=';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'zoogate-config-'));
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

function file(content: string): string {
  const path = join(directory, 'zoogate.yaml');
  writeFileSync(path, content);
  return path;
}

function load(args: readonly string[], env: Record<string, string> = {}): Config {
  return loadConfig({ args, env }).resolve().config;
}

function mistakesOf(args: readonly string[], env: Record<string, string> = {}): string[] {
  try {
    load(args, env);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).mistakes.map(({ key, problem }) => `${key} ${problem}`);
  }
  throw new Error('no mistake was found');
}

describe('defaults', () => {
  it('are those of a standalone node 1 on loopback', () => {
    expect(load([])).toMatchObject({
      id: 1,
      host: '127.0.0.1',
      port: 8181,
      peerHost: '127.0.0.1',
      peerPort: 8281,
      dataDir: './data/1',
      member: [],
      observer: [],
      members: [{ id: 1, role: 'participant', host: '127.0.0.1', port: 8281 }],
      peerTimeout: 1000,
      peerPing: 100,
      peerConnectTimeout: 20_000,
      tickMs: 2000,
      minSessionTimeout: 4000,
      maxSessionTimeout: 600_000,
      defaultSessionTimeout: 10_000,
      containerCheckMs: 60_000,
      restConsistency: 'linearizable',
      insecureListen: false,
      readOnlyMode: false,
      logLevel: 'info',
    });
    expect(load([]).superDigest).toBeUndefined();
  });

  it('follow the id and the tick', () => {
    expect(load(['--id', '3', '--tick-ms', '100', '--peer-timeout', '2s'])).toMatchObject({
      peerPing: 200,
      port: 8183,
      peerPort: 8283,
      dataDir: './data/3',
      minSessionTimeout: 200,
    });
  });

  it('are those of the limits, but for the tree', () => {
    const { treeBytesMax, treeNodesMax, ...limits } = load([]).limits;
    expect(limits).toEqual({
      ...defaultLimits,
      treeBytesMax: undefined,
      treeNodesMax: undefined,
    });
    expect(treeBytesMax).toBeGreaterThanOrEqual(64 * 1024 * 1024);
    expect(treeNodesMax).toBeLessThan(treeBytesMax);
  });

  it('fit the default session timeout into what is granted', () => {
    expect(load(['--max-session-timeout', '8s']).defaultSessionTimeout).toBe(8000);
    expect(load(['--min-session-timeout', '20s']).defaultSessionTimeout).toBe(20_000);
  });
});

describe('precedence', () => {
  it('is flags, then the environment, then the file', () => {
    const config = file('port: 1\nid: 11\nhost: localhost\nlimit: {sessionsMax: 1, watchesMax: 1}');
    const env = {
      ZOOGATE_CONFIG: config,
      ZOOGATE_PORT: '2',
      ZOOGATE_ID: '22',
      ZOOGATE_LIMIT_WATCHES_MAX: '2',
    };
    const resolved = load(['--port', '3'], env);
    expect(resolved).toMatchObject({ port: 3, id: 22, host: 'localhost' });
    expect(resolved.limits).toMatchObject({ sessionsMax: 1, watchesMax: 2 });
  });

  it('takes a list as a whole from the first that has it', () => {
    const config = file('allowed-host: [a, b]');
    expect(load(['--config', config]).allowedHost).toEqual(['a', 'b']);
    expect(load(['--config', config, '--allowed-host', 'c']).allowedHost).toEqual(['c']);
  });

  it('prefers the file that a flag names', () => {
    const config = file('id: 5');
    expect(load(['--config', config], { ZOOGATE_CONFIG: '/nowhere' }).id).toBe(5);
  });
});

describe('mistakes', () => {
  it('are reported all at once, whichever source they are in', () => {
    const config = file('tick-ms: soon\ncolour: blue');
    const mistakes = mistakesOf(
      ['--config', config, '--port', '70000', '--log-level', 'loud', '--limit', 'sessionsMax=-1'],
      { ZOOGATE_ID: 'first', ZOOGATE_LOG_LEVEL: 'LOUD' },
    );
    expect(mistakes).toEqual([
      `colour in ${config} is not a setting`,
      'ZOOGATE_ID must be a whole number',
      '--port must be from 0 to 65535, not 70000',
      `tick-ms in ${config} must be a duration such as 500ms, 30s, 5m, 2h or 1d`,
      expect.stringMatching(/^--log-level must be one of trace, /),
      expect.stringMatching(/^ZOOGATE_LOG_LEVEL must be one of trace, /),
      '--limit sessionsMax must be from 1 to 2147483647, not -1',
    ]);
  });

  it('include a directory in the place of a file', () => {
    expect(mistakesOf(['--config', directory])).toEqual([
      `${directory} cannot be read (EISDIR): it is a directory; name the file in it`,
    ]);
  });

  it('include a file that cannot be read', () => {
    expect(mistakesOf(['--config', join(directory, 'none.yaml'), '--id', '0'])).toEqual([
      `${join(directory, 'none.yaml')} cannot be read (ENOENT): there is no such file; look at --config or ZOOGATE_CONFIG`,
      '--id must be from 1 to 255, not 0',
    ]);
  });

  it('never show a secret', () => {
    const [mistake] = mistakesOf(['--super-digest', 'admin:hunter2']);
    expect(mistake).toMatch(/^--super-digest must be user:HASH/);
    expect(mistake).not.toContain('hunter2');
  });

  it('are values that cannot hold together', () => {
    expect(mistakesOf(['--max-session-timeout', '1s', '--limit', 'frameBytesMax=1KiB'])).toEqual([
      '--min-session-timeout is 4s (by default 2 ticks), more than --max-session-timeout, which is 1s',
      '--limit one znode must fit into one WebSocket frame',
    ]);
  });
});

describe('listening beyond this machine', () => {
  it.each(['0.0.0.0', '::', '192.0.2.1', 'node1.example'])('on %s is refused', (host) => {
    const [mistake] = mistakesOf(['--host', host]);
    expect(mistake).toMatch(`--host is ${host}, which other machines can reach`);
    expect(mistake).toMatch('add --insecure-listen');
  });

  it('is refused to peers as well', () => {
    expect(mistakesOf([], { ZOOGATE_PEER_HOST: '0.0.0.0' })[0]).toMatch(/^ZOOGATE_PEER_HOST is 0/);
  });

  it('is done when told in so many words', () => {
    expect(load(['--host', '0.0.0.0', '--insecure-listen']).host).toBe('0.0.0.0');
  });

  it.each(['127.0.0.1', '127.1.2.3', '::1', 'localhost'])('is not what %s is', (host) => {
    expect(load(['--host', host]).host).toBe(host);
  });
});

describe('where a value comes from', () => {
  it('is known for each that is not a default', () => {
    const config = file('tick-ms: 1s');
    const env = { ZOOGATE_SUPER_DIGEST: superDigest };
    const { origins } = loadConfig({ args: ['--config', config, '--id', '2'], env }).resolve();
    expect(Object.fromEntries(origins.settings)).toEqual({
      id: '--id',
      tickMs: `tick-ms in ${config}`,
      superDigest: 'ZOOGATE_SUPER_DIGEST',
    });
  });
});

it('has a value for every setting but those that are told in so many words', () => {
  const config = load([]);
  const missing = settingNames.filter((name) => config[name] === undefined);
  expect(missing).toEqual(['superDigest', 'clientUrl']);
});
