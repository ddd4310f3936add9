/**
 * What clients are told, held against the ledger at the very moment. It is exact: the state at every zxid is
 * known, so that an answer is right or wrong, and never merely plausible (C-1 to C-14).
 */
import type { EventsAnswer, GoneAnswer } from '../../../src/protocol/coordination.ts';
import { outcomeOf } from '../../../src/protocol/errors.ts';
import type { ErrorCode } from '../../../src/protocol/errors.ts';
import type {
  ChildrenOperation,
  ExistsOperation,
  GetOperation,
  Operation,
  WatchOperation,
} from '../../../src/protocol/operations.ts';
import { violated } from '../world/world.ts';
import type { Commits } from './commits.ts';
import { statOf } from './history.ts';
import { judge, Refused } from './judge.ts';
import type { Judgement } from './judge.ts';
import type { Answer, Conversation, Request } from './requests.ts';
import { same } from './same.ts';

/** What says nothing of the tree, and may be told to anybody at any time. */
const circumstances: ReadonlySet<ErrorCode> = new Set([
  ...(['CONNECTIONLOSS', 'OPERATIONTIMEOUT', 'THROTTLEDOP', 'BEHIND', 'ACKSTIMEOUT'] as const),
  ...(['NOTREADONLY', 'QUOTAEXCEEDED'] as const),
]);

const writes = new Set<Operation['type']>([
  ...(['create', 'put', 'set', 'delete', 'multi', 'endSession'] as const),
]);

export class Answers {
  readonly #commits: Commits;
  /** The greatest zxid that anybody has been shown. */
  #shown = 0;

  constructor(commits: Commits) {
    this.#commits = commits;
  }

  get shown(): number {
    return this.#shown;
  }

  /** An answer has come; the request is no longer open. */
  take(request: Request, answer: Answer): void {
    const { stream } = request;
    const { zxid } = answer;
    if (zxid > this.#commits.last) {
      violated(`C-4: ${what(request)} is answered from ${zxid}, which is not committed`);
    }
    if (stream !== undefined) this.#checkOrder(stream, request, answer);
    if (answer.type === 'error') this.#takeError(request, answer.error.code, answer);
    else this.#takeResult(request, answer);
    this.#shown = Math.max(this.#shown, zxid);
  }

