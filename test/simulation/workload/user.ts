/** Whoever talks to nodes, as the registry of all of them sees it. */
import type { CoordinatorAnswer } from '../../../src/protocol/coordination.ts';
import type { Answer, Conversation, Request } from '../checkers/requests.ts';
import type { Life } from '../world/machine.ts';

export interface User {
  readonly id: number;
  /** Unanswered requests. */
  readonly unanswered: number;
  begin(): void;
  take(stream: Conversation, answer: CoordinatorAnswer): void;
  /** The answer of a request that stands alone. */
  takeAlone(request: Request, answer: Answer): void;
  /** The process that it talks to is gone: what is unanswered is unknown for ever. */
  lost(life: Life): void;
  /** Asks for something that shows everything that was done before. */
  check(): void;
}
