/** What an ordered stream promises, and what a client carries from one node to another. */
import type { Findings } from './facts.ts';
import { describe, isUncertain, isWrite } from './operation.ts';
import type { Operation } from './operation.ts';
import type { Placement } from './zxid-order.ts';

export function checkStreams(
  operations: readonly Operation[],
  { placed }: Placement,
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
    checkEffects(stream, placed, findings);
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

/** Answers come in the order of the requests, and their positions never go back. */
function checkAnswers(stream: readonly Operation[], findings: Findings): void {
  let arrival = -1;
  let zxid = 0;
  for (const operation of stream) {
    const { answer } = operation;
    if (answer?.outcome !== 'ok' && answer?.outcome !== 'refused') continue;
    if (answer.arrival < arrival) {
      findings.add('order', `answered before an earlier request: ${describe(operation)}`);
    }
    if ((answer.zxid ?? 0) < zxid) {
      findings.add('monotonic', `after an answer of ${zxid}: ${describe(operation)}`);
    }
    arrival = Math.max(arrival, answer.arrival);
    zxid = Math.max(zxid, answer.zxid ?? 0);
  }
}

/** Writes take effect in the order in which they were sent, and none behind one that may not have. */
function checkEffects(
  stream: readonly Operation[],
  placed: ReadonlyMap<Operation, number>,
  findings: Findings,
): void {
  let last: Operation | undefined;
  let lost: Operation | undefined;
  for (const operation of stream) {
    if (!isWrite(operation.request)) continue;
    const zxid = placed.get(operation);
    if (zxid === undefined) {
      const isSkipped = isUncertain(operation) || operation.answer?.outcome === 'not-applied';
      if (isSkipped) lost ??= operation;
      continue;
    }
    if (lost !== undefined) {
      const text = `${describe(operation)} is ${zxid}, and before it was lost ${describe(lost)}`;
      findings.add('order', text);
    }
    if (last !== undefined && zxid < (placed.get(last) ?? 0)) {
      findings.add('order', `${describe(operation)} is ${zxid}, before ${describe(last)}`);
    }
    last = operation;
  }
}
