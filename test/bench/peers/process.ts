/** A server process of an ensemble: started, killed and started again, and never left behind. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';

export interface Program {
  readonly command: string;
  readonly args: readonly string[];
  readonly folder: string;
}

const stopTimeoutMs = 20_000;
const tailCharacters = 4000;

export class ServerProcess {
  readonly #name: string;
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  #tail = '';

  constructor(name: string, { command, args, folder }: Program) {
    this.#name = name;
    const child = spawn(command, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    // Read, so that the process never waits for it; the end is kept for the error text.
    const keep = (chunk: Buffer): void => {
      this.#tail = (this.#tail + chunk.toString()).slice(-tailCharacters);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    this.#exited = once(child, 'close');
    const kill = (): void => void child.kill('SIGKILL');
    process.prependOnceListener('exit', kill);
    child.once('exit', () => process.off('exit', kill));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Polls `isUp` until it holds. @throws Error with the end of its output when that takes too long */
  async waitUntil(isUp: () => Promise<boolean>, timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    while (!(await isUp())) {
      if (this.hasEnded || performance.now() > deadline) {
        const what = this.hasEnded ? 'has ended' : `does not serve after ${timeoutMs} ms`;
        throw new Error(`${this.#name} ${what}:\n${this.#tail}`);
      }
      await delay(20);
    }
  }

  /** Sends a signal and returns at once. */
  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async ended(): Promise<void> {
    await this.#exited;
  }

  /** Ends it in order, or after a while without. */
  async stop(): Promise<void> {
    if (this.hasEnded) return;
    this.signal('SIGTERM');
    const timer = setTimeout(() => this.signal('SIGKILL'), stopTimeoutMs);
    await this.ended();
    clearTimeout(timer);
  }
}