  takeEvents(stream: Conversation, { zxid, events }: EventsAnswer): void {
    if (zxid > this.#commits.last) violated(`C-12: events of ${zxid}, which is not committed`);
    if (zxid <= stream.toldUpTo) {
      violated(`C-10: events of ${zxid} on a stream that was told all up to ${stream.toldUpTo}`);
    }
    this.#catchUp(stream, zxid - 1);
    const expected = stream.watches.take(this.#commits, zxid);
    same(events, expected, () => `C-13: the events of ${zxid} on ${nameOf(stream)}`);
    stream.toldUpTo = zxid;
    stream.seen = Math.max(stream.seen, zxid);
    this.#shown = Math.max(this.#shown, zxid);
  }

  takeGone(stream: Conversation, { oldestZxid, currentZxid }: GoneAnswer): void {
    if (stream.toldUpTo >= oldestZxid) {
      violated(`C-13: gone, though events after ${stream.toldUpTo} are kept from ${oldestZxid}`);
    }
    // One-shot watches may have been used up by what is gone: from here on nobody can know.
    for (let at = stream.toldUpTo + 1; at <= currentZxid; at += 1) {
      stream.watches.take(this.#commits, at);
    }
    stream.toldUpTo = currentZxid;
  }

  /** All that happened up to `zxid` was told, where there was anything to tell (C-11, C-13). */
  #catchUp(stream: Conversation, zxid: number): void {
    for (let at = stream.toldUpTo + 1; at <= zxid; at += 1) {
      const missed = stream.watches.take(this.#commits, at);
      if (missed.length > 0) {
        same([], missed, () => `C-11: what ${nameOf(stream)} was told of ${at}`);
      }
    }
    stream.toldUpTo = Math.max(stream.toldUpTo, zxid);
  }

  #checkOrder(stream: Conversation, request: Request, answer: Answer): void {
    const { zxid } = answer;
    if (zxid < stream.seen) {
      const kind = answer.type === 'error' ? answer.error.code : 'a result';
      violated(`C-5: ${what(request)} is answered with ${kind} of ${zxid} after ${stream.seen}`);
    }
    stream.seen = zxid;
    if (stream.isAttached) this.#catchUp(stream, zxid);
  }

  #takeError(request: Request, code: ErrorCode, answer: Answer & { type: 'error' }): void {
    const outcome = outcomeOf(answer.error);
    request.outcome = outcome;
    if (outcome === 'not-applied' && request.committedAt !== 0) {
      violated(`C-7: ${what(request)} is committed and said to be not applied: ${code}`);
    }
    if (outcome === 'applied' && request.tag !== '' && request.committedAt === 0) {
      violated(`C-7: ${what(request)} is said to be applied and is not committed`);
    }
    if (circumstances.has(code)) return;
    if (writes.has(request.operation.type)) this.#checkRefusal(request, code, answer);
    else this.#checkReadError(request, code, answer);
  }

  /** A refusal is a linearizable statement: true of a state that was not over when it was asked for. */
  #checkRefusal(request: Request, code: ErrorCode, answer: Answer & { type: 'error' }): void {
    const { zxid } = answer;
    // A session that is over stays so: whoever knows of it may say it.
    if (zxid < request.floor && code !== 'SESSIONEXPIRED') {
      violated(
        `C-2: ${what(request)} is refused as of ${zxid}, and ${request.floor} was shown before`,
      );
    }
    const refusal = this.#judge(request, zxid, 0);
    if (!(refusal instanceof Refused)) {
      violated(`C-1: ${what(request)} is refused with ${code} as of ${zxid}, and is possible`);
    }
    const told = { code, failedIndex: answer.error.failedIndex };
    const expected = { code: refusal.code, failedIndex: refusal.failedIndex };
    same(told, expected, () => `C-1: the refusal of ${what(request)} as of ${zxid}`);
  }

  #judge(request: Request, base: number, time: number): Judgement | Refused {
    try {
      return judge(this.#commits.history, request, { base, zxid: base + 1, time });
    } catch (error) {
      if (error instanceof Refused) return error;
      throw error;
    }
  }

