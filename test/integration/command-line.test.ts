/** The commands of `zoogate` that run to their end. */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { runZoogate, startServer, temporaryDirectory } from '../support/server-process.ts';

const superDigest = 'admin:X41ZCzzImSwzLYGJgl4HpLgQSUQ=';

describe('the command line', () => {
  it('shows its help where nothing is asked', async () => {
    const help = await runZoogate([]);
    expect(help).toMatchObject({ code: 0, stderr: '' });
    expect(help.stdout).toMatch(/^Usage: zoogate <command>/m);
    expect((await runZoogate(['--help'])).stdout).toBe(help.stdout);
    expect((await runZoogate(['help'])).stdout).toBe(help.stdout);
  });

  it('shows the settings as the help of serve', async () => {
    const help = await runZoogate(['serve', '--help']);
    expect(help).toMatchObject({ code: 0, stderr: '' });
    expect((await runZoogate(['help', 'serve'])).stdout).toBe(help.stdout);
    expect(help.stdout).toContain('--data-dir DIR');
    expect(help.stdout).toContain('[default 8180 + <id>; ZOOGATE_PORT]');
  });

  it('shows its version', async () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    expect(await runZoogate(['--version'])).toMatchObject({ code: 0, stdout: `${version}\n` });
  });

  it.each([
    [['start'], 'start is not a command; did you mean serve?\n`zoogate help` lists them.\n'],
    [['serv'], 'serv is not a command; did you mean serve?'],
    [['help', 'ensembel'], 'ensembel is not a command; did you mean ensemble?'],
    [['-V'], '-V is not a command; did you mean --version?'],
    [['--port', '1'], 'options of a node stand behind `serve`: zoogate serve --port …'],
    [['constructor'], 'constructor is not a command'],
    [['log'], 'needs one of list, verify, print'],
    [['log', 'print', '--from', 'x'], '--from must be a zxid'],
    [['log', 'print', '--zxid', '1'], '--zxid is not an option'],
    [['snapshot', 'list', 'more'], 'more is not expected here: list takes no file'],
    [['snapshot', 'show'], 'show is none of list, verify, print'],
    [['log', 'lsit'], 'lsit is none of list, verify, print; did you mean list?'],
    [['log', 'print', '--form', '1'], '--form is not an option; did you mean --from?'],
    [['log', 'print', '--from'], '--from needs a value'],
    [['serve', '--data-dirr', 'x'], '--data-dirr is not a setting; did you mean --data-dir?'],
    [['serve', '--id', '300'], '--id must be from 1 to 255, not 300'],
  ])('refuses %j with status 2', async (args, problem) => {
    const result = await runZoogate(args);
    expect(result).toMatchObject({ code: 2, stdout: '' });
    expect(result.stderr).toContain(problem);
    expect(result.stderr).not.toMatch(/^\s+at /m);
  });

  it('prints the settings in force, without secrets, and starts nothing', async () => {
    const args = ['serve', '--print-config', '--id', '3', '--super-digest', superDigest];
    const result = await runZoogate(args);
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(result.stdout).toMatch(/^port: 8183 /m);
    expect(result.stdout).toMatch(/^super-digest: \(hidden\) /m);
    expect(result.stdout).not.toContain(superDigest);
  });
});

