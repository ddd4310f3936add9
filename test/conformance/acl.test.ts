/** Who may do what: ZooKeeper's permissions, identities, and what a client without READ is not told. */
import { expect, test } from 'vitest';
import { line } from './checklist.ts';
import type { Client, WireAclEntry } from './client.ts';
import { within } from './deadline.ts';
import {
  describeOverRest,
  describeOverWebSocket,
  describeThroughEveryDoor,
  superCredential,
} from './doors.ts';
import { basic, encodePath } from './http.ts';
import { expectRefusal, refusalOf } from './refusal.ts';
import { ask, eventsIn, setWatch } from './websocket-client.ts';

const ann = 'ann:secret';
/** `ann:` and base64(sha1("ann:secret")). */
const annId = 'ann:7RJfAeIvrl4zdj6sS2fXrQHDvHM=';

/** An id whose password nobody has. */
const nobodyId = `nobody:${'A'.repeat(27)}=`;

function world(perms: string): WireAclEntry[] {
  return [{ scheme: 'world', id: 'anyone', perms }];
}

function digest(id: string, perms: string): WireAclEntry {
  return { scheme: 'digest', id, perms };
}

/** Everything that a permission may be needed for, on `path`, which has a child `child`. */
const operations: Readonly<Record<string, (client: Client, path: string) => Promise<unknown>>> = {
  get: (client, path) => client.get(path),
  exists: (client, path) => client.exists(path),
  children: (client, path) => client.children(path),
  tree: (client, path) => client.tree(path),
  count: (client, path) => client.count(path),
  acl: (client, path) => client.acl(path),
  check: (client, path) => client.multi([{ op: 'check', path }]),
  set: (client, path) => client.set(path, 'new'),
  put: (client, path) => client.put(path, 'new'),
  'create below': (client, path) => client.create(`${path}/new`),
  'delete below': (client, path) => client.delete(`${path}/child`),
  setAcl: (client, path) => client.setAcl(path, world('cdrwa')),
};

const allowed: Readonly<Record<string, readonly string[]>> = {
  r: ['get', 'exists', 'children', 'tree', 'count', 'acl', 'check'],
  w: ['set', 'put'],
  c: ['create below'],
  d: ['delete below'],
  a: ['acl', 'setAcl'],
};

describeThroughEveryDoor('a permission', (door) => {
  test.each(Object.entries(allowed))('%s allows %j and nothing else', async (perms, expected) => {
    const place = await door.fresh();
    const client = await door.client();
    const passed = [];
    for (const [name, operate] of Object.entries(operations)) {
      const { path } = await client.create(`${place}/n-`, { sequential: true });
      await client.create(`${path}/child`);
      await client.setAcl(path, world(perms));
      const outcome = await operate(client, path).then(
        () => 'OK',
        (error: unknown) => (error as { code?: string }).code ?? String(error),
      );
      expect(['OK', 'NOAUTH'], `${name}: ${outcome}`).toContain(outcome);
      if (outcome === 'OK') passed.push(name);
    }
    expect(passed).toEqual(expected);
  });

  test(line(31), async () => {
    const client = await door.client();
    const place = await door.fresh();
    await client.create(`${place}/blind`, { acl: world('cdwa') });
    const { problem } = await expectRefusal(client.exists(`${place}/blind`), 'NOAUTH');
    expect(problem).toMatchObject({ status: 403, zkCode: -102, path: `${place}/blind` });
    // NONODE comes first: that there is no znode is no secret.
    await expectRefusal(client.exists(`${place}/blind/missing`), 'NONODE');
  });

  test('of the parent is not inherited', async () => {
    const client = await door.client();
    const place = await door.fresh();
    await client.create(`${place}/a`, { acl: world('cr') });
    await client.create(`${place}/a/b`);
    expect((await client.acl(`${place}/a/b`)).acl).toEqual(world('cdrwa'));
    await client.set(`${place}/a/b`, 'x');
    await expectRefusal(client.set(`${place}/a`, 'x'), 'NOAUTH');
  });

  test('is given by any entry that names the caller', async () => {
    const place = await door.fresh();
    const client = await door.client({ credential: ann });
    const acl = [...world('r'), digest(annId, 'w'), digest(nobodyId, 'cd')];
    await client.create(`${place}/a`, { acl });
    await client.set(`${place}/a`, 'x');
    expect((await client.get(`${place}/a`)).data).toBe('x');
    await expectRefusal(client.create(`${place}/a/b`), 'NOAUTH');
    await expectRefusal((await door.client()).set(`${place}/a`, 'y'), 'NOAUTH');
  });

  test('may be given to an address or a net', async () => {
    const place = await door.fresh();
    const client = await door.client();
    const nets: readonly (readonly [string, boolean])[] = [
      ['127.0.0.1', true],
      ['127.0.0.0/8', true],
      ['127.0.0.2', false],
      ['10.0.0.0/8', false],
      ['0.0.0.0/0', true],
      ['::/0', false],
    ];
    for (const [id, passes] of nets) {
      const { path } = await client.create(`${place}/n-`, {
        ...{ sequential: true, acl: [{ scheme: 'ip', id, perms: 'r' }] },
      });
      if (passes) await client.get(path);
      else await expectRefusal(client.get(path), 'NOAUTH');
    }
  });
});

