/** One shell for all commands of a page, so that variables and background jobs live on. */
import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { randomUUID } from 'node:crypto';

const TIMEOUT_MS = 90_000;

export class Shell {
  readonly #process: ChildProcessWithoutNullStreams;
  #output = '';
  #arrived: () => void = () => undefined;

  constructor(directory: string) {
    this.#process = spawn('bash', ['--noprofile', '--norc'], { cwd: directory });
    this.#process.stdout.setEncoding('utf8');
    this.#process.stdout.on('data', (text: string) => {
      this.#output += text;
      this.#arrived();
    });
    this.#process.stderr.resume();
  }

  /** Runs one command; @returns the lines that it has written to its standard output */
  async run(command: string): Promise<string[]> {
    const mark = `end-${randomUUID()}`;
    this.#output = '';
    // The mark stands on a line of its own, also behind output that ends without one.
    this.#process.stdin.write(`${command}\nprintf '\\n%s\\n' ${mark}\n`);
    const text = await this.#until(`\n${mark}\n`);
    const lines = text.replaceAll('\r', '').split('\n');
    if (lines.at(-1) === '') lines.pop();
    return lines;
  }

  close(): void {
    this.#process.kill('SIGKILL');
  }

  async #until(mark: string): Promise<string> {
    const deadline = Date.now() + TIMEOUT_MS;
    for (;;) {
      const end = this.#output.indexOf(mark);
      if (end !== -1) return this.#output.slice(0, end);
      if (Date.now() > deadline) throw new Error(`no end of the command; so far:\n${this.#output}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 1000);
        this.#arrived = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }
}
