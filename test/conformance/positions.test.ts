/**
 * Single system image: a read that is asked to be linearizable shows every write answered before it, on any
 * connection; a client that names a zxid is never shown an older state.
 */
import { expect, test } from 'vitest';
import { line } from './checklist.ts';
import { within } from './deadline.ts';
import { describeOverRest, describeOverWebSocket, describeThroughEveryDoor } from './doors.ts';
import { encodePath, jsonOf } from './http.ts';
import { expectRefusal, refusalOf } from './refusal.ts';
import { voterCount } from './target.ts';
import { connectTo, openUnconnected } from './websocket-client.ts';

describeThroughEveryDoor('a linearizable read', (door) => {
  test('shows every write that was answered before it, across clients', async () => {
    const [writer, reader] = await Promise.all([door.client(), door.client()]);
    const path = await door.fresh();
    for (let round = 0; round < 25; round++) {
      const { zxid } = await writer.set(path, String(round));
      const read = await reader.get(path, { consistency: 'linearizable' });
      expect(read.data).toBe(String(round));
      expect(read.zxid).toBeGreaterThanOrEqual(zxid);
    }
  });

  test('never goes back while a writer goes on', async () => {
    const [writer, ...readers] = await Promise.all(Array.from({ length: 4 }, () => door.client()));
    const path = await door.fresh();
    await writer?.set(path, '0');
    let acknowledged = 0;
    const writing = (async () => {
      for (let round = 1; round <= 40; round++) {
        await writer?.set(path, String(round));
        acknowledged = round;
      }
    })();
    const reading = readers.map(async (reader) => {
      let last = 0;
      while (last < 40) {
        const floor = Math.max(acknowledged, last);
        const { data } = await reader.get(path, { consistency: 'linearizable' });
        last = Number(data);
        expect(last).toBeGreaterThanOrEqual(floor);
      }
    });
    await within('the last write', Promise.all([writing, ...reading]));
  });

  test('a refusal is as strong: what it says of the tree was answered before', async () => {
    const [one, other] = await Promise.all([door.client(), door.client()]);
    const place = await door.fresh();
    for (let round = 0; round < 20; round++) {
      const path = `${place}/${round}`;
      const { zxid } = await one.create(path);
      const refusal = await expectRefusal(other.create(path), 'NODEEXISTS');
      expect(refusal.zxid).toBeGreaterThanOrEqual(zxid);
      await one.delete(path);
      await expectRefusal(other.set(path, 'x'), 'NONODE');
    }
  });

  test('of two creations one wins', async () => {
    const clients = await Promise.all(Array.from({ length: 5 }, () => door.client()));
    const place = await door.fresh();
    for (let round = 0; round < 10; round++) {
      const path = `${place}/${round}`;
      const attempts = clients.map((client, index) =>
        client.create(path, { data: String(index) }).then(
          () => index,
          (error: unknown) => (expect(error).toMatchObject({ code: 'NODEEXISTS' }), undefined),
        ),
      );
      const winners = (await Promise.all(attempts)).filter((index) => index !== undefined);
      expect(winners).toHaveLength(1);
      expect((await clients[0]?.get(path))?.data).toBe(String(winners[0]));
    }
  });
});

describeThroughEveryDoor('sync', (door) => {
  test(line(35), async () => {
    const [writer, reader] = await Promise.all([door.client(), door.client()]);
    const path = await door.fresh();
    for (let round = 0; round < 20; round++) {
      const { zxid: written } = await writer.set(path, String(round));
      const { zxid } = await reader.sync();
      const read = await reader.get(path, { consistency: 'local' });
      expect(read.data).toBe(String(round));
      expect(zxid).toBeGreaterThanOrEqual(written);
      expect(read.zxid).toBeGreaterThanOrEqual(zxid);
    }
  });
});

const impatient = { limits: { requestTimeoutMs: 800 } };

