import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvariantError } from '../../../src/protocol/assert.ts';
import { SessionTable } from '../../../src/sessions/index.ts';

function hashOf(id: number): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, index) => (id * 7 + index * 13) % 256);
}

function terms(id: number, timeoutMs = 10_000): { timeoutMs: number; secretHash: Uint8Array } {
  return { timeoutMs, secretHash: hashOf(id) };
}

function tableOf(ids: Iterable<number>): SessionTable {
  const table = new SessionTable();
  for (const id of ids) table.create(id, terms(id));
  return table;
}

function restored(chunks: readonly Uint8Array[]): SessionTable {
  const table = new SessionTable();
  for (const chunk of chunks) table.decodeChunk(chunk);
  return table;
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}

describe('session table', () => {
  // 3650 days is the greatest that `--max-session-timeout` takes.
  it.each([4_294_967_295, 4_294_967_296, 5_184_000_000, 3650 * 86_400_000])(
    'keeps a timeout of %i ms, whatever way it goes',
    (timeoutMs) => {
      const table = new SessionTable();
      table.create(42, { timeoutMs, secretHash: hashOf(42) });
      expect(table.timeoutOf(42)).toBe(timeoutMs);
      const digest = table.digest;
      const copy = restored(table.encode());
      expect([copy.timeoutOf(42), copy.digest]).toEqual([timeoutMs, digest]);
      table.attach(42, { generation: 43, timeoutMs: timeoutMs - 4_294_967_295 });
      expect(table.timeoutOf(42)).toBe(timeoutMs - 4_294_967_295);
      table.attach(42, { generation: 44, timeoutMs });
      expect(table.timeoutOf(42)).toBe(timeoutMs);
      const short = new SessionTable();
      short.create(42, { timeoutMs: timeoutMs % 4_294_967_296, secretHash: hashOf(42) });
      if (timeoutMs >= 4_294_967_296) expect(short.digest).not.toEqual(digest);
    },
  );

  it('gives back what a session was created with', () => {
    const table = new SessionTable();
    table.create(42, { timeoutMs: 30_000, secretHash: hashOf(42) });
    expect(table.get(42)).toEqual({
      ...{ id: 42, timeoutMs: 30_000, generation: 42, secretHash: hashOf(42) },
    });
    expect(table.generationOf(42)).toBe(42);
    expect(table.timeoutOf(42)).toBe(30_000);
    expect(table.has(42)).toBe(true);
    expect(table.size).toBe(1);
  });

  it('knows neither sessions that never were nor those that are closed', () => {
    const table = tableOf([42]);
    expect(table.close(42)).toBe(true);
    expect(table.close(42)).toBe(false);
    expect(table.close(41)).toBe(false);
    expect(table.get(42)).toBeUndefined();
    expect(table.timeoutOf(41)).toBeUndefined();
    expect(table.generationOf(41)).toBeUndefined();
    expect(table.generationOf(42)).toBeUndefined();
    expect(table.size).toBe(0);
  });

  it('has the zxid and the timeout of the newest attachment of each session, and a digest of both', () => {
    const table = tableOf([1, 2]);
    const before = table.digest;
    table.attach(1, { generation: 9, timeoutMs: 5000 });
    expect(table.get(1)).toEqual({ ...terms(1), id: 1, generation: 9, timeoutMs: 5000 });
    expect(table.generationOf(2)).toBe(2);
    for (const lane of [0, 1]) expect(table.digest[lane]).not.toBe(before[lane]);
    const far = 2 ** 40 + 9;
    table.attach(1, { generation: far, timeoutMs: 7000 });
    const copy = restored(table.encode());
    expect(copy.generationOf(1)).toBe(far);
    expect(copy.timeoutOf(1)).toBe(7000);
    expect(copy.digest).toEqual(table.digest);
    table.close(1);
    expect(table.digest).toEqual(tableOf([2]).digest);
  });

  it('refuses an attachment to no session, and one that is not newer', () => {
    const table = tableOf([2]);
    expect(() => {
      table.attach(1, { generation: 9, timeoutMs: 5000 });
    }).toThrow(InvariantError);
    table.attach(2, { generation: 9, timeoutMs: 5000 });
    for (const generation of [2, 8, 9]) {
      expect(() => {
        table.attach(2, { generation, timeoutMs: 5000 });
      }).toThrow(InvariantError);
    }
    expect(table.generationOf(2)).toBe(9);
  });

  it('keeps ids beyond 32 bits apart', () => {
    const far = Number.MAX_SAFE_INTEGER;
    const table = tableOf([1, 1 + 2 ** 32, far]);
    expect([...restored(table.encode())].map(({ id }) => id)).toEqual([1, 1 + 2 ** 32, far]);
    expect(table.digest).not.toEqual(tableOf([1, 2, far]).digest);
  });

  it('refuses a second session with the same id and a hash of another length', () => {
    const table = tableOf([42]);
    expect(() => table.create(42, terms(42))).toThrow(InvariantError);
    expect(() => table.create(43, { timeoutMs: 1, secretHash: new Uint8Array(31) })).toThrow(
      InvariantError,
    );
    expect(() => table.create(0, terms(0))).toThrow(InvariantError);
  });

  it('hands out copies of the hash, so that nobody can change the table through them', () => {
    const table = tableOf([42]);
    table.get(42)?.secretHash.fill(0);
    expect(table.get(42)?.secretHash).toEqual(hashOf(42));
  });

  it('has the same digest for the same sessions, whatever the way there', () => {
    const straight = tableOf([2, 3]);
    const detour = tableOf([1, 2, 3, 4]);
    detour.close(4);
    detour.close(1);
    expect(detour.digest).toEqual(straight.digest);
    expect(new SessionTable().digest).toEqual([0, 0]);
    expect(straight.digest).not.toEqual([0, 0]);
  });

  it.each([
    ['id', { id: 2, timeoutMs: 10_000, secretHash: hashOf(1) }],
    ['timeout', { id: 1, timeoutMs: 10_001, secretHash: hashOf(1) }],
    ['secret', { id: 1, timeoutMs: 10_000, secretHash: hashOf(2) }],
  ])('has another digest when the %s differs', (_what, { id, timeoutMs, secretHash }) => {
    const table = new SessionTable();
    table.create(id, { timeoutMs, secretHash });
    const [first, second] = table.digest;
    const [otherFirst, otherSecond] = tableOf([1]).digest;
    expect(first).not.toBe(otherFirst);
    expect(second).not.toBe(otherSecond);
  });

  it('agrees with a plain map over any sequence of creations and closes', () => {
    const steps = fc.array(
      fc.tuple(fc.constantFrom('create', 'close', 'attach'), fc.integer({ min: 1, max: 3000 })),
      { maxLength: 200 },
    );
    fc.assert(
      fc.property(steps, fc.integer({ min: 0, max: 2500 }), (actions, preload) => {
        const model = new Map(range(10_000, 10_000 + preload).map((id) => [id, id]));
        const table = tableOf(model.keys());
        for (const [at, [action, number]] of actions.entries()) {
          const id = action === 'create' ? number + 11_000 : number + 9_000;
          if (action === 'close') expect(table.close(id)).toBe(model.delete(id));
          else if (action === 'create' && !model.has(id)) {
            model.set(id, id);
            table.create(id, terms(id));
          } else if (action === 'attach' && model.has(id)) {
            model.set(id, 20_000 + at);
            table.attach(id, { generation: 20_000 + at, timeoutMs: id + at });
          }
        }
        const rows = [...model].sort(([a], [b]) => a - b);
        expect([...table].map(({ id }) => [id, table.generationOf(id)])).toEqual(rows);
        expect(table.size).toBe(model.size);
        const direct = new SessionTable();
        for (const [id, generation] of rows) {
          direct.create(id, terms(id));
          if (generation === id) continue;
          direct.attach(id, { generation, timeoutMs: id + generation - 20_000 });
        }
        expect(table.digest).toEqual(direct.digest);
      }),
      { numRuns: 60 },
    );
  });

  it('finds every survivor after nearly all of 20,000 sessions have gone', () => {
    const table = tableOf(range(1, 20_001));
    for (let id = 1; id <= 20_000; id++) if (id % 997 !== 0) table.close(id);
    const survivors = range(1, 20_001).filter((id) => id % 997 === 0);
    expect([...table].map(({ id }) => id)).toEqual(survivors);
    for (const id of survivors) expect(table.get(id)?.secretHash).toEqual(hashOf(id));
  });
});

