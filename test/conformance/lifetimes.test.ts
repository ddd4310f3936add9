/** Znodes that go by themselves: with their session, after their last child, after their time. */
import { expect, test } from 'vitest';
import { line } from './checklist.ts';
import type { Client } from './client.ts';
import { eventually, within } from './deadline.ts';
import { describeThroughEveryDoor } from './doors.ts';
import { expectRefusal } from './refusal.ts';

const checkMs = 50;

/** How late a removal may be on a busy machine. */
const slackMs = 2000;

const longMs = 60_000;

describeThroughEveryDoor('an ephemeral', (door) => {
  test('belongs to the session that made it, whoever changes or deletes it', async () => {
    const place = await door.fresh();
    const owner = await door.client({ session: 'new', timeoutMs: longMs });
    const other = await door.client({ session: 'new', timeoutMs: longMs });
    const ephemeralOwner = owner.session?.id;
    const { stat } = await owner.create(`${place}/a`, { ephemeral: true, data: 'x' });
    expect(stat).toMatchObject({ kind: 'ephemeral', ephemeralOwner });
    await owner.create(`${place}/b`, { ephemeral: true });
    const changed = await other.set(`${place}/a`, 'y');
    expect(changed.stat).toMatchObject({ kind: 'ephemeral', ephemeralOwner });
    const put = await other.put(`${place}/a`, 'z');
    expect(put.stat).toMatchObject({ kind: 'ephemeral', ephemeralOwner });
    await other.delete(`${place}/b`);
    expect(await owner.ephemerals()).toEqual([`${place}/a`]);
    await other.endSession();
    expect((await owner.get(`${place}/a`)).data).toBe('z');
    await owner.endSession();
    const observer = await door.client();
    await expectRefusal(observer.exists(`${place}/a`), 'NONODE');
  });

  test('survives that its client goes away, and goes with the session', async () => {
    const place = await door.fresh();
    const observer = await door.client();
    const watcher = await observer.watch(place, 'persistent-recursive');
    const owner = await door.client({ session: 'new', timeoutMs: 300 });
    await owner.create(`${place}/a`, { ephemeral: true });
    owner.leave();
    const again = await door.client({ session: owner.session?.token ?? '' });
    expect(await again.ephemerals()).toEqual([`${place}/a`]);
    again.leave();
    expect((await watcher.next()).type).toBe('NodeCreated');
    expect((await within('its end', watcher.next())).type).toBe('NodeDeleted');
    expect((await observer.create(`${place}/a`)).stat.ephemeralOwner).toBe(0);
  });

  test('may be sequential, and made and deleted in a multi', async () => {
    const place = await door.fresh();
    const owner = await door.client({ session: 'new', timeoutMs: longMs });
    const options = { ephemeral: true, sequential: true };
    expect((await owner.create(`${place}/n-`, options)).path).toBe(`${place}/n-0000000000`);
    const { results } = await owner.multi([
      { op: 'create', path: `${place}/n-`, ...options },
      { op: 'delete', path: `${place}/n-0000000000` },
      { op: 'create', path: `${place}/brief`, ephemeral: true },
      { op: 'delete', path: `${place}/brief` },
    ]);
    expect(results[0]).toMatchObject({
      path: `${place}/n-0000000001`,
      stat: { kind: 'ephemeral', ephemeralOwner: owner.session?.id },
    });
    expect(await owner.ephemerals()).toEqual([`${place}/n-0000000001`]);
  });

  test('goes whatever the ACLs say', async () => {
    const place = await door.fresh();
    const observer = await door.client();
    const acl = [{ scheme: 'world', id: 'anyone', perms: 'rc' }];
    await observer.create(`${place}/closed`, { acl });
    const owner = await door.client({ session: 'new', timeoutMs: longMs });
    await owner.create(`${place}/closed/a`, { ephemeral: true, acl });
    await expectRefusal(owner.delete(`${place}/closed/a`), 'NOAUTH');
    await owner.endSession();
    await observer.sync();
    expect((await observer.children(`${place}/closed`)).children).toEqual([]);
  });
});

/** Resolves when the housekeeper has surely looked at all that was there before the call. */
async function afterNextSearch(client: Client, place: string): Promise<void> {
  const { path } = await client.create(`${place}/probe-`, { sequential: true });
  await client.create(`${path}/box`, { container: true });
  await client.create(`${path}/box/child`);
  await client.delete(`${path}/box/child`);
  await eventually('a search of the housekeeper', async () => {
    const { children } = await client.children(path);
    return children.length === 0 ? true : undefined;
  });
}

