/**
 * Everything that leaves the replica for the front doors, in order, one batch per turn. An answer of a
 * stream whose events still wait in the ring waits behind them, so that no answer overtakes an event.
 */
import { assert } from '../protocol/assert.ts';
import type { CoordinatorAnswer } from '../protocol/coordination.ts';
import type { Zxid } from '../protocol/model.ts';
import type { ChildEntry, MultiReadResult, MultiResult } from '../protocol/operations.ts';
import type { Stream } from './stream.ts';

type Listener = (answers: readonly CoordinatorAnswer[]) => void;

export class Outbox {
  #batch: CoordinatorAnswer[] = [];
  #listener: Listener | undefined;

  listen(listener: Listener): void {
    assert(this.#listener === undefined, 'the coordinator has one listener');
    this.#listener = listener;
  }

  /** Sends now, whatever the stream's state. */
  push(answer: CoordinatorAnswer): void {
    this.#batch.push(answer);
  }

  /**
   * Sends, or defers until the stream's cursor has reached `horizon`.
   * @returns about how many bytes it will take on the wire
   */
  pushTo(stream: Stream, horizon: Zxid, answer: CoordinatorAnswer): number {
    if (stream.ended) return 0;
    const bytes = weightOf(answer);
    if (stream.lagging) {
      stream.deferred.push({ horizon, answer, bytes });
      stream.deferredBytes += bytes;
    } else {
      this.#batch.push(answer);
    }
    return bytes;
  }

  /** Hands the batch over. Answers that the listener provokes go into the next batch. */
  flush(): void {
    while (this.#batch.length > 0) {
      const batch = this.#batch;
      this.#batch = [];
      this.#listener?.(batch);
    }
  }
}

/** About as many bytes as an answer takes on the wire that has nothing in it. */
export const ANSWER_BYTES = 300;

/** About as many bytes as the answer will take on the wire. */
function weightOf(answer: CoordinatorAnswer): number {
  const base = ANSWER_BYTES;
  if (answer.type !== 'result') return base;
  const { result } = answer;
  if ('data' in result) return base + result.data.length;
  if ('children' in result) return base + childrenWeight(result.children);
  if ('nodes' in result) return base + result.nodes.length * 300;
  if ('results' in result) return base + membersWeight(result.results);
  return base;
}

function childrenWeight(children: readonly ChildEntry[]): number {
  let bytes = children.length * 40;
  for (const { data } of children) if (data !== undefined) bytes += 300 + data.length;
  return bytes;
}

function membersWeight(members: (MultiResult | MultiReadResult)['results']): number {
  let bytes = members.length * 300;
  for (const member of members) {
    if ('result' in member && 'data' in member.result) bytes += member.result.data.length;
  }
  return bytes;
}
