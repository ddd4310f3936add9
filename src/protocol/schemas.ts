/**
 * TypeBox schemas of what several front doors carry in JSON. A schema with an `$id` becomes a named
 * component of the generated documents; a type stands beside each as `Static<typeof …>`.
 */
import { Kind, Type, TypeRegistry } from '@sinclair/typebox';
import type { Static, TSchema, TUnion, TUnsafe } from '@sinclair/typebox';
import { errorCodes } from './errors.ts';
import { forms } from './forms.ts';
import { ttlMaxMs } from './limits.ts';
import { watchModes } from './model.ts';

// A union of literals would come out as `anyOf` of `const`: bad error texts, bad enums in generated clients.
TypeRegistry.Set<{ readonly enum: readonly string[] }>(
  'StringEnum',
  (schema, value) => typeof value === 'string' && schema.enum.includes(value),
);

/** One of the given words. */
export function StringEnum<const T extends readonly string[]>(
  values: T,
  options: Record<string, unknown> = {},
): TUnsafe<T[number]> {
  return Type.Unsafe<T[number]>({
    ...options,
    [Kind]: 'StringEnum',
    type: 'string',
    enum: [...values],
  });
}

/** An object of exactly these fields. */
export function Exactly<T extends Record<string, TSchema>>(
  properties: T,
  options: Record<string, unknown> = {},
) {
  return Type.Object(properties, { additionalProperties: false, ...options });
}

/**
 * Exactly one of the alternatives, which exclude one another: `oneOf` in the documents.
 * @param discriminator the property whose one word tells which it is; empty where there is none
 */
export function OneOf<T extends TSchema[]>(
  alternatives: [...T],
  { discriminator = '', ...options }: Record<string, unknown> & { discriminator?: string } = {},
): TUnion<T> {
  return Type.Union(alternatives, { ...options, discriminator }) as TUnion<T>;
}

const positionMax = Number.MAX_SAFE_INTEGER;

export const ZxidSchema = Type.Integer({
  $id: 'Zxid',
  minimum: 0,
  maximum: positionMax,
  description: 'Position of a transaction in the replicated log, below 2^53.',
});

export const SessionIdSchema = Type.Integer({
  $id: 'SessionId',
  minimum: 0,
  maximum: positionMax,
  description: 'The zxid of the transaction that created the session.',
  examples: [42],
});

const time = (description: string) =>
  Type.Integer({ minimum: 0, description: `${description}, milliseconds since the epoch.` });

export const VersionSchema = Type.Integer({
  $id: 'Version',
  minimum: -2_147_483_648,
  maximum: 2_147_483_647,
  description: 'A data, child or ACL version; as a condition, -1 is any version.',
});

export const PathSchema = Type.String({
  $id: 'ZnodePath',
  description: 'A znode path with its leading slash, by the rules of `PathUtils.validatePath`.',
  documented: { pattern: forms.absolutePath },
  examples: ['/config/db'],
});

export const EncodingSchema = StringEnum(['utf8', 'base64'], {
  $id: 'Encoding',
  description: 'How `data` is written: as text, or as base64 where the bytes are no UTF-8.',
});

export const NodeKindSchema = StringEnum(['persistent', 'ephemeral', 'container', 'ttl'], {
  $id: 'NodeKind',
});

export const StatSchema = Exactly(
  {
    czxid: ZxidSchema,
    mzxid: ZxidSchema,
    pzxid: ZxidSchema,
    ctime: time('Creation'),
    mtime: time('Last change of the data'),
    version: VersionSchema,
    cversion: Type.Integer({ description: 'Changes of the set of children.' }),
    aversion: VersionSchema,
    ephemeralOwner: Type.Integer({ minimum: 0, description: 'The owning session, 0 for none.' }),
    dataLength: Type.Integer({ minimum: 0, description: 'Bytes.' }),
    numChildren: Type.Integer({ minimum: 0 }),
    kind: NodeKindSchema,
    ttlMs: Type.Optional(Type.Integer({ minimum: 1, description: 'Only of kind `ttl`.' })),
  },
  { $id: 'Stat', description: "ZooKeeper's Stat, with the kind of the znode and its TTL." },
);

export const AclEntrySchema = Exactly(
  {
    scheme: Type.String({
      documented: { enum: ['world', 'auth', 'digest', 'ip'] },
      examples: ['digest'],
    }),
    id: Type.String({ examples: ['ann:nGLc7VUmLqIWoUD0FS85yzCvoEE='] }),
    perms: Type.String({
      description: 'Letters out of `cdrwa`.',
      documented: { pattern: forms.perms },
      examples: ['cdrwa'],
    }),
  },
  { $id: 'AclEntry' },
);

export const AclSchema = Type.Array(AclEntrySchema, { $id: 'Acl', documented: { minItems: 1 } });

export const IdentitySchema = Exactly(
  { scheme: Type.String({ examples: ['ip'] }), id: Type.String({ examples: ['127.0.0.1'] }) },
  { $id: 'Identity' },
);

export const WatchModeSchema = StringEnum(watchModes, { $id: 'WatchMode' });

export const EventTypeSchema = StringEnum(
  ['NodeCreated', 'NodeDeleted', 'NodeDataChanged', 'NodeChildrenChanged'],
  { $id: 'EventType' },
);

export const ErrorCodeSchema = StringEnum(errorCodes, {
  $id: 'ErrorCode',
  description: "ZooKeeper's name of the error, or one of our own (`zkCode` is null then).",
});