describe('an offline look', () => {
  let dataDir: string;

  function lines(text: string): Record<string, unknown>[] {
    const all = text.trim().split('\n');
    return all.map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  beforeAll(async () => {
    const server = await startServer({ args: ['--super-digest', 'super:' + hashOfSuper] });
    ({ dataDir } = server);
    await fetch(`${server.url}/znodes/a`, { method: 'PUT', body: 'one' });
    await fetch(`${server.url}/znodes/a`, { method: 'PUT', body: 'two' });
    await fetch(`${server.url}/sessions`, { method: 'POST' });
    const snapshot = await fetch(`${server.url}/admin/snapshots`, {
      method: 'POST',
      headers: { Authorization: `Basic ${Buffer.from('super:secret').toString('base64')}` },
    });
    expect(snapshot.status).toBe(201);
    const download = await fetch(server.url + (snapshot.headers.get('location') ?? ''), {
      headers: { Authorization: `Basic ${Buffer.from('super:secret').toString('base64')}` },
    });
    expect(download.headers.get('content-disposition')).toBe(
      'attachment; filename="0000000000000004.snapshot"',
    );
    downloaded = Buffer.from(await download.arrayBuffer());
    await fetch(`${server.url}/znodes/a`, { method: 'DELETE' });
    await server.stop();
  });

  let downloaded = Buffer.alloc(0);

  // printf 'super:secret' | openssl dgst -sha1 -binary | base64
  const hashOfSuper = 'lK75jTNcA+U9vtVEw5vB51mj/w4=';

  it('prints the log, record by record', async () => {
    const { code, stdout } = await runZoogate(['log', 'print', '--data-dir', dataDir]);
    expect(code).toBe(0);
    expect(lines(stdout)).toMatchObject([
      { zxid: 1, epoch: 1, kind: 'epoch', payload: { leader: 1 } },
      { zxid: 2, kind: 'txn', payload: { changes: [{ type: 'create', path: '/a', data: 'one' }] } },
      { zxid: 3, payload: { changes: [{ type: 'set', path: '/a', data: 'two', version: 1 }] } },
      { zxid: 4, payload: { changes: [{ type: 'createSession', timeoutMs: 10_000 }] } },
      { zxid: 5, payload: { changes: [{ type: 'delete', path: '/a' }] } },
    ]);
    expect(stdout).not.toContain('secret');
  });

  it('prints a part of the log', async () => {
    const args = ['log', 'print', '--from', '3', '--to', '4'];
    const { stdout } = await runZoogate(args, { ZOOGATE_DATA_DIR: dataDir });
    expect(lines(stdout).map(({ zxid }) => zxid)).toEqual([3, 4]);
  });

  it('lists and verifies the log', async () => {
    const list = await runZoogate(['log', 'list', '--data-dir', dataDir]);
    expect(lines(list.stdout)).toMatchObject([{ firstZxid: 1 }]);
    const verified = await runZoogate(['log', 'verify', '--data-dir', dataDir]);
    expect(verified.code).toBe(0);
    expect(lines(verified.stdout)).toMatchObject([{ firstZxid: 1, lastZxid: 5, status: 'ok' }]);
  });

  it('lists, verifies and prints the snapshots', async () => {
    const list = await runZoogate(['snapshot', 'list', '--data-dir', dataDir]);
    expect(lines(list.stdout)).toMatchObject([{ zxid: 4 }]);
    const verified = await runZoogate(['snapshot', 'verify', '--data-dir', dataDir]);
    expect(verified.code).toBe(0);
    expect(lines(verified.stdout)).toMatchObject([{ zxid: 4, epoch: 1, status: 'ok' }]);
    const print = await runZoogate(['snapshot', 'print', '--data-dir', dataDir]);
    expect(print.code).toBe(0);
    const znodes = lines(print.stdout) as { path: string; stat: { version: number } }[];
    expect(znodes.map(({ path }) => path)).toContain('/a');
    expect(znodes.find(({ path }) => path === '/a')?.stat.version).toBe(1);
    const none = await runZoogate(['snapshot', 'print', '--zxid', '3', '--data-dir', dataDir]);
    expect(none).toMatchObject({
      code: 1,
      stdout: '',
      stderr: 'zoogate: there is no snapshot of zxid 3\n',
    });
  });

  it('verifies and prints a snapshot that was downloaded, whatever its name', async () => {
    const [original = ''] = readdirSync(join(dataDir, 'snapshots'));
    expect(downloaded).toEqual(readFileSync(join(dataDir, 'snapshots', original)));
    const file = join(temporaryDirectory(), 'backup of today');
    writeFileSync(file, downloaded);
    const verified = await runZoogate(['snapshot', 'verify', file]);
    expect(verified.code).toBe(0);
    expect(lines(verified.stdout)).toEqual([
      { file: 'backup of today', bytes: downloaded.length, zxid: 4, epoch: 1, status: 'ok' },
    ]);
    const print = await runZoogate(['snapshot', 'print', file]);
    expect(lines(print.stdout)).toMatchObject([{ path: '/' }, { path: '/a' }, {}, {}, {}]);

    writeFileSync(file, downloaded.subarray(0, -1));
    const cut = await runZoogate(['snapshot', 'verify', file]);
    expect(cut.code).toBe(1);
    expect(lines(cut.stdout)).toMatchObject([{ status: 'damaged' }]);
    const missing = await runZoogate(['snapshot', 'verify', `${file}-not`]);
    expect(missing).toMatchObject({ code: 1, stdout: '' });
    expect(missing.stderr).toMatch(/^zoogate: ENOENT: .*backup of today-not'\n$/);
    for (const args of [
      ['list', file],
      ['verify', file, file],
      ['print', file, '--zxid', '4'],
      ['print', file, '--data-dir', dataDir],
    ]) {
      const refused = await runZoogate(['snapshot', ...args]);
      expect(refused.code).toBe(2);
      expect(refused.stderr).toMatch(/is not expected (?:here|beside)/);
    }
  });

  it.each([
    ['snapshots/0000000000000004.snapshot', 'as it was downloaded'],
    ['snapshots/0000000000000004.snapshot', 'cut short'],
    ['snapshots/4', 'as it was downloaded'],
    ['snapshots/backup.tar.gz', 'something else'],
    ['backup.snapshot', 'as it was downloaded'],
    ['log/0000000000000005.log', 'something else'],
  ])('does not begin a new cluster beside %s, %s', async (path, what) => {
    const directory = temporaryDirectory();
    const file = join(directory, path);
    mkdirSync(dirname(file), { recursive: true });
    const whole = what === 'something else' ? Buffer.from('PK') : downloaded;
    writeFileSync(file, what === 'cut short' ? whole.subarray(0, 100) : whole);
    const start = await runZoogate(['serve', '--port', '0', '--data-dir', directory]);
    expect(start).toMatchObject({ code: 1 });
    expect(start.stderr).toMatch(/^zoogate: /);
    if (!path.startsWith('log/')) {
      expect(start.stderr).toContain(
        `the data directory ${directory} is refused: it holds ${path}`,
      );
      expect(start.stderr).toContain('`zoogate snapshot verify FILE`');
    }
    expect(readFileSync(file)).toEqual(what === 'cut short' ? whole.subarray(0, 100) : whole);
    expect(existsSync(join(directory, 'identity.a'))).toBe(false);
  });

  it('makes no directory where there is none', async () => {
    const parent = temporaryDirectory();
    const result = await runZoogate(['log', 'list', '--data-dir', join(parent, 'none')]);
    expect(result).toMatchObject({ code: 1, stdout: '' });
    expect(result.stderr).toMatch(/^zoogate: there is no data directory /);
    expect(readdirSync(parent)).toEqual([]);
  });

  it('finds damage, and a node with it does not start', async () => {
    const snapshots = join(dataDir, 'snapshots');
    const [snapshot = ''] = readdirSync(snapshots);
    truncateSync(join(snapshots, snapshot), 100);
    const verified = await runZoogate(['snapshot', 'verify', '--data-dir', dataDir]);
    expect(verified.code).toBe(1);
    expect(lines(verified.stdout)).toMatchObject([{ zxid: 4, status: 'damaged' }]);

    const segments = join(dataDir, 'log');
    const [segment = ''] = readdirSync(segments).filter((name) => name.endsWith('.log'));
    const file = join(segments, segment);
    const bytes = readFileSync(file);
    const at = bytes.indexOf('two');
    bytes.write('TWO', at);
    writeFileSync(file, bytes);
    const damaged = await runZoogate(['log', 'verify', '--data-dir', dataDir]);
    expect(damaged.code).toBe(1);
    expect(lines(damaged.stdout)).toMatchObject([{ lastZxid: 2, status: 'damaged' }]);
    const start = await runZoogate(['serve', '--port', '0', '--data-dir', dataDir]);
    expect(start).toMatchObject({ code: 1, stdout: '' });
    expect(start.stderr).toMatch(/^zoogate: log\/\d+\.log is damaged at offset \d+ \(zxid 3\): /);
  });
});