describeThroughEveryDoor('identities', (door) => {
  test(line(28), async () => {
    const client = await door.client({ credential: ann });
    const { identities } = await client.whoami();
    expect(identities).toContainEqual({ scheme: 'digest', id: annId });
    expect(identities).toContainEqual({ scheme: 'ip', id: '127.0.0.1' });
    // The value that ZooKeeper's own tests have for the password `test`.
    const known = await (await door.client({ credential: 'super:test' })).whoami();
    expect(known.identities).toContainEqual({
      ...{ scheme: 'digest', id: 'super:D/InIHSb7yEEbrWz8b9l71RjZJU=' },
    });
    const place = await door.fresh();
    await client.create(`${place}/own`, { acl: [digest(annId, 'rw')] });
    await client.set(`${place}/own`, 'x');
    const other = await door.client({ credential: 'ann:guess' });
    await expectRefusal(other.get(`${place}/own`), 'NOAUTH');
  });

  test(line(29), async () => {
    const place = await door.fresh();
    const acl = [{ scheme: 'auth', id: '', perms: 'rwa' }];
    const client = await door.client({ credential: ann });
    await client.create(`${place}/a`, { acl });
    expect((await client.acl(`${place}/a`)).acl).toEqual([digest(annId, 'rwa')]);
    const nobody = await door.client();
    await expectRefusal(nobody.create(`${place}/b`, { acl }), 'INVALIDACL');
    await expectRefusal(nobody.get(`${place}/a`), 'NOAUTH');
  });

  test('super passes every ACL, and only who proves it', async () => {
    const place = await door.fresh();
    const client = await door.client();
    await client.create(`${place}/closed`, { acl: [digest(nobodyId, 'r')] });
    const admin = await door.client({ credential: superCredential });
    await admin.set(`${place}/closed`, 'x');
    expect((await admin.get(`${place}/closed`)).data).toBe('x');
    expect((await admin.acl(`${place}/closed`)).acl).toEqual([digest(nobodyId, 'r')]);
    const guess = await door.client({ credential: 'super:guess' });
    await expectRefusal(guess.get(`${place}/closed`), 'NOAUTH');
    await admin.setAcl(`${place}/closed`, world('r'));
    expect((await client.get(`${place}/closed`)).data).toBe('x');
  });

  test(line(30), async () => {
    const place = await door.fresh();
    const acl = [digest(annId, 'cdrwa'), digest(nobodyId, 'w'), ...world('r')];
    const client = await door.client({ credential: ann });
    await client.create(`${place}/a`, { acl });
    expect((await client.acl(`${place}/a`)).acl).toEqual(acl);
    const reader = await door.client();
    expect((await reader.acl(`${place}/a`)).acl).toEqual([
      ...[digest('ann:x', 'cdrwa'), digest('nobody:x', 'w'), ...world('r')],
    ]);
    await client.setAcl(`${place}/a`, [digest(annId, 'cdrwa')]);
    await expectRefusal(reader.acl(`${place}/a`), 'NOAUTH');
    const { results } = await reader.multiRead([{ op: 'acl', path: `${place}/a` }]);
    expect(results).toMatchObject([{ code: 'NOAUTH' }]);
  });

  const invalid: readonly (readonly [string, readonly WireAclEntry[]])[] = [
    ['none at all', []],
    ['an unknown scheme', [{ scheme: 'unknown', id: 'x', perms: 'r' }]],
    ['a digest without a hash', [digest('ann', 'r')]],
    ['a password in place of its hash', [digest(ann, 'r')]],
    ['a digest with two colons', [digest('ann:a:b', 'r')]],
    ['a world of others', [{ scheme: 'world', id: 'someone', perms: 'r' }]],
    ['an address that is none', [{ scheme: 'ip', id: '300.0.0.1', perms: 'r' }]],
    ['a net that is too narrow', [{ scheme: 'ip', id: '127.0.0.1/33', perms: 'r' }]],
    ['an unknown permission', [{ scheme: 'world', id: 'anyone', perms: 'rx' }]],
    ['a good entry beside a bad one', [...world('r'), { scheme: 'super', id: 'x', perms: 'r' }]],
  ];
  test.each(invalid)('an ACL is invalid with %s', async (_name, acl) => {
    const client = await door.client();
    const place = await door.fresh();
    await expectRefusal(client.create(`${place}/a`, { acl }), 'INVALIDACL');
    const { problem } = await expectRefusal(client.setAcl(place, acl), 'INVALIDACL');
    expect(problem).toMatchObject({ status: 400, zkCode: -114 });
    const multi = client.multi([{ op: 'create', path: `${place}/a`, acl }]);
    await expectRefusal(multi, 'INVALIDACL');
    await expectRefusal(client.exists(`${place}/a`), 'NONODE');
    expect((await client.acl(place)).stat.aversion).toBe(0);
  });
});

