/** A terminal of the page in which one command runs for long: its output comes by and by, Ctrl-C ends it. */
import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { createInterface } from 'node:readline';
import { matchesText } from './document.ts';

const LINE_TIMEOUT_MS = 60_000;

const open = new Set<Terminal>();
process.once('exit', () => {
  for (const terminal of open) terminal.signal('SIGKILL');
});

export class Terminal {
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #lines: string[] = [];
  readonly #ended: Promise<void>;
  #read = 0;
  #arrived: () => void = () => undefined;

  constructor(command: string, directory: string) {
    // A group of its own, to which a terminal sends its Ctrl-C.
    this.#process = spawn('bash', ['--noprofile', '--norc', '-c', command], {
      cwd: directory,
      detached: true,
    });
    open.add(this);
    for (const output of [this.#process.stdout, this.#process.stderr]) {
      createInterface({ input: output }).on('line', (line) => {
        this.#lines.push(line);
        this.#arrived();
      });
    }
    this.#ended = new Promise((resolve) => {
      this.#process.once('close', () => {
        open.delete(this);
        resolve();
      });
    });
  }

  /** Resolves when a line like this has come, after those that were waited for before. */
  async shows(expected: string): Promise<void> {
    const deadline = performance.now() + LINE_TIMEOUT_MS;
    for (;;) {
      while (this.#read < this.#lines.length) {
        const line = this.#lines[this.#read++] ?? '';
        if (matchesText(expected, line)) return;
      }
      if (performance.now() > deadline) {
        throw new Error(`no line like ${expected} in:\n${this.#lines.join('\n')}`);
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 1000);
        this.#arrived = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** To all processes that the terminal has, as Ctrl-C does. */
  signal(signal: NodeJS.Signals): void {
    const { pid } = this.#process;
    if (pid !== undefined && open.has(this)) process.kill(-pid, signal);
  }

  ended(): Promise<void> {
    return this.#ended;
  }
}
