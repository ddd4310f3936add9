/** TypeBox schemas of the bodies that only REST has; what other doors share is in `protocol/schemas.ts`. */
import { Type } from '@sinclair/typebox';
import {
  AclSchema,
  encodingNeedsData,
  ChildSchema,
  EncodingSchema,
  Exactly,
  IdentitySchema,
  MultiMemberSchema,
  MultiReadMemberSchema,
  MultiReadMemberResultSchema,
  MultiMemberResultSchema,
  NodeStatSchema,
  OneOf,
  PathSchema,
  SessionIdSchema,
  StatSchema,
  StringEnum,
  ZxidSchema,
  createFields,
} from '../schemas.ts';

/** `format: binary` is what code generators know raw bytes by. */
export const BytesSchema = Type.String({
  format: 'binary',
  description: 'The bytes, as they are.',
});

export const TextSchema = Type.String();

export const ZnodeSchema = Exactly(
  { path: PathSchema, data: Type.String(), encoding: EncodingSchema, stat: StatSchema },
  { $id: 'Znode' },
);

export const CreateBodySchema = Exactly(
  {
    ...createFields,
    parents: Type.Optional(
      Type.Boolean({ description: 'Makes missing parents in the same transaction.' }),
    ),
  },
  { $id: 'CreateBody', ...encodingNeedsData },
);

export const WrittenSchema = Exactly(
  {
    path: PathSchema,
    name: Type.String({ description: 'The last name of the path.', examples: ['db'] }),
    sequence: Type.Optional(Type.Integer({ minimum: 0, description: 'Of a sequential create.' })),
    created: Type.Boolean({ description: 'False where an existing znode was replaced.' }),
    stat: StatSchema,
    zxid: ZxidSchema,
  },
  { $id: 'Written', description: 'What a write made of a znode.' },
);

const next = Type.Optional(
  Type.String({ description: 'The value of `after` for the next page; absent at the end.' }),
);

export const ChildrenSchema = Exactly(
  {
    path: PathSchema,
    children: Type.Array(OneOf([Type.String(), ChildSchema])),
    stat: StatSchema,
    next,
  },
  {
    $id: 'Children',
    description: 'Sorted bytewise; objects when `with` asks for more than names.',
  },
);

export const SubtreeSchema = Exactly(
  {
    path: PathSchema,
    zxid: ZxidSchema,
    nodes: Type.Array(NodeStatSchema),
    next,
    truncated: Type.Boolean(),
  },
  { $id: 'Subtree', description: 'In pre-order, siblings bytewise, the znode itself first.' },
);

export const CountSchema = Exactly(
  { path: PathSchema, descendants: Type.Integer({ minimum: 0 }) },
  { $id: 'Count' },
);

export const SubtreeOrCountSchema = OneOf([SubtreeSchema, CountSchema]);

export const ZnodeAclSchema = Exactly(
  { path: PathSchema, acl: AclSchema, stat: StatSchema },
  { $id: 'ZnodeAcl' },
);

export const AclWrittenSchema = Exactly(
  { path: PathSchema, stat: StatSchema, zxid: ZxidSchema },
  { $id: 'AclWritten' },
);

export const MultiBodySchema = Exactly(
  { operations: Type.Array(MultiMemberSchema) },
  { $id: 'MultiBody' },
);

export const MultiAnswerSchema = Exactly(
  { zxid: ZxidSchema, results: Type.Array(MultiMemberResultSchema) },
  { $id: 'MultiAnswer' },
);

export const ConsistencySchema = StringEnum(['linearizable', 'local'], { $id: 'Consistency' });

export const MultiReadBodySchema = Exactly(
  {
    operations: Type.Array(MultiReadMemberSchema),
    consistency: Type.Optional(ConsistencySchema),
  },
  { $id: 'MultiReadBody' },
);

export const MultiReadAnswerSchema = Exactly(
  { zxid: ZxidSchema, results: Type.Array(MultiReadMemberResultSchema) },
  { $id: 'MultiReadAnswer' },
);

export const PositionSchema = Exactly({ zxid: ZxidSchema }, { $id: 'Position' });

export const WhoamiSchema = Exactly(
  { identities: Type.Array(IdentitySchema), session: Type.Optional(SessionIdSchema) },
  { $id: 'Whoami' },
);

const milliseconds = Type.Integer({ minimum: 0, description: 'Milliseconds.' });

export const NewSessionBodySchema = Exactly(
  {
    timeoutMs: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: Number.MAX_SAFE_INTEGER,
        description: 'Clamped by the node.',
      }),
    ),
  },
  { $id: 'NewSessionBody' },
);

export const NewSessionSchema = Exactly(
  {
    id: SessionIdSchema,
    secret: Type.String({ description: '128 bits in base64url; shown once.' }),
    token: Type.String({
      description: '`<id>:<secret>`, the value of `Zk-Session`.',
      examples: ['42:AAAAAAAAAAAAAAAAAAAAAA'],
    }),
    timeoutMs: milliseconds,
    heartbeatMs: milliseconds,
  },
  { $id: 'NewSession' },
);

export const SessionSchema = Exactly(
  {
    id: SessionIdSchema,
    timeoutMs: milliseconds,
    expiresInMs: milliseconds,
    ephemerals: Type.Integer({ minimum: 0 }),
    connected: Type.Boolean({ description: 'A WebSocket is attached to it, on whatever node.' }),
  },
  { $id: 'SessionInfo' },
);

export const EphemeralsSchema = Exactly({ paths: Type.Array(PathSchema) }, { $id: 'Ephemerals' });

const nullable = (schema: ReturnType<typeof Type.String> | ReturnType<typeof Type.Integer>) =>
  Type.Union([schema, Type.Null()]);

const memberId = Type.Integer({ minimum: 1, examples: [1] });

export const MemberSchema = Exactly(
  {
    id: memberId,
    role: StringEnum(['participant', 'observer']),
    votes: Type.Boolean({
      description:
        'Whether it counts for majorities. A participant whose data directory was lost does not.',
    }),
    state: StringEnum(['leading', 'following', 'observing', 'looking', 'down']),
    peer: nullable(Type.String()),
    url: nullable(Type.String()),
    zxid: ZxidSchema,
    lag: Type.Integer({ minimum: 0, description: 'Transactions behind the commit point.' }),
  },
  { $id: 'Member' },
);

export const EnsembleSchema = Exactly(
  {
    clusterId: Type.String(),
    configZxid: ZxidSchema,
    epoch: Type.Integer({ minimum: 0 }),
    leader: nullable(Type.Integer()),
    readOnly: Type.Boolean(),
    members: Type.Array(MemberSchema),
    self: memberId,
  },
  { $id: 'Ensemble' },
);

export const SnapshotSchema = Exactly(
  { zxid: ZxidSchema, bytes: Type.Integer({ minimum: 0 }) },
  { $id: 'Snapshot' },
);

export const HealthSchema = Type.Object(
  {
    status: Type.String({ examples: ['ok'] }),
    warnings: Type.Optional(
      Type.Array(Type.String(), {
        description:
          'What does not keep the node from serving and should be seen to, such as a nearly full ' +
          'disk, with the id of the node whose disk it is.',
      }),
    ),
  },
  { $id: 'Health' },
);

export const DocumentSchema = Type.Object({}, { $id: 'Document', additionalProperties: true });
