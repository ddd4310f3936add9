import { describe, expect, it } from 'vitest';
import type { ErrorCode } from '../../../src/protocol/errors.ts';
import type { CreateOperation } from '../../../src/protocol/operations.ts';
import { ann, bytes, createOf, Harness, only, path, world } from './harness.ts';

describe('create', () => {
  it('needs the parent, and names it', () => {
    const harness = new Harness();
    const { fields } = harness.refuses(createOf('/a/b'), 'NONODE');
    expect(fields).toEqual({ path: '/a', parentMissing: true });
  });

  it('of the root says that it exists', () => {
    const harness = new Harness();
    harness.refuses(createOf('/'), 'NODEEXISTS');
    expect(harness.create('/', { sequential: true }).path).toBe('/0000000000');
  });

  it('needs CREATE on the parent only', () => {
    const harness = new Harness();
    harness.create('/open', { acl: world(4) });
    harness.create('/closed', { acl: world(27) });
    expect(harness.create('/open/a').created).toBe(true);
    harness.refuses(createOf('/closed/a'), 'NOAUTH');
  });

  it('below an ephemeral is refused, in the same multi too', () => {
    const harness = new Harness();
    const session = harness.session();
    harness.create('/e', { kind: 'ephemeral' }, { session });
    harness.refuses(createOf('/e/a'), 'NOCHILDRENFOREPHEMERALS');
    harness.refuses(createOf('/e/a/b', { parents: true }), 'NOCHILDRENFOREPHEMERALS');
    harness.refuses(
      { type: 'multi', operations: [createOf('/f', { kind: 'ephemeral' }), createOf('/f/a')] },
      'NOCHILDRENFOREPHEMERALS',
      { session },
    );
  });

  it('of an ephemeral needs a live session', () => {
    const harness = new Harness();
    const operation = createOf('/e', { kind: 'ephemeral' });
    harness.refuses(operation, 'SESSIONREQUIRED');
    harness.refuses(operation, 'SESSIONEXPIRED', { session: 4711 });
  });

  it('takes the ACL as given, not the parent’s', () => {
    const harness = new Harness();
    harness.create('/p', { acl: only(ann) }, { as: [ann] });
    harness.create('/p/a', {}, { as: [ann] });
    expect(harness.tree.aclOf(harness.tree.find('/p/a'))).toBe(0);
  });

  it.each<[string, Partial<CreateOperation>]>([
    ['a sequential container', { kind: 'container', sequential: true }],
    ['an ephemeral with a TTL', { kind: 'ephemeral', ttlMs: 1 }],
    ['a persistent node with a TTL', { ttlMs: 1 }],
    ['a TTL node without a TTL', { kind: 'ttl' }],
    ['a TTL of 0', { kind: 'ttl', ttlMs: 0 }],
    ['a TTL beyond 40 bits', { kind: 'ttl', ttlMs: 1_099_511_627_776 }],
    ['half a millisecond', { kind: 'ttl', ttlMs: 1.5 }],
  ])('refuses %s', (_what, options) => {
    new Harness().refuses(createOf('/a', options), 'BADARGUMENTS');
  });

  it('takes the longest TTL, and a sequential TTL node', () => {
    const harness = new Harness();
    const { stat } = harness.create('/t', { kind: 'ttl', ttlMs: 1_099_511_627_775 });
    expect(stat.ttlMs).toBe(1_099_511_627_775);
    const { path: at } = harness.create('/t-', { kind: 'ttl', ttlMs: 1, sequential: true });
    expect(at).toBe('/t-0000000001');
  });
});

/** Each refusal is taken away in turn; the next one in ZooKeeper's order must then show. */
describe('the order of checks of create', () => {
  it.each<[ErrorCode, Partial<CreateOperation> & { readonly path: string }, number]>([
    ['BADARGUMENTS', { path: '/no/x', kind: 'ttl', ttlMs: 0, acl: [] }, 99],
    ['SESSIONEXPIRED', { path: '/no/x', acl: [] }, 99],
    ['INVALIDACL', { path: '/no/x', acl: [] }, 0],
    ['NONODE', { path: '/no/x' }, 0],
    ['NOAUTH', { path: '/closed/x' }, 0],
    ['NODEEXISTS', { path: '/full' }, 0],
    ['NOCHILDRENFOREPHEMERALS', { path: '/e/x' }, 0],
    ['QUOTAEXCEEDED', { path: '/new' }, 0],
  ])('%s', (code, options, session) => {
    const harness = new Harness({ limits: { treeNodesMax: 8 } });
    const owner = harness.session();
    harness.create('/closed', { acl: world(27) }, { session: owner });
    harness.create('/closed-too');
    harness.create('/full');
    harness.create('/e', { kind: 'ephemeral' }, { session: owner });
    const operation = createOf(options.path, { ...options, data: bytes('x') });
    harness.refuses(operation, code, { session });
  });

  it('puts NOAUTH on the parent before NODEEXISTS of the node', () => {
    const harness = new Harness();
    harness.create('/p');
    harness.create('/p/a');
    harness.write({ type: 'setAcl', path: path('/p'), acl: world(1) });
    harness.refuses(createOf('/p/a'), 'NOAUTH');
  });
});

