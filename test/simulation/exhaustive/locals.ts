/**
 * The states of single nodes, and what each input makes of them. A node is a function of its inputs, so each
 * pair of a state and an input is worked out once, by the production core; the ensemble's states are made of
 * these as of letters. A core cannot be copied: one in a certain state is made by telling a new one all that
 * had been told on the shortest known way to that state.
 */
import { createHash } from 'node:crypto';
import type { Peer } from '../../../src/zab/index.ts';
import { eventText } from '../../scenario/harness/describe.ts';
import type { DiskImage } from '../../scenario/harness/disk.ts';
import { committedOf } from '../../scenario/harness/found.ts';
import { positionText } from '../../scenario/harness/words.ts';
import { isRecord } from './fingerprint.ts';
import { Interned } from './interned.ts';
import type { Logs } from './logs.ts';
import { imageText, Process } from './process.ts';
import type { Input, ProcessOptions } from './process.ts';

/** Cores that are kept for what comes next. */
const PROCESSES_KEPT = 4000;

/** What the ensemble has to know of a node's state. */
export interface Local {
  readonly node: number;
  readonly image: DiskImage;
  /** As `Logs` numbers them: on disk; up to the commit hint there; in memory; up to the commit point. */
  readonly diskLog: number;
  readonly hintLog: number;
  readonly log: number;
  readonly committedLog: number;
  readonly promised: number;
  readonly promisedTo: number;
  /** Undefined while no process runs. */
  readonly running: Running | undefined;
}

interface Running {
  readonly role: 'looking' | 'leading' | 'following' | 'observing';
  readonly tenure: number;
  readonly epoch: number;
  readonly established: boolean;
  readonly leader: number;
  readonly peer: Peer;
  /** What others are told of it as their link with it begins, as `inputs` numbers it. */
  readonly up: number;
  readonly canPropose: boolean;
  readonly logWork: number;
  readonly promiseWork: number;
  /** How it came to be. */
  readonly before: number;
  readonly input: number;
}

/** What an input does to a node. */
export interface Effect {
  /** Its state then. */
  readonly next: number;
  /** Whom it sends something, and what, as `inputs` numbers it. */
  readonly sent: readonly { readonly to: number; readonly input: number }[];
  /** The epoch that it begins as its leader; 0 for none. */
  readonly begun: number;
  readonly problem: string | undefined;
}

export class Locals {
  readonly inputs = new Interned<Input>(inputText);
  readonly #options: Omit<ProcessOptions, 'self'>;
  readonly #logs: Logs;
  readonly #locals: Local[] = [];
  readonly #numbers = new Map<string, number>();
  readonly #effects = new Map<number, Effect | undefined>();
  readonly #processes = new Map<number, Process>();

  constructor(options: Omit<ProcessOptions, 'self'>, logs: Logs) {
    this.#options = options;
    this.#logs = logs;
  }

  /** How many states of single nodes there are, and how many steps of theirs. */
  get counts(): { readonly states: number; readonly steps: number } {
    return { states: this.#locals.length, steps: this.#effects.size };
  }

  at(number: number): Local {
    const local = this.#locals[number];
    if (local === undefined) throw new Error(`there is no state ${number}`);
    return local;
  }

  /** A node whose process does not run. */
  ofImage(node: number, image: DiskImage): number {
    return this.#numberOf(`${node} ${imageText(image)}`, () => {
      return { ...this.#describe(node, image), log: 0, committedLog: 0, running: undefined };
    });
  }

  /** The process ends, and with it all that is not on disk. */
  ended(number: number): number {
    const { node, image } = this.at(number);
    return this.ofImage(node, image);
  }

  /** @returns undefined where the input does nothing there */
  step(number: number, input: number): Effect | undefined {
    const key = number * 2 ** 24 + input;
    const known = this.#effects.get(key);
    if (known !== undefined || this.#effects.has(key)) return known;
    const effect = this.#work(number, input);
    this.#effects.set(key, effect);
    return effect;
  }

  /** What the process tells of a step, for a story. */
  tell(number: number, input: number): readonly string[] {
    const process = this.#make(number);
    process.apply(this.inputs.at(input));
    return process.events.map(eventText);
  }

  #work(number: number, input: number): Effect | undefined {
    const { node } = this.at(number);
    const process = this.#make(number);
    if (!process.apply(this.inputs.at(input))) return undefined;
    const { begun, problem } = process;
    if (problem !== undefined) return { next: number, sent: [], begun, problem };
    const sent = process.sent.map(({ to, message }) => {
      return { to, input: this.inputs.numberOf({ type: 'message', from: node, message }) };
    });
    const text = createHash('sha1').update(`${node}|${process.fingerprint}`).digest('base64');
    const next = this.#numberOf(text, () => this.#running(node, process, { number, input }));
    this.#keep(next, process);
    return { next, sent, begun, problem };
  }

  #numberOf(text: string, describe: () => Local): number {
    const known = this.#numbers.get(text);
    if (known !== undefined) return known;
    const number = this.#locals.length;
    this.#locals.push(describe());
    this.#numbers.set(text, number);
    return number;
  }

  #describe(
    node: number,
    image: DiskImage,
  ): Pick<Local, 'node' | 'image' | 'diskLog' | 'hintLog' | 'promised' | 'promisedTo'> {
    const diskLog = this.#logs.numberOf(image.records);
    return {
      ...{ node, image, diskLog },
      hintLog: this.#logs.prefix(diskLog, committedOf(image).zxid),
      promised: image.promise?.epoch ?? 0,
      promisedTo: image.promise?.leader ?? 0,
    };
  }

  #running(node: number, process: Process, from: { number: number; input: number }): Local {
    const { zab, disk } = process;
    const { status } = zab;
    const { role, tenure, epoch, established, leader = 0, committed } = status;
    const log = this.#logs.numberOf(process.log);
    const { incarnation } = disk.image;
    const peer: Peer = { id: node, incarnation, featureLevel: 1, clusterId: zab.clusterId };
    return {
      ...this.#describe(node, disk.image),
      ...{ log, committedLog: this.#logs.prefix(log, committed.zxid) },
      running: {
        ...{ role, tenure, epoch, established, leader, canPropose: process.canPropose(status) },
        ...{ peer, up: this.inputs.numberOf({ type: 'up', peer }) },
        ...{ logWork: disk.logQueue.length, promiseWork: disk.promiseQueue.length },
        ...{ before: from.number, input: from.input },
      },
    };
  }

  /** A process in this state, which is the caller's to change. */
  #make(number: number): Process {
    const kept = this.#processes.get(number);
    if (kept !== undefined) {
      this.#processes.delete(number);
      return kept;
    }
    const { node, image, running } = this.at(number);
    if (running === undefined) return new Process({ ...this.#options, self: node }, image);
    const process = this.#make(running.before);
    process.apply(this.inputs.at(running.input));
    return process;
  }

  #keep(number: number, process: Process): void {
    this.#processes.set(number, process);
    if (this.#processes.size <= PROCESSES_KEPT) return;
    const [oldest] = this.#processes.keys();
    if (oldest !== undefined) this.#processes.delete(oldest);
  }
}

/** The same for inputs that are the same to every node. */
export function inputText(input: Input): string {
  return JSON.stringify(input, (_name, value: unknown) => {
    return isRecord(value) ? `${positionText(value)}:${value.chain}` : value;
  });
}
