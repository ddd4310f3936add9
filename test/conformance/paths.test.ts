/** Which paths there are: `PathUtils.validatePath`, and how a path stands in a URL and in JSON. */
import { describe, expect, test } from 'vitest';
import { line } from './checklist.ts';
import type { Client } from './client.ts';
import { describeOverRest, describeOverWebSocket, describeThroughEveryDoor } from './doors.ts';
import { encodePath, jsonOf } from './http.ts';
import { expectRefusal } from './refusal.ts';
import { ask } from './websocket-client.ts';

/** Names as they stand behind a slash. */
const good: readonly (readonly [string, string])[] = [
  ['three dots', '...'],
  ['a leading dot', '.a'],
  ['a trailing dot', 'a.'],
  ['two leading dots', '..a'],
  ['a space', 'a b'],
  ['a percent sign', '100%'],
  ['what looks like an escape', '%2F'],
  ['characters that have a meaning in URLs', 'a?b#c&d=e+f;g:h@i'],
  ['quotes and backslashes', 'a"b\'c\\d'],
  ['an upper case', 'ABC'],
  ['an accent', '\u00e9'],
  ['the same accent in two characters', 'e\u0301'],
  ['Chinese', '\u4e2d\u6587'],
  ['U+0020', '\u0020'],
  ['U+007E', '\u007e'],
  ['U+00A0', '\u00a0'],
  ['U+D7FF', '\ud7ff'],
  ['U+F900', '\uf900'],
  ['U+FFEF', '\uffef'],
  ['a name that is reserved elsewhere', 'zookeeper'],
];

const bad: readonly (readonly [string, string])[] = [
  ['an empty name', ''],
  ['an empty name inside', 'a//b'],
  ['a trailing slash', 'a/'],
  ['a dot', '.'],
  ['two dots', '..'],
  ['a dot inside', 'a/./b'],
  ['two dots inside', 'a/../b'],
  ['two dots at the end', 'a/..'],
  ['U+0000', 'a\u0000b'],
  ['U+0001', '\u0001'],
  ['a line break', 'a\nb'],
  ['U+001F', '\u001f'],
  ['U+007F', '\u007f'],
  ['U+0085', '\u0085'],
  ['U+009F', '\u009f'],
  ['an emoji', '\u{1f600}'],
  ['U+E000', '\ue000'],
  ['U+F8FF', '\uf8ff'],
  ['U+FFF0', '\ufff0'],
  ['U+FFFD', '\ufffd'],
  ['U+FFFF', '\uffff'],
  ['more characters than a path may have', 'x'.repeat(4097)],
];

const everyone = [{ scheme: 'world', id: 'anyone', perms: 'cdrwa' }];

/** All that names a path. */
const operations: Readonly<Record<string, (client: Client, path: string) => Promise<unknown>>> = {
  create: (client, path) => client.create(path),
  put: (client, path) => client.put(path, 'x'),
  set: (client, path) => client.set(path, 'x'),
  delete: (client, path) => client.delete(path),
  get: (client, path) => client.get(path),
  exists: (client, path) => client.exists(path),
  children: (client, path) => client.children(path),
  tree: (client, path) => client.tree(path),
  acl: (client, path) => client.acl(path),
  setAcl: (client, path) => client.setAcl(path, everyone),
  multi: (client, path) => client.multi([{ op: 'create', path }]),
  check: (client, path) => client.multi([{ op: 'check', path }]),
  multiRead: (client, path) => client.multiRead([{ op: 'get', path }]),
  watch: (client, path) => client.watch(path, 'persistent'),
};

describeThroughEveryDoor('a path', (door) => {
  test.each(good)(line(33, 'there may be %s'), async (_name, name) => {
    const client = await door.client();
    const place = await door.fresh();
    const path = `${place}/${name}`;
    const created = await client.create(path, { data: name });
    expect(created).toMatchObject({ path, name });
    expect((await client.get(path)).data).toBe(name);
    expect((await client.children(place)).children).toEqual([name]);
    expect((await client.create(`${path}/below`)).path).toBe(`${path}/below`);
    expect((await client.tree(place)).nodes.map((node) => node.path)).toEqual([
      ...[place, path, `${path}/below`],
    ]);
    const watcher = await client.watch(path, 'data');
    await client.delete(path, { recursive: true });
    expect((await watcher.next()).path).toBe(path);
  });

  test.each(bad)(line(33, 'there may not be %s'), async (_name, name) => {
    const client = await door.client();
    const place = await door.fresh();
    for (const [kind, operate] of Object.entries(operations)) {
      const refusal = await expectRefusal(operate(client, `${place}/${name}`), 'BADARGUMENTS');
      expect(refusal.problem, kind).toMatchObject({ status: 400, zkCode: -8 });
    }
    expect((await client.children(place)).children).toEqual([]);
  });

  test(line(33, 'only the final name of a sequential one counts'), async () => {
    const client = await door.client();
    const place = await door.fresh();
    const sequential = true;
    for (const prefix of ['/', '/.', '/..', '/a/']) {
      if (prefix === '/a/') await client.create(`${place}/a`);
      const { name } = await client.create(`${place}${prefix}`, { sequential });
      expect(name).toMatch(/^\.{0,2}[0-9]{10}$/);
    }
    for (const prefix of ['//', '/./', '/a//', '/\u0000']) {
      await expectRefusal(client.create(`${place}${prefix}`, { sequential }), 'BADARGUMENTS');
    }
    const long = `${place}/${'x'.repeat(4096 - place.length - 11)}`;
    expect((await client.create(long, { sequential })).path).toHaveLength(4096);
    await expectRefusal(client.create(`${long}x`, { sequential }), 'BADARGUMENTS');
  });

  test('letters of another case, or other forms of the same letter, are other names', async () => {
    const client = await door.client();
    const place = await door.fresh();
    for (const name of ['a', 'A', '\u00e9', 'e\u0301']) await client.create(`${place}/${name}`);
    expect((await client.children(place)).children).toEqual(['A', 'a', 'e\u0301', '\u00e9']);
  });

  test('may be as deep as it is long', async () => {
    const client = await door.client();
    const place = await door.fresh();
    const path = `${place}${'/d'.repeat(1000)}`;
    expect((await client.create(path, { parents: true })).path).toBe(path);
    expect((await client.count(place)).descendants).toBe(1000);
    await client.delete(`${place}/d`, { recursive: true });
    await expectRefusal(client.exists(path), 'NONODE');
  });

  test('the root is a path like others, but for its name', async () => {
    const client = await door.client();
    const { stat, path } = await client.exists('/');
    expect(path).toBe('/');
    expect(stat).toMatchObject({ czxid: 0, kind: 'persistent' });
    expect((await client.children('/')).children).toContain('zookeeper');
    expect((await client.get('/')).path).toBe('/');
    await client.set('/', 'data of the root');
    expect((await client.get('/')).data).toBe('data of the root');
  });
});

