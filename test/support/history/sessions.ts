/** Sessions end when they should and not before, with everything that is theirs; and what follows for locks. */
import type { Findings, LockClaim, SessionFact } from './facts.ts';
import { describe } from './operation.ts';
import type { Operation } from './operation.ts';
import type { Timeline } from './timeline.ts';
import type { Placement } from './zxid-order.ts';

export interface SessionCheck {
  readonly timeline: Timeline;
  readonly operations: readonly Operation[];
  readonly placement: Placement;
  readonly findings: Findings;
  /** The last zxid of the run. */
  readonly end: number;
}

export function checkSessions(facts: readonly SessionFact[], check: SessionCheck): void {
  const { placement, operations } = check;
  const lastWrites = new Map<number, { zxid: number; operation: Operation }>();
  for (const operation of operations) {
    const zxid = placement.placed.get(operation);
    if (zxid === undefined || operation.session === undefined) continue;
    const last = lastWrites.get(operation.session);
    if (last === undefined || last.zxid < zxid) {
      lastWrites.set(operation.session, { zxid, operation });
    }
  }
  const knownAt = earliestAnswers(operations);
  for (const fact of facts) {
    const ends = endsOf(fact, check);
    const end = Math.min(...ends.map(({ zxid }) => zxid));
    const last = lastWrites.get(fact.id);
    if (last !== undefined && last.zxid > end) {
      const text = `ended at ${end}, and then wrote ${describe(last.operation)}`;
      check.findings.add('session', `${fact.id} ${text}`);
    }
    checkLeftovers(fact, end, check);
    checkPromise(fact, knownAt, check);
  }
}

interface End {
  readonly zxid: number;
}

/** All positions at or before which the session must have ended. */
function endsOf(
  { id, closed, toldGone }: SessionFact,
  { placement }: SessionCheck,
): readonly End[] {
  const zxid = placement.sessionEnds.get(id);
  return [
    ...(zxid === undefined ? [] : [{ zxid }]),
    ...(typeof closed === 'number' ? [{ zxid: closed }] : []),
    ...(toldGone?.zxid === undefined ? [] : [{ zxid: toldGone.zxid }]),
  ];
}

function checkLeftovers({ id }: SessionFact, end: number, check: SessionCheck): void {
  if (end === Infinity) return;
  for (const zxid of [end, check.end]) {
    const [path] = check.timeline.ephemeralsOf(id, zxid);
    if (path !== undefined) {
      check.findings.add('ephemeral', `${path} of session ${id}, over at ${end}, is at ${zxid}`);
      return;
    }
  }
}

/** It lives for as long as it was promised, unless its client closes it. */
function checkPromise(fact: SessionFact, knownAt: KnownAt, check: SessionCheck): void {
  if (fact.closed !== undefined) return;
  const { aliveUntilMs, toldGone, id } = fact;
  const ended = check.placement.sessionEnds.get(id);
  const seenMs = ended === undefined ? Infinity : knownAt(ended);
  const overMs = Math.min(seenMs, toldGone?.atMs ?? Infinity);
  if (overMs < aliveUntilMs) {
    const early = Math.round(aliveUntilMs - overMs);
    check.findings.add('session', `${id} of ${fact.client} ended ${early} ms before its time`);
  }
}

/** The earliest moment at which anybody had an answer from a position. */
type KnownAt = (zxid: number) => number;

function earliestAnswers(operations: readonly Operation[]): KnownAt {
  const answers = operations
    .flatMap(({ answer }) =>
      answer?.zxid === undefined ? [] : [{ zxid: answer.zxid, atMs: answer.returnedMs }],
    )
    .sort((a, b) => b.zxid - a.zxid);
  const zxids: number[] = [];
  const earliest: number[] = [];
  let atMs = Infinity;
  for (const answer of answers) {
    atMs = Math.min(atMs, answer.atMs);
    zxids.push(answer.zxid);
    earliest.push(atMs);
  }
  return (zxid) => {
    const index = zxids.findLastIndex((known) => known >= zxid);
    return earliest[index] ?? Infinity;
  };
}

/** Two holders never overlap in the order of zxids, and their tokens grow from holder to holder. */
export function checkLocks(claims: readonly LockClaim[], check: SessionCheck): number {
  const { timeline, findings } = check;
  const tenures = claims
    .map((claim) => ({ ...claim, until: timeline.deletedAfter(claim.path, claim.czxid) }))
    .sort((a, b) => a.heldAt - b.heldAt || a.czxid - b.czxid);
  tenures.forEach((tenure, index) => {
    const { client, czxid, heldAt, until, path } = tenure;
    if (timeline.at(path, heldAt)?.czxid !== czxid || until <= heldAt) {
      findings.add('lock', `${client} held ${path} at ${heldAt}, where it had no znode ${czxid}`);
    }
    const next = tenures[index + 1];
    if (next === undefined || next.czxid === czxid) return;
    if (next.heldAt < until) {
      findings.add('lock', `${next.client} held it at ${next.heldAt}, ${client} until ${until}`);
    }
    if (next.czxid < czxid) {
      findings.add('lock', `token ${next.czxid} of ${next.client} follows ${czxid} of ${client}`);
    }
  });
  return tenures.length;
}

/** What the holders have written under the lock's protection carries their tokens: these never go back. */
export function checkFence(path: string, check: SessionCheck): void {
  let last = 0;
  for (const { zxid, changes } of check.timeline.entries) {
    for (const change of changes) {
      if (change.path !== path || change.type !== 'NodeDataChanged') continue;
      const token = Number(change.data?.split(' ')[0]);
      if (token < last) {
        check.findings.add('lock', `a write at ${zxid} under token ${token} follows ${last}`);
      }
      last = Math.max(last, token);
    }
  }
}
