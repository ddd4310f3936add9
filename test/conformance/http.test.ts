/** What HTTP itself promises: conditions, entity tags, long polls, preferences, HEAD. */
import { expect, test } from 'vitest';
import { eventually, within } from './deadline.ts';
import { describeOverRest } from './doors.ts';
import type { HttpAnswer } from './http.ts';
import { encodePath, jsonOf, openHttp, zxidOf } from './http.ts';

describeOverRest('HTTP', (door) => {
  type Headers = Readonly<Record<string, string>>;

  const get = (target: string, headers: Headers = {}): Promise<HttpAnswer> =>
    door.http({ target, headers });
  const put = (target: string, headers: Headers = {}, body = 'x'): Promise<HttpAnswer> =>
    door.http({ method: 'PUT', target, headers, body });
  const remove = (target: string, headers: Headers = {}): Promise<HttpAnswer> =>
    door.http({ method: 'DELETE', target, headers });
  const fresh = async (): Promise<string> => encodePath(await door.fresh());

  test('data is raw bytes, whatever the content type, and is never run', async () => {
    const target = `/znodes${await fresh()}`;
    const bytes = Buffer.from([0, 1, 254, 255, 13, 10]);
    const answer = await door.http({
      ...{ method: 'PUT', target, body: bytes, headers: { 'content-type': 'application/json' } },
    });
    expect(answer.status).toBe(200);
    const read = await get(target);
    expect(read.body).toEqual(bytes);
    expect(read.headers).toMatchObject({
      'content-type': 'application/octet-stream',
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
      'content-length': '6',
    });
    const json = await get(target, { accept: 'application/json' });
    expect(jsonOf(json)).toMatchObject({ encoding: 'base64', data: bytes.toString('base64') });
    expect(json.headers.vary).toBe('Accept');
  });

  test('the stat stands in the headers, as a structured dictionary', async () => {
    const place = await fresh();
    const created = await put(`/znodes${place}/a?ttl=60s`);
    expect(created.status).toBe(201);
    const zxid = zxidOf(created);
    const { headers } = await get(`/znodes${place}/a`);
    expect(headers['zk-version']).toBe('0');
    expect(headers.etag).toBe(`"0.${zxid}"`);
    expect(headers['zk-stat']).toMatch(
      new RegExp(
        `^czxid=${zxid}, mzxid=${zxid}, pzxid=${zxid}, ctime=[0-9]+, mtime=[0-9]+, version=0, ` +
          'cversion=0, aversion=0, ephemeral-owner=0, data-length=1, num-children=0, kind=ttl, ttl=60000$',
      ),
    );
  });

  test('HEAD has the headers of GET and no body', async () => {
    const place = await fresh();
    await put(`/znodes${place}`);
    for (const target of [`/znodes${place}`, `/stat${place}`, `/children${place}`, '/whoami']) {
      const [head, full] = [await door.http({ method: 'HEAD', target }), await get(target)];
      expect([head.status, head.body.length]).toEqual([200, 0]);
      for (const name of ['etag', 'zk-version', 'zk-stat', 'content-type']) {
        expect(head.headers[name], `${target} ${name}`).toBe(full.headers[name]);
      }
    }
    expect((await door.http({ method: 'HEAD', target: `/znodes${place}/no` })).status).toBe(404);
  });

  test('If-Match: the version, the tag, a list, or any', async () => {
    const target = `/znodes${await fresh()}`;
    const { headers } = await get(target);
    const tag = headers.etag ?? '';
    const statuses = [];
    for (const condition of ['7', '"7"', `"0.1"`, '"7", "8"', 'W/"0", "7"']) {
      statuses.push((await put(target, { 'if-match': condition })).status);
    }
    expect(statuses).toEqual([412, 412, 412, 412, 412]);
    expect((await put(target, { 'if-match': tag })).status).toBe(200);
    expect((await put(target, { 'if-match': '1' })).status).toBe(200);
    expect((await put(target, { 'if-match': '"7", "2"' })).status).toBe(200);
    expect((await put(target, { 'if-match': '*' })).status).toBe(200);
    const json = (await get(target, { accept: 'application/json' })).headers.etag ?? '';
    expect(json).toMatch(/^"4\.[0-9]+;0\.0"$/);
    expect((await put(target, { 'if-match': json })).status).toBe(200);
    expect((await put(target, { 'if-match': 'garbage"' })).status).toBe(400);
  });

  test('of a missing znode If-Match is 412 for PUT and 404 for DELETE', async () => {
    const target = `/znodes${await fresh()}/missing`;
    const replaced = await put(target, { 'if-match': '*' });
    expect([replaced.status, jsonOf(replaced)]).toMatchObject([412, { code: 'NONODE' }]);
    expect((await remove(target, { 'if-match': '3' })).status).toBe(404);
    expect((await remove(target)).status).toBe(404);
    expect((await get(target)).status).toBe(404);
  });

  test('If-None-Match: * only creates', async () => {
    const target = `/znodes${await fresh()}/a`;
    expect((await put(target, { 'if-none-match': '*' })).status).toBe(201);
    const again = await put(target, { 'if-none-match': '*' });
    expect([again.status, jsonOf(again)]).toMatchObject([412, { code: 'NODEEXISTS' }]);
    expect((await put(target, { 'if-none-match': '"0"' })).status).toBe(400);
    expect((await put(`${target}?ephemeral=false`)).status).toBe(200);
    expect((await put(`${target}?container`)).status).toBe(409);
    expect((await put(`${target}?container`, { 'if-none-match': '*' })).status).toBe(412);
  });

  test('conditions that contradict one another are 400', async () => {
    const target = `/znodes${await fresh()}`;
    const bad = [
      await put(target, { 'if-match': '0', 'if-none-match': '*' }),
      await put(`${target}?version=0`, { 'if-match': '0' }),
      await put(`${target}?version=0`, { 'if-none-match': '*' }),
      await put(`${target}?ephemeral`, { 'if-match': '0' }),
      await put(`${target}?sequential&version=0`),
      await remove(`${target}?version=0`, { 'if-match': '0' }),
      await put(target, { 'zk-acl': 'world:anyone:r' }),
    ];
    expect(bad.map(({ status }) => status)).toEqual([400, 400, 400, 400, 400, 400, 400]);
    expect((await put(`${target}?version=0`)).status).toBe(200);
    expect((await put(`${target}?version=0`)).status).toBe(412);
    expect((await put(`${target}?version=-1`)).status).toBe(200);
    expect((await put(`${target}/missing?version=-1`)).status).toBe(412);
  });

  test('If-None-Match of a read: 304 while nothing has changed', async () => {
    const place = await fresh();
    const facets = [`/znodes${place}`, `/stat${place}`, `/children${place}`, `/acl${place}`];
    const tags = await Promise.all(
      facets.map(async (each) => (await get(each)).headers.etag ?? ''),
    );
    const changed = async (): Promise<boolean[]> => {
      const answers = await Promise.all(
        facets.map((each, index) => get(each, { 'if-none-match': tags[index] ?? '' })),
      );
      return answers.map(({ status }) => status !== 304);
    };
    expect(await changed()).toEqual([false, false, false, false]);
    const weak = await get(`/znodes${place}`, { 'if-none-match': `W/${tags[0] ?? ''}, "x"` });
    expect([weak.status, weak.body.length, weak.headers.etag]).toEqual([304, 0, tags[0]]);
    await put(`/znodes${place}/child`);
    expect(await changed()).toEqual([false, true, true, false]);
    await put(`/znodes${place}`);
    expect(await changed()).toEqual([true, true, true, false]);
    await door.http({
      ...{ method: 'PUT', target: `/acl${place}`, headers: { 'content-type': 'application/json' } },
      body: JSON.stringify([{ scheme: 'world', id: 'anyone', perms: 'cdrwa' }]),
    });
    expect(await changed()).toEqual([true, true, true, true]);
  });

  test('Prefer: return=minimal leaves the body away', async () => {
    const target = `/znodes${await fresh()}/a`;
    const created = await put(target, { prefer: 'return=minimal, respond-async, unknown=1' });
    expect([created.status, created.body.length]).toEqual([204, 0]);
    expect(created.headers).toMatchObject({
      'preference-applied': 'return=minimal',
      location: target,
    });
    expect((await put(target, { prefer: 'unknown' })).body.length).toBeGreaterThan(0);
  });
});

