/** Transactions are all or nothing, at one zxid; several reads see one state. */
import { expect, test } from 'vitest';
import { line } from './checklist.ts';
import { describeOverRest, describeThroughEveryDoor } from './doors.ts';
import { jsonOf } from './http.ts';
import { expectRefusal } from './refusal.ts';

describeThroughEveryDoor('a multi', (door) => {
  test(line(11), async () => {
    const client = await door.client();
    const place = await door.fresh();
    const watcher = await client.watch(place, 'persistent-recursive');
    await client.create(`${place}/kept`, { data: 'as it was' });
    const { stat: before } = await client.exists(place);
    const refusal = await expectRefusal(
      client.multi([
        { op: 'create', path: `${place}/new` },
        { op: 'set', path: `${place}/kept`, data: 'changed' },
        { op: 'check', path: `${place}/kept`, version: 9 },
        { op: 'delete', path: `${place}/kept` },
        { op: 'create', path: `${place}/last` },
      ]),
      'BADVERSION',
    );
    expect(refusal.problem).toMatchObject({ status: 412, zkCode: -103, failedIndex: 2 });
    expect(refusal.problem.results?.map(({ op, code }) => `${op} ${code}`)).toEqual([
      'create OK',
      'set OK',
      'check BADVERSION',
      'delete RUNTIMEINCONSISTENCY',
      'create RUNTIMEINCONSISTENCY',
    ]);
    expect((await client.get(`${place}/kept`)).data).toBe('as it was');
    expect((await client.children(place)).children).toEqual(['kept']);
    expect((await client.exists(place)).stat).toEqual(before);
    const { zxid } = await client.set(place, 'after');
    const events = await watcher.upTo(zxid);
    expect(events.map(({ type, path }) => `${type} ${path}`)).toEqual([
      `NodeCreated ${place}/kept`,
      `NodeDataChanged ${place}`,
    ]);
  });

  test(line(12), async () => {
    const client = await door.client();
    const place = await door.fresh();
    const recursive = await client.watch(place, 'persistent-recursive');
    const persistent = await client.watch(place, 'persistent');
    const { zxid, results } = await client.multi([
      { op: 'create', path: `${place}/a` },
      { op: 'create', path: `${place}/a/b` },
      { op: 'set', path: `${place}/a`, data: 'x' },
      { op: 'delete', path: `${place}/a/b` },
      { op: 'set', path: place, data: 'y' },
      { op: 'create', path: `${place}/c` },
    ]);
    expect(results.map(({ path }) => path.slice(place.length))).toEqual([
      ...['/a', '/a/b', '/a', '/a/b', '', '/c'],
    ]);
    const seen = await recursive.upTo(zxid);
    expect(new Set(seen.map((event) => event.zxid))).toEqual(new Set([zxid]));
    expect(seen.map(({ type, path }) => `${type} ${path.slice(place.length)}`)).toEqual([
      'NodeCreated /a',
      'NodeCreated /a/b',
      'NodeDataChanged /a',
      'NodeDeleted /a/b',
      'NodeDataChanged ',
      'NodeCreated /c',
    ]);
    expect((await persistent.upTo(zxid)).map(({ type }) => type)).toEqual([
      'NodeChildrenChanged',
      'NodeDataChanged',
      'NodeChildrenChanged',
    ]);
    const times = new Set<number>();
    for (const path of [`${place}/a`, place, `${place}/c`]) {
      const { stat } = await client.exists(path);
      expect(stat.mzxid).toBe(zxid);
      times.add(stat.mtime);
    }
    expect(times.size).toBe(1);
  });

  test('without operations it is answered with none', async () => {
    const client = await door.client();
    expect((await client.multi([])).results).toEqual([]);
    expect((await client.multiRead([])).results).toEqual([]);
  });

  test('what it takes is create, set, delete and check, nothing else', async () => {
    const client = await door.client();
    const place = await door.fresh();
    const good = { op: 'create', path: `${place}/a` };
    const bad = [
      { op: 'get', path: place },
      { op: 'setAcl', path: place, acl: [] },
      { op: 'create', path: `${place}/b`, parents: true },
      { op: 'delete', path: place, recursive: true },
      { op: 'set', path: place, version: 1, ifMatch: '1.1' },
      { op: 'check', path: place, exists: false, version: 1 },
      { path: place },
      'create',
      null,
    ];
    for (const member of bad) {
      const refusal = await expectRefusal(client.multi([good, member] as never), 'BADARGUMENTS');
      expect(refusal.problem.detail).toContain('operations[1]');
    }
    expect((await client.children(place)).children).toEqual([]);
  });

  test('permissions are judged member by member', async () => {
    const client = await door.client();
    const place = await door.fresh();
    await client.create(`${place}/blind`, { acl: [{ scheme: 'world', id: 'anyone', perms: 'w' }] });
    const check = client.multi([{ op: 'check', path: `${place}/blind` }]);
    await expectRefusal(check, 'NOAUTH');
    const { results } = await client.multi([{ op: 'set', path: `${place}/blind`, data: 'x' }]);
    expect(results).toMatchObject([{ code: 'OK', stat: { version: 1 } }]);
  });
});

