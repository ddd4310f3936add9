/**
 * Random programs for the tree: writes against few paths, so that they meet. The
 * czxid and mzxid of a reap are 0 for the true ones, which the runner fills in.
 */
import fc from 'fast-check';
import { defaultLimits, type Limits } from '../../../src/protocol/limits.ts';
import type { Acl, Identity, NodeKind, ZnodePath } from '../../../src/protocol/model.ts';
import type {
  MultiMember,
  VersionCondition,
  WriteOperation,
} from '../../../src/protocol/operations.ts';

export const ann: Identity = { scheme: 'digest', id: 'ann:AAAAAAAAAAAAAAAAAAAAAAAAAAA=' };
export const bob: Identity = { scheme: 'digest', id: 'bob:BBBBBBBBBBBBBBBBBBBBBBBBBBB=' };
export const near: Identity = { scheme: 'ip', id: '10.1.2.3' };
export const root: Identity = { scheme: 'digest', id: 'root:CCCCCCCCCCCCCCCCCCCCCCCCCCC=' };

/** Small enough for programs to reach them. */
export const smallLimits: Limits = {
  ...defaultLimits,
  znodeDataBytesMax: 3,
  aclsMax: 5,
  treeNodesMax: 16,
  sessionsMax: 3,
  multiOperationsMax: 5,
  transactionPathsMax: 6,
};

const names = ['a', 'b', 'é'];
const path = fc
  .oneof(
    { weight: 3, arbitrary: fc.array(fc.constantFrom(...names), { minLength: 1, maxLength: 1 }) },
    { weight: 2, arbitrary: fc.array(fc.constantFrom(...names), { minLength: 2, maxLength: 2 }) },
    { weight: 1, arbitrary: fc.array(fc.constantFrom(...names), { minLength: 3, maxLength: 3 }) },
  )
  .map((parts) => `/${parts.join('/')}` as ZnodePath);
const anyPath = fc.oneof(
  { weight: 20, arbitrary: path },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom('/', '/zookeeper', '/zookeeper/config', '/zookeeper/quota')
      .map((text) => text as ZnodePath),
  },
);
const data = fc.oneof(
  { weight: 30, arbitrary: fc.uint8Array({ maxLength: 3 }) },
  { weight: 1, arbitrary: fc.constant(new Uint8Array(4)) },
);

const acls: readonly Acl[] = [
  [{ scheme: 'world', id: 'anyone', perms: 31 }],
  [{ scheme: 'world', id: 'anyone', perms: 1 }],
  [{ scheme: 'auth', id: '', perms: 31 }],
  [
    { scheme: 'digest', id: ann.id, perms: 31 },
    { scheme: 'digest', id: ann.id, perms: 31 },
    { scheme: 'world', id: 'anyone', perms: 5 },
  ],
  [{ scheme: 'ip', id: '10.0.0.0/8', perms: 15 }],
  [{ scheme: 'world', id: 'anyone', perms: 14 }],
  [],
  [{ scheme: 'nobody-knows', id: 'x', perms: 31 }],
];
const givenAcl = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...acls.slice(0, 6)) },
  { weight: 1, arbitrary: fc.constantFrom(...acls) },
);
const acl = fc.option(givenAcl, { nil: undefined, freq: 2 });

const condition: fc.Arbitrary<VersionCondition> = fc.oneof(
  { weight: 3, arbitrary: fc.constant(undefined) },
  { weight: 1, arbitrary: fc.constant('exists' as const) },
  {
    weight: 3,
    arbitrary: fc.array(
      fc.record(
        { version: fc.integer({ min: -1, max: 2 }), czxid: fc.integer({ min: 1, max: 12 }) },
        { requiredKeys: ['version'] },
      ),
      { minLength: 1, maxLength: 2 },
    ),
  },
);

