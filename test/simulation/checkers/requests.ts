/** Requests and streams as the clients and the checkers of their answers know them. */
import type {
  ErrorAnswer,
  RequestMessage,
  ResultAnswer,
} from '../../../src/protocol/coordination.ts';
import type { Identity } from '../../../src/protocol/model.ts';
import type { Operation } from '../../../src/protocol/operations.ts';
import type { Life } from '../world/machine.ts';
import { WatchBook } from './watch-book.ts';

export type Answer = ResultAnswer | ErrorAnswer;

/** What a client wants done once, however often it has to ask for it. */
export interface Deed {
  /** In the data that it writes, or its idempotency key; empty where it leaves no trace. */
  readonly tag: string;
  /** In the order in which they were asked; more than one only with an idempotency key. */
  readonly attempts: Request[];
  /** Where its transaction stands in the ledger: more than once only where the key was forgotten. */
  readonly commits: number[];
}

export interface Request {
  readonly id: number;
  readonly client: number;
  /** Undefined for one that stands alone. */
  readonly stream: Conversation | undefined;
  readonly operation: Operation;
  readonly message: RequestMessage;
  /** The session that it speaks for, 0 for none. */
  readonly session: number;
  readonly identities: readonly Identity[];
  readonly askedAtMs: number;
  /** The greatest zxid that anybody had been shown when it was asked. */
  readonly floor: number;
  readonly deed: Deed;
  /** What the client was told; `unknown` also where it will never be told. */
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
  identities: readonly Identity[];
  /** The greatest zxid that it has been shown, by an answer or an event, and by an answer alone. */
  seen: number;
  answered: number;
  /** All events up to here have come. */
  toldUpTo: number;
  /** From here on a resumed stream may be told of what it missed; undefined where it was told all. */
  isAttached: boolean;
  isOver: boolean;
  /** The zxid of the transaction that has attached it; 0 without a session. */
  generation: number;
  /** The last of its requests that stands in the ledger, and where. */
  lastCommitted: { readonly id: number; readonly zxid: number };
  /** The first of its writes that was not taken: nothing behind it may take effect. */
  brokenAt: Request | undefined;
  /** Since when its oldest request has been the oldest, milliseconds. */
  headSinceMs: number;
  isBlocked: boolean;
  /** It has been told that its node has no leader, and not yet that it has one again. */
  isSuspended: boolean;
}

export function newConversation(
  life: Life,
  id: number,
  of: { readonly client: number; readonly identities: readonly Identity[] },
): Conversation {
  return {
    ...{ life, id, ...of, watches: new WatchBook(), open: [], session: 0 },
    ...{
      seen: 0,
      answered: 0,
      toldUpTo: 0,
      isAttached: false,
      isOver: false,
      lastCommitted: { id: 0, zxid: 0 },
    },
    ...{ generation: 0, brokenAt: undefined, headSinceMs: 0, isBlocked: false },
    isSuspended: false,
  };
}

export function newDeed(tag: string): Deed {
  return { tag, attempts: [], commits: [] };
}

export function nameOf({ life, id, client }: Conversation): string {
  return `stream ${id} of client ${client} on node ${life.machine.id}`;
}

export function what({ id, client, operation }: Request): string {
  const path = 'path' in operation ? ` ${operation.path}` : '';
  return `request ${id} of client ${client} (${operation.type}${path})`;
}