describeOverRest('a multi that fails', (door) => {
  test('has the status of its first failure, a missing parent named', async () => {
    const place = await door.fresh();
    const send = (operations: readonly object[]) =>
      door.http({
        ...{ method: 'POST', target: '/multi' },
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ operations }),
      });
    const missing = await send([{ op: 'create', path: `${place}/no/x` }]);
    expect(missing.status).toBe(409);
    expect(jsonOf(missing)).toMatchObject({ code: 'NONODE', path: `${place}/no`, failedIndex: 0 });
    const absent = await send([{ op: 'set', path: `${place}/no` }]);
    expect(absent.status).toBe(404);
    const stale = await send([{ op: 'delete', path: place, version: 4 }]);
    expect(stale.status).toBe(412);
  });
});

describeThroughEveryDoor('several reads', (door) => {
  test('are of one zxid, each with its own code', async () => {
    const client = await door.client();
    const place = await door.fresh();
    await client.create(`${place}/a`, { data: 'A' });
    await client.create(`${place}/blind`, { acl: [{ scheme: 'world', id: 'anyone', perms: 'w' }] });
    const { results, zxid } = await client.multiRead([
      { op: 'get', path: `${place}/a` },
      { op: 'children', path: place },
      { op: 'exists', path: `${place}/missing` },
      { op: 'get', path: `${place}/blind` },
      { op: 'acl', path: `${place}/a` },
      { op: 'exists', path: `${place}/a` },
    ]);
    expect(results.map(({ op, code }) => `${op} ${code}`)).toEqual([
      'get OK',
      'children OK',
      'exists NONODE',
      'get NOAUTH',
      'acl OK',
      'exists OK',
    ]);
    expect(results[0]).toMatchObject({ path: `${place}/a`, data: 'A' });
    expect(results[1]?.children).toEqual(['a', 'blind']);
    expect(results[4]?.acl).toEqual([{ scheme: 'world', id: 'anyone', perms: 'cdrwa' }]);
    expect(zxid).toBeGreaterThanOrEqual(results[0]?.stat?.czxid ?? Infinity);
  });

  test('never see a part of a transaction', async () => {
    const writer = await door.client();
    const reader = await door.client();
    const place = await door.fresh();
    await writer.multi(
      ['a', 'b'].map((name) => ({ op: 'create', path: `${place}/${name}`, data: 'first' })),
    );
    const writes = Array.from({ length: 40 }, (_, round) =>
      writer.multi(
        ['a', 'b'].map((name) => ({
          ...({ op: 'set', path: `${place}/${name}`, data: String(round) } as const),
        })),
      ),
    );
    const reads = Array.from({ length: 40 }, () =>
      reader.multiRead(['a', 'b'].map((name) => ({ op: 'get', path: `${place}/${name}` }))),
    );
    await Promise.all(writes);
    for (const { results } of await Promise.all(reads)) {
      expect(results[0]?.data).toBe(results[1]?.data);
      expect(results[0]?.stat?.mzxid).toBe(results[1]?.stat?.mzxid);
    }
  });
});
