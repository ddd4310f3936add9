/** A driver's part in snapshots: what a leader streams to its learners, and what a learner receives. */
import { comparePositions } from '../../../src/zab/index.ts';
import type {
  SnapshotChunk,
  SnapshotMessage,
  SnapshotOver,
  SnapshotProgress,
  SnapshotRequest,
} from '../../../src/zab/index.ts';
import type { SnapshotImage } from './disk.ts';

/** Pieces under way and not taken. */
const WINDOW = 4;

interface Transfer {
  readonly request: SnapshotRequest;
  readonly snapshot: SnapshotImage;
  sent: number;
  taken: number;
}

export interface SenderContext {
  pieces(): number;
  send(to: number, message: SnapshotMessage): void;
  sent(request: SnapshotRequest, snapshot: SnapshotImage): void;
  /** A snapshot at or beyond a position, as soon as there is one. */
  snapshotAtLeast(request: SnapshotRequest): SnapshotImage | undefined;
}

export class SnapshotSender {
  #waiting: SnapshotRequest[] = [];
  #transfers: Transfer[] = [];
  readonly #context: SenderContext;

  constructor(context: SenderContext) {
    this.#context = context;
  }

  request(requests: readonly SnapshotRequest[]): void {
    this.#waiting.push(...requests);
  }

  over(ended: readonly SnapshotOver[]): void {
    const isOver = ({ to, transfer }: SnapshotRequest): boolean =>
      ended.some((one) => one.to === to && one.transfer === transfer);
    this.#waiting = this.#waiting.filter((request) => !isOver(request));
    this.#transfers = this.#transfers.filter(({ request }) => !isOver(request));
  }

  taken(progress: readonly SnapshotProgress[]): void {
    for (const { to, transfer, index } of progress) {
      const found = this.#transfers.find(
        ({ request }) => request.to === to && request.transfer === transfer,
      );
      if (found !== undefined) found.taken = Math.max(found.taken, index + 1);
    }
  }

  /** Sends what may be sent. */
  go(): void {
    this.#waiting = this.#waiting.filter((request) => {
      const snapshot = this.#context.snapshotAtLeast(request);
      if (snapshot === undefined) return true;
      this.#transfers.push({ request, snapshot, sent: 0, taken: 0 });
      return false;
    });
    const done = this.#transfers.filter((transfer) => this.#sendSome(transfer));
    this.#transfers = this.#transfers.filter((transfer) => !done.includes(transfer));
    for (const { request, snapshot } of done) this.#context.sent(request, snapshot);
  }

  /** @returns true when all has been sent */
  #sendSome(transfer: Transfer): boolean {
    const { request, snapshot } = transfer;
    const pieces = this.#context.pieces();
    while (transfer.sent < pieces && transfer.sent - transfer.taken < WINDOW) {
      const index = transfer.sent++;
      const { position, chain, epochStarts } = snapshot;
      this.#context.send(request.to, {
        type: 'SNAPSHOT',
        ...{ tenure: request.tenure, transfer: request.transfer, index, position, chain },
        ...{ epochStarts, bytes: pieceOf(snapshot, index), last: transfer.sent === pieces },
        totalBytes: 0,
      });
    }
    return transfer.sent === pieces;
  }
}

/** What a learner has received of a snapshot. */
export class SnapshotReceiver {
  #pieces: SnapshotChunk[] = [];

  forget(): void {
    this.#pieces = [];
  }

  /** @returns the whole snapshot after its last piece; `broken` when a piece was not as it was sent */
  take(chunk: SnapshotChunk): SnapshotImage | 'broken' | undefined {
    const [first] = this.#pieces;
    if (chunk.index === 0 || first?.tenure !== chunk.tenure) this.#pieces = [];
    this.#pieces.push(chunk);
    if (!chunk.last) return undefined;
    const pieces = this.#pieces;
    this.#pieces = [];
    const isWhole = pieces.every(
      (piece, index) =>
        piece.index === index &&
        comparePositions(piece.position, chunk.position) === 0 &&
        contentOf(piece.bytes).piece === index,
    );
    if (!isWhole) return 'broken';
    const { position, chain, epochStarts } = chunk;
    const { epochRecord } = contentOf(chunk.bytes);
    return { position, chain, epochStarts, epochRecord };
  }
}

interface PieceContent {
  readonly piece: number;
  readonly epochRecord: Uint8Array | undefined;
}

function pieceOf({ epochRecord }: SnapshotImage, piece: number): Uint8Array {
  const content = { piece, epochRecord: epochRecord === undefined ? undefined : [...epochRecord] };
  return new TextEncoder().encode(JSON.stringify(content));
}

function contentOf(bytes: Uint8Array): PieceContent {
  const text = new TextDecoder().decode(bytes);
  if (!text.startsWith('{')) return { piece: -1, epochRecord: undefined };
  const { piece, epochRecord } = JSON.parse(text) as { piece: number; epochRecord?: number[] };
  return { piece, epochRecord: epochRecord && Uint8Array.from(epochRecord) };
}