describe('sequence numbers', () => {
  it('count every child of the parent, sequential or not, under any prefix', () => {
    const harness = new Harness();
    harness.create('/q');
    harness.create('/q/plain');
    expect(harness.create('/q/a-', { sequential: true })).toMatchObject({
      path: '/q/a-0000000001',
      sequence: 1,
    });
    expect(harness.create('/q/', { sequential: true }).path).toBe('/q/0000000002');
    harness.delete('/q/plain');
    expect(harness.create('/q/b', { sequential: true }).path).toBe('/q/b0000000003');
  });

  it('start again with a new parent of the same path', () => {
    const harness = new Harness();
    harness.create('/q');
    harness.create('/q/n', { sequential: true });
    harness.delete('/q', { recursive: true });
    harness.create('/q');
    expect(harness.create('/q/n', { sequential: true }).path).toBe('/q/n0000000000');
  });

  it('are not consumed by refused creates, nor by a multi that is rolled back', () => {
    const harness = new Harness();
    harness.create('/q');
    harness.create('/q/a');
    harness.refuses(createOf('/q/a'), 'NODEEXISTS');
    const numbered = createOf('/q/n', { sequential: true });
    harness.refuses(
      { type: 'multi', operations: [numbered, numbered, createOf('/q/a')] },
      'NODEEXISTS',
    );
    const { results } = harness.multi([numbered, numbered]);
    expect(results).toMatchObject([
      { path: '/q/n0000000001', sequence: 1 },
      { path: '/q/n0000000002', sequence: 2 },
    ]);
  });

  it('see creates that are judged and not yet applied', () => {
    const harness = new Harness();
    harness.create('/q');
    harness.judge(createOf('/q/n', { sequential: true }));
    expect(harness.judge(createOf('/q/n', { sequential: true }))).toMatchObject({ sequence: 1 });
    harness.apply();
    expect(harness.exists('/q/n0000000001')).toBe(true);
  });

  it('end at 2147483647 instead of wrapping', () => {
    const harness = new Harness();
    harness.create('/q');
    harness.zxid += 1;
    harness.tree.apply(harness.zxid, {
      time: 1,
      session: 0,
      changes: [
        {
          type: 'create',
          path: path('/q/x'),
          data: new Uint8Array(0),
          kind: 'persistent',
          ephemeralOwner: 0,
          ttlMs: 0,
          acl: 0,
          parentAcl: 0,
          parentCversion: 2_147_483_647,
        },
      ],
    });
    const numbered = createOf('/q/n', { sequential: true });
    expect(harness.create('/q/n', { sequential: true }).path).toBe('/q/n2147483647');
    const { message } = harness.refuses(numbered, 'QUOTAEXCEEDED');
    expect(message).toContain('sequence numbers');
    expect(harness.create('/q/plain').created).toBe(true);
  });

  it('are checked as a part of the final path', () => {
    const harness = new Harness({ limits: { pathLengthMax: 12 } });
    expect(harness.create('/a', { sequential: true }).path).toBe('/a0000000000');
    harness.refuses(createOf('/ab', { sequential: true }), 'BADARGUMENTS');
  });
});

describe('an inherited ACL', () => {
  const aclAt = (harness: Harness, at: string) =>
    harness.tree.acl(harness.tree.aclOf(harness.tree.find(at)));

  it('is the one that the parent has, also when it may not be read', () => {
    const harness = new Harness();
    harness.create('/a', { acl: [...only(ann), ...world(4)] });
    harness.create('/a/b', { inheritAcl: true });
    expect(aclAt(harness, '/a/b')).toEqual([...only(ann), ...world(4)]);
    harness.create('/a/open');
    expect(aclAt(harness, '/a/open')).toEqual(world(31));
  });

  it('of missing parents is that of the deepest ancestor, all the way down', () => {
    const harness = new Harness();
    harness.create('/a', { acl: only(ann) }, { as: [ann] });
    harness.create('/a/b/c', { parents: true, inheritAcl: true }, { as: [ann] });
    for (const at of ['/a/b', '/a/b/c']) expect(aclAt(harness, at)).toEqual(only(ann));
  });

  it('needs CREATE, and excludes an ACL', () => {
    const harness = new Harness();
    harness.create('/a', { acl: world(1) });
    harness.refuses(createOf('/a/b', { inheritAcl: true }), 'NOAUTH');
    harness.refuses(createOf('/b', { inheritAcl: true, acl: world(1) }), 'BADARGUMENTS');
  });
});

describe('missing parents', () => {
  it('are made persistent, in the same transaction, with the new node’s ACL', () => {
    const harness = new Harness();
    harness.create('/a/b/c', { parents: true, kind: 'container', acl: only(ann) }, { as: [ann] });
    expect(harness.stat('/a')).toMatchObject({ kind: 'persistent', czxid: 1, numChildren: 1 });
    expect(harness.stat('/a/b')).toMatchObject({ kind: 'persistent', czxid: 1, cversion: 1 });
    expect(harness.stat('/a/b/c')).toMatchObject({ kind: 'container', czxid: 1 });
    for (const at of ['/a', '/a/b', '/a/b/c']) {
      expect(harness.tree.acl(harness.tree.aclOf(harness.tree.find(at)))).toEqual(only(ann));
    }
  });

  it('need CREATE on the deepest ancestor that exists, and on no other', () => {
    const harness = new Harness();
    harness.create('/a', { acl: world(1) });
    harness.refuses(createOf('/a/b/c', { parents: true }), 'NOAUTH');
    harness.create('/d');
    expect(harness.create('/d/e/f', { parents: true, acl: only(ann) }, { as: [ann] }).created).toBe(
      true,
    );
  });

  it('are not needed when the parent is there', () => {
    const harness = new Harness();
    harness.create('/a');
    harness.create('/a/b', { parents: true });
    harness.refuses(createOf('/a/b', { parents: true }), 'NODEEXISTS');
  });

  it('start a sequence at 0', () => {
    const harness = new Harness();
    const { path: at } = harness.create('/q/x/n-', { parents: true, sequential: true });
    expect(at).toBe('/q/x/n-0000000000');
  });
});