describeThroughEveryDoor('what a client may not read', (door) => {
  test(line(13, 'withheld'), async () => {
    const place = await door.fresh();
    const [writer, reader] = await Promise.all([door.client({ credential: ann }), door.client()]);
    const watcher = await reader.watch(`${place}/a`, 'exists');
    await writer.create(`${place}/a`, { acl: [digest(annId, 'cdrwa')] });
    const { zxid } = await writer.set(place, 'x');
    expect(await watcher.upTo(zxid)).toEqual([]);
  });

  test('is judged at each event: by the ACL after a change, before a deletion', async () => {
    const place = await door.fresh();
    const path = `${place}/a`;
    const [writer, reader] = await Promise.all([door.client({ credential: ann }), door.client()]);
    const watcher = await reader.watch(path, 'persistent');
    const closed = [digest(annId, 'cdrwa')];
    const visible = [(await writer.create(path)).zxid];
    await writer.setAcl(path, closed);
    await writer.set(path, 'hidden');
    await writer.setAcl(path, world('cdrwa'));
    visible.push((await writer.set(path, 'shown')).zxid);
    await writer.setAcl(path, closed);
    await writer.delete(path);
    await writer.create(path, { acl: closed });
    await writer.setAcl(path, world('cdrwa'));
    const { zxid } = await writer.delete(path);
    visible.push(zxid);
    const seen = await watcher.upTo(zxid);
    expect(seen.map((event) => event.zxid)).toEqual(visible);
    expect(seen.map(({ type }) => type)).toEqual([
      ...['NodeCreated', 'NodeDataChanged', 'NodeDeleted'],
    ]);
  });

  test('is judged for the children of a znode by its own ACL, for each znode by its own', async () => {
    const place = await door.fresh();
    const [writer, reader] = await Promise.all([door.client({ credential: ann }), door.client()]);
    await writer.create(`${place}/closed`, { acl: [digest(annId, 'cdrwa')] });
    const onClosed = await reader.watch(`${place}/closed`, 'persistent');
    const recursive = await reader.watch(place, 'persistent-recursive');
    const { zxid } = await writer.create(`${place}/closed/open`);
    await writer.create(`${place}/closed/blind`, { acl: [digest(annId, 'cdrwa')] });
    const { zxid: last } = await writer.set(`${place}/closed`, 'x');
    expect(await onClosed.upTo(last)).toEqual([]);
    expect(await recursive.upTo(last)).toEqual([
      { type: 'NodeCreated', path: `${place}/closed/open`, zxid },
    ]);
  });

  test('is withheld in a replay too, by the ACL of that time', async () => {
    const place = await door.fresh();
    const [writer, reader] = await Promise.all([door.client({ credential: ann }), door.client()]);
    const { zxid: from } = await writer.set(place, 'open');
    await writer.setAcl(place, [digest(annId, 'cdrwa')]);
    await writer.set(place, 'hidden');
    await writer.setAcl(place, world('cdrwa'));
    const { zxid } = await writer.set(place, 'open again');
    const watcher = await reader.watch(place, 'persistent', { from });
    expect(await watcher.upTo(zxid)).toEqual([{ type: 'NodeDataChanged', path: place, zxid }]);
    const allowedReader = await door.client({ credential: ann });
    const all = await allowedReader.watch(place, 'persistent', { from });
    expect(await all.upTo(zxid)).toHaveLength(2);
  });

  test('is not in listings: children by name only, nothing below a closed znode of a tree', async () => {
    const place = await door.fresh();
    const [writer, reader] = await Promise.all([door.client({ credential: ann }), door.client()]);
    await writer.create(`${place}/closed/child`, {
      ...{ parents: true, acl: [digest(annId, 'cdrwa')] },
    });
    await writer.create(`${place}/open`, { data: 'x' });
    const { children } = await reader.childrenWith(place, 'data');
    expect(children).toMatchObject([{ name: 'closed' }, { name: 'open', data: 'x' }]);
    expect(Object.keys(children[0] ?? {})).toEqual(['name']);
    const { nodes } = await reader.tree(place);
    expect(nodes.map(({ path }) => path)).not.toContain(`${place}/closed/child`);
    expect(nodes.map(({ path }) => path)).toContain(`${place}/open`);
    await expectRefusal(reader.tree(`${place}/closed`), 'NOAUTH');
    await expectRefusal(reader.count(`${place}/closed`), 'NOAUTH');
    expect((await reader.count(place)).descendants).toBe(3);
  });
});

