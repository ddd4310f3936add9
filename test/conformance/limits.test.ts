/**
 * Nothing is unbounded: at each limit a clear error before anything takes effect, or back-pressure, while
 * everybody else goes on.
 */
import { expect, test } from 'vitest';
import type { Client, Member } from './client.ts';
import { within } from './deadline.ts';
import { describeOverRest, describeOverWebSocket, describeThroughEveryDoor } from './doors.ts';
import { openEventStream } from './event-stream.ts';
import { encodePath, jsonOf, sendHttp } from './http.ts';
import { expectRefusal } from './refusal.ts';
import { ask, connectTo, setWatch } from './websocket-client.ts';

const longMs = 60_000;

describeThroughEveryDoor(
  'the data of a znode',
  (door) => {
    test('may be as large as the limit, by every way, and not larger', async () => {
      const client = await door.client();
      const place = await door.fresh();
      const most = 'x'.repeat(1000);
      await client.create(`${place}/a`, { data: most });
      await client.put(`${place}/a`, most);
      await client.set(`${place}/a`, most);
      await client.multi([{ op: 'set', path: `${place}/a`, data: most }]);
      expect((await client.get(`${place}/a`)).stat).toMatchObject({ dataLength: 1000, version: 3 });
      const more = `${most}x`;
      const requests = [
        client.create(`${place}/b`, { data: more }),
        client.put(`${place}/b`, more),
        client.set(`${place}/a`, more),
        client.multi([
          { op: 'create', path: `${place}/b` },
          { op: 'set', path: `${place}/a`, data: more },
        ]),
      ];
      const refusals = requests.map((request) => expectRefusal(request, 'TOOLARGE'));
      for (const { problem } of await Promise.all(refusals)) {
        expect(problem).toMatchObject({ status: 413, zkCode: null });
        expect(problem.detail).toMatch(/1001.*1000/);
      }
      expect((await client.children(place)).children).toEqual(['a']);
      expect((await client.get(`${place}/a`)).stat.version).toBe(3);
    });

    test('counts in bytes, not in characters, and may be any bytes', async () => {
      const client = await door.client();
      const place = await door.fresh();
      const most = '\u00e9'.repeat(500);
      await client.create(`${place}/a`, { data: most });
      expect((await client.get(`${place}/a`)).stat.dataLength).toBe(1000);
      await expectRefusal(client.create(`${place}/b`, { data: `${most}x` }), 'TOOLARGE');
      const bytes = Buffer.from([0, 0xff, 0xfe, 0x80, 10]);
      await client.create(`${place}/c`, { data: bytes.toString('base64'), encoding: 'base64' });
      const read = await client.get(`${place}/c`);
      expect(read.encoding).toBe('base64');
      expect(Buffer.from(read.data, 'base64')).toEqual(bytes);
      const empty = await client.create(`${place}/d`);
      expect(empty.stat.dataLength).toBe(0);
      expect((await client.get(`${place}/d`)).data).toBe('');
    });
  },
  { limits: { znodeDataBytesMax: 1000 } },
);

describeThroughEveryDoor('by default', (door) => {
  test('a znode holds a mebibyte, byte for byte', async () => {
    const client = await door.client();
    const place = await door.fresh();
    const bytes = Buffer.alloc(1024 * 1024, 'abcdefg\u00e9\n"');
    const data = bytes.toString('latin1');
    const ascii = data.replace(/[^ -~]/g, '.');
    await client.put(`${place}/a`, ascii);
    const read = await client.get(`${place}/a`);
    expect(read.data === ascii).toBe(true);
    const { stat } = await client.create(`${place}/b`, {
      ...{ data: bytes.toString('base64'), encoding: 'base64' },
    });
    expect(stat.dataLength).toBe(1024 * 1024);
    await expectRefusal(client.put(`${place}/a`, `${ascii}x`), 'TOOLARGE');
  });
});

const smallTransactions = {
  limits: { multiOperationsMax: 20, transactionBytesMax: 4000, transactionPathsMax: 10 },
};

