/** Requests and streams as the clients and the checkers of their answers know them. */
import type {
  ErrorAnswer,
  RequestMessage,
  ResultAnswer,
} from '../../../src/protocol/coordination.ts';
import type { Operation } from '../../../src/protocol/operations.ts';
import type { Life } from '../world/machine.ts';
import { WatchBook } from './watch-book.ts';

export type Answer = ResultAnswer | ErrorAnswer;

export interface Request {
  readonly id: number;
  readonly client: number;
  /** Undefined for one that stands alone. */
  readonly stream: Conversation | undefined;
  readonly operation: Operation;
  readonly message: RequestMessage;
  /** The session that it speaks for, 0 for none. */
  readonly session: number;
  readonly askedAtMs: number;
  /** The greatest zxid that anybody had been shown when it was asked. */
  readonly floor: number;
  /** In the data that it writes, or in its idempotency key; empty where it leaves no trace. */
  readonly tag: string;
  /** Where its transaction stands in the ledger; 0 = nowhere yet. */
  committedAt: number;
  /** What the client was told. */
  outcome: 'open' | 'applied' | 'not-applied' | 'unknown';
}

/** One stream as its client sees it. */
export interface Conversation {
  readonly life: Life;
  readonly id: number;
  readonly client: number;
  readonly watches: WatchBook;
  /** Unanswered, oldest first. */
  readonly open: Request[];
  session: number;
  /** The greatest zxid that it has been shown, by an answer or an event. */
  seen: number;
  /** All events up to here have come. */
  toldUpTo: number;
  /** From here on a resumed stream may be told of what it missed; undefined where it was told all. */
  isAttached: boolean;
  isOver: boolean;
  /** The zxid of the transaction that has attached it; 0 without a session. */
  generation: number;
  /** Since when its oldest request has been the oldest, milliseconds. */
  headSinceMs: number;
  isBlocked: boolean;
}

export function newConversation(life: Life, id: number, client: number): Conversation {
  return {
    ...{ life, id, client, watches: new WatchBook(), open: [], session: 0 },
    ...{ seen: 0, toldUpTo: 0, isAttached: false, isOver: false },
    ...{ generation: 0, headSinceMs: 0, isBlocked: false },
  };
}
