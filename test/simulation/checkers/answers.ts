/**
 * What clients are told, held against the ledger at the very moment. It is exact: the state at every zxid is
 * known, so that an answer is right or wrong, and never merely plausible (C-1 to C-16).
 */
import type { ErrorAnswer, ResultAnswer } from '../../../src/protocol/coordination.ts';
import type { EventsAnswer, GoneAnswer } from '../../../src/protocol/coordination.ts';
import { outcomeOf } from '../../../src/protocol/errors.ts';
import type { ErrorCode } from '../../../src/protocol/errors.ts';
import type { Operation } from '../../../src/protocol/operations.ts';
import { violated } from '../world/world.ts';
import type { Commits } from './commits.ts';
import { judge } from './judge.ts';
import type { Judgement } from './judge.ts';
import { Keys } from './keys.ts';
import type { KeyLimits } from './keys.ts';
import { Locks } from './locks.ts';
import { readAt } from './reading.ts';
import { Refused } from './refused.ts';
import { nameOf, what } from './requests.ts';
import type { Answer, Conversation, Request } from './requests.ts';
import { same } from './same.ts';

/** What says nothing of the tree, and may be told to anybody at any time. */
const circumstances: ReadonlySet<ErrorCode> = new Set([
  ...(['CONNECTIONLOSS', 'OPERATIONTIMEOUT', 'THROTTLEDOP', 'BEHIND', 'ACKSTIMEOUT'] as const),
  ...(['NOTREADONLY', 'QUOTAEXCEEDED'] as const),
]);

const writes = new Set<Operation['type']>([
  ...(['create', 'put', 'set', 'delete', 'setAcl', 'multi', 'endSession'] as const),
]);

const reads = new Set<Operation['type']>([
  ...(['get', 'exists', 'children', 'tree', 'acl', 'multiRead', 'ephemerals'] as const),
  ...(['sessionInfo', 'whoami', 'sync', 'ping', 'watch'] as const),
]);

export interface AnswersOptions {
  /** How many idempotency keys are remembered. */
  readonly limits: KeyLimits;
  readonly voters: number;
  /** How many voters have, or have had, the committed record at this zxid on disk. */
  readonly voterDisks: (zxid: number) => number;
}

export class Answers {
  readonly keys: Keys;
  readonly locks: Locks;
  readonly #commits: Commits;
  readonly #options: AnswersOptions;
  /** The greatest zxid that anybody has been shown. */
  #shown = 0;

