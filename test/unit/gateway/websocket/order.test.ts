import { describe, expect, it } from 'vitest';
import type { CoordinatorAnswer, RequestMessage } from '../../../../src/gateway/coordinator.ts';
import type { ZnodePath } from '../../../../src/protocol/model.ts';
import { someStat } from '../../../support/fake-stream-coordinator.ts';
import { openDoor } from './harness.ts';

const path = '/a' as ZnodePath;

/** The answer to a request that the test answers late: the stat, or nothing. */
function lateAnswer({ stream, id, operation }: RequestMessage): CoordinatorAnswer {
  const result = operation.type === 'set' ? { path, stat: someStat } : {};
  return { type: 'result', stream, id, zxid: 121, result };
}

describe('one connection is one ordered stream', () => {
  it('submits in the order of the messages, all of a frame in one batch', async () => {
    const { connect, coordinator } = await openDoor();
    const client = await connect();
    const before = coordinator.batches.length;
    const paths = Array.from({ length: 50 }, (_, index) => `/n${index}`);
    await client.requests(paths.map((one) => ({ type: 'get', path: one })));
    const operations = coordinator.requests('get').map(({ operation }) => operation);
    expect(operations).toEqual(paths.map((one) => ({ type: 'get', path: one })));
    expect(coordinator.batches.length).toBe(before + 1);
  });

  it('answers a fault where the request stood', async () => {
    const { connect, coordinator } = await openDoor();
    const client = await connect();
    for (const type of ['set', 'ping'] as const) coordinator.scripts.set(type, () => undefined);
    client.send([
      { type: 'set', id: 2, path: '/a' },
      { type: 'set', id: 3, path: 'bad' },
      { type: 'nonsense', id: 4 },
      { type: 'set', id: 5, path: '/a' },
    ]);
    await coordinator.until(() => coordinator.requests('set').length === 2);
    expect(client.received).toHaveLength(1);

    const late = coordinator.requests().filter(({ operation }) => operation.type !== 'attach');
    coordinator.scripts.set('ping', () => ({ result: {} }));
    coordinator.push(...late.map(lateAnswer));
    await client.ask({ type: 'ping', id: 6 });
    const told = client.received.slice(1).map(({ id, problem }) => ({
      id,
      code: (problem as { code: string } | undefined)?.code,
    }));
    expect(told).toEqual([
      { id: 2, code: undefined },
      { id: 3, code: 'BADARGUMENTS' },
      { id: 4, code: 'UNIMPLEMENTED' },
      { id: 5, code: undefined },
      { id: 6, code: undefined },
    ]);
  });

  it('repeats the ids of the client, also the same one twice and negative ones', async () => {
    const { connect } = await openDoor();
    const client = await connect();
    client.send([
      { type: 'ping', id: -7 },
      { type: 'ping', id: 0 },
      { type: 'get', id: 0, path: '/a' },
    ]);
    await client.ask({ type: 'ping', id: 99 });
    expect(client.received.slice(1).map(({ id }) => id)).toEqual([-7, 0, 0, 99]);
  });

  it('keeps events where the coordinator put them', async () => {
    const { connect, coordinator } = await openDoor();
    const client = await connect();
    coordinator.scripts.set('set', () => undefined);
    const answer = client.ask({ type: 'set', path: '/a' });
    await coordinator.until(() => coordinator.requests('set').length === 1);
    const { stream } = coordinator;
    const [set] = coordinator.requests('set');
    const event = { type: 'NodeDataChanged', path } as const;
    if (set === undefined) throw new Error('the set has not been submitted');
    coordinator.push({ type: 'events', stream, zxid: 121, events: [event] }, lateAnswer(set), {
      type: 'events',
      stream,
      zxid: 122,
      events: [event, event],
    });
    await answer;
    await client.nextMessage('events');
    await client.nextMessage('events');
    expect(client.received.slice(1).map(({ type, zxid }) => [type, zxid])).toEqual([
      ['events', 121],
      ['result', 121],
      ['events', 122],
    ]);
  });
});

describe('arrays', () => {
  it('are sent only to a client that reads them', async () => {
    const { connect } = await openDoor();
    const [plain, batching] = await Promise.all([connect(), connect({ connect: { batch: true } })]);
    const messages = [1, 2, 3].map(() => ({ type: 'get', path: '/a' }));
    await Promise.all([plain.requests(messages), batching.requests(messages)]);
    expect(plain.frames.every((frame) => !Array.isArray(frame))).toBe(true);
    expect(plain.frames).toHaveLength(4);
    expect(batching.frames[1]).toHaveLength(3);
    expect(batching.frames).toHaveLength(2);
  });

  it('hold a single answer as itself', async () => {
    const { connect } = await openDoor();
    const client = await connect({ connect: { batch: true } });
    await client.ask({ type: 'get', path: '/a' });
    expect(client.frames[1]).toMatchObject({ type: 'result' });
  });

  it('never hold more than 1,000 messages, nor many large ones', async () => {
    const { connect, coordinator } = await openDoor();
    const client = await connect({ connect: { batch: true } });
    const { stream } = coordinator;
    const events = [{ type: 'NodeCreated', path }] as const;
    const small = Array.from({ length: 2500 }, (_, zxid) => ({
      ...({ type: 'events', stream, zxid, events } as const),
    }));
    coordinator.push(...small);
    await client.requests([{ type: 'ping' }]);
    expect(client.received).toHaveLength(2502);
    const sizes = client.frames.map((frame) => (Array.isArray(frame) ? frame.length : 1));
    expect(Math.max(...sizes)).toBeLessThanOrEqual(1000);

    const data = Buffer.alloc(100_000, 'x');
    coordinator.scripts.set('get', () => ({ result: { path, data, stat: someStat } }));
    const answers = await client.requests([1, 2, 3, 4, 5].map(() => ({ type: 'get', path })));
    expect(answers).toHaveLength(5);
    const lengths = client.frames.map((frame) => JSON.stringify(frame).length);
    expect(Math.max(...lengths)).toBeLessThan(300_000);
  });
});
