/**
 * The thread that writes the log: `writeSync` and `fdatasyncSync`, one after another, nothing else.
 *
 * Node's asynchronous file calls share four threads with password hashes, DNS and bulk I/O; behind them an
 * fsync of 0.1 ms was measured to take over a second. A thread that blocks costs nobody but itself.
 *
 * The program of the thread is a function that refers to nothing outside it, handed over as text: so it is
 * the same typed and linted code whether the node runs from `dist/` or, in tests, straight from its
 * sources, which a worker of Node 20 could not load.
 */
import type * as fileSystem from 'node:fs';
import { Worker, type MessagePort } from 'node:worker_threads';
import { errorOf } from './errors.ts';

export type LogJob =
  | { readonly type: 'open'; readonly path: string }
  | {
      readonly type: 'append';
      readonly fd: number;
      readonly offset: number;
      readonly bytes: Uint8Array;
      readonly hint: Uint8Array | undefined;
    }
  | { readonly type: 'publish'; readonly from: string; readonly to: string; readonly in: string }
  | { readonly type: 'close'; readonly fd: number };

/** Answers come in the order of the jobs. */
type LogAnswer =
  { readonly value: number } | { readonly code: string | undefined; readonly message: string };

function program(fs: typeof fileSystem, port: MessagePort): void {
  // A hint is written after its append was answered; what goes wrong there is told with the next job.
  let hintFailure: Error | undefined;

  function writeAll(fd: number, bytes: Uint8Array, offset: number): void {
    // A short write says nothing of its cause; the attempt to write the rest does.
    for (let done = 0; done < bytes.length;) {
      done += fs.writeSync(fd, bytes, done, bytes.length - done, offset + done);
    }
  }

  function perform(job: LogJob): number {
    switch (job.type) {
      case 'open':
        return fs.openSync(job.path, 'r+');
      case 'append':
        writeAll(job.fd, job.bytes, job.offset);
        fs.fdatasyncSync(job.fd);
        return 0;
      case 'publish': {
        fs.renameSync(job.from, job.to);
        const directory = fs.openSync(job.in, 'r');
        try {
          fs.fsyncSync(directory);
        } finally {
          fs.closeSync(directory);
        }
        return 0;
      }
      case 'close':
        fs.closeSync(job.fd);
        return 0;
    }
  }

  port.on('message', (job: LogJob) => {
    try {
      if (hintFailure !== undefined) throw hintFailure;
      port.postMessage({ value: perform(job) });
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      port.postMessage({ code, message });
      return;
    }
    if (job.type !== 'append' || job.hint === undefined) return;
    try {
      writeAll(job.fd, job.hint, job.offset + job.bytes.length);
    } catch (error) {
      hintFailure = error as Error;
    }
  });
}

// `__name` is what some compilers wrap around inner functions to keep their names.
const source = `
  const __name = (value) => value;
  (${program.toString()})(require('node:fs'), require('node:worker_threads').parentPort);
`;

/** The file system's error code is kept. */
class LogWriteError extends Error {
  readonly code: string | undefined;

  constructor(answer: { code: string | undefined; message: string }) {
    super(answer.message);
    this.name = 'LogWriteError';
    this.code = answer.code;
  }
}

interface Waiter {
  readonly resolve: (value: number) => void;
  readonly reject: (error: Error) => void;
}

/** The other end of the thread: jobs in, one answer each. */
export class LogWorker {
  readonly #worker: Worker;
  readonly #waiting: Waiter[] = [];
  #ended: Error | undefined;

  constructor() {
    this.#worker = new Worker(source, { eval: true, name: 'zoogate-log', execArgv: [] });
    this.#worker.on('message', (answer: LogAnswer) => this.#take(answer));
    this.#worker.on('error', (error) => this.#end(errorOf(error)));
    this.#worker.on('exit', () => this.#end(new Error('the thread of the log has ended')));
  }

  run(job: LogJob): Promise<number> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) {
        reject(this.#ended);
        return;
      }
      this.#waiting.push({ resolve, reject });
      this.#worker.postMessage(job);
    });
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }

  #take(answer: LogAnswer): void {
    const waiter = this.#waiting.shift();
    if ('value' in answer) waiter?.resolve(answer.value);
    else waiter?.reject(new LogWriteError(answer));
  }

  #end(error: Error): void {
    this.#ended ??= error;
    for (const waiter of this.#waiting.splice(0)) waiter.reject(error);
  }
}