describeOverRest('a path in a URL', (door) => {
  const status = async (target: string): Promise<number> => (await door.http({ target })).status;

  test('may have its slashes raw or escaped', async () => {
    const place = await door.fresh();
    const client = await door.client();
    await client.create(`${place}/a/b`, { parents: true, data: 'x' });
    const plain = `${place}/a/b`;
    const targets = [
      plain,
      `/${encodeURIComponent(plain.slice(1))}`,
      plain.replace('/b', '%2fb'),
      plain.replace('a', '%61'),
    ];
    for (const target of targets) {
      const answer = await door.http({ target: `/znodes${target}` });
      expect([answer.status, answer.body.toString()], target).toEqual([200, 'x']);
    }
    expect(await status(`/znodes${place}/a%252Fb`)).toBe(404);
  });

  test('names the root when it is empty', async () => {
    for (const target of ['/znodes', '/znodes/', '/stat', '/stat/', '/children', '/acl/']) {
      expect(await status(target), target).toBe(200);
    }
  });

  test('is never normalised, whatever it looks like', async () => {
    const place = await door.fresh();
    const bad = [
      ...['/..', '/.', '//', '/a//b', '/%2e%2e', '/%2E', '/a/%2e%2e/b', '/a/../b'],
      ...['/%00', '/a%00b', '/%0a', '/%7f', '/%2F', '/a%2F', '/%2F%2F'],
    ];
    for (const suffix of bad) {
      for (const route of ['znodes', 'stat', 'children', 'tree', 'acl', 'watch']) {
        const answer = await door.http({ target: `/${route}${place}${suffix}` });
        expect([answer.status, suffix, route]).toEqual([400, suffix, route]);
        expect(jsonOf(answer)).toMatchObject({ code: 'BADARGUMENTS', outcome: 'not-applied' });
      }
    }
    expect(await status('//znodes')).toBe(404);
    expect(await status('/x/../znodes')).toBe(404);
  });

  test('that is no UTF-8, or escaped wrongly, is refused', async () => {
    const place = await door.fresh();
    for (const suffix of ['/%', '/%4', '/%zz', '/%C3%28', '/%ED%A0%80', '/%FF', '/%C0%80']) {
      const answer = await door.http({ target: `/znodes${place}${suffix}` });
      expect(answer.status, suffix).toBe(400);
      expect(answer.headers['content-type']).toBe('application/problem+json');
    }
  });

  test('comes back escaped in Location', async () => {
    const place = await door.fresh();
    const name = 'a b/\u4e2d?#%';
    const client = await door.client();
    await client.create(`${place}/a b`);
    const answer = await door.http({
      ...{ method: 'PUT', target: `/znodes${encodePath(`${place}/${name}`)}` },
    });
    expect(answer.status).toBe(201);
    expect(answer.headers.location).toBe(`/znodes${encodePath(`${place}/${name}`)}`);
    expect((await door.http({ target: answer.headers.location ?? '' })).status).toBe(200);
  });
});

describeOverWebSocket('a path in JSON', (door) => {
  describe('is refused', () => {
    test.each([
      ['without its slash', 'a'],
      ['when it is empty', ''],
      ['with half a pair', '/\ud800'],
      ['with the other half', '/a\udc00'],
      ['when it is no text', 7],
      ['when it is null', null],
      ['when it is absent', undefined],
    ])('%s', async (_name, path) => {
      const { raw } = await door.client();
      for (const type of ['create', 'get', 'delete', 'exists', 'children', 'tree', 'acl']) {
        await expectRefusal(ask(raw, { type, path }), 'BADARGUMENTS');
      }
      await expectRefusal(ask(raw, { type: 'watch', path, mode: 'exists' }), 'BADARGUMENTS');
    });
  });
});
