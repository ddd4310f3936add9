/**
 * Receives a snapshot from the leader: piece by piece into a file of its own, verified and loaded into a
 * state of its own, and only then, in one step, put in the place of the log and the snapshots. Until that
 * step nothing of this node has changed, and giving up costs nothing.
 */
import { CoordinationError } from '../protocol/errors.ts';
import type { Storage } from '../storage/index.ts';
import type { Departure, LogPosition, SnapshotChunk } from '../zab/index.ts';
import type { Core } from './core.ts';
import { EventRing } from './ring.ts';
import { loadSnapshot } from './snapshots.ts';
import { StateMachine } from './state-machine.ts';

type IncomingSnapshot = Awaited<ReturnType<Storage['receiveSnapshot']>>;

export interface SnapshotPoint {
  readonly position: LogPosition;
  readonly chain: number;
}

/** Everything that takes the place of what this node had. */
export interface Installed {
  /** Of the role that has received it. */
  readonly tenure: number;
  readonly at: SnapshotPoint;
  readonly epochStarts: readonly LogPosition[];
  readonly state: StateMachine;
  readonly ring: EventRing;
}

export interface ReceiverHooks {
  taken(tenure: number, transfer: number, index: number): void;
  /** All of it was there, and was not installed. */
  refused(tenure: number, departure: Departure): void;
  /** The same before the last piece was there. */
  failed(tenure: number, reason: string): void;
  /** Asked right before the old state goes. */
  isWanted(tenure: number): boolean;
  /** What must be on the disk before the log can be without its beginning. */
  prepare(): Promise<void>;
  installed(installed: Installed): void;
  /** The disk has failed, or what it holds is in doubt. */
  fatal(error: Error): void;
}

interface Reception {
  readonly tenure: number;
  readonly transfer: number;
  readonly file: Promise<IncomingSnapshot>;
  /** The pieces are written one after another. */
  written: Promise<void>;
  over: boolean;
}

export class SnapshotReceiver {
  readonly #core: Core;
  readonly #storage: Storage;
  #hooks: ReceiverHooks | undefined;
  #reception: Reception | undefined;

  constructor(core: Core, storage: Storage) {
    this.#core = core;
    this.#storage = storage;
  }

  listen(hooks: ReceiverHooks): void {
    this.#hooks = hooks;
  }

  /** The next piece; one with index 0, or of another role, begins anew. */
  take(chunk: SnapshotChunk): void {
    const { tenure, transfer, index } = chunk;
    const present = this.#reception;
    const isNext = present?.tenure === tenure && present.transfer === transfer && index > 0;
    const reception = isNext ? present : this.#begin(chunk);
    reception.written = reception.written
      .then(() => this.#write(reception, chunk))
      // What the disk refuses has been told: the rest is a broken invariant of whoever was told.
      .catch((error: unknown) => this.#hooks?.fatal(asError(error)));
  }

  /** Nothing more is received in this role; what is there of it goes. */
  abandon(): void {
    this.#discard();
  }

  #begin({ tenure, transfer }: SnapshotChunk): Reception {
    this.#discard();
    const file = this.#storage.receiveSnapshot();
    file.catch(() => undefined);
    const reception = { tenure, transfer, file, written: Promise.resolve(), over: false };
    this.#reception = reception;
    return reception;
  }

  #discard(): void {
    const reception = this.#reception;
    if (reception === undefined) return;
    reception.over = true;
    this.#reception = undefined;
    void reception.written
      .then(async () => (await reception.file).discard())
      .catch(() => undefined);
  }

  async #write(reception: Reception, chunk: SnapshotChunk): Promise<void> {
    const { tenure, transfer, index, last } = chunk;
    if (reception.over) {
      // Whoever has sent the last piece waits for an answer, whatever became of the others.
      if (last) this.#refuse(tenure, own('it was not received whole'));
      return;
    }
    try {
      await (await reception.file).write(chunk.bytes);
    } catch (error) {
      // A snapshot that finds no room is no reason to end: the old state is whole.
      reception.over = true;
      this.#fail(chunk, String(error));
      return;
    }
    if (this.#reception === reception) this.#hooks?.taken(tenure, transfer, index);
    if (last) await this.#finish(reception, chunk);
  }

  #fail({ tenure, last }: SnapshotChunk, reason: string): void {
    if (last) {
      this.#refuse(tenure, own(reason));
      return;
    }
    this.#core.log.warn({ reason }, 'the snapshot of the leader could not be received');
    this.#hooks?.failed(tenure, reason);
  }

  async #finish(reception: Reception, chunk: SnapshotChunk): Promise<void> {
    const file = await reception.file;
    this.#reception = undefined;
    let state: StateMachine;
    try {
      state = await this.#load(file, chunk);
    } catch (error) {
      this.#refuse(chunk.tenure, { reason: String(error), violation: !isOfDisk(error) });
      await file.discard();
      return;
    }
    if (this.#hooks?.isWanted(chunk.tenure) !== true) {
      this.#refuse(chunk.tenure, own('the role in which it was received is over'));
      await file.discard();
      return;
    }
    await this.#install(file, chunk, state);
  }

  /** @throws Error when it is not what the leader has announced */
  async #load(file: IncomingSnapshot, chunk: SnapshotChunk): Promise<StateMachine> {
    const at = await file.finish();
    const { position, chain } = chunk;
    if (
      at.position.epoch !== position.epoch ||
      at.position.zxid !== position.zxid ||
      at.chain !== chain
    ) {
      throw new Error('the snapshot is of another position than its leader says');
    }
    const state = new StateMachine(this.#core.settings);
    await loadSnapshot(state, file.chunks());
    state.restoredAt(position, chain);
    return state;
  }

  /** From here on there is no way back: what fails ends the process, and its next start goes on. */
  async #install(file: IncomingSnapshot, chunk: SnapshotChunk, state: StateMachine): Promise<void> {
    const { tenure, position, chain, epochStarts } = chunk;
    const at = { position, chain };
    try {
      await this.#hooks?.prepare();
      await this.#storage.install(file, at);
      const ring = new EventRing(this.#core.settings.limits, position.zxid + 1);
      this.#hooks?.installed({ tenure, at, epochStarts, state, ring });
    } catch (error) {
      this.#hooks?.fatal(asError(error));
    }
  }

  #refuse(tenure: number, departure: Departure): void {
    const { reason } = departure;
    this.#core.log.warn({ reason }, 'the snapshot of the leader was not installed');
    this.#hooks?.refused(tenure, departure);
  }
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

/** True for what the system says of this node's own disk. */
const isOfDisk = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && !(error instanceof CoordinationError);

/** Nothing that the leader is to blame for. */
const own = (reason: string): Departure => ({ reason, violation: false });
