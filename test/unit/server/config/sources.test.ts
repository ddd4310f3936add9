import { describe, expect, it } from 'vitest';
import { limitNames, settingNames } from '../../../../src/server/config/settings.ts';
import {
  readConfigFile,
  readEnvironment,
  readFlags,
} from '../../../../src/server/config/sources.ts';
import type { SourceReading } from '../../../../src/server/config/sources.ts';

function settingsOf({ source }: SourceReading): Record<string, readonly string[]> {
  return Object.fromEntries([...source.settings].map(([name, { texts }]) => [name, texts]));
}

function limitsOf({ source }: SourceReading): Record<string, readonly string[]> {
  return Object.fromEntries([...source.limits].map(([name, { texts }]) => [name, texts]));
}

function problemsOf({ mistakes }: SourceReading): string[] {
  return mistakes.map(({ key, problem }) => `${key} ${problem}`);
}

describe('flags', () => {
  it('take a value behind a space or an equals sign', () => {
    const reading = readFlags(['--id', '2', '--host=::1', '--data-dir', '/var/lib/zoogate']);
    expect(settingsOf(reading)).toEqual({
      id: ['2'],
      host: ['::1'],
      dataDir: ['/var/lib/zoogate'],
    });
    expect(reading.mistakes).toEqual([]);
  });

  it('know switches, given bare or with a value', () => {
    expect(settingsOf(readFlags(['--insecure-listen', '--trust-proxy=false']))).toEqual({
      insecureListen: ['true'],
      trustProxy: ['false'],
    });
  });

  it('collect lists and limits', () => {
    const reading = readFlags([
      ...['--allowed-host', 'a', '--allowed-host', 'b'],
      ...['--limit', 'sessionsMax=10', '--limit', 'frameBytesMax=4MiB'],
    ]);
    expect(settingsOf(reading)).toEqual({ allowedHost: ['a', 'b'] });
    expect(limitsOf(reading)).toEqual({ sessionsMax: ['10'], frameBytesMax: ['4MiB'] });
  });

  it('tell the command what is not a setting', () => {
    const { flags } = readFlags(['--help', '--print-config', '--config', 'zoogate.yaml']);
    expect(flags).toEqual({ help: true, printConfig: true, config: 'zoogate.yaml' });
    expect(readFlags([]).flags).toEqual({ help: false, printConfig: false, config: undefined });
  });

  it('report every mistake, with the likely intention', () => {
    const reading = readFlags([
      ...['--prot', '8181', '--colour', 'blue', '--host', '--id', '3', '--id', '4'],
      ...['--limit', 'sessionMax=1', '--limit', 'nonsense', 'extra', '-p', '-x', '-port', '8181'],
      ...['-data_dir=x', '--limit', 'aclsMax', '--config'],
    ]);
    expect(problemsOf(reading)).toEqual([
      '--prot is not a setting; did you mean --port?',
      '--colour is not a setting',
      '--host needs a value',
      '--limit sessionMax is not a limit; did you mean sessionsMax?',
      '--limit must be NAME=VALUE, such as znodeDataBytesMax=4MiB, not "nonsense"; `zoogate help serve` lists all names and defaults',
      'extra is not expected here',
      '-p is not a setting: they begin with two dashes; did you mean --port?',
      '-x is not a setting: they begin with two dashes',
      '-port is not a setting: they begin with two dashes; did you mean --port?',
      '-data_dir is not a setting: they begin with two dashes; did you mean --data-dir?',
      '--limit must be aclsMax=VALUE; `zoogate help serve` lists all names and defaults',
      '--config needs a value',
    ]);
  });

  it('refuse what is given twice and is no list', () => {
    const reading = readFlags([
      '--port',
      '1',
      '--port',
      '2',
      '--limit',
      'sessionsMax=1',
      '--limit',
      'sessionsMax=2',
      '--config',
      'a.yaml',
      '--config',
      'b.yaml',
    ]);
    expect(problemsOf(reading)).toEqual([
      '--port is given twice',
      '--limit sessionsMax is given twice',
      '--config is given twice',
    ]);
  });
});

