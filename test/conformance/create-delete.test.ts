/** Creating and deleting: what is refused, in which order, and what a deletion takes with it. */
import { expect, test } from 'vitest';
import { line } from './checklist.ts';
import type { Member } from './client.ts';
import { describeThroughEveryDoor, superCredential } from './doors.ts';
import { expectRefusal } from './refusal.ts';

const everyone = { scheme: 'world', id: 'anyone' };
const badAcl = [{ scheme: 'none', id: 'x', perms: 'cdrwa' }];

describeThroughEveryDoor('creating', (door) => {
  test(line(34), async () => {
    const client = await door.client();
    const place = await door.fresh();
    const holder = await door.client({ session: 'new', timeoutMs: 60_000 });
    await holder.create(`${place}/ephemeral`, { ephemeral: true });
    await client.create(`${place}/closed`, { acl: [{ ...everyone, perms: 'r' }] });

    // A bad path comes before everything; then the session, the ACL, the parent, its CREATE, the name.
    const badPath = client.create(`${place}/missing//x`, { ephemeral: true, acl: badAcl });
    await expectRefusal(badPath, 'BADARGUMENTS');
    const noSession = client.create(`${place}/missing/x`, { ephemeral: true, acl: badAcl });
    await expectRefusal(noSession, 'SESSIONREQUIRED');
    const invalidAcl = client.create(`${place}/missing/x`, { acl: badAcl });
    await expectRefusal(invalidAcl, 'INVALIDACL');
    const noParent = await expectRefusal(client.create(`${place}/missing/x/y`), 'NONODE');
    expect(noParent.problem).toMatchObject({ status: 409, path: `${place}/missing/x` });
    await expectRefusal(client.create(`${place}/closed/x`), 'NOAUTH');
    await expectRefusal(client.create(`${place}/ephemeral`), 'NODEEXISTS');
    await expectRefusal(client.create(`${place}/ephemeral/x`), 'NOCHILDRENFOREPHEMERALS');
  });

  test('the root exists', async () => {
    const client = await door.client();
    await expectRefusal(client.create('/'), 'NODEEXISTS');
    expect((await client.create('/', { sequential: true })).path).toMatch(/^\/[0-9]{10}$/);
  });

  test(line(10), async () => {
    const place = await door.fresh();
    const client = await door.client({ session: 'new', timeoutMs: 60_000 });
    await client.create(`${place}/e`, { ephemeral: true });
    for (const options of [{}, { ephemeral: true }, { sequential: true }, { container: true }]) {
      const child = client.create(`${place}/e/child`, options);
      await expectRefusal(child, 'NOCHILDRENFOREPHEMERALS');
    }
    const together = client.multi([
      { op: 'create', path: `${place}/f`, ephemeral: true },
      { op: 'create', path: `${place}/f/child` },
    ]);
    expect(await expectRefusal(together, 'NOCHILDRENFOREPHEMERALS')).toMatchObject({
      problem: { failedIndex: 1 },
    });
    await expectRefusal(client.exists(`${place}/f`), 'NONODE');
  });

  test('missing parents are made in the same transaction, where they are asked for', async () => {
    const client = await door.client();
    const place = await door.fresh();
    const watcher = await client.watch(place, 'persistent-recursive');
    const acl = [{ ...everyone, perms: 'cdr' }];
    const { zxid, path } = await client.create(`${place}/a/b/c`, { parents: true, acl });
    expect(path).toBe(`${place}/a/b/c`);
    for (const made of ['a', 'a/b', 'a/b/c']) {
      const { stat } = await client.exists(`${place}/${made}`);
      expect(stat).toMatchObject({ czxid: zxid, kind: 'persistent' });
      expect((await client.acl(`${place}/${made}`)).acl).toEqual(acl);
    }
    expect(await watcher.upTo(zxid)).toEqual(
      ['a', 'a/b', 'a/b/c'].map((made) => ({
        ...{ type: 'NodeCreated', path: `${place}/${made}`, zxid },
      })),
    );
    await expectRefusal(client.create(`${place}/a/b/c`, { parents: true }), 'NODEEXISTS');
    await client.create(`${place}/locked`, { acl: [{ ...everyone, perms: 'r' }] });
    await expectRefusal(client.create(`${place}/locked/x/y`, { parents: true }), 'NOAUTH');
    await expectRefusal(client.exists(`${place}/locked/x`), 'NONODE');
  });

  test('options that exclude one another, and a TTL out of range, are refused', async () => {
    const client = await door.client({ session: 'new', timeoutMs: 60_000 });
    const place = await door.fresh();
    const bad = [
      { ephemeral: true, container: true },
      { ephemeral: true, ttlMs: 1000 },
      { container: true, ttlMs: 1000 },
      { container: true, sequential: true },
      { ttlMs: 0 },
      { ttlMs: -1 },
      { ttlMs: 1_099_511_627_776 },
    ];
    for (const options of bad) {
      await expectRefusal(client.create(`${place}/x`, options), 'BADARGUMENTS');
    }
    expect((await client.children(place)).children).toEqual([]);
    const { stat } = await client.create(`${place}/x`, { ttlMs: 1_099_511_627_775 });
    expect(stat).toMatchObject({ kind: 'ttl', ttlMs: 1_099_511_627_775, ephemeralOwner: 0 });
  });

  test('put creates or replaces, and says which', async () => {
    const client = await door.client();
    const path = `${await door.fresh()}/a`;
    expect(await client.put(path, 'one')).toMatchObject({ created: true, stat: { version: 0 } });
    expect(await client.put(path, 'two')).toMatchObject({ created: false, stat: { version: 1 } });
    expect((await client.get(path)).data).toBe('two');
    await expectRefusal(client.put(`${path}/missing/x`, ''), 'NONODE');
  });
});