describeOverWebSocket('identities of a connection', (door) => {
  test(line(29, 'of two'), async () => {
    const client = await door.client({ credential: ann });
    const { identities } = await ask<{ identities: { id: string }[] }>(client.raw, {
      ...{ type: 'auth', scheme: 'digest', credential: 'bob:secret' },
    });
    const digests = identities.map(({ id }) => id).filter((id) => /^(ann|bob):/.test(id));
    expect(digests).toHaveLength(2);
    const place = await door.fresh();
    const acl = [...world('r'), { scheme: 'auth', id: 'ignored', perms: 'rwa' }];
    await client.create(`${place}/a`, { acl });
    expect((await client.acl(`${place}/a`)).acl).toEqual([
      ...[...world('r'), ...digests.map((id) => digest(id, 'rwa'))],
    ]);
    const onlyBob = await door.client({ credential: 'bob:secret' });
    await onlyBob.set(`${place}/a`, 'x');
  });

  test('are added in the order of the stream', async () => {
    const { raw } = await door.client();
    const place = await door.fresh();
    const owner = await door.client({ credential: ann });
    await owner.create(`${place}/a`, { acl: [digest(annId, 'rw')] });
    const path = `${place}/a`;
    const answers = await raw.requests([
      { type: 'get', path },
      { type: 'set', path },
      { type: 'auth', scheme: 'digest', credential: ann },
      { type: 'set', path },
      { type: 'get', path },
    ]);
    expect(answers.map(({ type }) => type)).toEqual([
      ...['error', 'error', 'result', 'result', 'result'],
    ]);
  });

  test('that are refused end it with 4401', async () => {
    for (const auth of [
      { scheme: 'kerberos', credential: 'x' },
      { scheme: 'digest', credential: 'no colon' },
    ]) {
      const { raw } = await door.client();
      const refusal = await refusalOf(ask(raw, { type: 'auth', ...auth }));
      expect(refusal.code).toBe('AUTHFAILED');
      expect((await within('the end', raw.closed)).code).toBe(4401);
    }
  });

  test('of now decide about events of watches that were set before', async () => {
    const { raw } = await door.client();
    const place = await door.fresh();
    const writer = await door.client({ credential: ann });
    await writer.create(`${place}/a`, { acl: [digest(annId, 'cdrwa')] });
    await setWatch(raw, place, 'persistent-recursive');
    await writer.set(`${place}/a`, 'hidden');
    await ask(raw, { type: 'auth', scheme: 'digest', credential: ann });
    const { zxid } = await writer.set(`${place}/a`, 'shown');
    expect(eventsIn(await within('the event', raw.nextEvents()))).toEqual([
      { type: 'NodeDataChanged', path: `${place}/a`, zxid },
    ]);
  });

  test('a withheld event uses up a one-shot watch', async () => {
    const { raw } = await door.client();
    const place = await door.fresh();
    const writer = await door.client({ credential: ann });
    await setWatch(raw, place, 'data');
    await writer.setAcl(place, [digest(annId, 'cdrwa')]);
    await writer.set(place, 'hidden');
    await writer.setAcl(place, world('cdrwa'));
    await writer.set(place, 'shown');
    await ask(raw, { type: 'ping' });
    expect(raw.events.filter(({ type }) => type === 'events')).toEqual([]);
  });

  test('exists with a watch leaves none on a present znode that it may not read', async () => {
    const { raw } = await door.client();
    const place = await door.fresh();
    const writer = await door.client({ credential: ann });
    await writer.create(`${place}/a`, { acl: [digest(annId, 'cdrwa')] });
    await expectRefusal(ask(raw, { type: 'exists', path: `${place}/a`, watch: true }), 'NOAUTH');
    await writer.setAcl(`${place}/a`, world('cdrwa'));
    await writer.set(`${place}/a`, 'x');
    await ask(raw, { type: 'ping' });
    expect(raw.events.filter(({ type }) => type === 'events')).toEqual([]);
  });
});

