/** Reads from the log's files what learners need and memory no longer holds: one read at a time for each. */
import type { Storage } from '../storage/index.ts';
import { comparePositions } from '../zab/index.ts';
import type { ReadRequest, ReadResult } from '../zab/index.ts';
import type { Core } from './core.ts';

type LogCursor = ReturnType<Storage['readAfter']>;

interface Reading {
  readonly tenure: number;
  readonly cursor: LogCursor;
}

type Answer = (to: number, tenure: number, result: ReadResult) => void;

/** About what a znode takes in a snapshot beside its data. */
const ZNODE_BYTES = 100;

export class LogReader {
  readonly #core: Core;
  readonly #storage: Storage;
  readonly #answer: Answer;
  readonly #readings = new Map<number, Reading>();

  constructor(core: Core, storage: Storage, answer: Answer) {
    this.#core = core;
    this.#storage = storage;
    this.#answer = answer;
  }

  /** Begins a read; the core asks for the next one only when it has been answered. */
  read(request: ReadRequest): void {
    const { to, tenure } = request;
    const reading = this.#readingFor(request);
    if (reading === undefined) {
      this.#core.scheduler.defer(() => this.#answer(to, tenure, 'snapshot'));
      return;
    }
    void this.#next(reading, request).then((result) => {
      if (this.#readings.get(to) !== reading) return;
      if (result === 'snapshot') this.forget(to);
      this.#answer(to, tenure, result);
    });
  }

  /** The relation with a learner is over. */
  forget(learner: number): void {
    const reading = this.#readings.get(learner);
    this.#readings.delete(learner);
    // A file that cannot be closed has been read all the same.
    reading?.cursor.close().catch(() => undefined);
  }

  /** The role is over. */
  stop(): void {
    for (const learner of [...this.#readings.keys()]) this.forget(learner);
  }

  /** The one that stands where the learner is, or a new one; undefined where a snapshot costs less. */
  #readingFor({ to, tenure, after }: ReadRequest): Reading | undefined {
    const present = this.#readings.get(to);
    if (present?.tenure === tenure && comparePositions(present.cursor.position, after) === 0) {
      return present;
    }
    this.forget(to);
    if (this.#storage.bytesAfter(after) > this.#snapshotBytes()) return undefined;
    const reading = { tenure, cursor: this.#storage.readAfter(after) };
    this.#readings.set(to, reading);
    return reading;
  }

  async #next({ cursor }: Reading, { bytesMax }: ReadRequest): Promise<ReadResult> {
    try {
      const piece = await cursor.next(bytesMax);
      if (piece === 'gone' || piece.records.length === 0) return 'snapshot';
      return { previousChain: piece.previous.chain, records: piece.records };
    } catch (error) {
      this.#core.log.warn({ error: String(error) }, 'the log cannot be read for a learner');
      return 'snapshot';
    }
  }

  #snapshotBytes(): number {
    const { byteCount, nodeCount } = this.#core.state.tree;
    return byteCount + nodeCount * ZNODE_BYTES;
  }
}
