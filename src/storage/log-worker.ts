/**
 * The thread that writes the log: `writeSync` and `fdatasyncSync`, one after another, nothing else.
 *
 * Node's asynchronous file calls share four threads with password hashes, DNS and bulk I/O; behind them an
 * fsync of 0.1 ms was measured to take over a second. A thread that blocks costs nobody but itself. It is
 * woken through shared memory, in which appends lie too: with messages each fsync was measured to cost
 * 30 µs more of CPU and 25 µs more of time.
 *
 * The program of the thread is a function that refers to nothing outside it, handed over as text: so it is
 * the same typed and linted code whether the node runs from `dist/` or, in tests, straight from its
 * sources, which a worker of Node 20 could not load.
 */
import type * as fileSystem from 'node:fs';
import { Worker, type MessagePort } from 'node:worker_threads';
import type * as threads from 'node:worker_threads';
import { errorOf } from './errors.ts';

export interface AppendJob {
  readonly type: 'append';
  readonly fd: number;
  readonly offset: number;
  readonly bytes: Uint8Array;
  readonly hint: Uint8Array | undefined;
}

export type LogJob =
  | AppendJob
  | { readonly type: 'open'; readonly path: string }
  | { readonly type: 'publish'; readonly from: string; readonly to: string; readonly in: string }
  | { readonly type: 'close'; readonly fd: number };

/** Of the job that has been given. */
type LogAnswer = { readonly value: number } | Failure;

/** What is kept of an error of the file system. */
interface Failure {
  readonly code: string | undefined;
  readonly syscall: string | undefined;
  readonly message: string;
}

/** An append with its hint that is longer goes as a message. */
const SLOT_BYTES = 256 * 1024;

/** What the two threads share. */
interface Shared {
  /** How many jobs have been given: the number that the thread waits for to change. */
  readonly given: Int32Array;
  /** Used in turn: the hint of one job may still be written from one while the next is laid into the other. */
  readonly slots: readonly [Slot, Slot];
}

interface Slot {
  /** File, offset, length of the bytes and of the hint; no bytes where the job comes as a message. */
  readonly numbers: Float64Array;
  /** The bytes, and the hint behind them. */
  readonly bytes: Uint8Array;
}

function program(
  fs: typeof fileSystem,
  { receiveMessageOnPort, workerData }: Pick<typeof threads, 'receiveMessageOnPort' | 'workerData'>,
  port: MessagePort,
): void {
  const { given, slots } = workerData as Shared;
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

  function jobIn(slot: Slot): LogJob {
    const [fd = 0, offset = 0, length = 0, hintLength = 0] = slot.numbers;
    if (length === 0) {
      const received = receiveMessageOnPort(port) as { message: LogJob } | undefined;
      if (received === undefined) throw new Error('a job was announced and has not come');
      return received.message;
    }
    const bytes = slot.bytes.subarray(0, length);
    const hint = slot.bytes.subarray(length, length + hintLength);
    return { type: 'append', fd, offset, bytes, hint };
  }

  function take(slot: Slot): void {
    let job: LogJob;
    try {
      job = jobIn(slot);
      if (hintFailure !== undefined) throw hintFailure;
      port.postMessage({ value: perform(job) });
    } catch (error) {
      const { code, syscall, message } = error as NodeJS.ErrnoException;
      port.postMessage({ code, syscall, message });
      return;
    }
    if (job.type !== 'append' || job.hint === undefined) return;
    try {
      writeAll(job.fd, job.hint, job.offset + job.bytes.length);
    } catch (error) {
      hintFailure = error as Error;
    }
  }

  for (let taken = 0; ; taken = (taken + 1) | 0) {
    while (Atomics.load(given, 0) === taken) Atomics.wait(given, 0, taken);
    take(slots[(taken & 1) as 0 | 1]);
  }
}

// `__name` is what some compilers wrap around inner functions to keep their names.
const source = `
  const __name = (value) => value;
  const threads = require('node:worker_threads');
  (${program.toString()})(require('node:fs'), threads, threads.parentPort);
`;

/** The file system's error code is kept, and its call, by which an error of the system is known. */
class LogWriteError extends Error {
  readonly code: string | undefined;
  readonly syscall: string | undefined;

  constructor({ code, syscall, message }: Failure) {
    super(message);
    this.name = 'LogWriteError';
    this.code = code;
    this.syscall = syscall;
  }
}

interface Waiting {
  readonly job: LogJob;
  readonly resolve: (value: number) => void;
  readonly reject: (error: Error) => void;
}

/** The other end of the thread: jobs in, one after another, one answer each. */
export class LogWorker {
  readonly #worker: Worker;
  readonly #shared: Shared = {
    given: new Int32Array(new SharedArrayBuffer(4)),
    slots: [makeSlot(), makeSlot()],
  };
  /** The first one has been given to the thread. */
  readonly #waiting: Waiting[] = [];
  #given = 0;
  #ended: Error | undefined;

  constructor() {
    const options = { eval: true, name: 'zoogate-log', execArgv: [], workerData: this.#shared };
    this.#worker = new Worker(source, options);
    this.#worker.on('message', (answer: LogAnswer) => {
      this.#take(answer);
    });
    this.#worker.on('error', (error) => {
      this.#end(errorOf(error));
    });
    this.#worker.on('exit', () => {
      this.#end(new Error('the thread of the log has ended'));
    });
  }

  /** @throws Error with the code of the file system; after the thread has ended always */
  run(job: LogJob): Promise<number> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) {
        reject(this.#ended);
        return;
      }
      this.#waiting.push({ job, resolve, reject });
      if (this.#waiting.length === 1) this.#give(job);
    });
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }

  #give(job: LogJob): void {
    const { given, slots } = this.#shared;
    const slot = slots[(this.#given & 1) as 0 | 1];
    if (!lay(job, slot)) this.#worker.postMessage(job);
    // The counter wraps around as its 32 bits do.
    this.#given = (this.#given + 1) | 0;
    Atomics.store(given, 0, this.#given);
    Atomics.notify(given, 0);
  }

  #take(answer: LogAnswer): void {
    const waiting = this.#waiting.shift();
    const next = this.#waiting[0];
    if (next !== undefined) this.#give(next.job);
    if ('value' in answer) waiting?.resolve(answer.value);
    else waiting?.reject(new LogWriteError(answer));
  }

  #end(error: Error): void {
    this.#ended ??= error;
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}

function makeSlot(): Slot {
  return {
    numbers: new Float64Array(new SharedArrayBuffer(4 * Float64Array.BYTES_PER_ELEMENT)),
    bytes: new Uint8Array(new SharedArrayBuffer(SLOT_BYTES)),
  };
}

/** @returns false for what does not lie in shared memory */
function lay(job: LogJob, { numbers, bytes }: Slot): boolean {
  numbers[2] = 0;
  if (job.type !== 'append' || job.bytes.length === 0) return false;
  const hintLength = job.hint?.length ?? 0;
  if (job.bytes.length + hintLength > bytes.length) return false;
  bytes.set(job.bytes);
  if (job.hint !== undefined) bytes.set(job.hint, job.bytes.length);
  numbers.set([job.fd, job.offset, job.bytes.length, hintLength]);
  return true;
}
