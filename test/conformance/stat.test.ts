/** Which field of a stat moves when, and how sequential names are numbered. */
import { expect, test } from 'vitest';
import { line } from './checklist.ts';
import { describeThroughEveryDoor } from './doors.ts';
import { expectRefusal } from './refusal.ts';

describeThroughEveryDoor('the stat of a znode', (door) => {
  test('of a new znode: one zxid, one time, versions 0', async () => {
    const client = await door.client();
    const path = `${await door.fresh()}/new`;
    const created = await client.create(path, { data: 'four' });
    const { czxid, ctime } = created.stat;
    expect(created).toMatchObject({ path, name: 'new', created: true, zxid: czxid });
    expect(created.stat).toEqual({
      ...{ czxid, mzxid: czxid, pzxid: czxid, ctime, mtime: ctime },
      ...{ version: 0, cversion: 0, aversion: 0, ephemeralOwner: 0 },
      ...{ dataLength: 4, numChildren: 0, kind: 'persistent' },
    });
    expect(Math.abs(ctime - Date.now())).toBeLessThan(60_000);
    expect((await client.get(path)).stat).toEqual(created.stat);
    expect((await client.exists(path)).stat).toEqual(created.stat);
  });

  test('a set moves version, mzxid and mtime and leaves pzxid and the parent', async () => {
    const client = await door.client();
    const parent = await door.fresh();
    const { stat: before } = await client.create(`${parent}/a`, { data: '1' });
    const { stat: parentBefore } = await client.exists(parent);
    const { stat: after, zxid } = await client.set(`${parent}/a`, '22');
    expect(after).toEqual({
      ...before,
      ...{ mzxid: zxid, mtime: after.mtime, version: 1, dataLength: 2 },
    });
    expect(after.mtime).toBeGreaterThanOrEqual(before.mtime);
    expect(zxid).toBeGreaterThan(before.czxid);
    expect((await client.exists(parent)).stat).toEqual(parentBefore);
  });

  test('writing the same bytes again counts as a change', async () => {
    const client = await door.client();
    const path = await door.fresh();
    await client.set(path, 'same');
    const { stat } = await client.set(path, 'same');
    expect(stat.version).toBe(2);
  });

  test(line(5), async () => {
    const client = await door.client();
    const parent = await door.fresh();
    const { stat: before } = await client.exists(parent);
    const { zxid } = await client.create(`${parent}/a`);
    const { stat: after } = await client.exists(parent);
    expect(after).toEqual({ ...before, pzxid: zxid, cversion: 1, numChildren: 1 });
    const { zxid: deletedAt } = await client.delete(`${parent}/a`);
    const { stat: emptied } = await client.exists(parent);
    expect(emptied).toEqual({ ...before, pzxid: deletedAt, cversion: 2, numChildren: 0 });
  });

  test(line(1), async () => {
    const client = await door.client();
    const parent = await door.fresh();
    for (const name of ['a', 'b', 'c']) await client.create(`${parent}/${name}`);
    await client.delete(`${parent}/b`);
    expect((await client.exists(parent)).stat).toMatchObject({ cversion: 4, numChildren: 2 });
    const next = await client.create(`${parent}/n-`, { sequential: true });
    expect(next).toMatchObject({
      path: `${parent}/n-0000000003`,
      name: 'n-0000000003',
      sequence: 3,
    });
  });

  test(line(6), async () => {
    const client = await door.client();
    const path = await door.fresh();
    const watcher = await client.watch(path, 'persistent-recursive');
    const { stat: before } = await client.exists(path);
    const acl = [{ scheme: 'world', id: 'anyone', perms: 'cdrwa' }];
    const { stat, zxid } = await client.setAcl(path, acl);
    expect(stat).toEqual({ ...before, aversion: 1 });
    expect(await watcher.upTo(zxid)).toEqual([]);
    await expectRefusal(client.setAcl(path, acl, { version: 0 }), 'BADVERSION');
    expect((await client.setAcl(path, acl, { version: 1 })).stat.aversion).toBe(2);
  });

  test(line(27), async () => {
    const client = await door.client();
    const path = await door.fresh();
    expect((await client.set(path, 'x', { version: -1 })).stat.version).toBe(1);
    await expectRefusal(client.set(path, 'x', { version: 0 }), 'BADVERSION');
    await expectRefusal(client.set(path, 'x', { version: -2 }), 'BADVERSION');
    expect((await client.set(path, 'x', { version: 1 })).stat.version).toBe(2);
    await expectRefusal(client.delete(path, { version: 1 }), 'BADVERSION');
    await client.delete(path, { version: -1 });
    await expectRefusal(client.set(path, 'x', { version: -1 }), 'NONODE');
  });

  test('a condition with a czxid holds for one life of the path only', async () => {
    const client = await door.client();
    const path = `${await door.fresh()}/a`;
    const first = await client.create(path);
    await client.delete(path);
    const second = await client.create(path);
    const tag = (czxid: number): string => `0.${czxid}`;
    await expectRefusal(client.set(path, 'x', { ifMatch: tag(first.zxid) }), 'BADVERSION');
    await expectRefusal(client.delete(path, { ifMatch: tag(first.zxid) }), 'BADVERSION');
    await client.set(path, 'x', { ifMatch: tag(second.zxid) });
    await client.delete(path, { ifMatch: `1.${second.zxid}` });
  });
});

describeThroughEveryDoor('sequential names', (door) => {
  test('are numbered with ten digits, from 0, and may follow a slash', async () => {
    const client = await door.client();
    const parent = await door.fresh();
    const paths = [];
    for (const prefix of ['task-', 'other-', '']) {
      paths.push((await client.create(`${parent}/${prefix}`, { sequential: true })).path);
    }
    expect(paths).toEqual([
      `${parent}/task-0000000000`,
      `${parent}/other-0000000001`,
      `${parent}/0000000002`,
    ]);
  });

  test(line(2), async () => {
    const client = await door.client();
    const parent = await door.fresh();
    await client.create(`${parent}/plain`);
    await client.create(`${parent}/other`);
    await client.delete(`${parent}/other`);
    expect((await client.create(`${parent}/s-`, { sequential: true })).sequence).toBe(2);
  });

  test(line(3), async () => {
    const client = await door.client();
    const parent = await door.fresh();
    await client.create(`${parent}/s-`, { sequential: true });
    await client.delete(`${parent}/s-0000000000`);
    await client.delete(parent);
    await client.create(parent);
    expect((await client.create(`${parent}/s-`, { sequential: true })).sequence).toBe(0);
  });

  test(line(4), async () => {
    const client = await door.client();
    const parent = await door.fresh();
    const sequential = { op: 'create', path: `${parent}/s-`, sequential: true } as const;
    await client.create(`${parent}/s-`, { sequential: true });
    await expectRefusal(client.create(`${parent}/s-0000000000`), 'NODEEXISTS');
    const bad = [{ scheme: 'none', id: 'x', perms: 'r' }];
    await expectRefusal(
      client.create(`${parent}/s-`, { sequential: true, acl: bad }),
      'INVALIDACL',
    );
    await expectRefusal(
      client.multi([sequential, sequential, { op: 'delete', path: `${parent}/missing` }]),
      'NONODE',
    );
    const { results } = await client.multi([sequential, sequential]);
    expect(results.map(({ sequence }) => sequence)).toEqual([1, 2]);
    expect(results.map(({ path }) => path)).toEqual([
      `${parent}/s-0000000001`,
      `${parent}/s-0000000002`,
    ]);
  });
});
