import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { Perms, type Acl, type Identity } from '../../../src/protocol/model.ts';
import { aclKey } from '../../../src/tree/digest.ts';
import { canRead, isSuper, permits, readAcl } from '../../../src/tree/index.ts';
import { ann, bob, createOf, Harness, only, operator, path, world } from './harness.ts';

const ip = (id: string): Identity => ({ scheme: 'ip', id });

function stored(harness: Harness, at: string): Acl {
  return harness.tree.acl(harness.tree.aclOf(harness.tree.find(at)));
}

describe('an ACL that a client gives', () => {
  it.each<[string, Acl]>([
    ['an empty list', []],
    ['an unknown scheme', [{ scheme: 'sasl', id: 'x', perms: 31 }]],
    ['super as a scheme', [{ scheme: 'super', id: '', perms: 31 }]],
    ['a world of somebody else', [{ scheme: 'world', id: 'me', perms: 31 }]],
    ['no permission', [{ scheme: 'world', id: 'anyone', perms: 0 }]],
    ['a permission that there is not', [{ scheme: 'world', id: 'anyone', perms: 32 }]],
    ['a digest without a hash', [{ scheme: 'digest', id: 'ann', perms: 31 }]],
    ['a digest with two colons', [{ scheme: 'digest', id: `${ann.id}:x`, perms: 31 }]],
    ['a digest with a password in clear', [{ scheme: 'digest', id: 'ann:secret', perms: 31 }]],
    ['a digest of no Unicode text', [{ scheme: 'digest', id: `\ud800${ann.id}`, perms: 31 }]],
    ['auth without an authenticated caller', [{ scheme: 'auth', id: '', perms: 31 }]],
    ['an address that is none', [{ scheme: 'ip', id: '10.0.0', perms: 31 }]],
    ['too many bits', [{ scheme: 'ip', id: '10.0.0.0/33', perms: 31 }]],
  ])('is refused: %s', (_what, acl) => {
    const harness = new Harness();
    harness.refuses(createOf('/a', { acl }), 'INVALIDACL', { as: [ip('10.0.0.1')] });
  });

  it('is limited in entries', () => {
    const harness = new Harness({ limits: { aclEntriesMax: 2 } });
    const three = [1, 2, 4].map((perms) => ({ scheme: 'world', id: 'anyone', perms }));
    const { message } = harness.refuses(createOf('/a', { acl: three }), 'INVALIDACL');
    expect(message).toContain('aclEntriesMax');
    const auth = { scheme: 'auth', id: '', perms: 1 };
    const more = createOf('/a', { acl: [auth, ...world(1)] });
    harness.refuses(more, 'INVALIDACL', { as: [ann, bob] });
  });

  it('loses its duplicates', () => {
    const harness = new Harness();
    harness.create('/a', { acl: [...world(1), ...only(ann), ...world(1)] });
    expect(stored(harness, '/a')).toEqual([...world(1), ...only(ann)]);
  });

  it('has auth expanded to all digest identities of the caller', () => {
    const harness = new Harness();
    const acl = [{ scheme: 'auth', id: 'ignored', perms: 5 }];
    harness.create('/a', { acl }, { as: [ip('10.0.0.1'), ann, bob] });
    expect(stored(harness, '/a')).toEqual([...only(ann, 5), ...only(bob, 5)]);
  });

  it('has ZooKeeper’s digest ids', () => {
    const harness = new Harness();
    const hash = createHash('sha1').update('super:password').digest('base64');
    const id = `super:${hash}`;
    expect(id).toBe('super:DyNYQEQvajljsxlhf5uS4PJ9R28=');
    expect(harness.create('/a', { acl: [{ scheme: 'digest', id, perms: 31 }] }).created).toBe(true);
  });
});

