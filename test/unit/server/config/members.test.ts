import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { clientUrlOf, ConfigError, loadConfig } from '../../../../src/server/config/index.ts';
import type { Config } from '../../../../src/server/config/index.ts';
import { membersMax, votersMax } from '../../../../src/server/config/members.ts';
import { temporaryDirectory } from '../../../support/server-process.ts';

type Env = Readonly<Record<string, string>>;

const three = ['--member', '1=a:8281', '--member', '2=b:8282', '--member', '3=c:8283'];

function load(args: readonly string[], env: Env = {}): Config {
  return loadConfig({ args, env }).resolve().config;
}

function warningsOf(args: readonly string[]): readonly string[] {
  return loadConfig({ args, env: {} }).resolve().warnings;
}

function mistakesOf(args: readonly string[], env: Env = {}): string[] {
  try {
    load(args, env);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).mistakes.map(({ key, problem }) => `${key} ${problem}`);
  }
  throw new Error('no mistake was found');
}

function list(flag: string, ids: readonly number[]): string[] {
  return ids.flatMap((id) => [flag, `${id}=host${id}:8281`]);
}

describe('the list of members', () => {
  it('is read from flags, in the order of the ids, observers among them', () => {
    const args = ['--id', '2', '--observer', '2=[::1]:9002', ...list('--member', [3, 1])];
    expect(load(args).members).toEqual([
      { id: 1, role: 'participant', host: 'host1', port: 8281 },
      { id: 2, role: 'observer', host: '::1', port: 9002 },
      { id: 3, role: 'participant', host: 'host3', port: 8281 },
    ]);
  });

  it('is read from the environment and from a file alike', () => {
    const { members } = load(three);
    expect(load([], { ZOOGATE_MEMBER: '1=a:8281, 2=b:8282,3=c:8283' }).members).toEqual(members);
    const file = join(temporaryDirectory(), 'zoogate.yaml');
    writeFileSync(file, 'member:\n  - 1=a:8281\n  - 2=b:8282\n  - 3=c:8283\n');
    expect(load(['--config', file]).members).toEqual(members);
  });

  it('gives a node its peer port, which a flag overrides', () => {
    expect(load(['--id', '2', '--member', '2=localhost:9002']).peerPort).toBe(9002);
    expect(load([...three, '--id', '3']).peerPort).toBe(8283);
    expect(load([...three, '--peer-port', '9']).peerPort).toBe(9);
  });

  it('may be of one', () => {
    expect(load(['--member', '1=a:8281']).members).toHaveLength(1);
  });

  it.each([
    ['1', 'must be ID=HOST:PEERPORT, such as'],
    ['1=a:1,2=b:2', 'names one member: give the flag once for each'],
    ['1=a', 'must be ID=HOST:PEERPORT'],
    ['a=b:1', 'must be ID=HOST:PEERPORT'],
    ['1=a:b', 'must be ID=HOST:PEERPORT'],
    ['1=a:b:1', 'must be ID=HOST:PEERPORT'],
    ['1=::1:8281', 'must be ID=HOST:PEERPORT'],
    ['0=a:1', 'has the id 0: ids are 1 to 255'],
    ['256=a:1', 'has the id 256: ids are 1 to 255'],
    ['1=a:0', 'has the port 0: ports of members are 1 to 65535'],
    ['1=a:65536', 'has the port 65536: ports of members are 1 to 65535'],
    ['1=http://a:1', 'must be ID=HOST:PEERPORT'],
    ['1=a b:1', 'has the host a b, which is neither a name nor an address'],
    ['1=-a:1', 'has the host -a, which is neither'],
    ['1=a..b:1', 'has the host a..b, which is neither'],
    ['1=10.0.0.256:1', 'has the host 10.0.0.256, which is neither'],
    ['1=10.0.1:1', 'has the host 10.0.1, which is neither'],
    ['1=[10.0.0.1]:1', 'has the host [10.0.0.1], which is neither'],
    [`1=${'a'.repeat(64)}:1`, `has the host ${'a'.repeat(64)}, which is neither`],
    ['1=0.0.0.0:1', 'has the host 0.0.0.0, which nobody can call'],
    ['1=[::]:1', 'has the host [::], which nobody can call'],
  ])('does not take %j', (given, problem) => {
    const [mistake = ''] = mistakesOf(['--member', given]);
    expect(mistake.startsWith(`--member ${problem}`), mistake).toBe(true);
  });

  it.each([
    'node-1.example:8281',
    'zoogate_1:8281',
    '192.0.2.1:8281',
    '[2001:db8::2]:8281',
    'a.:1',
  ])('takes %s', (address) => {
    expect(load(['--member', `1=${address}`]).members).toHaveLength(1);
  });

  it('names this node', () => {
    expect(mistakesOf([...three, '--id', '4'])).toEqual([
      '--id is 4, but --member and --observer name 1, 2, 3: every node is in its own list, which is ' +
        'the same on all of them',
    ]);
  });

  it('names nobody twice, neither by id nor by address, and tells all of it at once', () => {
    const args = ['--member', '1=a:1', '--member', '1=b:1', '--member', '2=A:1', '--id', '2'];
    expect(mistakesOf([...args, '--observer', '2=c:1', '--observer', '3=b:1'])).toEqual([
      '--member names 1 twice',
      '--member gives a:1 to both 1 and 2',
      '--observer names 2, which --member names too: it either votes or it does not',
      '--observer gives b:1 to both 1 and 3',
    ]);
  });

  it('has members that vote', () => {
    expect(mistakesOf(['--observer', '1=a:1'])).toEqual([
      '--observer is given without any --member: an ensemble needs members that vote',
    ]);
  });

  it('is bounded', () => {
    const ids = (from: number, count: number): number[] =>
      Array.from({ length: count }, (_, index) => from + index);
    const most = [...list('--member', ids(1, votersMax))];
    expect(load(most).members).toHaveLength(votersMax);
    expect(mistakesOf(list('--member', ids(1, votersMax + 1)))).toEqual([
      `--member is given ${votersMax + 1} times, and at most ${votersMax} members may vote`,
    ]);
    const observers = (count: number): string[] => list('--observer', ids(votersMax + 1, count));
    expect(load([...most, ...observers(membersMax - votersMax)]).members).toHaveLength(membersMax);
    expect(mistakesOf([...most, ...observers(membersMax - votersMax + 1)])).toEqual([
      `--observer makes ${membersMax + 1} members, and there may be ${membersMax}`,
    ]);
  });

  it('needs a peer port that the others can know, apart from that of the clients', () => {
    expect(mistakesOf([...three, '--peer-port', '0'])).toEqual([
      '--peer-port is 0, but the other members must know the port: name it',
    ]);
    expect(mistakesOf([...three, '--port', '8281'])).toEqual([
      '--peer-port is 8281, on which clients are served (--port)',
    ]);
    expect(load(['--peer-port', '0']).peerPort).toBe(0);
  });
});

