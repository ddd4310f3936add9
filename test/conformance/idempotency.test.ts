/**
 * Idempotency keys: a retry of a write gives the first answer again and writes nothing. A key belongs to
 * the request it came with, by the same caller.
 */
import { expect, test } from 'vitest';
import type { Client, WriteOptions } from './client.ts';
import { describeOverRest, describeThroughEveryDoor } from './doors.ts';
import type { Door } from './doors.ts';
import { encodePath, jsonOf } from './http.ts';
import { expectRefusal } from './refusal.ts';
import { RestClient } from './rest-client.ts';
import { WebSocketClient } from './websocket-client.ts';

const open = [{ scheme: 'world', id: 'anyone', perms: 'cdrwa' }];

let keys = 0;

function freshKey(): string {
  keys++;
  return `key-${keys}`;
}

/** Each write that takes a key, below a place that holds a child `a`. */
const writes: readonly (readonly [
  string,
  (client: Client, place: string, options: WriteOptions) => Promise<{ readonly zxid: number }>,
])[] = [
  ['create', (client, place, options) => client.create(`${place}/new`, options)],
  [
    'a sequential create',
    (client, place, options) => client.create(`${place}/n-`, { sequential: true, ...options }),
  ],
  ['put', (client, place, options) => client.put(`${place}/a`, 'new', options)],
  ['set', (client, place, options) => client.set(`${place}/a`, 'new', options)],
  [
    'set at a version',
    (client, place, options) => client.set(`${place}/a`, 'new', { version: 0, ...options }),
  ],
  ['delete', (client, place, options) => client.delete(`${place}/a`, options)],
  ['setAcl', (client, place, options) => client.setAcl(`${place}/a`, open, options)],
  [
    'multi',
    (client, place, options) =>
      client.multi(
        [
          { op: 'create', path: `${place}/m-`, sequential: true },
          { op: 'set', path: `${place}/a` },
          { op: 'check', path: place },
        ],
        options,
      ),
  ],
];

describeThroughEveryDoor('a retry with the same key', (door) => {
  test.each(writes)('%s: gives the first answer and writes nothing', async (_name, write) => {
    const place = await door.fresh();
    const [one, other] = await Promise.all([door.client(), door.client()]);
    await one.create(`${place}/a`);
    const options = { idempotencyKey: freshKey() };
    const first = await write(one, place, options);
    const after = await one.tree(place);
    const { zxid } = await one.set(place, 'in between');
    expect(await write(one, place, options)).toEqual(first);
    expect(await write(other, place, options)).toEqual(first);
    const { nodes } = await one.tree(place);
    expect(nodes.slice(1)).toEqual(after.nodes.slice(1));
    expect((await one.exists(place)).stat.mzxid).toBe(zxid);
  });

  test.each(writes)('%s: in flight together, one takes effect', async (_name, write) => {
    const place = await door.fresh();
    const clients = await Promise.all(Array.from({ length: 3 }, () => door.client()));
    const observer = await door.client();
    await observer.create(`${place}/a`);
    const { stat: before } = await observer.exists(place);
    const options = { idempotencyKey: freshKey() };
    door.hold();
    const pending = clients.map((client) => write(client, place, options));
    // When these are answered, the node has got what was sent before them.
    for (let round = 0; round < 5; round++) {
      await observer.exists(place, { consistency: 'local' });
    }
    door.release();
    const [first, ...rest] = await Promise.all(pending);
    for (const again of rest) expect(again).toEqual(first);
    const { stat: after } = await observer.exists(place);
    expect(after.cversion - before.cversion).toBeLessThanOrEqual(1);
    const { results } = await observer.multiRead([{ op: 'exists', path: `${place}/a` }]);
    expect(results[0]?.stat?.version ?? 0).toBeLessThanOrEqual(1);
  });

  test('the first answer holds although the znode has gone since', async () => {
    const client = await door.client();
    const path = `${await door.fresh()}/a`;
    const options = { idempotencyKey: freshKey(), data: 'x' };
    const first = await client.create(path, options);
    await client.delete(path);
    expect(await client.create(path, options)).toEqual(first);
    await expectRefusal(client.exists(path), 'NONODE');
  });
});