describeOverRest('identities of a request', (door) => {
  test('Basic never fails, whatever cannot be read or verified is 401', async () => {
    const target = `/znodes${encodePath(await door.fresh())}`;
    const status = async (authorization: string): Promise<number> => {
      const answer = await door.http({ target, headers: { authorization } });
      if (answer.status === 401) expect(answer.headers['www-authenticate']).toMatch(/^Basic /);
      return answer.status;
    };
    expect(await status(basic('anybody:any:thing'))).toBe(200);
    expect(await status(basic(':'))).toBe(200);
    for (const bad of [basic('no colon'), 'Basic ?', 'Basic', 'Bearer abc', 'Digest x', 'x']) {
      expect(await status(bad), bad).toBe(401);
    }
  });

  test('a 412 tells the current ETag to those who may read it', async () => {
    const place = await door.fresh();
    const client = await door.client();
    await client.create(`${place}/open`);
    await client.create(`${place}/blind`, { acl: world('w') });
    const put = (name: string) =>
      door.http({
        ...{ method: 'PUT', target: `/znodes${encodePath(place)}/${name}`, body: 'x' },
        headers: { 'if-match': '7' },
      });
    const open = await put('open');
    const blind = await put('blind');
    expect([open.status, blind.status]).toEqual([412, 412]);
    expect(open.headers.etag).toMatch(/^"0\.[0-9]+"$/);
    expect(blind.headers.etag).toBeUndefined();
  });

  test('a proxy that nobody trusts says nothing about the address', async () => {
    const place = await door.fresh();
    const client = await door.client();
    const acl = [{ scheme: 'ip', id: '10.1.2.3', perms: 'r' }];
    await client.create(`${place}/a`, { acl });
    const answer = await door.http({
      target: `/znodes${encodePath(place)}/a`,
      headers: { 'x-forwarded-for': '10.1.2.3' },
    });
    expect(answer.status).toBe(403);
  });

  test('the header form of an ACL', async () => {
    const place = await door.fresh();
    const put = (name: string, acl: string) =>
      door.http({
        ...{ method: 'PUT', target: `/znodes${encodePath(place)}/${name}` },
        headers: { 'zk-acl': acl, authorization: basic(ann) },
      });
    expect((await put('a', `world:anyone:r, digest:${annId}:cdrwa`)).status).toBe(201);
    const owner = await door.client({ credential: ann });
    expect((await owner.acl(`${place}/a`)).acl).toEqual([...world('r'), digest(annId, 'cdrwa')]);
    expect((await put('b', 'auth::cdrwa')).status).toBe(201);
    expect((await owner.acl(`${place}/b`)).acl).toEqual([digest(annId, 'cdrwa')]);
    for (const bad of ['', 'world', 'world:anyone', 'world:anyone:x', 'world:anyone:r,']) {
      expect((await put('c', bad)).status, bad).toBe(400);
    }
  });
});

