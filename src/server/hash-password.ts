/** `zoogate hash-password`: from a password to the text that `--super-digest` and ACLs have of it. */
import { createHash } from 'node:crypto';
import process from 'node:process';
import { ExitStatus } from './exit-status.ts';
import { ArgumentError, parseStrictly } from './strict-arguments.ts';

const help = `Usage: zoogate hash-password --super USER

Reads a password from standard input, one line, and prints USER:HASH, the value of --super-digest. Nothing
secret stands in an argument, which every user of the machine could read. On a terminal the password is
asked for and not shown.

  export ZOOGATE_SUPER_DIGEST=$(zoogate hash-password --super admin)
  zoogate serve

or in a file for --config that others cannot read: \`super-digest: USER:HASH\`.

  --super USER   the user of the identity that passes every ACL
  -h, --help     show this text
`;

/** Bytes of standard input that are looked at: whatever is longer is no password but a file given by mistake. */
const INPUT_BYTES_MAX = 4096;

/** `user:base64(sha1("user:password"))`, ZooKeeper's form. */
export function digestOf(user: string, password: string): string {
  const hash = createHash('sha1').update(`${user}:${password}`).digest('base64');
  return `${user}:${hash}`;
}

export async function hashPasswordCommand(args: readonly string[]): Promise<ExitStatus> {
  let user: string | undefined;
  try {
    const options = { super: { type: 'string' }, help: { type: 'boolean', short: 'h' } } as const;
    const { values } = parseStrictly({ args: [...args], options });
    if (values.help === true) {
      process.stdout.write(help);
      return ExitStatus.OK;
    }
    user = values.super;
  } catch (error) {
    if (!(error instanceof ArgumentError)) throw error;
    return misused(error.message);
  }
  if (user === undefined) return misused('needs --super USER');
  if (!/^[^:\s]+$/.test(user)) return misused('--super must be a name without colons and spaces');
  const password = process.stdin.isTTY ? await askTwice() : await firstLine();
  if (typeof password !== 'string') return failed(password.problem);
  process.stdout.write(`${digestOf(user, password)}\n`);
  return ExitStatus.OK;
}

function misused(problem: string): ExitStatus {
  process.stderr.write(`zoogate: ${problem}\n\n${help}`);
  return ExitStatus.USAGE;
}

function failed(problem: string): ExitStatus {
  process.stderr.write(`zoogate: ${problem}\n`);
  return ExitStatus.FAILED;
}

interface Refused {
  readonly problem: string;
}

/** What a pipe or a file has up to its first line end; an editor puts one there that is not meant. */
async function firstLine(): Promise<string | Refused> {
  let bytes = Buffer.alloc(0);
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    bytes = Buffer.concat([bytes, chunk]);
    if (bytes.length > INPUT_BYTES_MAX) {
      return {
        problem: `the input is longer than ${INPUT_BYTES_MAX} bytes: a password is one line`,
      };
    }
  }
  const [line = '', ...rest] = bytes.toString('utf8').split(/\r?\n/);
  if (rest.some((each) => each !== '')) return { problem: 'the input has more than one line' };
  return judged(line);
}

function judged(password: string): string | Refused {
  return password === ''
    ? { problem: 'the password is empty: give it on standard input' }
    : password;
}

async function askTwice(): Promise<string | Refused> {
  const first = await ask('Password: ');
  if (typeof first !== 'string') return first;
  const second = await ask('Once more: ');
  if (typeof second !== 'string') return second;
  return first === second ? judged(first) : { problem: 'the two passwords differ' };
}

/** A line from the terminal, which shows nothing of it: the echo is the terminal's, and off in raw mode. */
function ask(prompt: string): Promise<string | Refused> {
  const { stdin, stderr } = process;
  return new Promise((resolve) => {
    let text = '';
    const end = (answer: string | Refused): void => {
      stdin.off('data', take).off('end', close).pause().setRawMode(false);
      stderr.write('\n');
      resolve(answer);
    };
    const close = (): void => end({ problem: 'no password was given' });
    const take = (chunk: string): void => {
      for (const key of chunk) {
        if (key === '\r' || key === '\n') {
          end(text);
          return;
        }
        // Ctrl-C and Ctrl-D, which in raw mode are keys like any other.
        if (key === '\u0003' || key === '\u0004') {
          close();
          return;
        }
        if (key === '\u007f' || key === '\b') text = text.replace(/.$/su, '');
        else text += key;
        if (text.length > INPUT_BYTES_MAX) {
          close();
          return;
        }
      }
    };
    stdin.setRawMode(true).setEncoding('utf8').on('data', take).once('end', close).resume();
    // Only now, since an answer that comes at once must find the echo off.
    stderr.write(prompt);
  });
}