describeThroughEveryDoor('a key that belongs to another request', (door) => {
  test('is refused whatever differs', async () => {
    const place = await door.fresh();
    const client = await door.client();
    const idempotencyKey = freshKey();
    await client.create(`${place}/a`, { data: 'x', idempotencyKey });
    const others = [
      client.create(`${place}/b`, { data: 'x', idempotencyKey }),
      client.create(`${place}/a`, { data: 'y', idempotencyKey }),
      client.create(`${place}/a`, { data: 'x', sequential: true, idempotencyKey }),
      client.create(`${place}/a`, { data: 'x', acl: open, idempotencyKey }),
      client.put(`${place}/a`, 'x', { idempotencyKey }),
      client.set(`${place}/a`, 'x', { version: 0, idempotencyKey }),
      client.delete(`${place}/a`, { idempotencyKey }),
      client.multi([{ op: 'set', path: `${place}/a` }], { idempotencyKey }),
    ];
    const refusals = others.map((other) => expectRefusal(other, 'IDEMPOTENCYCONFLICT'));
    for (const { problem } of await Promise.all(refusals)) {
      expect(problem).toMatchObject({ status: 422, zkCode: null });
    }
    expect((await client.tree(place)).nodes).toHaveLength(2);
    expect((await client.get(`${place}/a`)).stat.version).toBe(0);
  });

  test('is refused to another caller: other credentials, another session', async () => {
    const path = `${await door.fresh()}/a`;
    const idempotencyKey = freshKey();
    const ann = await door.client({ credential: 'ann:secret' });
    const annAgain = await door.client({ credential: 'ann:secret' });
    const bob = await door.client({ credential: 'bob:secret' });
    const withSession = await door.client({ credential: 'ann:secret', session: 'new' });
    const first = await ann.create(path, { idempotencyKey });
    expect(await annAgain.create(path, { idempotencyKey })).toEqual(first);
    await expectRefusal(bob.create(path, { idempotencyKey }), 'IDEMPOTENCYCONFLICT');
    await expectRefusal(withSession.create(path, { idempotencyKey }), 'IDEMPOTENCYCONFLICT');
  });

  test('is refused through another door, whose request is another one', async () => {
    const path = `${await door.fresh()}/a`;
    const idempotencyKey = freshKey();
    const client = await door.client();
    await client.create(path, { idempotencyKey });
    const otherDoor: Pick<Door, 'client'> = {
      client: (options) =>
        door.name === 'REST'
          ? WebSocketClient.open(door.url, options)
          : RestClient.open(door.url, options),
    };
    const other = await otherDoor.client();
    await expectRefusal(other.create(path, { idempotencyKey }), 'IDEMPOTENCYCONFLICT');
    other.leave();
  });

  test('is refused while the first is in flight', async () => {
    const place = await door.fresh();
    const [one, other] = await Promise.all([door.client(), door.client()]);
    const idempotencyKey = freshKey();
    door.hold();
    const first = one.create(`${place}/a`, { idempotencyKey });
    await other.exists(place, { consistency: 'local' });
    const second = other.create(`${place}/b`, { idempotencyKey });
    const refusal = expectRefusal(second, 'IDEMPOTENCYCONFLICT');
    door.release();
    await first;
    await refusal;
  });
});

describeThroughEveryDoor(
  'of keys',
  (door) => {
    test('only successes are remembered', async () => {
      const place = await door.fresh();
      const client = await door.client();
      const idempotencyKey = freshKey();
      const attempt = () => client.create(`${place}/a/b`, { idempotencyKey });
      await expectRefusal(attempt(), 'NONODE');
      await client.create(`${place}/a`);
      const first = await attempt();
      expect(await attempt()).toEqual(first);
    });

    test('the oldest are forgotten when there are too many', async () => {
      const place = await door.fresh();
      const client = await door.client();
      const keep = Array.from({ length: 6 }, freshKey);
      const create = (idempotencyKey: string) =>
        client.create(`${place}/n-`, { sequential: true, idempotencyKey });
      const firsts = [];
      for (const key of keep) firsts.push(await create(key));
      for (const [index, key] of keep.entries()) {
        if (index > 0) expect(await create(key)).toEqual(firsts[index]);
      }
      expect((await create(keep[0] ?? '')).sequence).toBe(6);
    });

    test('one that is too long or empty is refused', async () => {
      const place = await door.fresh();
      const client = await door.client();
      await client.create(`${place}/a`, { idempotencyKey: 'x'.repeat(255) });
      for (const idempotencyKey of ['x'.repeat(256), '']) {
        await expectRefusal(client.create(`${place}/b`, { idempotencyKey }), 'BADARGUMENTS');
      }
    });
  },
  { limits: { idempotencyKeysMax: 5 } },
);

describeThroughEveryDoor(
  'keys of others',
  (door) => {
    test('stay, however many one client uses', async () => {
      const place = await door.fresh();
      const client = await door.client({ credential: 'bob:secret' });
      const idempotencyKey = freshKey();
      const other = await door.client();
      const first = await other.create(`${place}/n-`, { sequential: true, idempotencyKey });
      for (let index = 0; index < 20; index++) {
        await client.create(`${place}/of-bob-${index}`, { idempotencyKey: freshKey() });
      }
      expect(await other.create(`${place}/n-`, { sequential: true, idempotencyKey })).toEqual(
        first,
      );
    });
  },
  { limits: { idempotencyKeysMax: 8 } },
);

describeOverRest('a retry with the same key', (door) => {
  test('has the same status, headers and body; quotes around the key mean nothing', async () => {
    const place = await door.fresh();
    const key = freshKey();
    const send = (given: string) =>
      door.http({
        ...{ method: 'PUT', target: `/znodes${encodePath(place)}/task-?sequential`, body: 'x' },
        headers: { 'idempotency-key': given },
      });
    const first = await send(key);
    const again = await send(`"${key}"`);
    expect(first.status).toBe(201);
    expect(again.status).toBe(201);
    expect(jsonOf(again)).toEqual(jsonOf(first));
    for (const name of ['location', 'etag', 'zk-zxid', 'zk-version', 'zk-stat', 'content-type']) {
      expect(again.headers[name], name).toBe(first.headers[name]);
    }
  });
});