describeThroughEveryDoor(
  'a named zxid',
  (door) => {
    test('that has been reached costs nothing, one that comes is waited for', async () => {
      const [writer, reader] = await Promise.all([door.client(), door.client()]);
      const path = await door.fresh();
      const { zxid } = await writer.set(path, 'one');
      expect((await reader.get(path, { minZxid: zxid })).data).toBe('one');
      const waiting = reader.get(path, { minZxid: zxid + 2, consistency: 'local' });
      await writer.set(path, 'two');
      await writer.set(path, 'three');
      const read = await waiting;
      expect(read.data).toBe('three');
      expect(read.zxid).toBeGreaterThanOrEqual(zxid + 2);
    });

    test('that does not come is BEHIND, and nothing older is shown', async () => {
      const client = await door.client();
      const path = await door.fresh();
      const { zxid } = await client.sync();
      const refusal = await expectRefusal(client.get(path, { minZxid: zxid + 1000 }), 'BEHIND');
      expect(refusal.problem).toMatchObject({ status: 503, zkCode: null, retryable: true });
      expect(refusal.zxid).toBeLessThan(zxid + 1000);
      expect((await client.get(path)).path).toBe(path);
    });

    test('every answer names the zxid of its state, refusals too', async () => {
      const client = await door.client();
      const path = await door.fresh();
      const { zxid } = await client.set(path, 'x');
      const missing = await refusalOf(client.get(`${path}/missing`));
      const stale = await refusalOf(client.set(path, 'x', { version: 7 }));
      const malformed = await refusalOf(client.get('/a//b'));
      for (const refusal of [missing, stale, malformed]) {
        expect(refusal.zxid).toBeGreaterThanOrEqual(zxid);
        expect(refusal.problem.zxid).toBe(refusal.zxid);
      }
    });

    test('acks: all voters and any number of them, nothing else', async () => {
      const client = await door.client();
      const path = await door.fresh();
      await client.set(path, 'x', { acks: 'all' });
      await client.set(path, 'x', { acks: 1 });
      for (const acks of [0, voterCount() + 1, -1, 1.5, 'some' as never]) {
        await expectRefusal(client.set(path, 'y', { acks }), 'BADARGUMENTS');
      }
      expect((await client.get(path)).stat.version).toBe(2);
    });
  },
  impatient,
);

describeOverRest(
  'a named zxid',
  (door) => {
    test('is waited for as long as `wait` says, and Retry-After says when to come again', async () => {
      const path = await door.fresh();
      const answer = await door.http({
        target: `/znodes${encodePath(path)}?wait=20ms`,
        headers: { 'zk-min-zxid': '9007199254740991' },
      });
      expect(answer.status).toBe(503);
      expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
      expect(jsonOf(answer)).toMatchObject({ code: 'BEHIND', outcome: 'not-applied' });
    });

    test('holds for writes too, and an unreadable one is refused', async () => {
      const path = await door.fresh();
      const put = (zxid: string) =>
        door.http({
          ...{ method: 'PUT', target: `/znodes${encodePath(path)}?wait=20ms`, body: 'x' },
          headers: { 'zk-min-zxid': zxid },
        });
      expect((await put('9007199254740991')).status).toBe(503);
      expect((await put('9007199254740992')).status).toBe(400);
      expect((await put('-1')).status).toBe(400);
      expect((await put('x')).status).toBe(400);
      expect((await put('1')).status).toBe(200);
    });

    test('answers of a node name it', async () => {
      const path = await door.fresh();
      const { headers } = await door.http({ target: `/znodes${encodePath(path)}` });
      expect(headers['zk-server']).toBe(String(door.node.config.id));
      expect(Number(headers['zk-zxid'])).toBeGreaterThan(0);
    });
  },
  impatient,
);

describeOverWebSocket(
  'a named zxid',
  (door) => {
    test('of a connection that comes from a newer node is refused, and the connection closed', async () => {
      const client = await door.client();
      const { zxid } = await client.sync();
      const late = connectTo(door.url, { minZxid: zxid + 1 });
      await client.create(await door.fresh(), { sequential: true });
      (await late).socket.terminate();
      const raw = await openUnconnected(door.url);
      const answer = await raw.ask({ type: 'connect', minZxid: zxid + 1_000_000 });
      expect(answer).toMatchObject({ type: 'error', problem: { code: 'BEHIND', status: 503 } });
      expect((await within('the end', raw.closed)).code).toBe(4503);
    });
  },
  impatient,
);
