/**
 * Sends snapshots to learners that are too far behind for the log. The newest kept one serves if it
 * reaches far enough, else a new one is taken. Pieces leave as the learner takes them (a window of a few),
 * so that a slow one costs no memory; a transfer ends when its learner stands still, not when it is long.
 * What a transfer needs, the snapshot and the records behind it, stays on the disk until the learner has
 * caught up.
 */
import { assert, InvariantError } from '../protocol/assert.ts';
import type { SnapshotInfo } from '../protocol/coordination.ts';
import type { Zxid } from '../protocol/model.ts';
import type { Storage } from '../storage/index.ts';
import { comparePositions } from '../zab/index.ts';
import type {
  LogPosition,
  SnapshotMessage,
  SnapshotOver,
  SnapshotProgress,
  SnapshotRequest,
} from '../zab/index.ts';
import type { Core } from './core.ts';

/** Of one piece. */
const CHUNK_BYTES = 256 * 1024;
/** Pieces that are under way to one learner. */
const WINDOW_CHUNKS = 4;
/** Transfers at the same time; others wait. */
const TRANSFERS_MAX = 2;
/** A learner that takes nothing for so long ends its transfer, milliseconds. */
const PROGRESS_TIMEOUT_MS = 10_000;

export interface SenderHooks {
  send(to: number, message: SnapshotMessage): void;
  sent(
    to: number,
    tenure: number,
    snapshot: { readonly transfer: number; readonly position: LogPosition; readonly chain: number },
  ): void;
  failed(to: number, tenure: number, reason: string): void;
  /** An invariant is broken: the process must end. */
  fatal(error: Error): void;
}

type OutgoingSnapshot = Awaited<ReturnType<Storage['openSnapshot']>>;

interface Transfer {
  readonly request: SnapshotRequest;
  /** Last piece that has been sent, and the last one that the learner has taken. */
  sent: number;
  acknowledged: number;
  /** When it last took one, milliseconds. */
  progressedMs: number;
  over: boolean;
  /** Ends the wait for the window. */
  wake: () => void;
}

export class SnapshotSender {
  readonly #core: Core;
  readonly #storage: Storage;
  readonly #takeSnapshot: () => Promise<SnapshotInfo>;
  #hooks: SenderHooks | undefined;
  readonly #waiting: Transfer[] = [];
  readonly #running = new Set<Transfer>();
  /** What ends the hold on the records that a learner still needs, by learner. */
  readonly #holds = new Map<number, () => void>();
  /** What each learner has been sent last: one that asks again does not get the same again. */
  readonly #lastSent = new Map<number, Zxid>();

  /** @param takeSnapshot takes one of the present state, or joins the one under way */
  constructor(core: Core, storage: Storage, takeSnapshot: () => Promise<SnapshotInfo>) {
    this.#core = core;
    this.#storage = storage;
    this.#takeSnapshot = takeSnapshot;
  }

  listen(hooks: SenderHooks): void {
    this.#hooks = hooks;
  }

  /** Transfers under way. */
  get running(): number {
    return this.#running.size;
  }

  begin(request: SnapshotRequest): void {
    const progressedMs = this.#core.clock.monotonicMs();
    const transfer = {
      request,
      sent: -1,
      acknowledged: -1,
      progressedMs,
      over: false,
      wake: () => undefined,
    };
    this.#waiting.push(transfer);
    this.#startNext();
  }

  acknowledge({ to, tenure, transfer, index }: SnapshotProgress): void {
    for (const running of this.#running) {
      if (!isOf(running, { to, tenure, transfer }) || index <= running.acknowledged) continue;
      // What was never sent has not been taken: the window would be open for all the rest.
      if (index > running.sent) continue;
      running.acknowledged = index;
      running.progressedMs = this.#core.clock.monotonicMs();
      running.wake();
    }
  }

  /** The relation of a transfer is over. */
  over(ended: SnapshotOver): void {
    this.#end((transfer) => isOf(transfer, ended));
    this.#release(ended.to);
  }

  /** The learner has caught up: the records behind its snapshot are needed no longer. */
  synced(learner: number): void {
    this.#release(learner);
    this.#lastSent.delete(learner);
  }

  peerDown(peer: number): void {
    this.#end(({ request }) => request.to === peer);
    this.#release(peer);
  }