describeThroughEveryDoor('deleting', (door) => {
  test(line(7), async () => {
    const client = await door.client({ credential: superCredential });
    for (const path of ['/', '/zookeeper', '/zookeeper/quota', '/zookeeper/config']) {
      for (const options of [{}, { recursive: true }, { version: 77 }]) {
        await expectRefusal(client.delete(path, options), 'BADARGUMENTS');
      }
      await client.exists(path);
    }
    await expectRefusal(client.multi([{ op: 'delete', path: '/' }]), 'BADARGUMENTS');
  });

  test(line(8), async () => {
    const client = await door.client();
    const place = await door.fresh();
    await client.create(`${place}/a/b`, { parents: true });
    await expectRefusal(client.delete(`${place}/a`, { version: 7 }), 'BADVERSION');
    await expectRefusal(client.delete(`${place}/a`, { version: 0 }), 'NOTEMPTY');
    await expectRefusal(client.delete(`${place}/missing`, { version: 0 }), 'NONODE');
    await expectRefusal(client.delete(`${place}/missing/too`), 'NONODE');
  });

  test(line(9), async () => {
    const place = await door.fresh();
    const client = await door.client();
    const acl = [{ ...everyone, perms: 'rc' }];
    await client.create(`${place}/kept/a`, { parents: true, acl });
    // NOAUTH of the parent comes before NONODE of the znode.
    await expectRefusal(client.delete(`${place}/kept/a`), 'NOAUTH');
    await expectRefusal(client.delete(`${place}/kept/missing`), 'NOAUTH');
    await client.create(`${place}/open`);
    await client.create(`${place}/open/a`, { acl: [{ ...everyone, perms: 'r' }] });
    await client.delete(`${place}/open/a`);
  });

  test('a recursive one is a single transaction, children first, with every event', async () => {
    const client = await door.client();
    const place = await door.fresh();
    for (const path of ['top/a/x', 'top/a/y', 'top/b', 'other']) {
      await client.create(`${place}/${path}`, { parents: true });
    }
    const recursive = await client.watch(place, 'persistent-recursive');
    const onParent = await client.watch(`${place}/top/a`, 'children');
    const onPlace = await client.watch(place, 'children');
    const { zxid } = await client.delete(`${place}/top`, { recursive: true });
    const events = await recursive.upTo(zxid);
    const gone = events.map(({ path }) => path);
    expect(events.every((event) => event.zxid === zxid && event.type === 'NodeDeleted')).toBe(true);
    expect([...gone].sort()).toEqual(
      ['top', 'top/a', 'top/a/x', 'top/a/y', 'top/b'].map((path) => `${place}/${path}`),
    );
    for (const [index, path] of gone.entries()) {
      const later = gone.slice(index + 1);
      expect(later.some((other) => other.startsWith(`${path}/`))).toBe(false);
    }
    expect((await onParent.upTo(zxid)).map(({ type }) => type)).toEqual(['NodeChildrenChanged']);
    expect(await onPlace.upTo(zxid)).toEqual([{ type: 'NodeChildrenChanged', path: place, zxid }]);
    expect((await client.children(place)).children).toEqual(['other']);
  });

  test('the condition of a recursive one is on the top, DELETE is needed on every parent', async () => {
    const client = await door.client();
    const place = await door.fresh();
    await client.create(`${place}/top/a`, { parents: true });
    await client.create(`${place}/top/locked`, { acl: [{ ...everyone, perms: 'rcw' }] });
    await client.create(`${place}/top/locked/x`);
    const recursive = true;
    await expectRefusal(client.delete(`${place}/top`, { recursive, version: 3 }), 'BADVERSION');
    await expectRefusal(client.delete(`${place}/top`, { recursive, version: 0 }), 'NOAUTH');
    expect((await client.count(`${place}/top`)).descendants).toBe(3);
    const admin = await door.client({ credential: superCredential });
    await admin.delete(`${place}/top`, { recursive, version: 0 });
    await expectRefusal(client.exists(`${place}/top`), 'NONODE');
  });

  test('check of absence, creation and deletion compose in one multi', async () => {
    const client = await door.client();
    const place = await door.fresh();
    const operations: Member[] = [
      { op: 'check', path: `${place}/a`, exists: false },
      { op: 'create', path: `${place}/a`, data: 'first' },
      { op: 'create', path: `${place}/a/b` },
      { op: 'delete', path: `${place}/a/b` },
      { op: 'delete', path: `${place}/a` },
      { op: 'create', path: `${place}/a`, data: 'second' },
      { op: 'set', path: `${place}/a`, data: 'third', version: 0 },
      { op: 'check', path: `${place}/a`, version: 1 },
    ];
    const { zxid, results } = await client.multi(operations);
    expect(results.map(({ code }) => code)).toEqual(operations.map(() => 'OK'));
    const { data, stat } = await client.get(`${place}/a`);
    expect(data).toBe('third');
    expect(stat).toMatchObject({ czxid: zxid, mzxid: zxid, version: 1, numChildren: 0 });
    await expectRefusal(client.multi(operations), 'NODEEXISTS');
  });
});
