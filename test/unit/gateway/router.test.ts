import { describe, expect, it } from 'vitest';
import { sharesOf } from '../../../src/gateway/common/shares.ts';
import { CoordinatorRouter, RequestRefused } from '../../../src/gateway/router.ts';
import type { CoordinatorAnswer } from '../../../src/gateway/coordinator.ts';
import { CoordinationError } from '../../../src/protocol/errors.ts';
import { clientsOf } from '../../../src/gateway/common/clients.ts';
import { defaultLimits } from '../../../src/protocol/limits.ts';
import { FakeCoordinator, at } from '../../support/fake-coordinator.ts';

const caller = { identities: [{ scheme: 'ip', id: '127.0.0.1' }] };
const get = { operation: { type: 'get', path: at('/a') }, caller } as const;

function build(streamsMax = 10, streamsPerClientMax = 10) {
  const coordinator = new FakeCoordinator(() => undefined);
  const limits = { ...defaultLimits, streamsMax, streamsPerClientMax };
  return { coordinator, router: new CoordinatorRouter(coordinator, sharesOf(limits)) };
}

function sinkOf() {
  const batches: (readonly CoordinatorAnswer[])[] = [];
  return { batches, answers: (batch: readonly CoordinatorAnswer[]) => void batches.push(batch) };
}

describe('requests that stand alone', () => {
  it('each get the answer with their own number, in any order', async () => {
    const { coordinator, router } = build();
    const both = Promise.all([router.request(get), router.request(get)]);
    const [first, second] = coordinator.requests;
    expect(first).toMatchObject({ type: 'request', stream: 0, ...get });
    expect(first?.id).not.toBe(second?.id);
    const result = (id = 0, zxid = 0) =>
      ({ type: 'result', stream: 0, id, zxid, result: {} }) as const;
    coordinator.answer(result(second?.id, 2), result(first?.id, 1));
    await expect(both).resolves.toMatchObject([{ zxid: 1 }, { zxid: 2 }]);
  });

  it('carry what they were given and nothing else', () => {
    const { coordinator, router } = build();
    void router.request({ ...get, consistency: 'local', minZxid: 7, minZxidWaitMs: 5 });
    void router.request({
      ...{ operation: { type: 'sync' }, caller },
      ...{ acks: 'all', idempotency: { key: 'k', fingerprint: 'f' } },
    });
    expect(coordinator.requests).toEqual([
      {
        ...{ type: 'request', stream: 0, id: 1, ...get },
        ...{ consistency: 'local', minZxid: 7, minZxidWaitMs: 5 },
      },
      {
        ...{ type: 'request', stream: 0, id: 2, operation: { type: 'sync' }, caller },
        ...{ acks: 'all', idempotency: { key: 'k', fingerprint: 'f' } },
      },
    ]);
  });

  it('are refused with all that the answer says', async () => {
    const { coordinator, router } = build();
    const answer = router.request(get);
    coordinator.answer({
      ...{ type: 'error', stream: 0, id: 1, zxid: 9, expiresInMs: 500 },
      error: { code: 'NONODE', detail: '/a does not exist', path: '/a' },
    });
    const error: unknown = await answer.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(RequestRefused);
    expect(error).toMatchObject({
      ...{ code: 'NONODE', message: '/a does not exist', fields: { path: '/a' } },
      ...{ zxid: 9, expiresInMs: 500 },
    });
  });

  it('an answer to nobody is a broken invariant', () => {
    const { coordinator } = build();
    const answer = { type: 'result', stream: 0, id: 5, zxid: 1, result: {} } as const;
    expect(() => coordinator.answer(answer)).toThrow('nobody waits for answer 5');
  });
});

describe('streams', () => {
  it('are told all answers of one batch in one call, in order', () => {
    const { coordinator, router } = build();
    const one = sinkOf();
    const other = sinkOf();
    router.openStream(caller.identities, one);
    router.openStream(caller.identities, other);
    const change = (stream: number, zxid: number) =>
      ({ type: 'change', stream, zxid, path: at('/a') }) as const;
    coordinator.answer(change(1, 1), change(2, 1), change(1, 2), change(2, 3), change(1, 4));
    expect(one.batches).toEqual([[change(1, 1), change(1, 2), change(1, 4)]]);
    expect(other.batches).toEqual([[change(2, 1), change(2, 3)]]);
  });

  it('send what they are given as one batch, with their number', () => {
    const { coordinator, router } = build();
    const stream = router.openStream(caller.identities, sinkOf());
    stream.send([
      { type: 'request', id: 5, operation: { type: 'ping' } },
      { type: 'flow', ready: false },
      { type: 'touch' },
    ]);
    expect(coordinator.batches).toEqual([
      [
        {
          type: 'open',
          stream: 1,
          identities: caller.identities,
          clients: clientsOf(caller.identities),
        },
      ],
      [
        { type: 'request', stream: 1, id: 5, operation: { type: 'ping' } },
        { type: 'flow', stream: 1, ready: false },
        { type: 'touch', stream: 1 },
      ],
    ]);
  });

  it('hear and say nothing once they are closed, which may be done twice', () => {
    const { coordinator, router } = build();
    const sink = sinkOf();
    const stream = router.openStream(caller.identities, sink);
    stream.close();
    stream.close();
    stream.send([{ type: 'touch' }]);
    coordinator.answer({ type: 'change', stream: 1, zxid: 1, path: at('/a') });
    expect(sink.batches).toEqual([]);
    expect(coordinator.messages.map(({ type }) => type)).toEqual(['open', 'close']);
  });

  it('never share a number', () => {
    const { router } = build();
    const first = router.openStream([], sinkOf());
    first.close();
    expect(router.openStream([], sinkOf()).id).not.toBe(first.id);
  });

  it('are as many as the limit allows', () => {
    const { router } = build(2);
    const first = router.openStream([], sinkOf());
    router.openStream([], sinkOf());
    const third = () => router.openStream([], sinkOf());
    expect(third).toThrow(CoordinationError);
    expect(third).toThrow('this node has 2 open streams, the limit is 2 (limit streamsMax)');
    first.close();
    expect(third().id).toBe(3);
  });

  it('are as many of one client as its limit allows, and closed ones do not count', () => {
    const { router } = build(10, 1);
    const [one, other] = ['10.0.0.1', '10.0.0.2'].map((id) => [{ scheme: 'ip', id }]);
    const first = router.openStream(one ?? [], sinkOf());
    const second = () => router.openStream(one ?? [], sinkOf());
    expect(second).toThrow(
      '10.0.0.1 has 1 open streams, the limit of one client is 1 (limit streamsPerClientMax)',
    );
    router.openStream(other ?? [], sinkOf());
    first.close();
    first.close();
    second();
    expect(router.streamCount).toBe(2);
  });

  it('many of them send as one batch, closed ones not at all', () => {
    const { coordinator, router } = build();
    const streams = [1, 2, 3].map(() => router.openStream([], sinkOf()));
    streams[1]?.close();
    router.sendAll(streams.map((stream) => [stream, { type: 'touch' }] as const));
    expect(coordinator.batches.at(-1)).toEqual([
      { type: 'touch', stream: 1 },
      { type: 'touch', stream: 3 },
    ]);
  });
});