describeThroughEveryDoor('Children of a private znode', (door) => {
  test('are public, unless they are given an ACL or inherit it', async () => {
    const place = await door.fresh();
    const owner = await door.client({ credential: ann });
    const stranger = await door.client();
    const acl = [digest(annId, 'cdrwa')];
    await owner.create(`${place}/private`, { acl, data: 'hers' });
    await owner.create(`${place}/private/open`, { data: 'seen' });
    expect((await stranger.get(`${place}/private/open`)).data).toBe('seen');
    await owner.create(`${place}/private/closed`, { inheritAcl: true });
    await owner.create(`${place}/private/a/b/c`, { inheritAcl: true, parents: true });
    for (const name of ['', '/closed', '/a', '/a/b', '/a/b/c']) {
      await expectRefusal(stranger.get(`${place}/private${name}`), 'NOAUTH');
      expect((await owner.acl(`${place}/private${name}`)).acl).toEqual(acl);
    }
    const both = owner.create(`${place}/private/x`, { inheritAcl: true, acl });
    await expectRefusal(both, 'BADARGUMENTS');
  });

  test('inherit inside of one transaction what it has just made', async () => {
    const place = await door.fresh();
    const owner = await door.client({ credential: ann });
    const acl = [digest(annId, 'cdrwa')];
    await owner.multi([
      { op: 'create', path: `${place}/m`, acl },
      { op: 'create', path: `${place}/m/a`, inheritAcl: true },
    ]);
    expect((await owner.acl(`${place}/m/a`)).acl).toEqual(acl);
  });
});

describeOverRest('A PUT that inherits its ACL', (door) => {
  test('creates, and never replaces, since the ACL would stay another', async () => {
    const place = encodePath(await door.fresh());
    const put = (query: string, headers = {}) =>
      door.http({ method: 'PUT', target: `/znodes${place}/a${query}`, headers, body: 'x' });
    expect((await put('?inheritAcl')).status).toBe(201);
    const again = await put('?inheritAcl');
    expect([again.status, again.body.toString()]).toEqual([
      400,
      expect.stringContaining('replacing its data does not change its ACL'),
    ]);
    expect((await put('?inheritAcl', { 'if-match': '*' })).status).toBe(400);
    expect((await put('?parents', { 'if-match': '*' })).status).toBe(400);
    expect((await put('?inheritAcl', { 'zk-acl': 'world:anyone:r' })).status).toBe(400);
    expect((await put('?inheritAcl=false')).status).toBe(200);
    expect((await put('?sequential&inheritAcl')).status).toBe(201);
  });
});
