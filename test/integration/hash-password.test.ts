/** The identity that passes every ACL, made without showing its password to the other users of the machine. */
import { spawn, spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { executable, startServer } from '../support/server-process.ts';

function run(args: readonly string[], input: string | Buffer) {
  const command = [executable, 'hash-password', ...args];
  return spawnSync(process.execPath, command, { input, encoding: 'utf8' });
}

// printf 'super:secret' | openssl dgst -sha1 -binary | base64
const digest = 'super:lK75jTNcA+U9vtVEw5vB51mj/w4=\n';

describe('zoogate hash-password', () => {
  it.each(['secret', 'secret\n', 'secret\r\n'])('takes the password %j', (input) => {
    const { status, stdout, stderr } = run(['--super', 'super'], input);
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: digest, stderr: '' });
  });

  it('takes what else a password may hold: colons, spaces, any letter', () => {
    const { stdout } = run(['--super', 'é'], ' a: ü \n');
    // printf 'é: a: ü ' | openssl dgst -sha1 -binary | base64
    expect(stdout).toMatch(/^é:[A-Za-z0-9+/]{27}=\n$/);
  });

  it.each([
    ['', 'the password is empty: give it on standard input'],
    ['\n', 'the password is empty: give it on standard input'],
    ['one\ntwo\n', 'the input has more than one line'],
    ['x'.repeat(5000), 'the input is longer than 4096 bytes: a password is one line'],
  ])('refuses %j', (input, problem) => {
    const { status, stdout, stderr } = run(['--super', 'super'], input);
    expect({ status, stdout, stderr }).toEqual({
      status: 1,
      stdout: '',
      stderr: `zoogate: ${problem}\n`,
    });
  });

  it.each([
    [[], 'needs --super USER'],
    [['--super', 'a:b'], '--super must be a name without colons and spaces'],
    [['--super', 'admin', 'secret'], 'secret is not expected here'],
    [['--password', 'secret'], '--password is not an option'],
  ])('refuses the arguments %j, and shows how it is used', (args, problem) => {
    const { status, stderr } = run(args, 'secret');
    expect(status).toBe(2);
    expect(stderr).toContain(`zoogate: ${problem}`);
    expect(stderr).toContain('Usage: zoogate hash-password --super USER');
  });

  it('makes what a node takes from its environment, and the password then passes every ACL', async () => {
    const { stdout } = run(['--super', 'root'], 'pass:word\n');
    const node = await startServer({ env: { ZOOGATE_SUPER_DIGEST: stdout.trim() } });
    const snapshot = (password: string): Promise<Response> =>
      fetch(`${node.url}/admin/snapshots`, {
        method: 'POST',
        headers: { Authorization: `Basic ${Buffer.from(`root:${password}`).toString('base64')}` },
      });
    expect((await snapshot('pass:word')).status).toBe(201);
    expect((await snapshot('password')).status).toBe(403);
    await node.stop();
  });

  const hasScript =
    process.platform === 'linux' && spawnSync('script', ['--version']).error === undefined;
  it.runIf(hasScript)('asks on a terminal, twice, and shows nothing of what is typed', async () => {
    const command = `'${process.execPath}' '${executable}' hash-password --super super`;
    const typed = async (answers: readonly string[]): Promise<string> => {
      const child = spawn('script', ['-qec', command, '/dev/null'], { stdio: 'pipe' });
      let shown = '';
      let asked = 0;
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        shown += text;
        const prompts = shown.match(/: (?=$|\r)/gm)?.length ?? 0;
        for (; asked < prompts; asked += 1) child.stdin.write(answers[asked] ?? '');
      });
      await new Promise((resolve) => child.once('close', resolve));
      return shown.replaceAll('\r\n', '\n');
    };
    expect(await typed(['secrex\u007ft\r', 'secret\r'])).toBe(`Password: \nOnce more: \n${digest}`);
    expect(await typed(['secret\r', 'other\r'])).toContain('zoogate: the two passwords differ');
    expect(await typed(['sec\u0003'])).toContain('zoogate: no password was given');
  });
});
