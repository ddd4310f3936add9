/** The headers of requests and answers that have a meaning of their own here, for the document. */
import { Type } from '@sinclair/typebox';
import type { TSchema } from '@sinclair/typebox';
import { ZxidSchema } from '../schemas.ts';
import type { RequestHeader, ResponseHeader } from './route.ts';

export interface HeaderSpec {
  readonly description: string;
  readonly schema: TSchema;
  readonly example: string | number;
}

export const requestHeaders: Readonly<Record<RequestHeader, HeaderSpec>> = {
  'Zk-Session': {
    description: 'Binds the request to a session and keeps it alive: `<id>:<secret>`.',
    schema: Type.String(),
    example: '42:AAAAAAAAAAAAAAAAAAAAAA',
  },
  'Zk-Min-Zxid': {
    description: 'Answer only from a state at or after this zxid; waits up to `wait`, else 5 s.',
    schema: ZxidSchema,
    example: 117,
  },
  'If-Match': {
    description:
      'The ETag, or its version alone (`"3"` or `3`: ZooKeeper\'s version check), a list, or `*`.',
    schema: Type.String(),
    example: '"3.117"',
  },
  'If-None-Match': {
    description: 'Of a read: the ETag already known, for a 304. Of a write: only `*`, create only.',
    schema: Type.String(),
    example: '"3.117"',
  },
  Prefer: {
    description: '`return=minimal` leaves out the body of the answer to a write.',
    schema: Type.String(),
    example: 'return=minimal',
  },
  'Idempotency-Key': {
    description: 'A retry with the same key and request gives the first answer and writes nothing.',
    schema: Type.String({ minLength: 1, maxLength: 255 }),
    example: '8e03978e-40d5-43dd-bc93-6894a57f9324',
  },
  'Zk-Acl': {
    description: 'ACL of a new znode: `scheme:id:perms`, separated by commas.',
    schema: Type.String(),
    example: 'world:anyone:r, auth::cdrwa',
  },
  'Last-Event-ID': {
    description: 'The `id` of the last event or bookmark received: resume behind it.',
    schema: Type.String({ pattern: '^[0-9]{1,16}(\\.[0-9]{1,9})?$' }),
    example: '117.0',
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
