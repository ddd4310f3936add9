/** Each limit that a request can meet is named by the refusal, with its number and with what the client can do. */
import { expect, test } from 'vitest';
import type { Limits } from '../../src/protocol/limits.ts';
import type { Client } from './client.ts';
import { within } from './deadline.ts';
import {
  describeOverRest,
  describeOverWebSocket,
  describeThroughEveryDoor,
  superCredential,
} from './doors.ts';
import { encodePath, jsonOf } from './http.ts';
import { refusalOf } from './refusal.ts';
import type { ProblemBody } from './refusal.ts';
import { ask, connectTo, setWatch } from './websocket-client.ts';

type Name = keyof Limits;

function expectNamed(detail: string, name: Name, limit: number | string): void {
  expect(detail).toMatch(new RegExp(`\\b${limit}( ms)? \\(limit ${name}\\).*; [a-z].{10,}$`));
}

async function expectRefusedBy(
  limits: Partial<Limits>,
  requests: readonly (readonly [Name, Promise<unknown>])[],
): Promise<void> {
  const refused = requests.map(
    async ([name, request]) => [name, await refusalOf(request)] as const,
  );
  for (const [name, { problem }] of await Promise.all(refused)) {
    expectNamed(problem.detail, name, limits[name] ?? 0);
  }
}

const small = {
  ...{ znodeDataBytesMax: 300, transactionBytesMax: 800, answerBytesMax: 700 },
  ...{ pathLengthMax: 100, aclEntriesMax: 2, idempotencyKeyLengthMax: 20, aclsMax: 3 },
  ...{ multiOperationsMax: 4, transactionPathsMax: 3, sessionEphemeralsMax: 1 },
  ...{ childrenUnpagedMax: 3, pageEntriesMax: 5, jsonDepthMax: 8 },
};

describeThroughEveryDoor(
  'A request that is too large',
  (door) => {
    test('is told by which limit', async () => {
      const client = await door.client();
      const place = await door.fresh();
      const data = 'x'.repeat(300);
      for (const name of ['a', 'b', 'c', 'd']) {
        await client.create(`${place}/${name}`, { data: name < 'd' ? data : '' });
      }
      for (const name of ['x', 'y', 'z']) await client.create(`${place}/d/${name}`, { data });
      const entry = (net: number) => ({ scheme: 'ip', id: `10.0.0.${net}`, perms: 'r' });
      const member = (name: string, text = '') =>
        ({ op: 'create', path: `${place}/${name}`, data: text }) as const;
      const get = (name: string) => ({ op: 'get', path: `${place}/${name}` }) as const;
      const members = ['e', 'f', 'g', 'h', 'i'];
      await expectRefusedBy(small, [
        ['znodeDataBytesMax', client.put(`${place}/a`, `${data}x`)],
        ['znodeDataBytesMax', client.create(`${place}/e`, { data: `${data}x` })],
        ['pathLengthMax', client.get(`/${'x'.repeat(100)}`)],
        ['pathLengthMax', client.create(`/${'x'.repeat(95)}`, { sequential: true })],
        ['aclEntriesMax', client.create(`${place}/e`, { acl: [1, 2, 3].map(entry) })],
        ['idempotencyKeyLengthMax', client.put(place, '', { idempotencyKey: 'k'.repeat(21) })],
        ['multiOperationsMax', client.multi(members.map((name) => member(name)))],
        ['multiOperationsMax', client.multiRead(members.map(get))],
        ['transactionPathsMax', client.multi(members.slice(1).map((name) => member(name)))],
        ['transactionBytesMax', client.multi(['e', 'f', 'g'].map((name) => member(name, data)))],
        ['transactionPathsMax', client.delete(place, { recursive: true })],
        ['childrenUnpagedMax', client.children(place)],
        ['pageEntriesMax', client.children(place, { limit: 6 })],
        ['answerBytesMax', client.childrenWith(`${place}/d`, 'data')],
        ['answerBytesMax', client.multiRead(['a', 'b', 'c'].map(get))],
      ]);
    });

    test('as is one of too many ephemerals or ACLs', async () => {
      const client = await door.client({ session: 'new', timeoutMs: 60_000 });
      const place = await door.fresh();
      await client.create(`${place}/e`, { ephemeral: true });
      const fill = async (owner: Client): Promise<void> => {
        for (let net = 0; net < 5; net++) {
          const acl = [{ scheme: 'ip', id: `10.0.0.${net}`, perms: 'r' }];
          await owner.create(`${place}/${net}`, { acl });
        }
      };
      await expectRefusedBy(small, [
        ['sessionEphemeralsMax', client.create(`${place}/f`, { ephemeral: true })],
        ['aclsMax', fill(client)],
      ]);
    });
  },
  { limits: small },
);

