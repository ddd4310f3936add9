/** Requests of one user that stand alone, each on a node of its own choice, as plain HTTP has them. */
import type { RequestMessage } from '../../../src/protocol/coordination.ts';
import type { Identity } from '../../../src/protocol/model.ts';
import type { Operation } from '../../../src/protocol/operations.ts';
import { newDeed } from '../checkers/requests.ts';
import type { Request } from '../checkers/requests.ts';
import type { Grant } from '../checkers/sessions.ts';
import type { Life } from '../world/machine.ts';
import type { Clients } from './clients.ts';
import type { Extras } from './line.ts';

export interface Caller {
  readonly identities: readonly Identity[];
  readonly session?: Grant | undefined;
}

export class Alone {
  readonly #all: Clients;
  readonly #client: number;
  readonly #open = new Map<Request, Life>();

  constructor(all: Clients, client: number) {
    this.#all = all;
    this.#client = client;
  }

  get unanswered(): number {
    return this.#open.size;
  }

  ask(
    life: Life,
    operation: Operation,
    { deed = newDeed(''), caller, ...rest }: Omit<Extras, 'caller'> & { readonly caller: Caller },
  ): Request {
    const { world, answers, sessions } = this.#all;
    const id = this.#all.nextId();
    const { identities, session: grant } = caller;
    const session = grant?.id ?? 0;
    const message: RequestMessage = {
      ...{ type: 'request', stream: 0, id, operation, ...rest },
      caller: { identities, ...(grant !== undefined && { session: grant }) },
      minZxid: Math.max(rest.minZxid ?? 0, session),
    };
    const request: Request = {
      ...{ id, client: this.#client, stream: undefined, operation, message },
      ...{ session, identities, askedAtMs: world.nowMs, floor: answers.shown },
      ...{ deed, outcome: 'open' },
    };
    this.#open.set(request, life);
    this.#all.asked(request);
    life.machine.submit([message], () => {
      // What waits for a zxid is looked at once that has come: until then the session may not be known there.
      const isBehind = (life.replica?.status().appliedZxid ?? 0) < (message.minZxid ?? 0);
      if (session !== 0 && !isBehind) sessions.heard(session, life);
    });
    return request;
  }

  answered(request: Request): void {
    this.#open.delete(request);
  }

  /** The process that some were asked of is gone. @returns those */
  lost(life: Life): readonly Request[] {
    const lost: Request[] = [];
    for (const [request, asked] of this.#open) if (asked === life) lost.push(request);
    for (const request of lost) {
      this.#open.delete(request);
      request.outcome = 'unknown';
      this.#all.lostAlone(request);
    }
    return lost;
  }
}