const kinds: NodeKind[] = ['persistent', 'persistent', 'persistent', 'ephemeral', 'container'];
const create = fc
  .record({
    path: anyPath,
    data,
    kind: fc.constantFrom(...kinds, 'ttl' as const),
    sequential: fc.boolean(),
    slash: fc.boolean(),
    ttlMs: fc.constantFrom(undefined, undefined, 5, 6, 8, 9, 11, 12, 0, 1000),
    parents: fc.boolean(),
    acl,
    inheritAcl: fc.boolean(),
  })
  .map(({ slash, ttlMs, acl: given, inheritAcl, kind, ...rest }) => ({
    ...rest,
    ...(given === undefined && inheritAcl ? { inheritAcl } : {}),
    type: 'create' as const,
    kind,
    path: rest.sequential && slash && rest.path !== '/' ? `${rest.path}/` : rest.path,
    ...(kind === 'ttl' ? { ttlMs: ttlMs ?? 7 } : ttlMs === 1000 ? { ttlMs } : {}),
    ...(given === undefined ? {} : { acl: given }),
  }));

const set = fc.record({ type: fc.constant('set' as const), path: anyPath, data, condition });
const remove = fc.record({
  type: fc.constant('delete' as const),
  path: anyPath,
  condition,
  recursive: fc.boolean(),
});
const check = fc
  .record({ path: anyPath, condition, absent: fc.boolean() })
  .map(({ path: at, condition: asked, absent }) =>
    absent
      ? { type: 'check' as const, path: at, exists: false }
      : { type: 'check' as const, path: at, condition: asked },
  );
const member: fc.Arbitrary<MultiMember> = fc.oneof(
  { weight: 4, arbitrary: create },
  { weight: 2, arbitrary: set },
  { weight: 2, arbitrary: remove },
  { weight: 1, arbitrary: check },
);

const write: fc.Arbitrary<WriteOperation> = fc.oneof(
  { weight: 8, arbitrary: create },
  { weight: 3, arbitrary: set },
  { weight: 3, arbitrary: remove },
  {
    weight: 2,
    arbitrary: fc
      .record({ path: anyPath, data, acl, parents: fc.boolean(), inheritAcl: fc.boolean() })
      .map(({ acl: given, inheritAcl, ...rest }) => ({
        ...rest,
        ...(given === undefined && inheritAcl ? { inheritAcl } : {}),
        type: 'put' as const,
        ...(given === undefined ? {} : { acl: given }),
      })),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('setAcl' as const),
      path: anyPath,
      acl: givenAcl,
      condition,
    }),
  },
  {
    weight: 4,
    arbitrary: fc
      .array(member, { maxLength: 5 })
      .map((operations) => ({ type: 'multi' as const, operations })),
  },
  {
    weight: 2,
    arbitrary: fc.constant({
      type: 'createSession' as const,
      timeoutMs: 1000,
      secretHash: new Uint8Array(32),
    }),
  },
  {
    weight: 1,
    arbitrary: fc
      .integer({ min: 0, max: 4 })
      .map((session) => ({ type: 'closeSession' as const, session })),
  },
  {
    weight: 1,
    arbitrary: fc
      .integer({ min: 0, max: 4 })
      .map((session) => ({ type: 'attachSession' as const, session, timeoutMs: 4000 })),
  },
  {
    weight: 2,
    arbitrary: fc
      .record({ path, czxid: fc.nat({ max: 9 }), mzxid: fc.nat({ max: 9 }) })
      .map((rest) => ({ ...rest, type: 'reap' as const })),
  },
);

export type Step =
  | {
      readonly type: 'write';
      readonly operation: WriteOperation;
      /** Index into the sessions opened so far; 0 = none. */
      readonly session: number;
      readonly identities: readonly Identity[];
    }
  /** Applies up to so many of the transactions that wait. */
  | { readonly type: 'apply'; readonly count: number }
  /** Takes a slice of the running snapshot, or starts one. */
  | { readonly type: 'snapshot'; readonly bytes: number };

const callers: readonly (readonly Identity[])[] = [
  [],
  [],
  [ann],
  [bob, near],
  [near],
  [ann, bob],
  [root],
];

export const program: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        type: fc.constant('write' as const),
        operation: write,
        session: fc.nat({ max: 4 }),
        identities: fc.constantFrom(...callers),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        type: fc.constant('apply' as const),
        count: fc.integer({ min: 1, max: 6 }),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        type: fc.constant('snapshot' as const),
        bytes: fc.constantFrom(1, 60, 400),
      }),
    },
  ),
  { maxLength: 60, size: 'max' },
);
