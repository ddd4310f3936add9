import type { ZabMessage } from './messages.ts';
import type {
  Disconnection,
  OutgoingMessage,
  ReadRequest,
  Ready,
  SettledBarrier,
  SnapshotChunk,
  SnapshotOver,
  SnapshotProgress,
  SnapshotRequest,
  TraceEvent,
} from './ready.ts';
import type { EpochPromise } from './types.ts';

/** What the parts of the core put down for the next Ready. */
export class Outbox {
  promise: EpochPromise | undefined;
  readonly barriers: SettledBarrier[] = [];
  readonly disconnect: Disconnection[] = [];
  readonly snapshotsOver: SnapshotOver[] = [];
  readonly #trace: TraceEvent[] = [];
  #messages: OutgoingMessage[] = [];
  reads: ReadRequest[] = [];
  snapshots: SnapshotRequest[] = [];
  snapshotAcks: SnapshotProgress[] = [];
  chunks: SnapshotChunk[] = [];

  get isEmpty(): boolean {
    return (
      this.promise === undefined &&
      this.#messages.length === 0 &&
      this.barriers.length === 0 &&
      this.disconnect.length === 0 &&
      this.reads.length === 0 &&
      this.snapshots.length === 0 &&
      this.snapshotAcks.length === 0 &&
      this.snapshotsOver.length === 0 &&
      this.chunks.length === 0 &&
      this.#trace.length === 0
    );
  }

  send(to: number, message: ZabMessage): void {
    this.#messages.push({ to, message });
  }

  trace(event: TraceEvent): void {
    this.#trace.push(event);
  }

  ignore(what: string, reason: string): void {
    this.#trace.push({ type: 'ignored', what, reason });
  }

  /** A peer has broken the protocol: its connection is closed. */
  accuse(peer: number, reason: string): void {
    this.trace({ type: 'violation', peer, reason });
    this.disconnect.push({ peer, reason });
  }

  /**
   * Withdraws what a role that has ended wanted done; what it has to tell stays. Votes and refusals stay
   * too: a vote that decided an election is counted by others for theirs, and whoever is refused waits.
   */
  disown(): void {
    const lasting = this.#messages.filter(({ message }) => isLasting(message));
    this.#clear();
    this.#messages = lasting;
  }

  #clear(): void {
    this.promise = undefined;
    this.#messages = [];
    this.reads = [];
    this.snapshots = [];
    this.snapshotAcks = [];
    this.chunks = [];
  }

  /** Empties it. */
  take(): Omit<Ready, 'tenure' | 'append' | 'committed' | 'applicable'> {
    const { promise, reads, snapshots, snapshotAcks, chunks } = this;
    const taken = {
      messages: this.#messages,
      barriers: this.barriers.splice(0),
      disconnect: this.disconnect.splice(0),
      snapshotsOver: this.snapshotsOver.splice(0),
      trace: this.#trace.splice(0),
      ...{ reads, snapshots, snapshotAcks, chunks },
    };
    this.#clear();
    return promise === undefined ? taken : { ...taken, promise };
  }
}

function isLasting(message: ZabMessage): boolean {
  return message.type === 'REFUSE' || (message.type === 'VOTE' && message.state === 'looking');
}
