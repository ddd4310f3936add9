/**
 * The form of what a peer may send, checked before anything of it is looked at. In a frame each `data`
 * and each hash of a secret stands as the number of its bytes; the bytes follow behind the JSON.
 */
import { Type } from '@sinclair/typebox';
import type { TSchema } from '@sinclair/typebox';
import { TypeCompiler } from '@sinclair/typebox/compiler';
import { errorCodes } from '../protocol/errors.ts';
import { Exactly } from '../protocol/schemas.ts';

// Unions of literals compile to plain comparisons; what is checked for every request must cost nothing.
function words(values: readonly string[]): TSchema {
  return Type.Union(values.map((value) => Type.Literal(value)));
}

const integer = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const positive = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER });
const text = Type.String();
const flag = Type.Boolean();
const yes = Type.Literal(true);
const bytes = Type.Integer({ minimum: 0, maximum: 2_147_483_647 });
const version = Type.Integer({ minimum: -2_147_483_648, maximum: 2_147_483_647 });

const optional = <T extends TSchema>(schema: T) => Type.Optional(schema);

const nodeKind = words(['persistent', 'ephemeral', 'container', 'ttl']);
const perms = Type.Integer({ minimum: 0, maximum: 31 });
const acl = Type.Array(Exactly({ scheme: text, id: text, perms }));
const identities = Type.Array(Exactly({ scheme: text, id: text }));
const condition = Type.Union([
  Type.Literal('exists'),
  Type.Array(Exactly({ version: Type.Integer(), czxid: optional(integer) })),
]);

const create = Exactly({
  type: Type.Literal('create'),
  ...{ path: text, data: bytes, kind: nodeKind, sequential: flag },
  ...{ ttlMs: optional(integer), parents: optional(flag), acl: optional(acl) },
  inheritAcl: optional(flag),
});
const set = Exactly({
  type: Type.Literal('set'),
  ...{ path: text, data: bytes, condition: optional(condition) },
});
const remove = Exactly({
  type: Type.Literal('delete'),
  ...{ path: text, condition: optional(condition), recursive: optional(flag) },
});
const check = Exactly({
  type: Type.Literal('check'),
  ...{ path: text, condition: optional(condition), exists: optional(flag) },
});

/** Reaping is the leader's own. */
const operation = Type.Union([
  set,
  create,
  Exactly({
    type: Type.Literal('put'),
    ...{ path: text, data: bytes, parents: optional(flag), acl: optional(acl) },
    inheritAcl: optional(flag),
  }),
  remove,
  Exactly({
    type: Type.Literal('setAcl'),
    ...{ path: text, acl, condition: optional(condition) },
  }),
  Exactly({
    type: Type.Literal('multi'),
    operations: Type.Array(Type.Union([create, set, remove, check])),
  }),
  Exactly({
    type: Type.Literal('createSession'),
    timeoutMs: positive,
    secretHash: Type.Literal(32),
  }),
  Exactly({ type: Type.Literal('closeSession'), session: positive }),
]);

const stat = Exactly({
  ...{ czxid: integer, mzxid: integer, pzxid: integer },
  ...{ ctime: Type.Integer(), mtime: Type.Integer() },
  ...{ version, cversion: Type.Integer(), aversion: version },
  ...{ ephemeralOwner: integer, dataLength: integer, numChildren: integer },
  ...{ kind: nodeKind, ttlMs: optional(integer) },
});

const result = Type.Union([
  Exactly({ path: text, created: flag, sequence: optional(integer), stat }),
  Exactly({ path: text, stat }),
  Exactly({
    results: Type.Array(
      Exactly({
        op: words(['create', 'set', 'delete', 'check']),
        ...{ path: text, stat: optional(stat), sequence: optional(integer) },
      }),
    ),
  }),
  Exactly({}),
]);

const code = words(errorCodes);
const error = Exactly({
  ...{ code, detail: text, path: optional(text) },
  outcome: optional(words(['not-applied', 'applied', 'unknown'])),
  ...{ retryable: optional(flag), failedIndex: optional(integer) },
  results: optional(
    Type.Array(Exactly({ op: text, path: text, code: Type.Union([Type.Literal('OK'), code]) })),
  ),
  ...{ oldestZxid: optional(integer), currentZxid: optional(integer) },
  current: optional(Exactly({ version, czxid: integer })),
  ...{ retryAfterMs: optional(Type.Number({ minimum: 0 })), parentMissing: optional(flag) },
});

const digest = Type.String({ pattern: '^[0-9a-f]{32}$' });
const mark = Exactly({ zxid: integer, digest });
const member = Exactly({
  ...{ id: positive, zxid: integer },
  state: words(['leading', 'following', 'observing', 'down']),
  diskNearlyFull: optional(yes),
});

function message(type: string, fields: Record<string, TSchema>): TSchema {
  return Exactly({ type: Type.Literal(type), ...fields });
}

const learnerMessages = [
  message('write', {
    ...{ id: positive, session: integer, generation: optional(positive), identities, operation },
    idempotency: optional(Exactly({ key: text, fingerprint: text })),
    acks: optional(Type.Union([Type.Literal('all'), positive])),
    attaches: optional(yes),
  }),
  message('barrier', { id: positive }),
  message('touch', {
    number: positive,
    sessions: Type.Array(Type.Tuple([positive, Type.Number({ minimum: 0 })])),
    ...{ now: optional(mark), mark: optional(mark) },
  }),
  message('attach', { id: positive, session: positive, timeoutMs: positive }),
  message('life', { id: positive, session: positive, touch: flag }),
  message('register', {
    sessions: Type.Array(Exactly({ session: positive, generation: positive, timeoutMs: positive })),
  }),
  message('detach', { session: positive, generation: positive }),
];

const leaderMessages = [
  message('proposed', {
    ...{ id: positive, zxid: positive, result },
    awaitsAcks: optional(yes),
  }),
  message('passed', { id: positive, zxid: integer }),
  message('refused', { id: positive, zxid: integer, error }),
  message('touched', {
    ...{ number: positive, gone: Type.Array(positive) },
    shorter: Type.Array(Type.Tuple([positive, positive])),
    ...{ committed: integer, members: Type.Array(member) },
  }),
  message('answered', { id: positive, zxid: positive, confirmed: positive, result }),
  message('acked', { id: positive, outcome: words(['confirmed', 'unreachable', 'timeout']) }),
  message('void', { id: positive }),
  message('lives', {
    ...{ id: positive, zxid: integer },
    ...{ expiresInMs: Type.Number({ minimum: 0 }), connected: flag },
  }),
  message('moved', { id: optional(positive), session: positive, generation: positive }),
  message('mismatch', { zxid: integer, digest }),
];

const compiledFrame = TypeCompiler.Compile(
  Exactly({
    ...{ epoch: positive, applied: integer },
    messages: Type.Array(Type.Union([...learnerMessages, ...leaderMessages])),
  }),
);

/** What is wrong with the JSON of a frame, or undefined. */
export function frameProblem(value: unknown): string | undefined {
  if (compiledFrame.Check(value)) return undefined;
  const first = compiledFrame.Errors(value).First();
  return `${first?.path ?? ''}: ${first?.message ?? 'malformed'}`;
}