describe('the environment', () => {
  it('has a variable for each setting and each limit', () => {
    const reading = readEnvironment({
      ZOOGATE_DATA_DIR: '/data',
      ZOOGATE_ALLOWED_ORIGIN: 'https://a.example, https://b.example',
      ZOOGATE_LIMIT_ZNODE_DATA_BYTES_MAX: '2MiB',
      PATH: '/bin',
    });
    expect(settingsOf(reading)).toEqual({
      dataDir: ['/data'],
      allowedOrigin: ['https://a.example', 'https://b.example'],
    });
    expect(limitsOf(reading)).toEqual({ znodeDataBytesMax: ['2MiB'] });
    expect(reading.mistakes).toEqual([]);
  });

  it('reports a variable that is nearly one of its own', () => {
    const reading = readEnvironment({ ZOOGATE_DATADIR: '/data', ZOOGATE_LOGLEVL: 'debug' });
    expect(problemsOf(reading)).toEqual([
      'ZOOGATE_DATADIR is not a setting; did you mean ZOOGATE_DATA_DIR?',
      'ZOOGATE_LOGLEVL is not a setting; did you mean ZOOGATE_LOG_LEVEL?',
    ]);
  });

  it('leaves to others what is theirs: clients, and the service links of Kubernetes', () => {
    const reading = readEnvironment({
      ZOOGATE_URL: 'http://127.0.0.1:8181',
      ZOOGATE_TOKEN: '42:secret',
      ZOOGATE_SERVICE_HOST: '10.0.0.1',
      ZOOGATE_SERVICE_PORT: '8181',
      ZOOGATE_PORT: 'tcp://10.0.0.1:8181',
      ZOOGATE_PORT_8181_TCP: 'tcp://10.0.0.1:8181',
      ZOOGATE_PORT_8181_TCP_ADDR: '10.0.0.1',
    });
    expect(reading.source.settings.size).toBe(0);
    expect(reading.mistakes).toEqual([]);
  });
});

describe('the file', () => {
  it('is YAML', () => {
    const reading = readConfigFile(
      'zoogate.yaml',
      [
        '# a comment',
        'id: 3',
        'host: 127.0.0.1',
        'read-only-mode: true',
        'tick-ms: 500ms',
        'allowed-host: [a.example, b.example]',
        'allowed-origin: https://a.example',
        'limit:',
        '  sessionsMax: 1000',
      ].join('\n'),
    );
    expect(settingsOf(reading)).toEqual({
      id: ['3'],
      host: ['127.0.0.1'],
      readOnlyMode: ['true'],
      tickMs: ['500ms'],
      allowedHost: ['a.example', 'b.example'],
      allowedOrigin: ['https://a.example'],
    });
    expect(limitsOf(reading)).toEqual({ sessionsMax: ['1000'] });
    expect(reading.mistakes).toEqual([]);
  });

  it('is JSON', () => {
    const reading = readConfigFile('zoogate.json', '{"port": 8181, "limit": {"sessionsMax": 5}}');
    expect(settingsOf(reading)).toEqual({ port: ['8181'] });
    expect(limitsOf(reading)).toEqual({ sessionsMax: ['5'] });
  });

  it('may be empty', () => {
    expect(readConfigFile('zoogate.yaml', '# nothing\n').mistakes).toEqual([]);
  });

  it('reports every mistake with its key', () => {
    const reading = readConfigFile(
      'zoogate.yaml',
      [
        'prot: 1',
        'host: [a]',
        'port:',
        'allowed-host: [{a: 1}]',
        'limit: {nonsense: 1, sessionsMax: [1]}',
        'dataDir: /data',
      ].join('\n'),
    );
    expect(problemsOf(reading)).toEqual([
      'prot in zoogate.yaml is not a setting; did you mean port?',
      'host in zoogate.yaml must be one value',
      'port in zoogate.yaml must be one value',
      'allowed-host in zoogate.yaml must be one value or a list of them',
      'limit.nonsense in zoogate.yaml is not a limit; `zoogate help serve` lists all names and defaults',
      'limit.sessionsMax in zoogate.yaml must be one value',
      'dataDir in zoogate.yaml is not a setting; did you mean data-dir?',
    ]);
  });

  it.each([
    ['a: [1', 'zoogate.yaml'],
    ['port: 1\nport: 2', 'zoogate.yaml'],
    ['- 1', 'zoogate.yaml must be a mapping'],
    ['limit: 5', 'limit in zoogate.yaml must be a mapping'],
  ])('refuses %j', (content, problem) => {
    expect(problemsOf(readConfigFile('zoogate.yaml', content)).join()).toContain(problem);
  });
});

describe('every setting', () => {
  it('can be given by flag, variable and file, and none is called like a limit', () => {
    expect(settingNames).toHaveLength(new Set(settingNames).size);
    for (const name of settingNames) expect(limitNames).not.toContain(name);
  });
});