describe('snapshot of the sessions', () => {
  it('restores the same table from its chunks, in whatever order they come', () => {
    const table = tableOf(range(1, 5001));
    const snapshot = table.startSnapshot();
    const chunks: Uint8Array[] = [];
    for (let chunk = snapshot.next(700); chunk !== undefined; chunk = snapshot.next(700)) {
      chunks.push(chunk);
    }
    expect(chunks.length).toBe(8);
    const copy = restored(chunks.reverse());
    expect(copy.digest).toEqual(table.digest);
    expect([...copy]).toEqual([...table]);
    expect(copy.get(4711)).toEqual(table.get(4711));
  });

  it('is empty for an empty table', () => {
    expect(new SessionTable().encode()).toEqual([]);
  });

  it('holds exactly the sessions of its start, whatever happens between its chunks', () => {
    const plan = fc.record({
      count: fc.integer({ min: 0, max: 3000 }),
      closes: fc.array(fc.integer({ min: 1, max: 3000 }), { maxLength: 60 }),
      attaches: fc.array(fc.integer({ min: 1, max: 3000 }), { maxLength: 90 }),
      attachedBefore: fc.array(fc.integer({ min: 1, max: 3000 }), { maxLength: 20 }),
      rows: fc.integer({ min: 1, max: 900 }),
    });
    fc.assert(
      fc.property(plan, ({ count, closes, attaches, attachedBefore, rows }) => {
        const table = tableOf(range(1, count + 1));
        let next = 10_000;
        const attach = (id = 0): void => {
          if (table.has(id)) table.attach(id, { generation: next, timeoutMs: next });
          next += 1;
        };
        for (const id of attachedBefore) attach(id);
        const digest = table.digest;
        const before = Buffer.concat(table.encode());
        const snapshot = table.startSnapshot();
        const chunks: Uint8Array[] = [];
        for (let chunk = snapshot.next(rows); chunk !== undefined; chunk = snapshot.next(rows)) {
          chunks.push(chunk);
          for (const id of attaches.splice(0, 3)) attach(id);
          table.close(closes.shift() ?? 0);
          // One that has changed may end too, and one that has ended is no more.
          attach(closes[0]);
          table.close(closes.shift() ?? 0);
          table.create(next, terms(next));
          next += 1;
        }
        const copy = restored(chunks);
        expect(copy.size).toBe(count);
        expect(copy.digest).toEqual(digest);
        expect(Buffer.concat(copy.encode()).equals(before)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it('is taken one at a time, and can be given up', () => {
    const table = tableOf([1, 2]);
    const first = table.startSnapshot();
    expect(() => table.startSnapshot()).toThrow(InvariantError);
    first.abandon();
    const second = table.startSnapshot();
    first.abandon();
    expect(first.next()).toBeUndefined();
    expect(second.next()?.length).toBe(112);
  });

  it('refuses a torn chunk', () => {
    const [chunk] = tableOf([1, 2]).encode();
    expect(() => new SessionTable().decodeChunk((chunk ?? new Uint8Array()).subarray(1))).toThrow(
      InvariantError,
    );
  });
});