describeThroughEveryDoor(
  'a transaction',
  (door) => {
    test('holds so many operations, paths and bytes', async () => {
      const client = await door.client();
      const place = await door.fresh();
      const create = (count: number, data = ''): Member[] =>
        Array.from({ length: count }, (_, index) => ({
          ...{ op: 'create', path: `${place}/${index}`, data },
        }));
      const check = (count: number): Member[] =>
        Array.from({ length: count }, () => ({ op: 'check', path: place }));
      const bad = [
        client.multi(check(21)),
        client.multi(create(11)),
        client.multi(create(9, 'x'.repeat(1000))),
        client.multiRead(Array.from({ length: 21 }, () => ({ op: 'get', path: place }))),
        client.create(`${place}${'/p'.repeat(11)}`, { parents: true }),
      ];
      const refusals = bad.map((request) => expectRefusal(request, 'TOOLARGE'));
      for (const { problem } of await Promise.all(refusals)) {
        expect(problem.status).toBe(413);
      }
      expect((await client.children(place)).children).toEqual([]);
      await client.multi([...check(10), ...create(10)]);
      expect((await client.children(place)).children).toHaveLength(10);
    });

    test('that deletes a subtree deletes no more than so many', async () => {
      const client = await door.client();
      const place = await door.fresh();
      await client.create(`${place}/top`);
      for (let index = 0; index < 10; index++) await client.create(`${place}/top/${index}`);
      const tooMany = client.delete(`${place}/top`, { recursive: true });
      const { problem } = await expectRefusal(tooMany, 'TOOLARGE');
      expect(problem).toMatchObject({ status: 413, path: `${place}/top` });
      expect((await client.count(place)).descendants).toBe(11);
      await client.delete(`${place}/top/0`);
      await client.delete(`${place}/top`, { recursive: true });
      expect((await client.count(place)).descendants).toBe(0);
    });
  },
  smallTransactions,
);

describeThroughEveryDoor(
  'a session',
  (door) => {
    test('may own so many ephemerals', async () => {
      const place = await door.fresh();
      const client = await door.client({ session: 'new', timeoutMs: longMs });
      const other = await door.client({ session: 'new', timeoutMs: longMs });
      const create = (owner: Client, name: string) =>
        owner.create(`${place}/${name}`, { ephemeral: true });
      for (let index = 0; index < 5; index++) await create(client, String(index));
      const { problem } = await expectRefusal(create(client, 'more'), 'QUOTAEXCEEDED');
      expect(problem.status).toBe(507);
      await create(other, 'others');
      await client.create(`${place}/persistent`);
      await client.delete(`${place}/0`);
      await create(client, 'again');
    });
  },
  { limits: { sessionEphemeralsMax: 5 } },
);

describeThroughEveryDoor(
  'there are so many sessions',
  (door) => {
    test('and no more, until one ends', async () => {
      const place = await door.fresh();
      const open = () => door.client({ session: 'new', timeoutMs: longMs });
      const [first, second, third] = [await open(), await open(), await open()];
      const { problem } = await expectRefusal(open(), 'QUOTAEXCEEDED');
      expect(problem).toMatchObject({ status: 507, outcome: 'not-applied' });
      await first.create(`${place}/a`, { ephemeral: true });
      await first.endSession();
      const again = await open();
      await again.create(`${place}/b`, { ephemeral: true });
      for (const each of [second, third, again]) await each.endSession();
    });
  },
  { limits: { sessionsMax: 3 } },
);