describe('warnings', () => {
  it('are given of an even number of votes', () => {
    expect(warningsOf(list('--member', [1, 2, 3, 4]))[0]).toBe(
      '4 members vote: they survive the loss of 1, as 3 would; prefer an odd number',
    );
  });

  it('are given where the list and the sockets do not fit together', () => {
    const args = [...three, '--peer-port', '9', '--id', '2'];
    expect(warningsOf(args)).toEqual([
      'the others look for this node at b:8282, but it listens for them on 127.0.0.1 alone; ' +
        '--peer-host says where else',
      'the others look for this node at port 8282, but it listens for them on port 9 (--peer-port)',
    ]);
    const mixed = ['--member', '1=127.0.0.1:1', '--member', '2=b:1', '--member', '3=c:1'];
    expect(warningsOf(mixed)).toEqual([
      'other machines cannot reach 1, whose address in the list is a loopback one',
    ]);
  });

  it('are not given otherwise', () => {
    expect(warningsOf([])).toEqual([]);
    expect(warningsOf([...three, '--peer-host', '0.0.0.0', '--insecure-listen'])).toEqual([]);
    const local = [1, 2, 3].flatMap((id) => ['--member', `${id}=127.0.0.1:${8280 + id}`]);
    expect(warningsOf(local)).toEqual([]);
  });
});

describe('failure detection', () => {
  it('has settings of its own, whatever the tick is', () => {
    expect(load(['--tick-ms', '10s'])).toMatchObject({ peerTimeout: 1000, peerPing: 100 });
    const args = ['--peer-timeout', '3s', '--peer-ping', '50ms', '--peer-connect-timeout', '1m'];
    expect(load(args)).toMatchObject({
      peerTimeout: 3000,
      peerPing: 50,
      peerConnectTimeout: 60_000,
    });
  });

  it('needs several signs of life in its timeout', () => {
    expect(mistakesOf(['--peer-ping', '400ms', '--peer-connect-timeout', '900ms'])).toEqual([
      '--peer-ping is 400ms, more than a third of --peer-timeout, which is 1s',
      '--peer-connect-timeout is 900ms, less than --peer-timeout, which is 1s',
    ]);
  });
});

describe('the URL for clients', () => {
  const urlOf = (args: readonly string[], port = 8181): string => clientUrlOf(load(args), port);

  it('is what is told', () => {
    expect(urlOf(['--client-url', 'https://a.example'])).toBe('https://a.example');
    expect(mistakesOf(['--client-url', 'a.example:8181'])[0]).toMatch(
      'must be a URL without a path',
    );
    expect(mistakesOf(['--client-url', 'http://u:p@a.example'])).toHaveLength(1);
    expect(mistakesOf(['--client-url', 'http://a.example/zoo'])).toHaveLength(1);
  });

  it('follows from where the node listens', () => {
    expect(urlOf([], 4711)).toBe('http://127.0.0.1:4711');
    expect(urlOf(['--host', '::1'])).toBe('http://[::1]:8181');
  });

  it('names the host that the list of members gives, where the node listens on all addresses', () => {
    const everywhere = ['--host', '0.0.0.0', '--insecure-listen'];
    expect(urlOf([...three, ...everywhere])).toBe('http://a:8181');
    expect(urlOf(everywhere)).toBe('http://127.0.0.1:8181');
  });
});

it('does not take what Kubernetes says of a service for a setting', () => {
  const link = 'tcp://10.0.0.1:8281';
  expect(load([], { ZOOGATE_PORT: link, ZOOGATE_PEER_PORT: link })).toMatchObject({
    port: 8181,
    peerPort: 8281,
  });
});
