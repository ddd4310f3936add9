/**
 * What is asked for is done or refused, never ignored; and a refusal says what is wrong, by which limit, and
 * what to do about it, in words that a newcomer understands.
 */
import { expect, test } from 'vitest';
import { describeOverRest, describeOverWebSocket, describeThroughEveryDoor } from './doors.ts';
import { jsonOf } from './http.ts';
import type { HttpRequest } from './http.ts';
import { refusalOf } from './refusal.ts';
import type { ProblemBody } from './refusal.ts';
import { ask, connectTo } from './websocket-client.ts';

describeOverRest('What is asked for has an effect or is refused', (door) => {
  const json = { 'content-type': 'application/json' };

  /** Status and detail of a refusal. */
  async function refusal(request: HttpRequest): Promise<string> {
    const answer = await door.http(request);
    return `${String(answer.status)} ${(jsonOf(answer) as ProblemBody).detail}`;
  }

  test('a listing that has no ETag cannot be waited for, nor be compared with one', async () => {
    const target = `/children${await door.fresh()}`;
    for (const page of ['limit=1', 'after=a', 'with=stat', 'with=data']) {
      for (const [query, headers] of [
        [`${page}&wait=1s`, { 'if-none-match': '"0.1"' }],
        [`${page}&wait=1s&until=exists`, {}],
      ] as const) {
        expect(await refusal({ target: `${target}?${query}`, headers })).toMatch(
          /^400 query parameter "wait": a listing with limit, after or with has no ETag to compare/,
        );
      }
      const headers = { 'if-none-match': '"0.1"' };
      expect(await refusal({ target: `${target}?${page}`, headers })).toMatch(
        /^400 If-None-Match: a listing with limit, after or with has no ETag/,
      );
    }
    const bounded = { target: `${target}?limit=1&wait=1s`, headers: { 'zk-min-zxid': '1' } };
    expect((await door.http(bounded)).status).toBe(200);
  });

  test('an encoding needs data that it is the encoding of', async () => {
    const place = await door.fresh();
    for (const method of ['GET', 'HEAD']) {
      const target = `/znodes${place}?encoding=base64`;
      expect((await door.http({ method, target })).status).toBe(400);
      const accepting = { method, target, headers: { accept: 'application/json' } };
      expect((await door.http(accepting)).status).toBe(200);
    }
    for (const target of [
      `/children${place}?encoding=base64`,
      `/children${place}?encoding=base64&with=stat`,
      `/watch${place}?encoding=utf8`,
    ]) {
      expect(await refusal({ target })).toMatch(/^400 query parameter "encoding": has no effect/);
    }
    for (const [target, value] of [
      [`/znodes${place}/none`, { encoding: 'utf8' }],
      ['/multi', { operations: [{ op: 'set', path: place, encoding: 'base64' }] }],
      ['/multi', { operations: [{ op: 'create', path: '/x', encoding: 'utf8' }] }],
    ] as const) {
      const request = { method: 'POST', target, headers: json, body: JSON.stringify(value) };
      expect(await refusal(request)).toMatch(
        /^400 (operations\[0\]\.)?encoding: has no effect without data/,
      );
    }
    const body = JSON.stringify({ operations: [{ op: 'exists', path: place, encoding: 'utf8' }] });
    const reads = { method: 'POST', target: '/multi-read', headers: json, body };
    expect(await refusal(reads)).toMatch(/^400 operations\[0\]\.encoding: has no effect on exists/);
  });

  test('an event stream of children has no data to add, but its first state has', async () => {
    const target = `/watch${await door.fresh()}?mode=children&with=data`;
    expect(await refusal({ target })).toMatch(/^400 query parameter "with": adds to NodeCreated/);
    const head = await door.http({ method: 'HEAD', target: `${target}&initial` });
    expect(head.status).toBe(200);
  });

  test('a condition, ACL or key that a route has no use for is refused', async () => {
    const place = await door.fresh();
    const conditional = {
      ...{ 'If-Match': '*', 'If-None-Match': '"1.1"', 'Zk-Acl': 'world:anyone:r' },
      ...{ 'Idempotency-Key': 'k', 'Last-Event-ID': '1' },
    };
    const used: Readonly<Record<string, readonly string[]>> = {
      [`GET /znodes${place}`]: ['If-None-Match'],
      [`HEAD /znodes${place}`]: ['If-None-Match'],
      [`GET /stat${place}`]: ['If-None-Match'],
      [`GET /children${place}`]: ['If-None-Match'],
      [`GET /tree${place}`]: [],
      [`GET /acl${place}`]: ['If-None-Match'],
      [`PUT /acl${place}`]: ['If-Match', 'Idempotency-Key'],
      [`POST /znodes${place}`]: ['If-None-Match', 'Idempotency-Key', 'Zk-Acl'],
      [`DELETE /znodes${place}/none`]: ['If-Match', 'Idempotency-Key'],
      'POST /multi': ['Idempotency-Key'],
      'POST /multi-read': [],
      'POST /sync': [],
      'GET /whoami': [],
      'POST /sessions': [],
      'GET /ensemble': [],
    };
    for (const [route, names] of Object.entries(used)) {
      const [method = '', target = ''] = route.split(' ');
      for (const [name, value] of Object.entries(conditional)) {
        const answer = await door.http({ method, target, headers: { [name]: value } });
        const refused =
          answer.status === 400 &&
          (method === 'HEAD' || answer.body.toString().includes(`${name}: has no effect on`));
        expect(refused, `${route} with ${name}: ${answer.body.toString()}`).toBe(
          !names.includes(name),
        );
      }
    }
  });

  test('a condition that can never match is no mismatch', async () => {
    const place = await door.fresh();
    const facets = [`/znodes${place}`, `/stat${place}`, `/children${place}`];
    const answers = await Promise.all(facets.map((target) => door.http({ target })));
    const [data = '', stat = ''] = answers.map(({ headers }) => headers.etag ?? '');
    const put = (tag: string, target = `/znodes${place}`) =>
      refusal({
        ...{ method: 'PUT', target, headers: { ...json, 'if-match': tag } },
        body: JSON.stringify([{ scheme: 'world', id: 'anyone', perms: 'cdrwa' }]),
      });
    expect(await put(`W/${data}`)).toMatch(/^400 If-Match: can never match: .* is weak/);
    expect(await put('"abc"')).toMatch(/^400 If-Match: can never match: "abc" is no ETag of this/);
    expect(await put('abc')).toMatch(/^400 If-Match: "abc" is no list of entity tags/);
    expect(await put(stat, `/acl${place}`)).toMatch(/^400 .*take that of GET \/acl/);
    await door.http({ method: 'PUT', target: `/znodes${place}/child`, body: 'x' });
    const children = (await door.http({ target: `/children${place}` })).headers.etag ?? '';
    expect(await put(children)).toMatch(
      /^412 .* has another version: it is at version 0, .*; the ETag that was given has its cversion, not its version$/,
    );
  });

  test('the answer of a write has the ETag that guards the next one', async () => {
    const target = `/znodes${await door.fresh()}/a`;
    const guarded = (etag: string | undefined) => ({ 'if-match': etag ?? '' });
    const created = await door.http({ method: 'POST', target });
    const first = { method: 'PUT', target, headers: guarded(created.headers.etag), body: '1' };
    const replaced = await door.http(first);
    expect([created.status, replaced.status]).toEqual([201, 200]);
    const minimal = { ...guarded(replaced.headers.etag), prefer: 'return=minimal' };
    const again = await door.http({ method: 'PUT', target, headers: minimal, body: '2' });
    expect(again.status).toBe(204);
    expect((await door.http(first)).status).toBe(412);
    const body = JSON.stringify([{ scheme: 'world', id: 'anyone', perms: 'cdrwa' }]);
    const acl = target.replace('/znodes', '/acl');
    const before = await door.http({ target: acl });
    const asked = { method: 'PUT', target: acl, body };
    const headers = { ...json, ...guarded(before.headers.etag) };
    const changed = await door.http({ ...asked, headers });
    const next = { ...json, ...guarded(changed.headers.etag) };
    expect((await door.http({ ...asked, headers: next })).status).toBe(200);
    expect((await door.http({ ...asked, headers })).status).toBe(412);
    const removed = { method: 'DELETE', target, headers: guarded(again.headers.etag) };
    expect((await door.http(removed)).status).toBe(204);
  });

  test('every write answers Prefer: return=minimal with 204 and no body', async () => {
    const place = await door.fresh();
    const headers = { ...json, prefer: 'return=minimal' };
    const acl = [{ scheme: 'world', id: 'anyone', perms: 'cdrwa' }];
    for (const [method, target, body] of [
      ['PUT', `/znodes${place}/a`, {}],
      ['PUT', `/znodes${place}/a`, {}],
      ['POST', `/znodes${place}/b`, {}],
      ['PUT', `/acl${place}/a`, acl],
      ['POST', '/multi', { operations: [{ op: 'create', path: `${place}/c` }] }],
      ['DELETE', `/znodes${place}/a`, undefined],
    ] as const) {
      const answer = await door.http({
        ...{ method, target, headers },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      expect([answer.status, answer.body.length], `${method} ${target}`).toEqual([204, 0]);
      expect(answer.headers['preference-applied']).toBe('return=minimal');
      expect(answer.headers['content-type']).toBeUndefined();
    }
  });

  test('a PUT to the root needs a condition, since an empty path is one', async () => {
    const aclText = JSON.stringify([{ scheme: 'world', id: 'anyone', perms: 'cdrwa' }]);
    for (const [base, body] of [
      ['/znodes', 'x'],
      ['/acl', aclText],
    ] as const) {
      for (const target of [base, `${base}/`, `${base}?acks=1`]) {
        const put = { method: 'PUT', target, headers: json, body };
        expect(await refusal(put)).toMatch(/^400 the path is empty, .* needs a condition/);
      }
      const put = { method: 'PUT', target: base, headers: { ...json, 'if-match': '*' }, body };
      expect((await door.http(put)).status).toBe(200);
    }
    const flags = { method: 'PUT', target: '/znodes/?parents', headers: { 'zk-acl': 'auth::r' } };
    expect(await refusal(flags)).toMatch(/^400 the path is empty/);
    expect((await door.http({ method: 'PUT', target: '/znodes?version=-1' })).status).toBe(200);
    const once = { method: 'PUT', target: '/znodes', headers: { 'if-none-match': '*' } };
    expect((await door.http(once)).status).toBe(412);
  });

  test('a slip in the path gets a "did you mean"', async () => {
    for (const [target, meant] of [
      ['/znodes//x', '/znodes/x'],
      ['/znodes/x/', '/znodes/x'],
      ['/children/%2Fa//b', '/children/a/b'],
      ['/q', '/znodes/q'],
      ['/znode/x', '/znodes/x'],
      ['/sessions/', '/sessions'],
    ]) {
      const method = target === '/sessions/' ? 'POST' : 'GET';
      expect(await refusal({ method, target: target ?? '' })).toMatch(
        new RegExp(`^4[0-9]{2} .*did you mean ${String(meant)}\\?$`),
      );
    }
  });
});

describeOverWebSocket('What is asked for has an effect or is refused', (door) => {
  test('an encoding without data, a page of a count, a put to the root', async () => {
    const client = await door.client();
    const path = await door.fresh();
    for (const [request, reason] of [
      [{ type: 'children', path, encoding: 'utf8' }, /^encoding: has no effect without data/],
      [
        { type: 'set', path, encoding: 'utf8' },
        /^encoding: has no effect without data, give both$/,
      ],
      [
        { type: 'put', path: `${path}/a`, encoding: 'utf8' },
        /^encoding: has no effect without data/,
      ],
      [
        { type: 'create', path: `${path}/a`, encoding: 'base64' },
        /^encoding: has no effect without data/,
      ],
      [{ type: 'tree', path, count: true, limit: 1 }, /^count: excludes depth, limit and after/],
      [{ type: 'put', path: '/', data: 'x' }, /^path: put does not write to the root .* use set$/],
      [{ type: 'get', path: 'x/' }, /did you mean "\/x"\?$/],
      [{ type: 'set', path, ifMatch: 'W/"1"' }, /^ifMatch: can never match: W\/"1" is weak/],
    ] as const) {
      const answer = await refusalOf(ask(client.raw, request));
      expect(answer.problem.detail).toMatch(reason);
    }
    await ask(client.raw, { type: 'set', path: '/', data: '' });
  });

  test('a timeout needs a session that it is the timeout of', async () => {
    const { problem } = await refusalOf(connectTo(door.url, { timeoutMs: 5000 }));
    expect(problem.detail).toMatch(/^timeoutMs: has no effect without a session, ask for one/);
  });

  test('an ACL is guarded by ifMatch too', async () => {
    const client = await door.client();
    const path = await door.fresh();
    const acl = [{ scheme: 'world', id: 'anyone', perms: 'cdrwa' }];
    const { czxid } = (await client.exists(path)).stat;
    const first = { type: 'setAcl', path, acl, ifMatch: `0.${czxid}` };
    await ask(client.raw, first);
    expect((await refusalOf(ask(client.raw, first))).code).toBe('BADVERSION');
  });
});

describeThroughEveryDoor(
  'A limit that is reached',
  (door) => {
    test('is named with its number, and a deletion that is too large says what to do', async () => {
      const client = await door.client();
      const place = await door.fresh();
      for (const name of ['a', 'b', 'c', 'd']) await client.create(`${place}/${name}`);
      const whole = await refusalOf(client.delete(place, { recursive: true }));
      expect(whole.problem).toMatchObject({ status: 413, code: 'TOOLARGE' });
      expect(whole.problem.detail).toMatch(
        /exceed the limit of 4 \(limit transactionPathsMax\); delete the subtrees below it one by one first$/,
      );
      const refused = await refusalOf(client.delete(place));
      expect(refused.problem.detail).toMatch(/ has children; .*recursive.* deletes them too$/);
      const named: readonly (readonly [Promise<unknown>, string, number])[] = [
        [client.get(`/${'x'.repeat(200)}`), 'pathLengthMax', 100],
        [client.children(place, { limit: 6 }), 'pageEntriesMax', 5],
        [client.children(place), 'childrenUnpagedMax', 3],
      ];
      for (const [request, name, limit] of named) {
        const { detail } = (await refusalOf(request)).problem;
        expect(detail).toContain(`(limit ${name})`);
        expect(detail).toContain(String(limit));
      }
    });
  },
  {
    limits: {
      ...{ transactionPathsMax: 4, pathLengthMax: 100 },
      ...{ childrenUnpagedMax: 3, pageEntriesMax: 5 },
    },
  },
);
