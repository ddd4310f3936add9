/** What is said of a request whose outcome is not known, or that is not taken. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { CoordinatorAnswer, ErrorAnswer } from '../../../src/protocol/coordination.ts';
import { outcomeOf } from '../../../src/protocol/errors.ts';
import type { Operation } from '../../../src/protocol/operations.ts';
import { parsePath } from '../../../src/protocol/path.ts';
import { MemoryDisk } from '../../support/memory-disk.ts';
import { ManualReplica } from './manual-replica.ts';

const a = parsePath('/a');
const data = Uint8Array.of(1);
const put: Operation = { type: 'put', path: a, data };
const get: Operation = { type: 'get', path: a };
const caller = { identities: [] };

/** A disk that stops completing writes of the log on command. */
class StallingDisk {
  stalls = false;
  readonly disk = new MemoryDisk({
    fault: ({ kind, path }) =>
      this.stalls && path.startsWith('log/') && (kind === 'write' || kind === 'sync')
        ? { type: 'stall' }
        : undefined,
  });
}

function errors(answers: readonly CoordinatorAnswer[]): ErrorAnswer[] {
  return answers.filter((answer) => answer.type === 'error');
}

describe('a disk that does not complete', () => {
  let stalling: StallingDisk;
  let replica: ManualReplica;

  beforeEach(async () => {
    stalling = new StallingDisk();
    replica = await ManualReplica.start({ disk: stalling.disk });
    replica.submit({ type: 'request', stream: 0, id: 1, operation: put, caller });
    await replica.settle();
    expect(replica.take()).toMatchObject([{ type: 'result', id: 1 }]);
    stalling.stalls = true;
  });

  it('leaves the outcome of a write that stands alone unknown after its time, and never acknowledges it', async () => {
    replica.submit({ type: 'request', stream: 0, id: 2, operation: put, caller });
    await replica.pass(4000);
    expect(replica.take()).toEqual([]);
    await replica.pass(1100);
    const [error] = errors(replica.take());
    expect(error).toMatchObject({ id: 2, error: { code: 'OPERATIONTIMEOUT' } });
    expect(error && outcomeOf(error.error)).toBe('unknown');
    stalling.stalls = false;
    stalling.disk.release();
    await replica.settle();
    expect(replica.take(), 'one answer is enough').toEqual([]);
    replica.submit({ type: 'request', stream: 0, id: 3, operation: get, caller });
    expect(replica.take(), 'it did happen').toMatchObject([{ result: { stat: { version: 1 } } }]);
  });

  it('ends a stream at its first uncertain outcome: what is in the log is unknown, the rest not applied', async () => {
    replica.submit({ type: 'open', stream: 5, identities: [] });
    replica.submit({ type: 'request', stream: 5, id: 1, operation: put });
    replica.submit({ type: 'request', stream: 5, id: 2, operation: put });
    replica.submit({ type: 'request', stream: 5, id: 3, operation: get });
    await replica.pass(5100);
    const answers = errors(replica.take());
    expect(answers.map(({ id, error, ends }) => [id, outcomeOf(error), ends ?? false])).toEqual([
      [1, 'unknown', false],
      [2, 'unknown', false],
      [3, 'not-applied', true],
    ]);
    replica.submit({ type: 'request', stream: 5, id: 4, operation: put });
    expect(errors(replica.take())).toMatchObject([{ id: 4, ends: true }]);
  });

  it('answers local reads meanwhile, and no refusal that depends on what is not durable', async () => {
    replica.submit({
      type: 'request',
      stream: 0,
      id: 2,
      operation: { type: 'delete', path: a },
      caller,
    });
    replica.submit({
      type: 'request',
      stream: 0,
      id: 3,
      operation: { type: 'set', path: a, data },
      caller,
    });
    replica.submit({ type: 'request', stream: 0, id: 4, operation: get, caller });
    await replica.settle();
    expect(replica.take()).toMatchObject([{ type: 'result', id: 4 }]);
    stalling.stalls = false;
    stalling.disk.release();
    await replica.settle();
    expect(replica.take()).toMatchObject([
      { type: 'result', id: 2, zxid: 3 },
      { type: 'error', id: 3, zxid: 3, error: { code: 'NONODE' } },
    ]);
  });

  it('lets streams wait and refuses single writes when too much is outstanding', async () => {
    const small = new StallingDisk();
    const limited = await ManualReplica.start({
      disk: small.disk,
      limits: { outstandingTransactionsMax: 3 },
    });
    small.stalls = true;
    limited.submit({ type: 'open', stream: 5, identities: [] });
    for (let id = 1; id <= 6; id++)
      limited.submit({ type: 'request', stream: 5, id, operation: put });
    limited.submit({ type: 'request', stream: 0, id: 9, operation: put, caller });
    expect(errors(limited.take())).toMatchObject([{ id: 9, error: { code: 'THROTTLEDOP' } }]);
    expect(limited.replica.metrics().outstandingTransactions).toBe(3);
    small.stalls = false;
    small.disk.release();
    await limited.settle();
    expect(limited.take().map((answer) => 'id' in answer && answer.id)).toEqual([1, 2, 3, 4, 5, 6]);
  });
});