  constructor(commits: Commits, options: AnswersOptions) {
    this.#commits = commits;
    this.#options = options;
    this.keys = new Keys(options.limits);
    this.locks = new Locks(commits.history);
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

  /** The stream is attached: from here on it is told of what happens, and first of what it has missed. */
  attached(stream: Conversation, { operation }: Request, zxid: number): void {
    if (operation.type !== 'attach') return;
    const from = operation.resumeFrom ?? zxid;
    const { identities } = stream;
    stream.toldUpTo = from;
    stream.watches.resume(this.#commits, operation.watches, { from, zxid, identities });
  }

  takeEvents(stream: Conversation, answer: EventsAnswer): void {
    const { zxid } = answer;
    const { watches } = stream;
    if (zxid > this.#commits.last) violated(`C-12: events of ${zxid}, which is not committed`);
    this.#requireNewest(stream, zxid);
    if (watches.missed?.zxid === zxid && this.#takeMissed(stream, answer)) return;
    if (zxid <= stream.toldUpTo) {
      violated(`C-10: events of ${zxid} on a stream that was told all up to ${stream.toldUpTo}`);
    }
    this.#catchUp(stream, zxid - 1);
    this.#compareEvents(stream, answer, watches.take(this.#commits, zxid, stream.identities));
    stream.toldUpTo = zxid;
    stream.seen = Math.max(stream.seen, zxid);
    this.#shown = Math.max(this.#shown, zxid);
  }

  takeGone(stream: Conversation, { oldestZxid, currentZxid }: GoneAnswer): void {
    if (stream.toldUpTo >= oldestZxid) {
      violated(`C-13: gone, though events after ${stream.toldUpTo} are kept from ${oldestZxid}`);
    }
    stream.watches.skipTo(currentZxid);
    stream.toldUpTo = currentZxid;
  }

  /**
   * What one-shot watches have missed before they were set again, behind what the others have.
   * @returns false for events of the same zxid that come before
   */
  #takeMissed(stream: Conversation, { zxid, events }: EventsAnswer): boolean {
    const { watches, identities } = stream;
    if (stream.toldUpTo < zxid) {
      this.#catchUp(stream, zxid - 1);
      const own = watches.take(this.#commits, zxid, identities);
      stream.toldUpTo = zxid;
      if (own.length > 0) {
        this.#compareEvents(stream, { zxid, events }, own);
        return true;
      }
    }
    const expected = watches.missed?.events;
    watches.missed = undefined;
    same(events, expected, () => `C-12: what ${nameOf(stream)} has missed when it is at ${zxid}`);
    stream.seen = Math.max(stream.seen, zxid);
    return true;
  }

  #compareEvents(
    stream: Conversation,
    { zxid, events }: Pick<EventsAnswer, 'zxid' | 'events'>,
    expected: readonly object[],
  ): void {
    same(events, expected, () => {
      const isUsedUp = events.some(({ path }) => stream.watches.wasUsedUp(path));
      const changes = this.#commits.at(zxid)?.transaction?.changes.length ?? 0;
      const spurious = isUsedUp ? 'C-9' : 'C-12';
      const partial = changes > 1 ? 'C-14' : 'C-13';
      const rule = events.length > expected.length ? spurious : partial;
      return `${rule}: the events of ${zxid} on ${nameOf(stream)}`;
    });
  }

  /** All that happened up to `zxid` was told, where there was anything to tell (C-11, C-13). */
  #catchUp(stream: Conversation, zxid: number): void {
    const { watches, identities } = stream;
    if (watches.size > 0) {
      for (let at = stream.toldUpTo + 1; at <= zxid; at += 1) {
        const missed = watches.take(this.#commits, at, identities);
        if (missed.length > 0) {
          same([], missed, () => `C-11: what ${nameOf(stream)} was told of ${at}`);
        }
      }
    }
    stream.toldUpTo = Math.max(stream.toldUpTo, zxid);
  }

  #checkOrder(stream: Conversation, request: Request, answer: Answer): void {
    const { zxid } = answer;
    // The answer of an earlier attempt is as old as that.
    const isAgain = request.deed.attempts.length > 1 && request.deed.commits.includes(zxid);
    // What says nothing of the tree shows no state: it may stand behind events that wait for a slow reader.
    if (answer.type === 'error' && circumstances.has(answer.error.code)) return;
    // Who waits for more disks than a majority is told of what happens meanwhile.
    const seen = request.message.acks === undefined ? stream.seen : stream.answered;
    if (zxid < seen && !isAgain) {
      const kind = answer.type === 'error' ? answer.error.code : 'a result';
      violated(`C-5: ${what(request)} is answered with ${kind} of ${zxid} after ${seen}`);
    }
    stream.seen = Math.max(stream.seen, zxid);
    stream.answered = Math.max(stream.answered, zxid);
    if (!stream.isAttached) return;
    if (!isAgain) this.#requireNewest(stream, zxid);
    const { missed } = stream.watches;
    if (missed !== undefined) {
      same([], missed.events, () => `C-11: what ${nameOf(stream)} was told to have missed`);
    }
    this.#catchUp(stream, zxid);
  }

  /** C-3: a node ends its older stream of a session where the attachment of the newer one is applied. */
  #requireNewest(stream: Conversation, zxid: number): void {
    const { session, generation } = stream;
    if (session === 0 || generation === 0) return;
    const newest = this.#commits.generationAt(session, zxid);
    if (newest <= generation) return;
    violated(`C-3: ${nameOf(stream)} is told of ${zxid}, and its session was moved at ${newest}`);
  }

  #takeError(request: Request, code: ErrorCode, answer: ErrorAnswer): void {
    const outcome = outcomeOf(answer.error);
    request.outcome = outcome;
    const { deed, operation } = request;
    if (deed.commits.length > 0 && deed.attempts.every(isNotApplied)) {
      violated(`C-7: ${what(request)} is committed and said to be not applied: ${code}`);
    }
    if (outcome === 'applied' && deed.tag !== '' && deed.commits.length === 0) {
      violated(`C-7: ${what(request)} is said to be applied and is not committed`);
    }
    if (circumstances.has(code)) this.#checkBreak(request, code);
    else if (writes.has(operation.type)) this.#checkRefusal(request, code, answer);
    else if (reads.has(operation.type)) this.#checkReadError(request, code, answer);
    else this.#checkStreamError(request, code, answer);
  }