export const FailedMemberSchema = Exactly(
  {
    op: Type.String({ examples: ['create'] }),
    path: PathSchema,
    code: StringEnum(['OK', ...errorCodes]),
  },
  {
    $id: 'FailedMember',
    description:
      'One operation of a failed transaction: `OK` would have worked, the one at `failedIndex` failed, ' +
      '`RUNTIMEINCONSISTENCY` was not tried.',
  },
);

export const ProblemSchema = Type.Object(
  {
    type: Type.String({ description: 'Identifies the kind of problem; ends with the code.' }),
    title: Type.String(),
    status: Type.Integer({ minimum: 400, maximum: 599 }),
    detail: Type.String(),
    instance: Type.Optional(Type.String({ description: 'The path of the request.' })),
    code: ErrorCodeSchema,
    zkCode: Type.Union([Type.Integer(), Type.Null()], {
      description: "ZooKeeper's number of the code, null for a code of our own.",
    }),
    path: Type.Optional(Type.String({ description: 'The znode concerned.' })),
    zxid: Type.Optional(ZxidSchema),
    outcome: StringEnum(['not-applied', 'applied', 'unknown'], {
      description: 'What the request did.',
    }),
    retryable: Type.Boolean({ description: 'The same request may succeed later, unchanged.' }),
    failedIndex: Type.Optional(Type.Integer({ minimum: 0 })),
    results: Type.Optional(Type.Array(FailedMemberSchema)),
    oldestZxid: Type.Optional(ZxidSchema),
    currentZxid: Type.Optional(ZxidSchema),
  },
  { $id: 'Problem', description: 'Every failure has this form (RFC 9457).' },
);

const data = Type.Optional(Type.String({ description: 'Absent is empty.', examples: ['hello'] }));
const encoding = Type.Optional(EncodingSchema);
const path = PathSchema;
const version = Type.Optional(VersionSchema);
const ifMatch = Type.Optional(
  Type.String({
    documented: { pattern: forms.entityTags },
    description: 'In place of `version`: version and czxid, sound on a re-created path.',
    examples: ['3.117'],
  }),
);

/** What a create may say beside its path and parents. */
export const createFields = {
  data,
  encoding,
  ephemeral: Type.Optional(Type.Boolean()),
  sequential: Type.Optional(Type.Boolean()),
  container: Type.Optional(Type.Boolean()),
  ttlMs: Type.Optional(
    Type.Integer({
      description: 'Milliseconds.',
      documented: { minimum: 1, maximum: ttlMaxMs },
      examples: [60_000],
    }),
  ),
  acl: Type.Optional(AclSchema),
  inheritAcl: Type.Optional(
    Type.Boolean({
      description:
        'In place of `acl`: the ACL that the parent has. Without either, all may do all.',
    }),
  ),
};

/** Where data is written: its encoding says nothing without it, and is refused. */
export const encodingNeedsData = { dependentRequired: { encoding: ['data'] } };

export const CreateMemberSchema = Exactly(
  { op: StringEnum(['create']), path, ...createFields },
  { $id: 'CreateMember', ...encodingNeedsData },
);
export const SetMemberSchema = Exactly(
  { op: StringEnum(['set']), path, data, encoding, version, ifMatch },
  { $id: 'SetMember', ...encodingNeedsData },
);
export const DeleteMemberSchema = Exactly(
  { op: StringEnum(['delete']), path, version, ifMatch },
  { $id: 'DeleteMember' },
);
export const CheckMemberSchema = Exactly(
  {
    op: StringEnum(['check']),
    path,
    version,
    ifMatch,
    exists: Type.Optional(Type.Boolean({ description: '`false`: the znode must not exist.' })),
  },
  { $id: 'CheckMember' },
);

export const MultiMemberSchema = OneOf(
  [CreateMemberSchema, SetMemberSchema, DeleteMemberSchema, CheckMemberSchema],
  { $id: 'MultiMember', discriminator: 'op' },
);

export const MultiReadMemberSchema = Exactly(
  { op: StringEnum(['get', 'children', 'exists', 'acl']), path, encoding },
  { $id: 'MultiReadMember' },
);

export const ChildSchema = Exactly(
  {
    name: Type.String(),
    stat: Type.Optional(StatSchema),
    data: Type.Optional(Type.String()),
    encoding,
  },
  { $id: 'Child', description: 'A child that the caller may not READ has its name only.' },
);

export const NodeStatSchema = Exactly({ path, stat: StatSchema }, { $id: 'NodeStat' });

export const MultiMemberResultSchema = Exactly(
  {
    op: StringEnum(['create', 'set', 'delete', 'check']),
    path,
    sequence: Type.Optional(Type.Integer({ minimum: 0 })),
    stat: Type.Optional(StatSchema),
    code: StringEnum(['OK']),
  },
  { $id: 'MultiMemberResult' },
);

export const MultiReadMemberResultSchema = Exactly(
  {
    op: StringEnum(['get', 'children', 'exists', 'acl']),
    path,
    code: StringEnum(['OK', ...errorCodes]),
    data: Type.Optional(Type.String()),
    encoding,
    children: Type.Optional(Type.Array(Type.String())),
    acl: Type.Optional(AclSchema),
    stat: Type.Optional(StatSchema),
  },
  { $id: 'MultiReadMemberResult' },
);

export type WireMultiReadMember = Static<typeof MultiReadMemberSchema>;