  #takeResult(request: Request, answer: Answer & { type: 'result' }): void {
    const { operation, floor } = request;
    const { zxid } = answer;
    request.outcome = 'applied';
    if (writes.has(operation.type)) {
      this.#checkWrite(request, answer);
      return;
    }
    if (isLinearizable(request) && zxid < floor) {
      violated(`C-6: ${what(request)} is answered from ${zxid}, and ${floor} was shown before`);
    }
    if (zxid < (request.message.minZxid ?? 0)) {
      violated(`C-5: ${what(request)} is answered from ${zxid}, before the zxid that it names`);
    }
    this.#checkRead(request, answer);
  }

  #checkWrite(request: Request, { zxid, result }: Answer & { type: 'result' }): void {
    const committed = this.#commits.at(zxid);
    const transaction = committed?.transaction;
    if (transaction === undefined) violated(`C-1: ${what(request)} is no transaction at ${zxid}`);
    if (zxid <= request.floor) {
      violated(`C-2: ${what(request)} is done at ${zxid}, and ${request.floor} was shown before`);
    }
    if (request.tag !== '' && request.committedAt !== zxid) {
      violated(`C-1: ${what(request)} is done at ${zxid} and committed at ${request.committedAt}`);
    }
    const judged = this.#judge(request, zxid - 1, transaction.time);
    if (judged instanceof Refused) {
      violated(`C-1: ${what(request)} is done at ${zxid} and must be refused: ${judged.code}`);
    }
    same(result, judged.result, () => `C-1: the result of ${what(request)} at ${zxid}`);
    for (const [path, node] of judged.changed) {
      same(this.#commits.history.at(path, zxid), node, () => `C-1: ${path} after ${what(request)}`);
    }
    request.committedAt = zxid;
  }

  #checkRead(request: Request, answer: Answer & { type: 'result' }): void {
    const { operation, stream } = request;
    const { zxid, result } = answer;
    const { history } = this.#commits;
    switch (operation.type) {
      case 'get':
      case 'exists':
      case 'children':
        this.#checkNode(request, operation, answer);
        break;
      case 'ephemerals': {
        const paths = history.ephemeralsAt(request.session, zxid);
        same(result, { paths }, () => `C-4: ${what(request)} at ${zxid}`);
        break;
      }
      case 'watch':
        this.#checkWatch(request, operation, { zxid, result });
        break;
      case 'unwatch':
        if (stream?.watches.remove(operation.path, operation.mode) !== true) {
          violated(`C-12: ${what(request)} takes a watch back that is not there`);
        }
        break;
      default:
    }
  }

  #checkNode(
    request: Request,
    operation: GetOperation | ExistsOperation | ChildrenOperation,
    { zxid, result }: Answer & { type: 'result' },
  ): void {
    const { type, path, watch } = operation;
    const { history } = this.#commits;
    const node = history.at(path, zxid);
    if (node === undefined) violated(`C-4: ${what(request)} finds ${path} at ${zxid}`);
    const expected = {
      ...{ path, stat: statOf(node) },
      ...(type === 'get' && { data: node.data }),
      ...(type === 'children' && {
        children: history.childrenAt(path, zxid).map((name) => ({ name })),
      }),
    };
    same(result, expected, () => `C-4: ${what(request)} at ${zxid}`);
    if (watch === true) request.stream?.watches.add(path, type === 'children' ? type : 'data');
  }

  #checkWatch(
    request: Request,
    { path, mode }: WatchOperation,
    { zxid, result }: { zxid: number; result: object },
  ): void {
    const node = this.#commits.history.at(path, zxid);
    const initial = node === undefined ? { path } : { path, stat: statOf(node), data: node.data };
    if ('initial' in result) {
      const { stat } = result.initial as { stat?: object };
      same(stat, 'stat' in initial ? initial.stat : undefined, () => `C-4: ${what(request)}`);
    }
    if (mode !== 'change') request.stream?.watches.add(path, mode);
  }

  #checkAbsent(request: Request, path: string, zxid: number): void {
    const { operation, floor, stream } = request;
    if (isLinearizable(request) && zxid < floor) {
      violated(`C-6: ${what(request)} is refused as of ${zxid}, and ${floor} was shown before`);
    }
    if (this.#commits.history.at(path, zxid) !== undefined) {
      violated(`C-4: ${what(request)} finds nothing at ${zxid}`);
    }
    if (operation.type === 'exists' && operation.watch === true) {
      stream?.watches.add(path, 'exists');
    }
  }

  #checkReadError(request: Request, code: ErrorCode, answer: Answer): void {
    const { operation, stream } = request;
    const { zxid } = answer;
    if (code === 'NONODE' && 'path' in operation) {
      this.#checkAbsent(request, operation.path, zxid);
      return;
    }
    if (code === 'NOWATCHER' && operation.type === 'unwatch') {
      if (stream?.watches.remove(operation.path, operation.mode) === true) {
        violated(`C-11: ${what(request)} does not know a watch that is there`);
      }
      return;
    }
    if (code === 'SESSIONEXPIRED') {
      const session = askedFor(request);
      const { last, history } = this.#commits;
      if (history.isLiveAt(session, last)) {
        violated(`C-8: ${what(request)} is told that session ${session} is over, and it is not`);
      }
      return;
    }
    if (code === 'EVENTSGONE') return;
    violated(`${what(request)} is answered with ${code}: ${JSON.stringify(answer)}`);
  }
}

function isLinearizable({ operation, message }: Request): boolean {
  if (operation.type === 'sync') return true;
  const isRead = ['get', 'exists', 'children', 'ephemerals'].includes(operation.type);
  return isRead && message.consistency === 'linearizable';
}

function askedFor({ operation, session }: Request): number {
  if (operation.type !== 'attach' || typeof operation.session === 'string') return session;
  return operation.session.id;
}

export function nameOf({ life, id, client }: Conversation): string {
  return `stream ${id} of client ${client} on node ${life.machine.id}`;
}

export function what({ id, client, operation }: Request): string {
  const path = 'path' in operation ? ` ${operation.path}` : '';
  return `request ${id} of client ${client} (${operation.type}${path})`;
}