  /** C-3: what a stream asks for is done in its order, and nothing behind what is not taken. */
  committed(request: Request, zxid: number): void {
    const { stream, id } = request;
    if (stream === undefined) return;
    const { lastCommitted, brokenAt } = stream;
    if (id < lastCommitted.id) {
      violated(
        `C-3: ${what(request)} is done at ${zxid} after request ${lastCommitted.id} behind it`,
      );
    }
    stream.lastCommitted = { id, zxid };
    if (brokenAt !== undefined && id > brokenAt.id) this.#requireRefused(brokenAt, id, zxid);
  }

  /** C-3: a write that is not taken ends its stream, lest what is behind it is done without it. */
  #checkBreak(request: Request, code: ErrorCode): void {
    const { stream, id, operation, deed, outcome } = request;
    if (stream === undefined || code === 'QUOTAEXCEEDED' || !writes.has(operation.type)) return;
    if (outcome === 'applied' || deed.attempts.length > 1) return;
    // What leaves no trace may have been done.
    if (outcome === 'unknown' && (deed.tag === '' || deed.commits.length > 0)) return;
    const { lastCommitted } = stream;
    if (lastCommitted.id > id) this.#requireRefused(request, lastCommitted.id, lastCommitted.zxid);
    if (outcome === 'not-applied') stream.brokenAt ??= request;
  }

  /** What was refused, and its client not told for want of a leader, stops nothing behind it. */
  #requireRefused(request: Request, behind: number, zxid: number): void {
    for (let base = zxid - 1; base >= request.floor; base -= 1) {
      if (this.#judge(request, base, 0) instanceof Refused) return;
    }
    violated(`C-3: ${what(request)} is not done, and request ${behind} behind it is, at ${zxid}`);
  }

  /** A refusal is a linearizable statement: true of a state that was not over when it was asked for. */
  #checkRefusal(request: Request, code: ErrorCode, answer: ErrorAnswer): void {
    const { zxid } = answer;
    // A session that is over stays so: whoever knows of it may say it.
    if (zxid < request.floor && code !== 'SESSIONEXPIRED') {
      violated(
        `C-2: ${what(request)} is refused as of ${zxid}, and ${request.floor} was shown before`,
      );
    }
    const first = request.deed.commits.findLast((each) => each <= zxid);
    if (first !== undefined && request.message.idempotency !== undefined) {
      if (this.keys.isRemembered(first, zxid) && code !== 'SESSIONEXPIRED') {
        violated(`C-2: ${what(request)} is refused with ${code}, and was done at ${first}`);
      }
    }
    const refusal = this.#judge(request, zxid, 0);
    if (!(refusal instanceof Refused)) {
      if (code === 'SESSIONEXPIRED') {
        violated(`C-8: ${what(request)} is told that its session is over, and it lives at ${zxid}`);
      }
      violated(`C-1: ${what(request)} is refused with ${code} as of ${zxid}, and is possible`);
    }
    const told = { code, failedIndex: answer.error.failedIndex };
    const expected = { code: refusal.code, failedIndex: refusal.failedIndex };
    same(told, expected, () => `C-1: the refusal of ${what(request)} as of ${zxid}`);
  }

  #judge(request: Request, base: number, time: number): Judgement | Refused {
    return Refused.by(() => judge(this.#commits.history, request, { base, zxid: base + 1, time }));
  }

  #takeResult(request: Request, answer: ResultAnswer): void {
    const { operation } = request;
    request.outcome = 'applied';
    if (writes.has(operation.type)) this.#checkWrite(request, answer);
    else if (reads.has(operation.type)) this.#checkRead(request, answer);
    else if (operation.type === 'unwatch') this.#checkUnwatch(request, true);
    else if (operation.type === 'identify') this.#checkIdentities(request, answer);
  }

  #checkWrite(request: Request, { zxid, result }: ResultAnswer): void {
    const { deed } = request;
    const transaction = this.#commits.at(zxid)?.transaction;
    if (transaction === undefined) violated(`C-1: ${what(request)} is no transaction at ${zxid}`);
    const floor = deed.attempts[0]?.floor ?? request.floor;
    if (zxid <= floor) {
      violated(`C-2: ${what(request)} is done at ${zxid}, and ${floor} was shown before`);
    }
    if (deed.tag !== '' && !deed.commits.includes(zxid)) {
      violated(`C-1: ${what(request)} is done at ${zxid} and committed at ${deed.commits.join()}`);
    }
    const judged = this.#judge(request, zxid - 1, transaction.time);
    if (judged instanceof Refused) {
      violated(`C-1: ${what(request)} is done at ${zxid} and must be refused: ${judged.code}`);
    }
    same(result, judged.result, () => `C-1: the result of ${what(request)} at ${zxid}`);
    for (const [path, node] of judged.changed) {
      same(this.#commits.history.at(path, zxid), node, () => `C-1: ${path} after ${what(request)}`);
    }
    if (!deed.commits.includes(zxid)) deed.commits.push(zxid);
    this.#checkAcks(request, zxid);
  }

  /** I-10: as many voters as the client has asked for have it on disk. */
  #checkAcks(request: Request, zxid: number): void {
    const { acks } = request.message;
    if (acks === undefined || request.deed.attempts.length > 1) return;
    const wanted = acks === 'all' ? this.#options.voters : acks;
    const have = this.#options.voterDisks(zxid);
    if (have < wanted) violated(`I-10: ${what(request)} asks for ${wanted} disks, ${have} have it`);
  }

  #checkRead(request: Request, answer: ResultAnswer): void {
    const { operation, message } = request;
    const { zxid } = answer;
    this.#requireNew(request, zxid);
    this.#requireLive(request, zxid);
    if (zxid < (message.minZxid ?? 0)) {
      violated(`C-5: ${what(request)} is answered from ${zxid}, before the zxid that it names`);
    }
    const expected = Refused.by(() => readAt(this.#commits, operation, { ...request, zxid }));
    if (expected instanceof Refused) {
      violated(
        `C-4: ${what(request)} is answered at ${zxid} and must be refused: ${expected.code}`,
      );
    }
    same(certain(answer), expected, () => `C-4: ${what(request)} at ${zxid}`);
    this.#leaveWatch(request, zxid);
  }

  #checkReadError(request: Request, code: ErrorCode, answer: ErrorAnswer): void {
    const { operation } = request;
    const { zxid, error } = answer;
    if (code === 'SESSIONEXPIRED') {
      this.#requireEnded(request, operation.type === 'sessionInfo' ? operation.session : 0);
      return;
    }
    if (code === 'EVENTSGONE') {
      const from = 'from' in operation ? (operation.from ?? Infinity) : Infinity;
      if (from >= (error.oldestZxid ?? 0)) violated(`C-13: ${what(request)} is told gone`);
      return;
    }
    this.#requireNew(request, zxid);
    this.#requireLive(request, zxid);
    const expected = Refused.by(() => readAt(this.#commits, operation, { ...request, zxid }));
    if (!(expected instanceof Refused)) {
      violated(`C-4: ${what(request)} is refused with ${code} at ${zxid}, and is possible`);
    }
    same(code, expected.code, () => `C-4: the refusal of ${what(request)} at ${zxid}`);
    const isLeft = operation.type === 'exists' && operation.watch === true && code === 'NONODE';
    if (isLeft) request.stream?.watches.add({ path: operation.path, mode: 'exists' }, zxid);
  }

  /** C-6: a linearizable read shows all that anybody was shown before it was asked. */
  #requireNew(request: Request, zxid: number): void {
    const { operation, message, floor } = request;
    const isPromised = operation.type !== 'ping' && message.consistency === 'linearizable';
    if (zxid >= floor || (operation.type !== 'sync' && !isPromised)) return;
    violated(`C-6: ${what(request)} is answered from ${zxid}, and ${floor} was shown before`);
  }

  /** C-16: nobody is answered for a session that is over in the state that the answer is given from. */
  #requireLive(request: Request, zxid: number): void {
    const { stream, session } = request;
    if (stream !== undefined || session === 0) return;
    if (this.#commits.history.isLiveAt(session, zxid)) return;
    violated(`C-16: ${what(request)} is answered at ${zxid} for session ${session}, which is over`);
  }

  #requireEnded(request: Request, other: number): void {
    const { history, last } = this.#commits;
    const sessions = [other, askedFor(request)].filter((session) => session !== 0);
    if (sessions.some((session) => !history.isLiveAt(session, last))) return;
    violated(
      `C-8: ${what(request)} is told that session ${sessions.join()} is over, and it is not`,
    );
  }

  #leaveWatch({ operation, stream }: Request, zxid: number): void {
    if (stream === undefined) return;
    const { watches } = stream;
    switch (operation.type) {
      case 'get':
        if (operation.watch === true) watches.add({ ...operation, mode: 'data' }, zxid);
        break;
      case 'exists':
        if (operation.watch === true) watches.add({ ...operation, mode: 'exists' }, zxid, 'data');
        break;
      case 'children':
        if (operation.watch === true) watches.add({ ...operation, mode: 'children' }, zxid);
        break;
      case 'watch': {
        const { path, mode, from, with: added } = operation;
        if (mode === 'change') break;
        watches.add({ path, mode }, from ?? zxid);
        watches.with = added ?? watches.with;
        break;
      }
      default:
    }
  }

  #checkUnwatch(request: Request, isTaken: boolean): void {
    const { operation, stream } = request;
    if (operation.type !== 'unwatch' || stream === undefined) return;
    if (stream.watches.remove(operation.path, operation.mode) === isTaken) return;
    if (isTaken) violated(`C-12: ${what(request)} takes a watch back that is not there`);
    violated(`C-11: ${what(request)} does not know a watch that is there`);
  }

  #checkIdentities(request: Request, { result }: ResultAnswer): void {
    const { identities } = request;
    same(result, { identities }, () => `C-1: the identities of ${what(request)}`);
  }

  #checkStreamError(request: Request, code: ErrorCode, answer: Answer): void {
    if (code === 'NOWATCHER') this.#checkUnwatch(request, false);
    else if (code === 'SESSIONEXPIRED') this.#requireEnded(request, 0);
    else violated(`C-1: ${what(request)} is answered with ${code}: ${JSON.stringify(answer)}`);
  }
}

function isNotApplied({ outcome }: Request): boolean {
  return outcome === 'not-applied';
}

/** What depends on nothing but the state: how long a session lives, and where its stream is, does not. */
function certain({ result }: ResultAnswer): object {
  if (!('expiresInMs' in result)) return result;
  const { expiresInMs: _life, connected: _stream, ...rest } = result;
  return rest;
}

function askedFor({ operation, session }: Request): number {
  if (operation.type !== 'attach' || typeof operation.session === 'string') return session;
  return operation.session.id;
}
