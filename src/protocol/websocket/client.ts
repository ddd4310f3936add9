/**
 * The messages that a client sends over a WebSocket: one table of types, as data. Validation, the answers'
 * forms and the AsyncAPI document derive from it.
 */
import { Type } from '@sinclair/typebox';
import type { TSchema } from '@sinclair/typebox';
import {
  AclSchema,
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
  VersionSchema,
  WatchModeSchema,
  ZxidSchema,
  createFields,
  encodingNeedsData,
} from '../schemas.ts';

/** The subprotocol, also when a client asks for none. */
export const subprotocol = 'zk.v1.json';

/** What a request does, which says what fields it may carry beside its own. */
export type Access = 'read' | 'write' | 'stream';

type Fields = Readonly<Record<string, TSchema>>;

/** One type of message that a client may send. */
export interface RequestSpec {
  readonly access: Access;
  readonly summary: string;
  /** Beside `type`, `id` and what `access` adds. */
  readonly fields: Fields;
  /** Further keywords of the schema of the message. */
  readonly keywords?: Readonly<Record<string, unknown>>;
  /** Of its `result`, beside `type`, `id` and `zxid`. */
  readonly result: Fields;
}

const positive = (description: string) =>
  Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER, description });
const flag = (description: string) => Type.Optional(Type.Boolean({ description }));

export const MessageIdSchema = Type.Integer({
  $id: 'MessageId',
  minimum: Number.MIN_SAFE_INTEGER,
  maximum: Number.MAX_SAFE_INTEGER,
  description: 'Chosen by the client, repeated by the answer.',
});

export const CredentialSchema = Exactly(
  {
    scheme: Type.String({ examples: ['digest'] }),
    credential: Type.String({ description: 'Of `digest`: `user:password`.' }),
  },
  { $id: 'Credential' },
);

export const WatchSchema = Exactly({ path: PathSchema, mode: WatchModeSchema }, { $id: 'Watch' });

const path = PathSchema;
const data = createFields.data;
const encoding = Type.Optional(EncodingSchema);
const condition = {
  version: Type.Optional(VersionSchema),
  ifMatch: Type.Optional(
    Type.String({
      description: 'In place of `version`: version and czxid, sound on a re-created path.',
      examples: ['3.117'],
    }),
  ),
};
const watch = flag('Leaves a one-shot watch, set atomically with the read.');
const limit = Type.Optional(positive('At most so many entries.'));
const pathAndStat = { path, stat: StatSchema };

const addedFields: Readonly<Record<Access, Fields>> = {
  read: {
    consistency: Type.Optional(
      StringEnum(['linearizable', 'local'], {
        description: '`local`, the default, is in the order of this stream.',
      }),
    ),
    minZxid: Type.Optional(ZxidSchema),
  },
  write: {
    acks: Type.Optional(
      Type.Union([positive('So many voters have it on disk.'), StringEnum(['all'])]),
    ),
    idempotencyKey: Type.Optional(
      Type.String({
        minLength: 1,
        description:
          'A retry gives the first answer again. Each session (each identity, or client address, where ' +
          'there is none) has its share of the keys that are remembered, and loses its own oldest.',
      }),
    ),
  },
  stream: {},
};

