/** Loads and ceilings run in processes of their own, so that only the server is in the server's figures. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const stopTimeoutMs = 5000;

function start(script: string, input: unknown): ChildProcess {
  const file = fileURLToPath(new URL(script, import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', file, JSON.stringify(input)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const kill = (): void => void child.kill('SIGKILL');
  process.prependOnceListener('exit', kill);
  child.once('exit', () => process.off('exit', kill));
  return child;
}

/** The lines that a child prints, each as one JSON value. */
async function* linesOf(child: ChildProcess): AsyncGenerator {
  if (child.stdout === null) throw new Error('the child has no output');
  for await (const line of createInterface({ input: child.stdout })) yield JSON.parse(line);
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs);
  await ended;
  clearTimeout(timer);
}

/** Runs `script` to its end. @returns what it printed, a value a line */
export async function runChild<Result>(script: string, input: unknown): Promise<Result[]> {
  const child = start(script, input);
  const ended = once(child, 'exit');
  const results: Result[] = [];
  try {
    for await (const result of linesOf(child)) results.push(result as Result);
  } finally {
    child.kill('SIGKILL');
  }
  const [code] = (await ended) as [number | null];
  if (results.length === 0) throw new Error(`${script} ended with ${code} and no result`);
  return results;
}

export interface RunningChild<Message> {
  readonly pid: number;
  /** What the child printed first. */
  readonly ready: Message;
  /** Tells the child to go on, and waits for what it prints next. */
  next(): Promise<Message>;
  stop(): Promise<void>;
}

/** Starts `script` and waits for its first line; further lines come one for each `next`. */
export async function startChild<Message>(
  script: string,
  input: unknown,
): Promise<RunningChild<Message>> {
  const child = start(script, input);
  const lines = linesOf(child);
  const read = async (): Promise<Message> => {
    const line = await lines.next();
    if (line.done === true) throw new Error(`${script} ended with ${String(child.exitCode)}`);
    return line.value as Message;
  };
  const ready = await read();
  return {
    pid: child.pid ?? 0,
    ready,
    next: () => {
      child.stdin?.write('\n');
      return read();
    },
    stop: () => stop(child),
  };
}

/** In a child: its input. */
export function childInput(): unknown {
  const text = process.argv[2];
  if (text === undefined) throw new Error('this script is started by the benchmark');
  return JSON.parse(text);
}

/** In a child: one line of its output. */
export function print(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

/** In a child: waits until the benchmark says go on. */
export async function untilTold(): Promise<void> {
  await once(process.stdin, 'data');
}
