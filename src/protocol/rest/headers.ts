/** The headers of requests and answers that have a meaning of their own here, for the document. */
import { Type } from '@sinclair/typebox';
import type { TSchema } from '@sinclair/typebox';
import { forms } from '../forms.ts';
import { StringEnum, ZxidSchema } from '../schemas.ts';
import type { RequestHeader, ResponseHeader } from './route.ts';

export interface HeaderSpec {
  /** The header itself, where the key is another word. */
  readonly name?: string;
  readonly description: string;
  readonly schema: TSchema;
  /** Absent where it excludes another header or parameter, or only makes sense in a certain state. */
  readonly example?: string | number;
}

export const requestHeaders: Readonly<Record<RequestHeader, HeaderSpec>> = {
  'Zk-Session': {
    description:
      'Binds the request to a session and keeps it alive: the `token` of `POST /sessions`, ' +
      '`<id>:<secret>`. Judged when the request comes and again when it is answered: 410 once the session ' +
      'has ended.',
    schema: Type.String({ pattern: forms.token }),
  },
  'Zk-Min-Zxid': {
    description: 'Answer only from a state at or after this zxid; waits up to `wait`, else 5 s.',
    schema: ZxidSchema,
    // Any node has come as far as this. A request with a later one would wait for seconds.
    example: 1,
  },
  'If-Match': {
    description:
      'The ETag (`"3.117"`), or its version alone (`"3"` or `3`: ZooKeeper\'s version check), a list, ' +
      'or `*` (the znode must exist). What can never match, a weak tag for example, is a 400.',
    schema: Type.String({ pattern: forms.entityTags }),
  },
  'If-None-Match': {
    description: 'The ETag already known (`"3.117"`): the answer is a 304 while it is the same.',
    schema: Type.String({ pattern: forms.entityTags }),
  },
  CreateOnly: {
    name: 'If-None-Match',
    description: 'Only create: an existing znode is a 412. A write takes nothing but `*`.',
    schema: StringEnum(['*']),
  },
  Prefer: {
    description:
      '`return=minimal`: a write that succeeds is answered 204 without a body, with the same headers ' +
      '(`Location` where it has created). Unknown preferences are ignored.',
    schema: Type.String(),
    example: 'return=minimal',
  },
  'Idempotency-Key': {
    description:
      'A retry with the same key and request gives the first answer and writes nothing. A key is ' +
      'remembered until its owner (the session of the request, else the identity, else the client ' +
      'address) has used 50,000 others (limit idempotencyKeysPerOwnerMax), or until all owners together ' +
      'have more than 100,000 (idempotencyKeysMax) and its owner takes the most room of them.',
    schema: Type.String({ minLength: 1, maxLength: 255 }),
  },
  'Zk-Acl': {
    description:
      'ACL of a new znode: `scheme:id:perms`, separated by commas, for example ' +
      '`world:anyone:r, auth::cdrwa`.',
    schema: Type.String({ pattern: forms.acl }),
    example: 'world:anyone:cdrwa',
  },
  'Last-Event-ID': {
    description:
      'The `id` of the last message received: resume after it. Wins over `from`; where that position is ' +
      'gone, the stream says so by `event: gone` and goes on.',
    schema: Type.String({ pattern: '^[0-9]{1,16}(\\.[0-9]{1,9})?$' }),
  },
};

export const responseHeaders: Readonly<Record<ResponseHeader, HeaderSpec>> = {
  'Zk-Zxid': {
    description: 'Of a write its own zxid, else of the state that was answered from.',
    schema: ZxidSchema,
    example: 117,
  },
  'Zk-Server': {
    description: 'The id of the node that answered.',
    schema: Type.Integer({ minimum: 0 }),
    example: 1,
  },
  'Zk-Session-Expires-In': {
    description: 'Milliseconds for which the session lives on, counted from a confirmed touch.',
    schema: Type.Integer({ minimum: 0 }),
    example: 9800,
  },
  'Zk-Read-Only': {
    description:
      'Present where the node is in no quorum and answers local reads of what it knows to be committed.',
    schema: Type.Literal(1),
    example: 1,
  },
  'Zk-Version': {
    description: 'The data version.',
    schema: Type.Integer(),
    example: 3,
  },
  'Zk-Stat': {
    description: "The znode's stat as a structured dictionary (RFC 9651).",
    schema: Type.String(),
    example:
      'czxid=117, mzxid=120, pzxid=117, ctime=1, mtime=2, version=3, cversion=0, aversion=0, ephemeral-owner=0, data-length=2, num-children=0, kind=persistent',
  },
  ETag: {
    description: 'Strong; changes whenever the bytes of the representation do.',
    schema: Type.String(),
    example: '"3.117"',
  },
  Location: {
    description: 'Of what was created, percent-encoded.',
    schema: Type.String(),
    example: '/znodes/tasks/task-0000000000',
  },
  'Content-Disposition': {
    description: 'Names the file as the data directory does.',
    schema: Type.String(),
    example: 'attachment; filename="0000000000000117.snapshot"',
  },
  'Preference-Applied': {
    description: 'The preference that was honoured.',
    schema: Type.String(),
    example: 'return=minimal',
  },
  Vary: {
    description: 'What else the representation depends on.',
    schema: Type.String(),
    example: 'Accept',
  },
};