describeThroughEveryDoor('a container', (door) => {
  test(line(25, 'only after a child, as soon as the interval says'), async () => {
    const client = await door.client();
    const place = await door.fresh();
    const path = `${place}/box`;
    const { stat } = await client.create(path, { container: true, data: 'kept' });
    expect(stat).toMatchObject({ kind: 'container', ephemeralOwner: 0 });
    await afterNextSearch(client, place);
    expect((await client.get(path)).data).toBe('kept');
    await client.create(`${path}/a`);
    await client.create(`${path}/b`);
    await client.delete(`${path}/a`);
    await afterNextSearch(client, place);
    expect((await client.children(path)).children).toEqual(['b']);
    const watcher = await client.watch(path, 'persistent');
    const onPlace = await client.watch(place, 'persistent-recursive');
    await client.delete(`${path}/b`);
    const emptiedAt = performance.now();
    expect((await watcher.next()).type).toBe('NodeChildrenChanged');
    const gone = await within('the end of the container', watcher.next());
    expect(performance.now() - emptiedAt).toBeLessThan(checkMs + slackMs);
    expect(gone).toMatchObject({ type: 'NodeDeleted', path });
    const seen = await onPlace.upTo(gone.zxid);
    expect(seen.at(-1)).toEqual(gone);
    await expectRefusal(client.create(`${path}/c`), 'NONODE');
  });

  test(line(25, 'never another znode that has come in its place'), async () => {
    const client = await door.client();
    const place = await door.fresh();
    for (let round = 0; round < 5; round++) {
      const path = `${place}/${round}`;
      await client.create(path, { container: true });
      await client.create(`${path}/child`);
      const replaced = client.multi([
        { op: 'delete', path: `${path}/child` },
        { op: 'delete', path },
        { op: 'create', path, data: 'persistent' },
      ]);
      const { zxid } = await replaced;
      await afterNextSearch(client, place);
      expect((await client.exists(path)).stat).toMatchObject({ czxid: zxid, kind: 'persistent' });
    }
  });

  test(line(25, 'not while children come and go in one transaction'), async () => {
    const client = await door.client();
    const place = await door.fresh();
    const path = `${place}/box`;
    const { zxid } = await client.create(path, { container: true });
    await client.create(`${path}/0`);
    for (let round = 0; round < 60; round++) {
      await client.multi([
        { op: 'delete', path: `${path}/${round}` },
        { op: 'create', path: `${path}/${round + 1}` },
      ]);
    }
    await afterNextSearch(client, place);
    expect((await client.exists(path)).stat).toMatchObject({ czxid: zxid, numChildren: 1 });
  });

  test('goes when its last ephemeral has gone, and its parent container after it', async () => {
    const place = await door.fresh();
    const observer = await door.client();
    const owner = await door.client({ session: 'new', timeoutMs: longMs });
    await owner.create(`${place}/outer`, { container: true });
    await owner.create(`${place}/outer/inner`, { container: true });
    await owner.create(`${place}/outer/inner/e`, { ephemeral: true });
    const watcher = await observer.watch(place, 'persistent-recursive');
    await owner.endSession();
    const gone = [];
    while (gone.length < 3) gone.push(await within('the next end', watcher.next()));
    expect(gone.map(({ type, path }) => `${type} ${path.slice(place.length)}`)).toEqual([
      'NodeDeleted /outer/inner/e',
      'NodeDeleted /outer/inner',
      'NodeDeleted /outer',
    ]);
    expect(new Set(gone.map(({ zxid }) => zxid)).size).toBe(3);
  });
});

describeThroughEveryDoor(
  'a container that was never used',
  (door) => {
    test('goes after its time, where there is one', async () => {
      const client = await door.client();
      const path = `${await door.fresh()}/box`;
      await client.create(path, { container: true });
      const watcher = await client.watch(path, 'persistent');
      const changedAt = performance.now();
      await client.set(path, 'x');
      expect((await watcher.next()).type).toBe('NodeDataChanged');
      expect((await within('its end', watcher.next())).type).toBe('NodeDeleted');
      expect(performance.now() - changedAt).toBeGreaterThanOrEqual(150);
    });
  },
  { settings: { containerNeverUsedMs: 150 } },
);

describeThroughEveryDoor('a TTL', (door) => {
  test('a znode goes when it has not been written for its time, at most an interval late', async () => {
    const client = await door.client();
    const place = await door.fresh();
    const watcher = await client.watch(place, 'persistent-recursive');
    const before = performance.now();
    const { stat } = await client.create(`${place}/a`, { ttlMs: 200 });
    const after = performance.now();
    expect(stat).toMatchObject({ kind: 'ttl', ttlMs: 200, ephemeralOwner: 0 });
    expect((await watcher.next()).type).toBe('NodeCreated');
    expect((await within('its end', watcher.next())).type).toBe('NodeDeleted');
    // Wall clock and monotonic clock count milliseconds each in its own way.
    expect(performance.now() - before).toBeGreaterThanOrEqual(199);
    expect(performance.now() - after).toBeLessThan(200 + checkMs + slackMs);
  });

  test(line(26, 'a write renews'), async () => {
    const client = await door.client();
    const path = `${await door.fresh()}/a`;
    const { zxid: czxid } = await client.create(path, { ttlMs: 400 });
    const endAt = performance.now() + 900;
    while (performance.now() < endAt) await client.set(path, 'x');
    expect((await client.exists(path)).stat).toMatchObject({ czxid, kind: 'ttl', ttlMs: 400 });
    const watcher = await client.watch(path, 'data');
    expect((await within('its end', watcher.next())).type).toBe('NodeDeleted');
  });

  test(line(26, 'children protect, and do not renew'), async () => {
    const client = await door.client();
    const place = await door.fresh();
    const path = `${place}/a`;
    // In one transaction, since a millisecond is soon over.
    const made = await client.multi([
      { op: 'create', path, ttlMs: 1 },
      { op: 'create', path: `${path}/child` },
    ]);
    const mtime = made.results[0]?.stat?.mtime;
    for (let round = 0; round < 3; round++) await afterNextSearch(client, place);
    expect((await client.exists(path)).stat).toMatchObject({ mtime, numChildren: 1 });
    await client.delete(`${path}/child`);
    await afterNextSearch(client, place);
    await expectRefusal(client.exists(path), 'NONODE');
  });

  test('a znode may be sequential and have an ACL that nobody else passes', async () => {
    const client = await door.client();
    const place = await door.fresh();
    const acl = [{ scheme: 'world', id: 'anyone', perms: 'r' }];
    const { path } = await client.create(`${place}/n-`, { ttlMs: 1, sequential: true, acl });
    expect(path).toBe(`${place}/n-0000000000`);
    await eventually('its end', async () => {
      const { children } = await client.children(place);
      return children.length === 0 ? true : undefined;
    });
    expect((await client.create(`${place}/n-`, { sequential: true })).sequence).toBe(1);
  });
});