describeThroughEveryDoor(
  'the tree',
  (door) => {
    test('that is full refuses what grows and takes what shrinks', async () => {
      const place = await door.fresh();
      const client = await door.client();
      const owner = await door.client({ session: 'new', timeoutMs: longMs });
      await owner.create(`${place}/e`, { ephemeral: true, data: 'x'.repeat(1000) });
      const names: string[] = [];
      const fill = async (): Promise<void> => {
        for (;;) {
          const name = `n${names.length}`;
          await client.create(`${place}/${name}`, { data: 'x'.repeat(1000) });
          names.push(name);
        }
      };
      const { problem } = await expectRefusal(fill(), 'QUOTAEXCEEDED');
      expect(problem).toMatchObject({ status: 507, zkCode: -125 });
      const [first = '', second = ''] = names;
      // Everything that makes no room is refused alike, and leaves nothing.
      await expectRefusal(
        client.create(`${place}/more`, { data: 'x'.repeat(1000) }),
        'QUOTAEXCEEDED',
      );
      await expectRefusal(client.set(`${place}/${first}`, 'y'.repeat(3000)), 'QUOTAEXCEEDED');
      const pair: Member[] = [
        { op: 'delete', path: `${place}/${second}` },
        { op: 'set', path: `${place}/${first}`, data: 'y'.repeat(4000) },
      ];
      await expectRefusal(client.multi(pair), 'QUOTAEXCEEDED');
      expect((await client.children(place)).children).toContain(second);
      // Reads, changes in place, deletions and the end of sessions go on.
      expect((await client.get(`${place}/${first}`)).data).toHaveLength(1000);
      await client.set(`${place}/${first}`, 'z'.repeat(1000));
      await client.set(`${place}/${first}`, '');
      await client.delete(`${place}/${second}`);
      await owner.endSession();
      await expectRefusal(client.exists(`${place}/e`), 'NONODE');
      await client.create(`${place}/more`, { data: 'x'.repeat(1000) });
      await client.delete(place, { recursive: true });
    });
  },
  { limits: { treeBytesMax: 60_000 } },
);

describeThroughEveryDoor(
  'the znodes of the tree',
  (door) => {
    test('are so many and no more', async () => {
      const place = await door.fresh();
      const client = await door.client();
      let made = 0;
      const fill = async (): Promise<void> => {
        for (; made < 100; made++) await client.create(`${place}/${made}`);
      };
      await expectRefusal(fill(), 'QUOTAEXCEEDED');
      await expectRefusal(client.create(`${place}/a`), 'QUOTAEXCEEDED');
      await client.multi([
        { op: 'delete', path: `${place}/0` },
        { op: 'create', path: `${place}/a` },
      ]);
      await expectRefusal(client.create(`${place}/b`), 'QUOTAEXCEEDED');
      await client.set(`${place}/a`, 'x'.repeat(1000));
      await client.delete(place, { recursive: true });
    });
  },
  { limits: { treeNodesMax: 30 } },
);

describeThroughEveryDoor(
  'distinct ACLs',
  (door) => {
    test('are so many; known ones can be used without end, and those of no znode make room', async () => {
      const place = await door.fresh();
      const client = await door.client();
      const aclOf = (net: number) => [{ scheme: 'ip', id: `10.0.0.${net}`, perms: 'r' }];
      const base = door.name === 'REST' ? 0 : 100;
      const fill = async (): Promise<void> => {
        for (let net = 0; net < 20; net++) {
          await client.create(`${place}/${net}`, { acl: aclOf(base + net) });
        }
      };
      await expectRefusal(fill(), 'QUOTAEXCEEDED');
      await client.create(`${place}/open`);
      const { children } = await client.children(place);
      expect(children).toContain('open');
      await client.create(`${place}/known`, { acl: aclOf(base) });
      await client.delete(`${place}/1`);
      for (let round = 0; round < 20; round++) {
        await client.create(`${place}/1`, { acl: aclOf(base + 20 + round) });
        await expectRefusal(
          client.create(`${place}/2-`, { acl: aclOf(base + 50) }),
          'QUOTAEXCEEDED',
        );
        await client.delete(`${place}/1`);
      }
      await client.delete(place, { recursive: true });
    });
  },
  { limits: { aclsMax: 8 } },
);