describe('interned ACLs', () => {
  it('count for the bytes of the tree, since their texts may be long', () => {
    const long: Identity = { ...ann, id: `${'a'.repeat(10_000)}${ann.id}` };
    const empty = new Harness().tree.byteCount;
    const harness = new Harness({ limits: { treeBytesMax: empty + 15_000 } });
    const { message } = harness.refuses(createOf('/a', { acl: only(long) }), 'QUOTAEXCEEDED');
    expect(message).toContain('treeBytesMax');
    expect(harness.create('/a', { acl: only(ann) }).created).toBe(true);
    const room = harness.tree.byteCount - empty;
    expect(room).toBeGreaterThan(2 * ann.id.length);
    expect(harness.create('/b', { acl: only(ann) }).created).toBe(true);
    expect(harness.tree.byteCount - empty - room).toBeLessThan(room);
  });

  it('are shared, bounded, and given back by what is refused', () => {
    const harness = new Harness({ limits: { aclsMax: 3 } });
    harness.refuses(
      { type: 'multi', operations: [createOf('/a', { acl: only(ann) }), createOf('/x/y')] },
      'NONODE',
    );
    harness.judge(createOf('/b', { acl: only(bob) }));
    harness.judge(createOf('/c', { acl: only(bob) }));
    const { message } = harness.refuses(createOf('/d', { acl: only(ann) }), 'QUOTAEXCEEDED');
    expect(message).toContain('aclsMax');
    harness.apply();
    expect(harness.tree.aclCount).toBe(3);
    expect(harness.create('/e', { acl: only(bob) }).created).toBe(true);
    expect(harness.create('/f', { acl: world(1) }).created).toBe(true);
  });

  it('are forgotten with the last znode that has them, whatever takes it away', () => {
    const harness = new Harness({ limits: { aclsMax: 4 } });
    const empty = harness.tree.byteCount;
    harness.write({ type: 'createSession', timeoutMs: 1000, secretHash: new Uint8Array(32) });
    const [session = 0] = harness.sessions;
    harness.create('/a', { acl: only(ann) });
    harness.create('/a/b', { acl: only(bob) }, { as: [ann] });
    harness.create('/e', { acl: only(bob), kind: 'ephemeral' }, { session });
    expect(harness.tree.aclCount).toBe(4);
    harness.write({ type: 'delete', path: path('/a'), recursive: true }, { as: [ann] });
    expect(harness.tree.aclCount).toBe(3);
    harness.write({ type: 'setAcl', path: path('/e'), acl: only(ann) }, { as: [bob] });
    expect(harness.tree.aclCount).toBe(3);
    expect(harness.tree.findAcl(aclKey(only(bob)))).toBeUndefined();
    harness.write({ type: 'closeSession', session });
    expect(harness.tree.aclCount).toBe(2);
    expect(harness.tree.byteCount).toBe(empty);
  });

  it('are forgotten with a znode that housekeeping removes', () => {
    const harness = new Harness();
    const { stat } = harness.create('/t', { acl: only(ann), kind: 'ttl', ttlMs: 1 });
    const { czxid, mzxid } = stat;
    harness.write({ type: 'reap', path: path('/t'), czxid, mzxid });
    expect(harness.tree.aclCount).toBe(2);
  });

  it('leave room for others before what ends them is applied', () => {
    const harness = new Harness({ limits: { aclsMax: 3 } });
    harness.judge(createOf('/a', { acl: only(ann) }));
    harness.refuses(createOf('/b', { acl: only(bob) }), 'QUOTAEXCEEDED');
    harness.judge({ type: 'delete', path: path('/a') });
    harness.judge(createOf('/b', { acl: only(bob) }));
    harness.refuses(createOf('/c', { acl: only(ann) }), 'QUOTAEXCEEDED');
    harness.apply();
    expect(stored(harness, '/b')).toEqual(only(bob));
    expect(harness.tree.aclCount).toBe(3);
  });

  it('are defined anew when what ends them is outstanding, and not when it is the same transaction', () => {
    const harness = new Harness();
    harness.create('/a', { acl: only(ann) });
    harness.judge({ type: 'delete', path: path('/a') });
    harness.judge(createOf('/b', { acl: only(ann) }));
    harness.judge({
      type: 'multi',
      operations: [{ type: 'delete', path: path('/b') }, { ...createOf('/c', { acl: only(ann) }) }],
    });
    const types = harness.apply().map(({ changes }) => changes.map(({ type }) => type));
    expect(types).toEqual([['delete'], ['defineAcl', 'create'], ['delete', 'create']]);
    expect(stored(harness, '/c')).toEqual(only(ann));
  });

  it('give their numbers to others, which stay low', () => {
    const harness = new Harness();
    const ids = new Set<number>();
    for (let round = 0; round < 200; round++) {
      const id = `${round}:${'A'.repeat(27)}=`;
      harness.create('/a', { acl: [{ scheme: 'digest', id, perms: 31 }] });
      ids.add(harness.tree.aclOf(harness.tree.find('/a')));
      harness.write({ type: 'delete', path: path('/a') });
    }
    expect(Math.max(...ids)).toBeLessThan(25);
    expect(harness.tree.aclCount).toBe(2);
  });

  it('are defined before the change that uses them, once', () => {
    const harness = new Harness();
    const acl = only(ann);
    harness.judge({
      type: 'multi',
      operations: [createOf('/a', { acl }), createOf('/b', { acl })],
    });
    const [transaction] = harness.apply();
    expect(transaction?.changes.map(({ type }) => type)).toEqual(['defineAcl', 'create', 'create']);
  });
});

