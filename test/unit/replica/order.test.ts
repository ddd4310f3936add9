/**
 * The order of streams, as a property: random programs on several streams, some of which stop reading now
 * and then, with the turns of the event loop and of the disk in between chosen at random.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CoordinatorAnswer, RequestMessage } from '../../../src/protocol/coordination.ts';
import type { Operation } from '../../../src/protocol/operations.ts';
import { parsePath } from '../../../src/protocol/path.ts';
import { ManualReplica } from './manual-replica.ts';

const names = ['/a', '/b', '/c'].map(parsePath);
const streams = [1, 2, 3];

type Step =
  | { readonly do: 'request'; readonly stream: number; readonly make: Made }
  | { readonly do: 'flow'; readonly stream: number; readonly ready: boolean }
  | { readonly do: 'turn' | 'settle' };

interface Made {
  readonly type: 'set' | 'create' | 'delete' | 'get' | 'linearizable' | 'sync' | 'stale';
  readonly name: number;
  readonly value: number;
}

const made: fc.Arbitrary<Made> = fc.record({
  type: fc.constantFrom('set', 'create', 'delete', 'get', 'get', 'linearizable', 'sync', 'stale'),
  name: fc.nat(names.length - 1),
  value: fc.nat(255),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constant('request' as const),
      stream: fc.constantFrom(...streams),
      make: made,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('flow' as const),
      stream: fc.constantFrom(...streams),
      ready: fc.boolean(),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('turn' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('settle' as const) }) },
);

function requestOf(make: Made, stream: number, id: number): RequestMessage {
  const path = names[make.name] ?? parsePath('/a');
  const data = Uint8Array.of(make.value);
  const operations: Record<Made['type'], Operation> = {
    set: { type: 'set', path, data },
    create: { type: 'create', path, data, kind: 'persistent', sequential: false },
    delete: { type: 'delete', path },
    get: { type: 'get', path },
    linearizable: { type: 'get', path },
    sync: { type: 'sync' },
    // A version that is never there: a refusal in any case.
    stale: { type: 'set', path, data, condition: [{ version: 1_000_000 }] },
  };
  const request = { type: 'request', stream, id, operation: operations[make.type] } as const;
  return make.type === 'linearizable' ? { ...request, consistency: 'linearizable' } : request;
}

interface Sent {
  readonly stream: number;
  readonly make: Made;
}

/** The data of each name by zxid, from the writes that were acknowledged. */
class History {
  readonly #changes: { zxid: number; path: string; value: number | undefined }[] = [];

  add(zxid: number, path: string, value: number | undefined): void {
    this.#changes.push({ zxid, path, value });
  }

  /** The value at `zxid`; undefined where the path does not exist. */
  at(zxid: number, path: string): number | undefined {
    const until = this.#changes.filter((change) => change.path === path && change.zxid <= zxid);
    return until.sort((a, b) => a.zxid - b.zxid).at(-1)?.value;
  }

  /** Paths that the transaction at `zxid` changes. */
  changed(zxid: number): string[] {
    return this.#changes.filter((change) => change.zxid === zxid).map(({ path }) => path);
  }

  get zxids(): number[] {
    return this.#changes.map(({ zxid }) => zxid).sort((a, b) => a - b);
  }
}

function historyOf(
  answers: readonly CoordinatorAnswer[],
  sent: ReadonlyMap<number, Sent>,
): History {
  const history = new History();
  for (const answer of answers) {
    if (answer.type !== 'result') continue;
    const make = sent.get(answer.id)?.make;
    if (make === undefined || !['set', 'create', 'delete'].includes(make.type)) continue;
    history.add(
      answer.zxid,
      names[make.name] ?? '',
      make.type === 'delete' ? undefined : make.value,
    );
  }
  return history;
}

function checkAnswer(answer: CoordinatorAnswer, make: Made, history: History): void {
  const path = names[make.name] ?? '';
  if (answer.type === 'result' && 'data' in answer.result) {
    expect(answer.result.data[0]).toBe(history.at(answer.zxid, path));
  }
  if (answer.type !== 'error') return;
  const value = history.at(answer.zxid, path);
  if (answer.error.code === 'NONODE') expect(value).toBeUndefined();
  if (answer.error.code === 'NODEEXISTS' || answer.error.code === 'BADVERSION') {
    expect(value).toBeDefined();
  }
}

/** Everything that the promises of order say about what one stream has received. */
function checkStream(
  received: readonly CoordinatorAnswer[],
  sent: ReadonlyMap<number, Sent>,
  history: History,
): void {
  let lastId = 0;
  let lastZxid = 0;
  let lastEvent = 0;
  let ownWrites = 0;
  const events: number[] = [];
  for (const answer of received) {
    if (answer.type === 'events') {
      expect(answer.zxid).toBeGreaterThan(lastEvent);
      expect(answer.zxid).toBeGreaterThan(lastZxid);
      expect(answer.events.map((event) => event.path)).toEqual(history.changed(answer.zxid));
      lastEvent = answer.zxid;
      events.push(answer.zxid);
      continue;
    }
    if (answer.type !== 'result' && answer.type !== 'error') throw new Error(answer.type);
    const request = sent.get(answer.id);
    if (request === undefined) continue;
    expect(answer.id).toBeGreaterThan(lastId);
    expect(answer.zxid).toBeGreaterThanOrEqual(lastZxid);
    expect(answer.zxid).toBeGreaterThanOrEqual(ownWrites);
    const due = history.zxids.filter((zxid) => zxid <= answer.zxid);
    expect(lastEvent, 'an event precedes what shows its change').toBe(due.at(-1) ?? 0);
    checkAnswer(answer, request.make, history);
    lastId = answer.id;
    lastZxid = answer.zxid;
    if (history.changed(answer.zxid).length > 0) ownWrites = Math.max(ownWrites, answer.zxid);
  }
  expect(events, 'every event, once').toEqual([...new Set(history.zxids)]);
}

async function run(program: readonly Step[]): Promise<void> {
  const replica = await ManualReplica.start();
  const sent = new Map<number, Sent>();
  for (const stream of streams) {
    const path = parsePath('/');
    const operation = { type: 'watch', path, mode: 'persistent-recursive' } as const;
    replica.submit({ type: 'open', stream, identities: [] });
    replica.submit({ type: 'request', stream, id: 1_000_000 + stream, operation });
  }
  let id = 0;
  for (const one of program) {
    if (one.do === 'request') {
      id++;
      sent.set(id, { stream: one.stream, make: one.make });
      replica.submit(requestOf(one.make, one.stream, id));
    } else if (one.do === 'flow') {
      replica.submit({ type: 'flow', stream: one.stream, ready: one.ready });
    } else if (one.do === 'turn') {
      replica.turn();
    } else {
      await replica.settle();
    }
  }
  for (const stream of streams) replica.submit({ type: 'flow', stream, ready: true });
  await replica.settle();
  const answered = replica.answers.filter(({ type }) => type === 'result' || type === 'error');
  expect(answered.length, 'every request is answered once').toBe(sent.size + streams.length);
  const history = historyOf(replica.answers, sent);
  for (const stream of streams) {
    checkStream(
      replica.answers.filter((answer) => answer.stream === stream),
      sent,
      history,
    );
  }
  await replica.replica.stop();
}

describe('streams', () => {
  it(
    'are answered in order, from states that grow, behind the events of those states',
    { timeout: 60_000 },
    async () => {
      await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 80 }), run), {
        numRuns: 150,
      });
    },
  );
});
