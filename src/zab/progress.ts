/** One learner as its leader sees it: who it is, how far its stream has gone, and how far it has come. */
import { comparePositions } from './types.ts';
import type { LogPosition } from './types.ts';

/**
 * `none`: it has not answered the epoch yet, or there is no epoch record. `records`: records are sent as
 * they come. `reading`: older ones are being read from disk. `snapshot`: one is being sent. `installing`:
 * it has been sent, and the learner has not said yet that it holds it.
 */
export type StreamState = 'none' | 'records' | 'reading' | 'snapshot' | 'installing';

interface Sent {
  readonly zxid: number;
  readonly bytes: number;
}

export interface LearnerIdentity {
  readonly id: number;
  /** Of the relation, given by the learner. */
  readonly tenure: number;
  /** A voter of the configuration, in the life that it names. */
  readonly voter: boolean;
  readonly recovering: boolean;
}

export class Progress implements LearnerIdentity {
  readonly id: number;
  readonly tenure: number;
  readonly voter: boolean;
  readonly recovering: boolean;
  /** When it was last heard from, and when something was last sent to it. */
  heardMs: number;
  saidMs: number;
  /** What it has been told last. */
  toldCommitted = 0;
  toldRound = 0;
  acked: LogPosition | undefined;
  synced = false;
  /** LEADERINFO is sent. */
  informed = false;
  stream: StreamState = 'none';
  /** The stream's first APPEND has been sent. */
  opened = false;
  /** How far the stream has gone. */
  sent: LogPosition = { epoch: 0, zxid: 0 };
  /** The chain there, where it is known. */
  sentChain: number | undefined;
  /** The snapshot transfer that is under way, or was last. */
  transfer = 0;
  /** An older snapshot would take away what the learner has. */
  atLeast: LogPosition = { epoch: 0, zxid: 0 };
  #unacknowledged: Sent[] = [];
  #head = 0;
  #bytes = 0;

  constructor(identity: LearnerIdentity, nowMs: number) {
    this.id = identity.id;
    this.tenure = identity.tenure;
    this.voter = identity.voter;
    this.recovering = identity.recovering;
    this.heardMs = nowMs;
    this.saidMs = nowMs;
  }

  /** Bytes sent and not acknowledged. */
  get unacknowledgedBytes(): number {
    return this.#bytes;
  }

  /** Records up to `position` have been sent. */
  advance(position: LogPosition, chain: number, bytes: number): void {
    this.sent = position;
    this.sentChain = chain;
    if (bytes === 0) return;
    this.#unacknowledged.push({ zxid: position.zxid, bytes });
    this.#bytes += bytes;
  }

  acknowledge(position: LogPosition): void {
    if (this.acked === undefined || comparePositions(position, this.acked) > 0) {
      this.acked = { epoch: position.epoch, zxid: position.zxid };
    }
    for (;;) {
      const oldest = this.#unacknowledged[this.#head];
      if (oldest === undefined || oldest.zxid > position.zxid) break;
      this.#bytes -= oldest.bytes;
      this.#head += 1;
    }
    if (this.#head > 64 && this.#head * 2 > this.#unacknowledged.length) {
      this.#unacknowledged = this.#unacknowledged.slice(this.#head);
      this.#head = 0;
    }
  }

  /** The stream begins, or goes on, behind `position`. */
  startAt(position: LogPosition, chain: number | undefined): void {
    this.stream = 'records';
    this.sent = { epoch: position.epoch, zxid: position.zxid };
    this.sentChain = chain;
    this.#unacknowledged = [];
    this.#head = 0;
    this.#bytes = 0;
  }
}