describeThroughEveryDoor(
  'the entries of an ACL and the bytes of an answer',
  (door) => {
    test('are so many and no more', async () => {
      const place = await door.fresh();
      const client = await door.client();
      const acl = (count: number) =>
        Array.from({ length: count }, (_, net) => ({
          ...{ scheme: 'ip', id: `10.0.0.${net}`, perms: 'cdrwa' },
        }));
      await client.create(`${place}/a`, { acl: acl(4) });
      await expectRefusal(client.create(`${place}/b`, { acl: acl(5) }), 'INVALIDACL');
    });

    test('a listing with data is refused where it would be too large', async () => {
      const place = await door.fresh();
      const client = await door.client();
      for (let index = 0; index < 12; index++) {
        await client.create(`${place}/${index}`, { data: 'x'.repeat(1000) });
      }
      await expectRefusal(client.childrenWith(place, 'data'), 'TOOLARGE');
      expect((await client.childrenWith(place, 'data', { limit: 3 })).children).toHaveLength(3);
      const reads = Array.from({ length: 12 }, (_, index) => ({
        ...({ op: 'get', path: `${place}/${index}` } as const),
      }));
      await expectRefusal(client.multiRead(reads), 'TOOLARGE');
      expect((await client.multiRead(reads.slice(0, 3))).results).toHaveLength(3);
      expect((await client.get(`${place}/0`)).data).toHaveLength(1000);
    });
  },
  { limits: { aclEntriesMax: 4, answerBytesMax: 10_000, znodeDataBytesMax: 5000 } },
);

describeOverRest(
  'outstanding writes',
  (door) => {
    test('are so many: one more is told to come later, and nothing of it happens', async () => {
      const place = await door.fresh();
      const client = await door.client();
      door.hold();
      const held = Array.from({ length: 10 }, (_, index) => client.create(`${place}/${index}`));
      const reader = await door.client();
      for (let round = 0; round < 5; round++) {
        await reader.exists(place, { consistency: 'local' });
      }
      const answer = await door.http({ method: 'PUT', target: `/znodes${encodePath(place)}/more` });
      expect(answer.status).toBe(429);
      expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
      expect(jsonOf(answer)).toMatchObject({
        ...{ code: 'THROTTLEDOP', zkCode: -127, outcome: 'not-applied', retryable: true },
      });
      door.release();
      await Promise.all(held);
      expect((await client.children(place)).children).toHaveLength(10);
    });
  },
  { limits: { outstandingTransactionsMax: 10, forwardedRequestsMax: 10 } },
);

describeOverWebSocket(
  'a stream that pipelines more than may be outstanding',
  (door) => {
    test('is held back, and gets all of its answers in order', async () => {
      const place = await door.fresh();
      const { raw } = await door.client();
      const reader = await door.client();
      door.hold();
      const messages = Array.from({ length: 300 }, (_, index) => ({
        ...{ type: 'create', path: `${place}/n-`, sequential: true, data: String(index) },
      }));
      const pending = [raw.requests(messages.slice(0, 100)), raw.requests(messages.slice(100))];
      for (let round = 0; round < 5; round++) await reader.exists(place);
      expect(door.node.replica.metrics().outstandingTransactions).toBeLessThanOrEqual(10);
      door.release();
      const answers = (await Promise.all(pending)).flat();
      expect(answers.map((answer) => answer['sequence'])).toEqual(
        messages.map((_, index) => index),
      );
      const data = await ask<{ data: string }>(raw, { type: 'get', path: `${place}/n-0000000299` });
      expect(data.data).toBe('299');
    });

    test('may ask for more at a time than it may have unanswered', async () => {
      const place = await door.fresh();
      const { raw } = await door.client();
      const reads = Array.from({ length: 500 }, () => ({ type: 'exists', path: place }));
      const answers = await Promise.all([raw.requests(reads), raw.requests(reads)]);
      expect(answers.flat().every(({ type }) => type === 'result')).toBe(true);
      const linearizable = reads.map((read) => ({ ...read, consistency: 'linearizable' }));
      expect(await raw.requests(linearizable)).toHaveLength(500);
    });
  },
  // On a busy machine the disk is held for long: no request may give up meanwhile.
  { limits: { outstandingTransactionsMax: 10, streamRequestsMax: 20, requestTimeoutMs: 60_000 } },
);

