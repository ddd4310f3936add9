/** Whatever happens on a connection, at its end nothing of it is left in what all connections share. */
import { Duplex } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sharesOf } from '../../../../src/gateway/common/shares.ts';
import { UnreadStreams } from '../../../../src/gateway/common/unread-streams.ts';
import { CoordinatorRouter } from '../../../../src/gateway/router.ts';
import { Connection } from '../../../../src/gateway/websocket/connection.ts';
import { Hub } from '../../../../src/gateway/websocket/hub.ts';
import { defaultLimits } from '../../../../src/protocol/limits.ts';
import type { Limits } from '../../../../src/protocol/limits.ts';
import { FakeStreamCoordinator } from '../../../support/fake-stream-coordinator.ts';

function makeDoor(bounds: Partial<Limits> = {}) {
  const coordinator = new FakeStreamCoordinator();
  for (const type of ['set', 'ping', 'identify', 'endSession'] as const) {
    coordinator.scripts.set(type, () => undefined);
  }
  const limits = { ...defaultLimits, streamRequestsMax: 8, ...bounds };
  const router = new CoordinatorRouter(coordinator, sharesOf(limits));
  const hub = new Hub({
    ...{ router, unread: new UnreadStreams(limits) },
    settings: {
      ...{ serverId: 1, limits, listensOnLoopback: true, allowedHosts: [], allowedOrigins: [] },
      ...{ restConsistencyDefault: 'local', trustProxy: false },
    },
  });
  const closes: number[] = [];
  const open = (address: string) =>
    new Connection({
      hub,
      webSocket: {
        pause: () => undefined,
        resume: () => undefined,
        close: (code) => closes.push(code),
        terminate: () => undefined,
      },
      socket: new Duplex({ write: (_chunk, _encoding, done) => done(), read: () => undefined }),
      identities: [{ scheme: 'ip', id: address }],
    });
  return { coordinator, router, hub, open, connection: open('10.0.0.1'), closes };
}

type Door = ReturnType<typeof makeDoor>;

/** The requests that have no answer yet, oldest first, are answered in order. */
function answerOldest({ coordinator }: Door, answered: Set<number>): void {
  const oldest = coordinator
    .requests()
    .find(({ operation, id }) => operation.type !== 'attach' && !answered.has(id));
  if (oldest === undefined) return;
  answered.add(oldest.id);
  const { stream, id } = oldest;
  const error = { code: 'NONODE', detail: 'no' } as const;
  coordinator.push({ type: 'error', stream, id, zxid: 1, error });
}

const messages = fc.array(
  fc.constantFrom(
    { type: 'set', id: 2, path: '/a', data: 'x'.repeat(50) },
    { type: 'set', id: 3, path: 'bad' },
    { type: 'auth', id: 4, scheme: 'digest', credential: 'a:b' },
    { type: 'auth', id: 5, scheme: 'none', credential: '' },
    { type: 'nonsense', id: 6 },
    { type: 'close', id: 7 },
    { id: 'none' },
  ),
  { maxLength: 6 },
);
const step = fc.oneof(
  { weight: 3, arbitrary: messages },
  { weight: 4, arbitrary: fc.constant('answer' as const) },
  fc.constantFrom('flush', 'pulse', 'expired', 'goAway'),
);

describe('what all connections share', () => {
  it('is free of a connection that has ended, however it did', async () => {
    const run = fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const door = makeDoor();
      const { coordinator, router, hub, connection, closes } = door;
      const answered = new Set<number>();
      connection.receive(Buffer.from('{"type":"connect","id":1,"session":"new"}'));
      for (const one of steps) {
        if (Array.isArray(one)) connection.receive(Buffer.from(JSON.stringify(one)));
        else if (one === 'answer') answerOldest(door, answered);
        else if (one === 'pulse') connection.due();
        else if (one === 'goAway') connection.goAway(1);
        else if (one === 'flush') await Promise.resolve();
        else if (closes.length === 0 && coordinator.batches.length > 0) {
          hub.flush();
          coordinator.push({ type: 'session', stream: coordinator.stream, state: 'expired' });
        }
        expect(hub.inFlightBytes).toBeGreaterThanOrEqual(0);
      }
      await Promise.resolve();
      connection.ended();
      hub.flush();
      expect(hub.inFlightBytes).toBe(0);
      expect(hub.inFlightClients).toBe(0);
      expect(hub.size).toBe(0);
      expect(router.streamCount).toBe(0);
      expect(closes.length).toBeLessThanOrEqual(1);
      hub.stop();
    });
    await fc.assert(run, { numRuns: 500 });
  });

  it('is the turn: a connection with many messages leaves some for the next one', async () => {
    const { coordinator, hub, open, connection } = makeDoor({ streamRequestsMax: 10_000 });
    const other = open('10.0.0.2');
    for (const one of [connection, other]) {
      one.receive(Buffer.from('{"type":"connect","id":1,"session":"new"}'));
    }
    hub.flush();
    const set = (id: number) => ({ type: 'set', id, path: '/a', data: 'x' });
    const frame = (from: number) => Array.from({ length: 500 }, (_, index) => set(from + index));
    connection.receive(Buffer.from(JSON.stringify(frame(2))));
    connection.receive(Buffer.from(JSON.stringify(frame(502))));
    other.receive(Buffer.from(JSON.stringify(set(2))));
    const taken = () => coordinator.requests('set');
    await expect.poll(() => taken().length).toBe(1001);
    expect(taken().findIndex(({ stream }) => stream === 2)).toBeLessThan(200);
    const ids = taken().filter(({ stream }) => stream === 1);
    expect(ids.map(({ id }) => id)).toEqual(Array.from({ length: 1000 }, (_, index) => index + 2));
    for (const one of [connection, other]) one.ended();
    expect(hub.inFlightBytes).toBe(0);
    hub.stop();
  });

  it('is taken by one client up to its share: then its connections take one request at a time', () => {
    const { coordinator, hub, open, connection } = makeDoor({ frameBytesPerClientMax: 1000 });
    const [sibling, stranger] = [open('10.0.0.1'), open('10.0.0.2')];
    const set = (id: number, length = 10) =>
      Buffer.from(JSON.stringify({ type: 'set', id, path: '/a', data: 'x'.repeat(length) }));
    const all = [connection, sibling, stranger];
    for (const one of all) one.receive(Buffer.from('{"type":"connect","id":1,"session":"new"}'));
    hub.flush();
    const taken = () => {
      hub.flush();
      return coordinator.requests('set').map(({ stream, id }) => `${String(stream)}:${String(id)}`);
    };
    connection.receive(set(2, 1100));
    for (const id of [2, 3]) for (const one of [sibling, stranger]) one.receive(set(id));
    // The second request of the sibling waits, those of another client do not.
    expect(taken()).toEqual(['1:2', '2:2', '3:2', '3:3']);
    expect(hub.inFlightClients).toBe(2);
    const error = { code: 'NONODE', detail: 'no' } as const;
    coordinator.push({ type: 'error', stream: 2, id: 2, zxid: 1, error });
    expect(taken()).toEqual(['1:2', '2:2', '3:2', '3:3', '2:3']);
    for (const one of all) one.ended();
    expect([hub.inFlightBytes, hub.inFlightClients]).toEqual([0, 0]);
    hub.stop();
  });
});