describe('a disk that fails', () => {
  it('ends the process without an acknowledgement', async () => {
    let fails = false;
    const disk = new MemoryDisk({
      fault: ({ kind, path }) =>
        fails && path.startsWith('log/') && kind === 'sync'
          ? { type: 'error', code: 'EIO' }
          : undefined,
    });
    const replica = await ManualReplica.start({ disk });
    fails = true;
    replica.submit({ type: 'request', stream: 0, id: 1, operation: put, caller });
    await replica.settle();
    expect(replica.fatal?.message).toMatch(/EIO/);
    expect(replica.take()).toEqual([]);
  });
});

describe('a state that is not there yet', () => {
  it('is waited for, and BEHIND is said when it does not come', async () => {
    const replica = await ManualReplica.start();
    replica.submit({
      type: 'request',
      stream: 0,
      id: 1,
      operation: get,
      caller,
      minZxid: 3,
      minZxidWaitMs: 500,
    });
    replica.submit({ type: 'request', stream: 0, id: 2, operation: get, caller, minZxid: 2 });
    replica.submit({ type: 'request', stream: 0, id: 3, operation: put, caller });
    await replica.settle();
    expect(replica.take().map((answer) => 'id' in answer && answer.id)).toEqual([3, 2]);
    await replica.pass(600);
    expect(replica.take()).toMatchObject([{ id: 1, error: { code: 'BEHIND' } }]);
  });
});

describe('too many streams', () => {
  it('are told so with their first request, and the others go on', async () => {
    const replica = await ManualReplica.start({ limits: { streamsMax: 1 } });
    replica.submit({ type: 'open', stream: 1, identities: [] });
    replica.submit({ type: 'open', stream: 2, identities: [] });
    replica.submit({ type: 'request', stream: 2, id: 1, operation: get });
    replica.submit({ type: 'request', stream: 1, id: 1, operation: { type: 'ping' } });
    expect(replica.take()).toMatchObject([
      { stream: 2, error: { code: 'THROTTLEDOP' }, ends: true },
      { stream: 1, type: 'result' },
    ]);
  });

  it('and too many open requests on one end it', async () => {
    const replica = await ManualReplica.start({ limits: { streamRequestsMax: 2 } });
    replica.submit({ type: 'open', stream: 1, identities: [] });
    for (let id = 1; id <= 3; id++)
      replica.submit({ type: 'request', stream: 1, id, operation: put });
    const answers = errors(replica.take());
    expect(answers.map(({ id, ends }) => [id, ends])).toEqual([
      [1, undefined],
      [2, true],
    ]);
    expect(answers.at(-1)?.error.code).toBe('THROTTLEDOP');
  });
});
