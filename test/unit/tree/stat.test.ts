import { describe, expect, it } from 'vitest';
import { Tree } from '../../../src/tree/index.ts';
import { defaultLimits } from '../../../src/protocol/limits.ts';
import { createOf, Harness, only, ann, path, world } from './harness.ts';

describe('the fresh tree', () => {
  it('holds the four nodes that ZooKeeper has, with their ACLs', () => {
    const tree = new Tree({ limits: defaultLimits });
    expect(tree.nodeCount).toBe(4);
    expect(tree.stat(tree.find('/'))).toMatchObject({ czxid: 0, numChildren: 1, cversion: -1 });
    expect(tree.stat(tree.find('/zookeeper'))).toMatchObject({ numChildren: 2, cversion: -2 });
    expect(tree.stat(tree.find('/zookeeper/config')).version).toBe(-1);
    for (const at of ['/', '/zookeeper', '/zookeeper/quota']) {
      expect(tree.acl(tree.aclOf(tree.find(at)))).toEqual(world(31));
    }
    expect(tree.acl(tree.aclOf(tree.find('/zookeeper/config')))).toEqual(world(1));
  });
});

/** Which field moves when. */
describe('stat', () => {
  it('of a new node is all its own transaction', () => {
    const harness = new Harness();
    harness.now = 777;
    const { stat } = harness.create('/a', { data: new Uint8Array(5) });
    expect(stat).toEqual({
      czxid: 1,
      mzxid: 1,
      pzxid: 1,
      ctime: 777,
      mtime: 777,
      version: 0,
      cversion: 0,
      aversion: 0,
      ephemeralOwner: 0,
      dataLength: 5,
      numChildren: 0,
      kind: 'persistent',
    });
    expect(harness.stat('/a')).toEqual(stat);
  });

  it('shows a cversion that counts creations and deletions of children', () => {
    const harness = new Harness();
    harness.create('/p');
    for (const name of ['a', 'b', 'c']) harness.create(`/p/${name}`);
    harness.delete('/p/b');
    expect(harness.stat('/p')).toMatchObject({ cversion: 4, numChildren: 2, pzxid: 5 });
    expect(harness.create('/p/n-', { sequential: true }).path).toBe('/p/n-0000000003');
  });

  it('of a parent keeps mzxid, mtime and version when children come and go', () => {
    const harness = new Harness();
    harness.create('/p');
    harness.now = 5000;
    harness.create('/p/a');
    expect(harness.stat('/p')).toMatchObject({ mzxid: 1, mtime: 1000, version: 0, pzxid: 2 });
    harness.delete('/p/a');
    expect(harness.stat('/p')).toMatchObject({ mzxid: 1, mtime: 1000, version: 0, pzxid: 3 });
  });

  it('moves version, mzxid and mtime on a write of data, even of the same bytes', () => {
    const harness = new Harness();
    harness.create('/a');
    harness.now = 2000;
    harness.set('/a', 'xyz');
    const { stat } = harness.set('/a', 'xyz');
    expect(stat).toMatchObject({ version: 2, mzxid: 3, mtime: 2000, czxid: 1, ctime: 1000 });
    expect(stat).toMatchObject({ pzxid: 1, aversion: 0, dataLength: 3 });
    expect(harness.stat('/a')).toEqual(stat);
  });

  it('moves nothing but aversion when the ACL changes', () => {
    const harness = new Harness();
    harness.create('/a');
    const before = harness.stat('/a');
    harness.now = 9999;
    harness.write({ type: 'setAcl', path: path('/a'), acl: only(ann) });
    expect(harness.stat('/a')).toEqual({ ...before, aversion: 1 });
    expect(harness.tree.acl(harness.tree.aclOf(harness.tree.find('/a')))).toEqual(only(ann));
  });

  it('says the kind, the TTL and the owner', () => {
    const harness = new Harness();
    const session = harness.session();
    harness.create('/e', { kind: 'ephemeral' }, { session });
    harness.create('/c', { kind: 'container' });
    harness.create('/t', { kind: 'ttl', ttlMs: 60_000 });
    expect(harness.stat('/e')).toMatchObject({ kind: 'ephemeral', ephemeralOwner: session });
    expect(harness.stat('/c')).toMatchObject({ kind: 'container', ephemeralOwner: 0 });
    expect(harness.stat('/t')).toMatchObject({ kind: 'ttl', ephemeralOwner: 0, ttlMs: 60_000 });
    expect(harness.stat('/c')).not.toHaveProperty('ttlMs');
  });

  it('lets versions wrap at 32 bits and skip −1', () => {
    const harness = new Harness();
    harness.create('/a');
    const change = (version: number): void => {
      harness.zxid += 1;
      const { czxid, ctime, pzxid, cversion, aversion, numChildren } = harness.stat('/a');
      const kept = { czxid, ctime, pzxid, cversion, aversion, numChildren };
      harness.tree.apply(harness.zxid, {
        time: 1,
        session: 0,
        changes: [
          {
            type: 'set',
            path: path('/a'),
            data: new Uint8Array(0),
            version,
            acl: 0,
            ...kept,
            kind: 'persistent',
            ephemeralOwner: 0,
            ttlMs: 0,
          },
        ],
      });
    };
    change(2_147_483_647);
    expect(harness.set('/a', 'x').stat.version).toBe(-2_147_483_648);
    expect(harness.set('/a', 'x', [{ version: -2_147_483_648 }]).stat.version).toBe(-2_147_483_647);
    change(-2);
    expect(harness.set('/a', 'x').stat.version).toBe(0);
  });

  it('is one zxid and one time for all of a multi', () => {
    const harness = new Harness();
    harness.now = 4242;
    const { results } = harness.multi([createOf('/a'), createOf('/a/b'), createOf('/a/c')]);
    expect(results.map(({ stat }) => stat?.czxid)).toEqual([1, 1, 1]);
    expect(results[0]?.stat).toMatchObject({ cversion: 0, numChildren: 0 });
    expect(harness.stat('/a')).toMatchObject({
      cversion: 2,
      numChildren: 2,
      pzxid: 1,
      mtime: 4242,
    });
  });
});