export const requestTable = {
  connect: {
    access: 'stream',
    summary: 'Begins the conversation; the first message, within five seconds.',
    fields: {
      session: Type.Optional(
        Type.String({ description: '`new`, or a token to resume; absent is none.' }),
      ),
      timeoutMs: Type.Optional(
        positive('Session timeout asked for, milliseconds; refused without `session`.'),
      ),
      auth: Type.Optional(Type.Array(CredentialSchema)),
      watches: Type.Optional(Type.Array(WatchSchema)),
      resumeFrom: Type.Optional(ZxidSchema),
      minZxid: Type.Optional(ZxidSchema),
      batch: flag('The server may send arrays of messages.'),
    },
    keywords: { dependentRequired: { timeoutMs: ['session'] } },
    result: {},
  },
  create: {
    access: 'write',
    summary: 'Creates a znode; an existing one is NODEEXISTS.',
    fields: { path, ...createFields, parents: flag('Makes missing parents too.') },
    keywords: encodingNeedsData,
    result: {
      path,
      name: Type.String(),
      sequence: Type.Optional(Type.Integer({ minimum: 0 })),
      created: Type.Boolean(),
      stat: StatSchema,
    },
  },
  put: {
    access: 'write',
    summary: 'Creates or replaces, decided in one transaction. Not the root: that takes a set.',
    fields: { path, data, encoding },
    keywords: encodingNeedsData,
    result: { path, created: Type.Boolean(), stat: StatSchema },
  },
  set: {
    access: 'write',
    summary: 'Replaces the data of a znode.',
    fields: { path, data, encoding, ...condition },
    keywords: encodingNeedsData,
    result: pathAndStat,
  },
  delete: {
    access: 'write',
    summary: 'Deletes a znode, or the whole subtree.',
    fields: { path, ...condition, recursive: flag('The whole subtree in one transaction.') },
    result: {},
  },
  get: {
    access: 'read',
    summary: 'Reads data and stat.',
    fields: { path, watch, encoding },
    result: { path, data: Type.String(), encoding: EncodingSchema, stat: StatSchema },
  },
  exists: {
    access: 'read',
    summary: 'Reads the stat; where the znode is missing, the watch is set all the same.',
    fields: { path, watch },
    result: pathAndStat,
  },
  children: {
    access: 'read',
    summary: 'Lists the children, sorted bytewise.',
    fields: {
      path,
      watch,
      limit,
      after: Type.Optional(Type.String({ description: '`next` of the page before.' })),
      with: Type.Optional(StringEnum(['stat', 'data'])),
      encoding,
    },
    result: {
      path,
      children: Type.Array(OneOf([Type.String(), ChildSchema])),
      stat: StatSchema,
      next: Type.Optional(Type.String()),
    },
  },
  tree: {
    access: 'read',
    summary: 'Lists a subtree in pre-order, or counts its descendants.',
    fields: {
      path,
      depth: Type.Optional(Type.Integer({ minimum: 0 })),
      limit,
      after: Type.Optional(PathSchema),
      count: flag('Answers only the number of descendants.'),
    },
    result: {
      path,
      nodes: Type.Optional(Type.Array(NodeStatSchema)),
      next: Type.Optional(PathSchema),
      truncated: Type.Optional(Type.Boolean()),
      descendants: Type.Optional(Type.Integer({ minimum: 0 })),
    },
  },
  acl: {
    access: 'read',
    summary: 'Reads the ACL.',
    fields: { path },
    result: { path, acl: AclSchema, stat: StatSchema },
  },
  setAcl: {
    access: 'write',
    summary: 'Replaces the ACL; `version` and `ifMatch` are compared with the aversion.',
    fields: { path, acl: AclSchema, ...condition },
    result: pathAndStat,
  },
  multi: {
    access: 'write',
    summary: 'All operations in one transaction, or none.',
    fields: { operations: Type.Array(MultiMemberSchema) },
    result: { results: Type.Array(MultiMemberResultSchema) },
  },
  multiRead: {
    access: 'read',
    summary: 'Several reads at one zxid.',
    fields: { operations: Type.Array(MultiReadMemberSchema) },
    result: { results: Type.Array(MultiReadMemberResultSchema) },
  },
  watch: {
    access: 'stream',
    summary: 'Registers a watch.',
    fields: { path, mode: WatchModeSchema },
    result: {},
  },
  unwatch: {
    access: 'stream',
    summary: 'Removes watches of a path; without `mode` all of them. None there is NOWATCHER.',
    fields: { path, mode: Type.Optional(WatchModeSchema) },
    result: {},
  },
  auth: {
    access: 'stream',
    summary: 'Adds identities; refused, the connection is closed with 4401.',
    fields: { scheme: CredentialSchema.properties.scheme, credential: Type.String() },
    result: { identities: Type.Array(IdentitySchema) },
  },
  sync: {
    access: 'stream',
    summary: 'Answered when this node has applied everything committed before the call.',
    fields: {},
    result: {},
  },
  whoami: {
    access: 'stream',
    summary: 'The identities and the session of this connection.',
    fields: {},
    result: { identities: Type.Array(IdentitySchema), session: Type.Optional(SessionIdSchema) },
  },
  ephemerals: {
    access: 'read',
    summary: "The paths of the session's ephemeral znodes.",
    fields: { prefix: Type.Optional(Type.String({ description: 'A plain string prefix.' })) },
    result: { paths: Type.Array(PathSchema) },
  },
  ping: {
    access: 'stream',
    summary:
      'Nothing but an answer in the order of the stream; refused with CONNECTIONLOSS while it is `suspended`.',
    fields: {},
    result: {},
  },
  close: {
    access: 'stream',
    summary: 'Ends the session, is answered when that is done, then closes with 1000.',
    fields: {},
    result: {},
  },
} as const satisfies Readonly<Record<string, RequestSpec>>;

export type RequestType = keyof typeof requestTable;

/** All types, in the table's order. */
export const requestTypes = Object.keys(requestTable) as readonly RequestType[];

/** The whole message of a type. */
export function requestSchema(type: RequestType) {
  const { access, fields, keywords, summary }: RequestSpec = requestTable[type];
  return Exactly(
    { type: StringEnum([type]), id: MessageIdSchema, ...fields, ...addedFields[access] },
    { $id: `${capitalised(type)}Request`, description: summary, ...keywords },
  );
}

/** The whole answer to a request of a type. */
export function resultSchema(type: Exclude<RequestType, 'connect'>) {
  const { result }: RequestSpec = requestTable[type];
  return Exactly(
    { type: StringEnum(['result']), id: MessageIdSchema, zxid: ZxidSchema, ...result },
    { $id: `${capitalised(type)}Result` },
  );
}

export function capitalised(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