describeOverRest('a long poll', (door) => {
  const poll = (target: string, etag?: string): Promise<HttpAnswer> =>
    door.http({ target, headers: etag === undefined ? {} : { 'if-none-match': etag } });

  /** Resolves when the node has got what was sent before. */
  async function settled(place: string): Promise<void> {
    const client = await door.client();
    for (let round = 0; round < 3; round++) await client.exists(place);
  }

  test('is answered as soon as the tag differs', async () => {
    const client = await door.client();
    const place = await door.fresh();
    for (const facet of ['znodes', 'stat', 'children']) {
      const target = `/${facet}${encodePath(place)}`;
      const { etag } = (await poll(target)).headers;
      const waiting = poll(`${target}?wait=30s`, etag);
      await settled(place);
      const { zxid } =
        facet === 'children' ? await client.create(`${place}/a`) : await client.set(place, 'new');
      const answer = await within('the answer', waiting);
      expect(answer.status).toBe(200);
      expect(answer.headers.etag).not.toBe(etag);
      expect(zxidOf(answer)).toBeGreaterThanOrEqual(zxid);
    }
  });

  test('that missed its change is answered at once', async () => {
    const client = await door.client();
    const place = await door.fresh();
    const target = `/znodes${encodePath(place)}`;
    const { etag } = (await poll(target)).headers;
    await client.set(place, 'new');
    expect((await within('the answer', poll(`${target}?wait=30s`, etag))).status).toBe(200);
  });

  test('is 304 at the end, 404 when the znode goes, 403 when it may not be read any more', async () => {
    const client = await door.client();
    const place = await door.fresh();
    const target = `/znodes${encodePath(place)}`;
    const { etag } = (await poll(target)).headers;
    const ended = await poll(`${target}?wait=30ms`, etag);
    expect([ended.status, ended.headers.etag]).toEqual([304, etag]);
    const forbidden = poll(`${target}?wait=30s`, etag);
    await settled(place);
    await client.setAcl(place, [{ scheme: 'world', id: 'anyone', perms: 'cdwa' }]);
    expect((await within('the 403', forbidden)).status).toBe(403);
    await client.setAcl(place, [{ scheme: 'world', id: 'anyone', perms: 'cdrwa' }]);
    const gone = poll(`${target}?wait=30s`, etag);
    await settled(place);
    await client.delete(place);
    expect((await within('the 404', gone)).status).toBe(404);
  });

  test('waits for creation and for deletion', async () => {
    const client = await door.client();
    const place = await door.fresh();
    const target = `/znodes${encodePath(place)}/a`;
    expect((await poll(`${target}?wait=10ms&until=exists`)).status).toBe(404);
    const created = poll(`${target}?wait=30s&until=exists`);
    await settled(place);
    await client.create(`${place}/a`, { data: 'here' });
    const answer = await within('the creation', created);
    expect([answer.status, answer.body.toString()]).toEqual([200, 'here']);
    const present = await poll(`${target}?wait=10ms&until=absent`);
    expect([present.status, present.body.toString()]).toEqual([200, 'here']);
    const deleted = poll(`${target}?wait=30s&until=absent`);
    await settled(place);
    await client.delete(`${place}/a`);
    expect((await within('the deletion', deleted)).status).toBe(204);
    expect((await poll(`${target}?wait=30s&until=absent`)).status).toBe(204);
  });

  test('a client that goes away leaves nothing behind', async () => {
    const place = await door.fresh();
    const before = door.node.replica.metrics().watches;
    const { etag } = (await poll(`/znodes${encodePath(place)}`)).headers;
    const { request, response } = openHttp(door.url, {
      target: `/znodes${encodePath(place)}?wait=30s`,
      headers: { 'if-none-match': etag ?? '' },
    });
    const failed = expect(response).rejects.toThrow();
    const watches = (count: number): true | undefined =>
      door.node.replica.metrics().watches === count ? true : undefined;
    await eventually('its watch', () => watches(before + 1));
    request.destroy();
    await failed;
    await eventually('the end of its watch', () => watches(before));
  });
});