describeOverWebSocket(
  'watches',
  (door) => {
    test('of a connection are so many; those that it has go on', async () => {
      const { raw } = await door.client();
      const place = await door.fresh();
      const other = await door.client();
      for (let index = 0; index < 5; index++) await setWatch(raw, `${place}/${index}`, 'exists');
      const one = { type: 'watch', path: `${place}/more`, mode: 'persistent' };
      const { problem } = await expectRefusal(ask(raw, one), 'QUOTAEXCEEDED');
      expect(problem.status).toBe(507);
      await other.create(`${place}/0`);
      expect((await within('the event', raw.nextEvents())).type).toBe('events');
      await ask(raw, one);
    });

    test('of the node are so many', async () => {
      const place = await door.fresh();
      const clients = [await door.client(), await door.client(), await door.client()];
      const fill = async (): Promise<void> => {
        for (const { raw } of clients) {
          for (let index = 0; index < 5; index++) {
            await setWatch(raw, `${place}/${index}`, 'persistent');
          }
        }
      };
      await expectRefusal(fill(), 'QUOTAEXCEEDED');
      await clients[0]?.raw.close();
      const last = clients.at(-1);
      if (last !== undefined) await setWatch(last.raw, `${place}/x`, 'persistent');
    });
  },
  { limits: { watchesPerStreamMax: 5, watchesMax: 12 } },
);

describeOverWebSocket(
  'a frame',
  (door) => {
    test('holds so many messages', async () => {
      const { raw } = await door.client();
      const pings = Array.from({ length: 50 }, () => ({ type: 'ping' }));
      expect(await raw.requests(pings)).toHaveLength(50);
      raw.send([...pings, ...pings].map((ping, id) => ({ ...ping, id })));
      expect((await within('the end', raw.closed)).code).toBe(4400);
    });

    test('holds so many bytes, else the connection is closed with 1009', async () => {
      const { raw } = await door.client();
      const path = await door.fresh();
      raw.send({ type: 'set', id: 99, path, data: 'x'.repeat(3000) });
      expect((await within('the end', raw.closed)).code).toBe(1009);
      expect((await (await door.client()).get(path)).stat.version).toBe(0);
    });
  },
  {
    limits: {
      ...{ frameMessagesMax: 50, frameBytesMax: 2500, znodeDataBytesMax: 1000 },
    },
  },
);

describeOverRest(
  'streams',
  (door) => {
    test('of a node are so many: one more is told to come later', async () => {
      const target = `/watch${encodePath(await door.fresh())}`;
      const open = () => openEventStream(door.url, { target });
      const streams = [await open(), await open(), await open()];
      const { problem } = await expectRefusal(open(), 'THROTTLEDOP');
      expect(problem.status).toBe(429);
      await expectRefusal(connectTo(door.url), 'THROTTLEDOP');
      const poll = await door.http({ target: `/znodes/missing?wait=1s&until=exists` });
      expect(poll.status).toBe(429);
      // Requests that are no streams go on.
      expect((await door.http({ target: '/znodes' })).status).toBe(200);
      const closed = streams[0]?.end();
      streams[0]?.close();
      await closed;
      for (const stream of streams) stream.close();
    });
  },
  { limits: { streamsMax: 3 } },
);

describeOverRest('a request', (door) => {
  test('with headers that are too large is refused with 431', async () => {
    const answer = await sendHttp(door.url, {
      ...{ target: '/znodes', headers: { 'x-large': 'x'.repeat(100_000) } },
    });
    expect(answer.status).toBe(431);
    expect(jsonOf(answer)).toMatchObject({ code: 'HEADERSTOOLARGE', outcome: 'not-applied' });
  });

  test('with a body that is too large is refused, declared or not', async () => {
    const target = `/znodes${encodePath(await door.fresh())}`;
    const body = Buffer.alloc(1024 * 1024 + 1);
    const declared = await sendHttp(door.url, {
      ...{ method: 'PUT', target, body, headers: { 'content-length': String(body.length) } },
    });
    const chunked = await sendHttp(door.url, {
      ...{ method: 'PUT', target, body, headers: { 'transfer-encoding': 'chunked' } },
    });
    for (const answer of [declared, chunked]) {
      expect(answer.status).toBe(413);
      expect(jsonOf(answer)).toMatchObject({ code: 'TOOLARGE', outcome: 'not-applied' });
    }
    expect((await door.http({ target })).headers['zk-version']).toBe('0');
  });
});
