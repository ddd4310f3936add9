/** What an ordered stream promises, and what a client carries from one node to another. */
import type { Findings } from './facts.ts';
import { describe, isUncertain, isWrite } from './operation.ts';
import type { Operation } from './operation.ts';
import type { Timeline } from './timeline.ts';
import { refusalsAt } from './zxid-order.ts';
import type { Placement } from './zxid-order.ts';

export function checkStreams(
  operations: readonly Operation[],
  { placed, guessed, timeline }: Placement & { readonly timeline: Timeline },
  findings: Findings,
): void {
  const streams = new Map<string, Operation[]>();
  for (const operation of operations) {
    checkMinimum(operation, findings);
    if (operation.stream === undefined) continue;
    const known = streams.get(operation.stream);
    if (known === undefined) streams.set(operation.stream, [operation]);
    else known.push(operation);
  }
  for (const stream of streams.values()) {
    stream.sort((a, b) => a.id - b.id);
    checkAnswers(stream, findings);
    checkEffects(stream, { placed, guessed, timeline, findings });
  }
}

/** Nobody is ever shown a state before one that he has said he knows. */
function checkMinimum(operation: Operation, findings: Findings): void {
  const { minZxid, answer } = operation;
  if (minZxid === undefined || answer?.zxid === undefined) return;
  if (answer.outcome !== 'ok' && answer.outcome !== 'refused') return;
  if (answer.zxid < minZxid) {
    findings.add('monotonic', `older than the ${minZxid} it knew: ${describe(operation)}`);
  }
}

/**
 * Answers come in the order of the requests, and their positions never go back; but a refusal is of the place
 * where it was judged, and reads before it may have waited and seen more.
 */
function checkAnswers(stream: readonly Operation[], findings: Findings): void {
  let arrival = -1;
  let seen = 0;
  let judged = 0;
  for (const operation of stream) {
    const { answer, request } = operation;
    if (answer?.outcome !== 'ok' && answer?.outcome !== 'refused') continue;
    if (answer.arrival < arrival) {
      findings.add('order', `answered before an earlier request: ${describe(operation)}`);
    }
    const isRefusal = isWrite(request) && answer.outcome === 'refused';
    const floor = isRefusal ? judged : seen;
    const { zxid = 0 } = answer;
    if (zxid < floor) {
      findings.add('monotonic', `after an answer of ${floor}: ${describe(operation)}`);
    }
    arrival = Math.max(arrival, answer.arrival);
    seen = Math.max(seen, zxid);
    if (isWrite(request)) judged = Math.max(judged, zxid);
  }
}

interface Effects {
  readonly placed: ReadonlyMap<Operation, number>;
  readonly guessed: ReadonlySet<Operation>;
  readonly timeline: Timeline;
  readonly findings: Findings;
}

/** Writes take effect in the order in which they were sent, and none behind one that may not have. */
function checkEffects(stream: readonly Operation[], effects: Effects): void {
  const { placed, guessed, findings } = effects;
  let last: Operation | undefined;
  const lost: Operation[] = [];
  for (const operation of stream) {
    if (!isWrite(operation.request) || guessed.has(operation)) continue;
    const zxid = placed.get(operation);
    if (zxid === undefined) {
      if (isUncertain(operation) || operation.answer?.outcome === 'not-applied') {
        lost.push(operation);
      }
      continue;
    }
    const after = last === undefined ? 0 : (placed.get(last) ?? 0);
    for (const before of lost.splice(0)) {
      if (mayBeRefused(before, { after, zxid }, effects)) continue;
      const text = `${describe(operation)} is ${zxid}, and before it was lost ${describe(before)}`;
      findings.add('order', text);
    }
    if (zxid < after && last !== undefined) {
      findings.add('order', `${describe(operation)} is ${zxid}, before ${describe(last)}`);
    }
    last = operation;
  }
}

/**
 * A write without a known outcome may have been refused where it was judged, between its neighbours; and a
 * refusal that nobody could confirm any more is told as not applied.
 */
function mayBeRefused(
  { request, minZxid = 0 }: Operation,
  { after, zxid }: { readonly after: number; readonly zxid: number },
  { timeline }: Effects,
): boolean {
  if (!isWrite(request)) return false;
  // Between two writes of a stream there are few of others; what is older than these is not looked at.
  const from = Math.max(after, minZxid, timeline.first, zxid - 5000);
  for (let at = from; at < zxid; at += 1) {
    if (refusalsAt(timeline, request, at).size > 0) return true;
  }
  return false;
}