describe('permits', () => {
  const check = (acl: Acl, perms: number, identities: readonly Identity[] = []): boolean =>
    permits(acl, perms, { identities, superIdentity: operator });

  it('gives the world what it is given, and no more', () => {
    expect(check(world(Perms.READ), Perms.READ)).toBe(true);
    expect(check(world(Perms.READ), Perms.WRITE)).toBe(false);
  });

  it('wants any bit of a combined mask', () => {
    expect(check(world(Perms.ADMIN), Perms.READ | Perms.ADMIN)).toBe(true);
  });

  it('compares digests whole', () => {
    expect(check(only(ann), Perms.ALL, [ann])).toBe(true);
    expect(check(only(ann), Perms.READ, [bob])).toBe(false);
    expect(check(only(ann), Perms.READ, [{ scheme: 'ip', id: ann.id }])).toBe(false);
    expect(check(only(ann), Perms.READ)).toBe(false);
  });

  it('lets the super identity pass, and nobody when there is none', () => {
    expect(check(only(ann), Perms.ADMIN, [operator])).toBe(true);
    expect(permits(only(ann), Perms.ADMIN, { identities: [operator] })).toBe(false);
    expect(isSuper({ identities: [ann, operator], superIdentity: operator })).toBe(true);
    expect(isSuper({ identities: [ann] })).toBe(false);
  });

  it.each<[string, string, boolean]>([
    ['10.1.2.3', '10.1.2.3', true],
    ['10.1.2.3', '10.1.2.4', false],
    ['10.1.0.0/16', '10.1.255.1', true],
    ['10.1.0.0/16', '10.2.0.1', false],
    ['10.1.2.128/25', '10.1.2.200', true],
    ['10.1.2.128/25', '10.1.2.100', false],
    ['0.0.0.0/0', '1.2.3.4', true],
    ['0.0.0.0/0', '::1', false],
    ['::/0', '1.2.3.4', false],
    ['2001:db8::/32', '2001:db8:1::5', true],
    ['2001:db8::/32', '2001:db9::1', false],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1', true],
    ['::ffff:10.0.0.1', '10.0.0.1', true],
    ['10.0.0.0/8', '::ffff:10.9.9.9', true],
    ['fe80::1:2/127', 'fe80::1:3', true],
  ])('ip:%s and %s: %s', (range, address, expected) => {
    const acl = [{ scheme: 'ip', id: range, perms: Perms.ALL }];
    expect(check(acl, Perms.READ, [ip(address)])).toBe(expected);
  });

  it.each(['', '1.2.3', '1.2.3.256', '1.2.3.4/', '1.2.3.4/x', ':::', '1::2::3', '12345::', 'g::'])(
    'ip:%s is none',
    (id) => {
      const acl = [{ scheme: 'ip', id, perms: 31 }];
      expect(check(acl, Perms.READ, [ip('1.2.3.4'), ip('::1')])).toBe(false);
      new Harness().refuses(createOf('/a', { acl }), 'INVALIDACL');
    },
  );

  it('reads what is open without looking', () => {
    const noTable = {
      acl: (): Acl => {
        throw new Error('looked');
      },
    };
    expect(canRead(noTable, 0, { identities: [] })).toBe(true);
    expect(canRead(noTable, 1, { identities: [] })).toBe(true);
    expect(() => canRead(noTable, 2, { identities: [] })).toThrow('looked');
  });
});

describe('setAcl', () => {
  const setAcl = (at: string, acl: Acl, version?: number) => ({
    type: 'setAcl' as const,
    path: path(at),
    acl,
    ...(version === undefined ? {} : { condition: [{ version }] }),
  });

  it('says INVALIDACL, NONODE, NOAUTH, BADVERSION in this order', () => {
    const harness = new Harness();
    harness.create('/closed', { acl: world(15) });
    harness.create('/open');
    harness.refuses(setAcl('/none', []), 'INVALIDACL');
    harness.refuses(setAcl('/none', world(1), 7), 'NONODE');
    harness.refuses(setAcl('/closed', world(1), 7), 'NOAUTH');
    const { fields } = harness.refuses(setAcl('/open', world(1), 7), 'BADVERSION');
    expect(fields.current).toEqual({ version: 0, czxid: 2 });
  });

  it('is compared with the aversion, not the version', () => {
    const harness = new Harness();
    harness.create('/a');
    harness.set('/a', 'x');
    harness.write(setAcl('/a', world(31), 0));
    harness.refuses(setAcl('/a', world(31), 0), 'BADVERSION');
    expect(harness.write(setAcl('/a', world(1), 1))).toMatchObject({ stat: { aversion: 2 } });
  });
});

describe('reading an ACL', () => {
  it('masks the hashes from those who are not ADMIN', () => {
    const harness = new Harness();
    const acl = [...only(ann), { scheme: 'ip', id: '10.0.0.1', perms: 1 }, ...world(1)];
    harness.create('/a', { acl });
    const read = (identities: readonly Identity[]): Acl =>
      readAcl(harness.tree, { type: 'acl', path: path('/a') }, harness.reader(identities)).acl;
    expect(read([])[0]).toEqual({ scheme: 'digest', id: 'ann:x', perms: 31 });
    expect(read([]).slice(1)).toEqual(acl.slice(1));
    expect(read([ann])).toEqual(acl);
    expect(read([operator])).toEqual(acl);
  });

  it('needs READ or ADMIN', () => {
    const harness = new Harness();
    harness.create('/admin', { acl: world(16) });
    harness.create('/none', { acl: world(14) });
    const read = (at: string): Acl =>
      readAcl(harness.tree, { type: 'acl', path: path(at) }, harness.reader()).acl;
    expect(read('/admin')).toEqual(world(16));
    expect(() => read('/none')).toThrow('READ or ADMIN');
  });
});
