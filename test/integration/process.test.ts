/** The life of the process: start, orderly end, disorderly end, and what it refuses. */
import { existsSync, readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { runZoogate, startServer, temporaryDirectory } from '../support/server-process.ts';
import type { Exit } from '../support/server-process.ts';
import { pause, until } from '../support/waiting.ts';

async function put(url: string, path: string, body: string): Promise<number> {
  const { status } = await fetch(`${url}/znodes${path}`, { method: 'PUT', body });
  return status;
}

async function get(url: string, path: string): Promise<string> {
  return (await fetch(`${url}/znodes${path}`)).text();
}

/** Resolves when the node has taken the request up, whose body does not come. */
async function halfARequest(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  const head = 'PUT /znodes/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n';
  socket.write(`${head}Expect: 100-continue\r\n\r\n`);
  await new Promise((resolve) => socket.once('data', resolve));
  return socket;
}

describe('a node', () => {
  it('serves on a free port, says which, and ends on SIGTERM with status 0', async () => {
    const server = await startServer();
    const portFile = join(server.dataDir, 'http.port');
    expect(readFileSync(portFile, 'utf8')).toBe(`${server.port}\n`);
    const processFile = join(server.dataDir, 'pid');
    expect(readFileSync(processFile, 'utf8')).toBe(`${server.pid}\n`);
    expect(await put(server.url, '/hello', 'world')).toBe(201);
    expect(await get(server.url, '/hello')).toBe('world');

    expect(await server.stop()).toEqual({ code: 0, signal: null });
    expect(existsSync(portFile)).toBe(false);
    expect(existsSync(processFile)).toBe(false);
    const lines = server.stdout().trim().split('\n');
    const start = lines.findIndex((line) => line.includes('"url"'));
    expect(JSON.parse(lines[start] ?? '')).toMatchObject({
      level: 'info',
      ...{ id: 1, zxid: 1, epoch: 1, dataDir: server.dataDir, url: server.url },
      recoveryMs: expect.any(Number) as number,
      version: expect.stringMatching(/^\d+\.\d+\.\d+/) as string,
    });
    const rest = lines.slice(start + 1);
    expect(rest.map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual([
      'stopping',
      'stopped',
    ]);
    expect(server.stderr()).toBe('');
  });

  it('ends on SIGINT too, with what waits answered and streams sent elsewhere', async () => {
    const server = await startServer();
    await put(server.url, '/a', '1');
    const { headers } = await fetch(`${server.url}/znodes/a`);
    const poll = fetch(`${server.url}/znodes/a?wait=60s`, {
      headers: { 'If-None-Match': headers.get('etag') ?? '' },
    });
    const socket = new WebSocket(server.wsUrl);
    const messages: string[] = [];
    socket.on('message', (data: Buffer) => messages.push(data.toString()));
    const closed = new Promise<number>((resolve) => socket.once('close', resolve));
    await new Promise((resolve) => socket.once('open', resolve));
    socket.send('{"type": "connect", "id": 1}');
    await new Promise((resolve) => socket.once('message', resolve));

    expect(await server.kill('SIGINT')).toEqual({ code: 0, signal: null });
    expect(await closed).toBe(1012);
    expect(messages.at(-1)).toContain('"type":"goaway"');
    expect((await poll).status).toBe(503);
  });

  it('does not wait for ever for the rest of a request', async () => {
    const server = await startServer({ args: ['--shutdown-timeout', '6s'] });
    const client = await halfARequest(server.port);
    const startedMs = performance.now();
    expect(await server.stop()).toEqual({ code: 0, signal: null });
    // Half of the time is the request's, the other half is enough for the rest of the shutdown.
    expect(performance.now() - startedMs).toBeGreaterThan(2900);
    client.destroy();
  });

  it('ends at once on a second signal, but not on the echo of the first', async () => {
    const server = await startServer({ args: ['--shutdown-timeout', '10m'] });
    const client = await halfARequest(server.port);
    void server.kill('SIGINT');
    void server.kill('SIGINT');
    await until('the stopping', () => server.stdout().includes('"stopping"') || undefined);
    let exit: Exit | undefined;
    void server.exited.then((ended) => (exit = ended));
    // Sent again and again, since how late is late enough is the process's own affair.
    const ended = await until('the end', async () => {
      void server.kill('SIGTERM');
      await pause(100);
      return exit;
    });
    expect(ended).toEqual({ code: 1, signal: null });
    client.destroy();
  });

  it('keeps what it has acknowledged when it is killed', async () => {
    const first = await startServer();
    const { dataDir } = first;
    for (let index = 0; index < 20; index++) await put(first.url, `/n${index}`, `v${index}`);
    expect(await first.kill('SIGKILL')).toEqual({ code: null, signal: 'SIGKILL' });

    const second = await startServer({ dataDir });
    for (let index = 0; index < 20; index++) {
      expect(await get(second.url, `/n${index}`)).toBe(`v${index}`);
    }
    expect(Number(readFileSync(join(dataDir, 'http.port'), 'utf8'))).toBe(second.port);
    expect(await second.stop()).toEqual({ code: 0, signal: null });
  });

  it('takes its settings from the environment too', async () => {
    const server = await startServer({ env: { ZOOGATE_ID: '7', ZOOGATE_LOG_LEVEL: 'debug' } });
    const { headers } = await fetch(`${server.url}/znodes/`, {
      headers: { Authorization: `Basic ${Buffer.from('ann:pw').toString('base64')}` },
    });
    expect(headers.get('zk-server')).toBe('7');
    await server.stop();
    expect(server.stdout()).toMatch(/"url":"\/znodes\/".*"status":200/);
    expect(server.stdout()).not.toContain('Basic');
  });
});

describe('zoogate health', () => {
  it('asks the node that has these settings, on any port that it has been given', async () => {
    const server = await startServer();
    const settings = { ZOOGATE_DATA_DIR: server.dataDir, ZOOGATE_PORT: '0' };
    for (const args of [['health'], ['health', '--ready']]) {
      const healthy = await runZoogate(args, settings);
      expect(healthy).toEqual({ code: 0, signal: null, stdout: '{"status":"ok"}\n', stderr: '' });
    }
    await server.stop();
    const gone = await runZoogate(['health', '--port', `${server.port}`]);
    expect(gone).toMatchObject({ code: 1, stdout: '' });
    expect(gone.stderr).toContain(`${server.url}/health/live does not answer: `);
  });

  it('refuses what is no setting', async () => {
    const result = await runZoogate(['health', '--prot', '1']);
    expect(result).toMatchObject({ code: 2, stdout: '' });
    expect(result.stderr).toContain('did you mean --port?');
  });
});

describe('a node does not start', () => {
  it('on a data directory that another process uses', async () => {
    const server = await startServer();
    const result = await runZoogate(['serve', '--port', '0', '--data-dir', server.dataDir]);
    expect(result).toMatchObject({ code: 1, stdout: '' });
    expect(result.stderr).toBe(
      `zoogate: data directory ${server.dataDir} is in use by process ${server.pid}: ` +
        'stop that process first, or give this node a data directory of its own\n',
    );
    expect(readFileSync(join(server.dataDir, 'http.port'), 'utf8')).toBe(`${server.port}\n`);
    expect(await put(server.url, '/still', 'there')).toBe(201);
    await server.stop();
  });

  it('on a port that another process uses', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    const dataDir = temporaryDirectory();
    const result = await runZoogate(['serve', '--port', `${port}`, '--data-dir', dataDir]);
    other.close();
    expect(result).toMatchObject({ code: 1, stdout: '' });
    expect(result.stderr).toBe(
      `zoogate: cannot listen on 127.0.0.1 port ${port} (EADDRINUSE): ` +
        'another process listens there; stop it, or choose another --port\n',
    );
    expect(existsSync(join(dataDir, 'http.port'))).toBe(false);
  });

  it.each(['/dev/null/data', '/proc/none'])(
    'in a data directory that cannot be: %s',
    async (dataDir) => {
      const result = await runZoogate(['serve', '--port', '0', '--data-dir', dataDir]);
      expect(result).toMatchObject({ code: 1, stdout: '' });
      const problem = `zoogate: the data directory ${dataDir} cannot be used (`;
      expect(result.stderr.startsWith(problem), result.stderr).toBe(true);
      expect(result.stderr).toContain('choose another --data-dir');
      expect(result.stderr.trim().split('\n')).toHaveLength(1);
    },
  );

  it('with a wrong configuration, and tells all of it', async () => {
    const dataDir = temporaryDirectory();
    const args = [
      'serve',
      '--data-dir',
      dataDir,
      '--port',
      'http',
      '--prot',
      '1',
      '--host',
      '0.0.0.0',
    ];
    const result = await runZoogate([...args, '--super-digest', 'admin:hunter2'], {
      ZOOGATE_TICK_MS: 'soon',
    });
    expect(result).toMatchObject({ code: 2, stdout: '' });
    expect(result.stderr).toBe(
      [
        'zoogate: the configuration has 4 mistakes:',
        '  --prot is not a setting; did you mean --port?',
        '  --port must be a whole number',
        '  --super-digest must be user:HASH, where HASH is base64(sha1("user:password"))',
        '  ZOOGATE_TICK_MS must be a duration such as 500ms, 30s, 5m, 2h or 1d',
        '`zoogate help serve` shows what there is.',
        '',
      ].join('\n'),
    );
  });

  it('open to other machines without being told so', async () => {
    const result = await runZoogate(['serve', '--host', '0.0.0.0', '--port', '0']);
    expect(result).toMatchObject({ code: 2, stdout: '' });
    expect(result.stderr).toContain('--insecure-listen');
  });
});