describeOverRest(
  'A body that is too large',
  (door) => {
    test('is told by which limit', async () => {
      const place = await door.fresh();
      const json = { 'content-type': 'application/json' };
      const large = JSON.stringify({ operations: 'x'.repeat(100_000) });
      for (const [method, target, body, name, shown] of [
        ['PUT', `/znodes${place}`, 'x'.repeat(301), 'znodeDataBytesMax', 300],
        ['POST', `/znodes${place}/a`, large, 'znodeDataBytesMax', 300],
        ['PUT', `/acl${place}`, large, 'znodeDataBytesMax', 300],
        ['POST', '/multi', large, 'transactionBytesMax', 800],
        ['POST', '/multi-read', large, 'transactionBytesMax', 800],
        ['POST', '/multi-read', '['.repeat(9), 'jsonDepthMax', 8],
      ] as const) {
        const answer = await door.http({ method, target, headers: json, body });
        expectNamed((jsonOf(answer) as ProblemBody).detail, name, shown);
      }
      const session = await door.http({
        ...{ method: 'POST', target: '/sessions', headers: json, body: large },
      });
      expect((jsonOf(session) as ProblemBody).detail).toMatch(
        /exceeds 65536 bytes, which no setting changes; send \{"timeoutMs": NUMBER\}$/,
      );
      const header = { target: '/znodes', headers: { 'x-large': 'x'.repeat(100_000) } };
      expect((jsonOf(await door.http(header)) as ProblemBody).detail).toMatch(
        /exceed 65536 bytes, which no setting changes; shorten /,
      );
    });
  },
  { limits: small },
);

for (const [name, limit] of [
  ['treeNodesMax', 12],
  ['treeBytesMax', 6000],
  ['sessionsMax', 1],
] as const) {
  describeThroughEveryDoor(
    `What is full by ${name}`,
    (door) => {
      test('says so', async () => {
        const place = await door.fresh();
        const fill = async (): Promise<void> => {
          const client = await door.client({ session: 'new', timeoutMs: 60_000 });
          if (name === 'sessionsMax') await door.client({ session: 'new', timeoutMs: 60_000 });
          for (let index = 0; index < 100; index++) {
            await client.create(`${place}/${index}`, { data: 'x'.repeat(500) });
          }
        };
        await expectRefusedBy({ [name]: limit }, [[name, fill()]]);
        await (await door.client()).delete(place, { recursive: true });
      });
    },
    { limits: { [name]: limit } },
  );
}

const fewWatches = { watchesPerStreamMax: 2, watchesPerClientMax: 3, watchesMax: 4 };

describeOverWebSocket(
  'Too many of a connection',
  (door) => {
    test('watches, identities and messages are told by which limit', async () => {
      const place = await door.fresh();
      const clients = [await door.client(), await door.client()].map(({ raw }) => raw);
      const add = async (which: number, times: number): Promise<void> => {
        for (let index = 0; index < times; index++) {
          const raw = clients[which];
          if (raw !== undefined) await setWatch(raw, `${place}/${index}`, 'persistent');
        }
      };
      await expectRefusedBy(fewWatches, [['watchesPerStreamMax', add(0, 3)]]);
      await expectRefusedBy(fewWatches, [['watchesPerClientMax', add(1, 2)]]);
      const { raw } = await door.client();
      const identify = async (): Promise<void> => {
        for (const user of ['a', 'b', 'c']) {
          await ask(raw, { type: 'auth', scheme: 'digest', credential: `${user}:x` });
        }
      };
      await expectRefusedBy({ identitiesMax: 3 }, [['identitiesMax', identify()]]);
      const auth = ['a', 'b', 'c', 'd'].map((user) => ({
        ...{ scheme: 'digest', credential: `${user}:x` },
      }));
      const greeting = connectTo(door.url, { auth });
      await expectRefusedBy({ identitiesMax: 3 }, [['identitiesMax', greeting]]);
    });

    test('and so is a frame of too many messages', async () => {
      const { raw } = await door.client();
      const fault = raw.request({ type: 'ping' });
      await fault;
      raw.send(Array.from({ length: 4 }, (_, id) => ({ type: 'ping', id: id + 100 })));
      const { code } = await within('the end', raw.closed);
      expect(code).toBe(4400);
    });
  },
  { limits: { ...fewWatches, identitiesMax: 3, frameMessagesMax: 3 } },
);

describeOverRest(
  'Too many at a time',
  (door) => {
    test('writes and streams are told by which limit', async () => {
      const place = await door.fresh();
      const client = await door.client();
      door.hold();
      const held = Array.from({ length: 4 }, (_, index) => client.create(`${place}/${index}`));
      const reader = await door.client();
      for (let round = 0; round < 5; round++) {
        await reader.exists(place, { consistency: 'local' });
      }
      const target = `/znodes${encodePath(place)}/more`;
      const { detail } = jsonOf(await door.http({ method: 'PUT', target })) as ProblemBody;
      expect(detail).toMatch(
        /\b4 \(limit (outstandingTransactionsMax|forwardedRequestsMax)\).*; repeat the request later/,
      );
      door.release();
      await Promise.all(held);
      const authorization = `Basic ${Buffer.from(superCredential).toString('base64')}`;
      const poll = (headers: Readonly<Record<string, string>> = {}) =>
        door.http({ target: `/znodes${place}/none?wait=1s&until=exists`, headers });
      const refused = await Promise.all([poll(), poll(), poll({ authorization })]);
      const [text = ''] = refused
        .filter(({ status }) => status === 429)
        .map((answer) => (jsonOf(answer) as ProblemBody).detail);
      expectNamed(text, 'streamsPerClientMax', 2);
    });
  },
  {
    limits: {
      ...{ outstandingTransactionsMax: 4, forwardedRequestsMax: 4, streamsPerClientMax: 2 },
    },
  },
);