  /** The role is over, and all its relations with it. */
  roleOver(): void {
    this.#end(() => true);
    for (const learner of [...this.#holds.keys()]) this.#release(learner);
    this.#lastSent.clear();
  }

  /** Ends the transfers whose learners stand still. */
  tick(nowMs: number): void {
    for (const transfer of this.#running) {
      if (transfer.over || nowMs - transfer.progressedMs < PROGRESS_TIMEOUT_MS) continue;
      this.#fail(transfer, 'it has taken nothing of its snapshot for too long');
    }
  }

  #startNext(): void {
    while (this.#running.size < TRANSFERS_MAX) {
      const transfer = this.#waiting.shift();
      if (transfer === undefined) return;
      this.#running.add(transfer);
      transfer.progressedMs = this.#core.clock.monotonicMs();
      void this.#run(transfer);
    }
  }

  async #run(transfer: Transfer): Promise<void> {
    let snapshot: OutgoingSnapshot | undefined;
    try {
      snapshot = await this.#open(transfer);
      await this.#send(transfer, snapshot);
    } catch (error) {
      if (error instanceof InvariantError) this.#hooks?.fatal(error);
      else this.#fail(transfer, String(error));
    } finally {
      await snapshot?.close().catch(() => undefined);
      this.#running.delete(transfer);
      this.#startNext();
    }
  }

  /** The newest snapshot that reaches far enough; that of the time before the first record has nothing in it. */
  async #open({ request }: Transfer): Promise<OutgoingSnapshot> {
    const { to } = request;
    const leastZxid = Math.max(1, request.atLeast.zxid);
    const lastSent = this.#lastSent.get(to) ?? -1;
    let zxid = this.#storage.listSnapshots().at(-1)?.zxid ?? -1;
    if (zxid < leastZxid || zxid <= lastSent) ({ zxid } = await this.#takeSnapshot());
    // One that was under way already may have begun too early.
    if (zxid < leastZxid) ({ zxid } = await this.#takeSnapshot());
    if (zxid < leastZxid) throw new Error('this node is not far enough itself');
    const snapshot = await this.#storage.openSnapshot(zxid);
    this.#lastSent.set(to, zxid);
    return snapshot;
  }

  async #send(transfer: Transfer, snapshot: OutgoingSnapshot): Promise<void> {
    const { to, tenure } = transfer.request;
    const { position, chain } = snapshot.at;
    assert(comparePositions(position, this.#core.state.applied) <= 0, 'a snapshot is of the past');
    const head = {
      type: 'SNAPSHOT',
      ...{ tenure, transfer: transfer.request.transfer, position, chain },
      epochStarts: this.#core.memory.epochStartsUpTo(position),
      totalBytes: snapshot.bytes,
    } as const;
    let offset = 0;
    for (let index = 0; offset < snapshot.bytes; index++) {
      await this.#window(transfer, index);
      const bytes = await snapshot.read(offset, CHUNK_BYTES);
      if (transfer.over) return;
      if (bytes.length === 0) throw new Error('the snapshot has become shorter');
      offset += bytes.length;
      const last = offset >= snapshot.bytes;
      // From before the last piece on: the stream goes on from there at once.
      if (last) this.#hold(to, position.zxid);
      transfer.sent = index;
      this.#hooks?.send(to, { ...head, index, bytes, last });
    }
    transfer.over = true;
    this.#hooks?.sent(to, tenure, { transfer: transfer.request.transfer, position, chain });
  }

  /** Resolves when the piece may leave, or the transfer is over. */
  async #window(transfer: Transfer, index: number): Promise<void> {
    while (!transfer.over && index - transfer.acknowledged > WINDOW_CHUNKS) {
      await new Promise<void>((resolve) => {
        transfer.wake = resolve;
      });
    }
  }

  #fail(transfer: Transfer, reason: string): void {
    if (transfer.over) return;
    transfer.over = true;
    transfer.wake();
    const { to, tenure } = transfer.request;
    this.#core.log.warn({ learner: to, reason }, 'a learner could not be sent a snapshot');
    this.#hooks?.failed(to, tenure, reason);
  }

  #end(matches: (transfer: Transfer) => boolean): void {
    for (const transfer of [...this.#waiting, ...this.#running]) {
      if (!matches(transfer)) continue;
      transfer.over = true;
      transfer.wake();
    }
    const left = this.#waiting.filter(({ over }) => !over);
    this.#waiting.splice(0, this.#waiting.length, ...left);
  }

  #hold(learner: number, snapshotZxid: Zxid): void {
    this.#release(learner);
    this.#holds.set(learner, this.#storage.keep({ recordsFrom: snapshotZxid + 1 }));
  }

  #release(learner: number): void {
    this.#holds.get(learner)?.();
    this.#holds.delete(learner);
  }
}

function isOf({ request }: Transfer, { to, tenure, transfer }: SnapshotOver): boolean {
  return request.to === to && request.tenure === tenure && request.transfer === transfer;
}
