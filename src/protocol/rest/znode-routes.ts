/** The routes of znodes: one resource a facet (data, stat, children, subtree, ACL). */
import { forms } from '../forms.ts';
import { defaultLimits } from '../limits.ts';
import { AclSchema, NodeStatSchema } from '../schemas.ts';
import { examples } from './examples.ts';
import { acks, duration, flag, integer, text, word } from './query.ts';
import { problemsWith, route } from './route.ts';
import type { RequestHeader, ResponseHeader, ResponseSpec } from './route.ts';
import {
  AclWrittenSchema,
  BytesSchema,
  ChildrenSchema,
  CreateBodySchema,
  SubtreeOrCountSchema,
  WrittenSchema,
  ZnodeAclSchema,
  ZnodeSchema,
} from './schemas.ts';

const countMax = Number.MAX_SAFE_INTEGER;
/** No maximum of the schema: an operator may raise it. */
const pageLimit = `At most ${defaultLimits.pageEntriesMax}, unless the limit pageEntriesMax is set.`;

const consistency = word(
  ['linearizable', 'local'],
  '`linearizable`: confirmed by a quorum; `local`: what this node has applied.',
  'linearizable',
);
const encoding = word(['base64', 'utf8'], 'How `data` is written in JSON; `utf8` where it can be.');
const minZxidWait = duration('Bounds the waiting for `Zk-Min-Zxid`.', '2s');
const version = integer('As `If-Match` of that version; -1 is as `If-Match: *`.', {
  minimum: -2_147_483_648,
  maximum: 2_147_483_647,
});

/** Of every read. */
export const readQuery = { consistency, wait: minZxidWait } as const;

/** Of the reads that may wait. */
export const longPollQuery = {
  consistency,
  wait: duration(
    'Long poll: answers as soon as the ETag differs from `If-None-Match` (or `until` holds), at the ' +
      'latest after this time; at most 5 minutes. Ends early with 410 when the session of the request ends, ' +
      'and with 503 when the node has been without a leader for longer than `--peer-timeout`. Without either ' +
      'it bounds the waiting for `Zk-Min-Zxid`.',
  ),
  until: word(['exists', 'absent'], 'Waits for creation or deletion.'),
} as const;

/** Of every write. */
export const writeQuery = {
  acks: acks('How many voters must have it on disk before the answer; default is the majority.'),
  wait: minZxidWait,
} as const;

const readHeaders: readonly RequestHeader[] = ['Zk-Session', 'Zk-Min-Zxid'];
const cachedReadHeaders: readonly RequestHeader[] = [...readHeaders, 'If-None-Match'];
const writeHeaders: readonly RequestHeader[] = [...readHeaders, 'Prefer', 'Idempotency-Key'];

const common = ['Zk-Zxid', 'Zk-Server', 'Zk-Session-Expires-In', 'Zk-Read-Only'] as const;
const znode: readonly ResponseHeader[] = [...common, 'ETag', 'Zk-Version', 'Zk-Stat'];
const written: readonly ResponseHeader[] = [...znode, 'Preference-Applied'];

const notModified: ResponseSpec = {
  description: 'The ETag is still the one of `If-None-Match`.',
  headers: [...common, 'ETag'],
};
const absent: ResponseSpec = {
  description: '`until=absent`: the znode does not exist.',
  headers: common,
};
const writtenContent = (example: unknown) => ({
  'application/json': { schema: WrittenSchema, example },
});
const replaced: ResponseSpec = {
  description: 'Replaced.',
  headers: znode,
  content: writtenContent(examples.written),
};
/** The headers say all that a client needs for its next write. */
const minimal: ResponseSpec = {
  description: '`Prefer: return=minimal`: done; with a `Location` where it has created.',
  headers: [...written, 'Location'],
};
const created: ResponseSpec = {
  description: 'Created.',
  headers: [...znode, 'Location'],
  content: writtenContent(examples.created),
};

export const znodeRoutes = {
  getZnode: route({
    method: 'GET',
    path: '/znodes/{path}',
    tag: 'znodes',
    summary: 'Read a znode',
    description:
      'Raw bytes, or with `Accept: application/json` an object with the stat. Bytes where both are ' +
      'named with equal weight.',
    query: { ...longPollQuery, encoding },
    headers: cachedReadHeaders,
    responses: {
      200: {
        description: 'The data.',
        headers: znode,
        content: {
          'application/octet-stream': { schema: BytesSchema },
          'application/json': { schema: ZnodeSchema, example: examples.znode },
        },
      },
      204: absent,
      304: notModified,
    },
    problems: problemsWith(404),
  }),
  headZnode: route({
    method: 'HEAD',
    path: '/znodes/{path}',
    tag: 'znodes',
    summary: 'Ask whether a znode exists',
    description: 'The headers of the read, without the data.',
    query: { ...longPollQuery, encoding },
    headers: cachedReadHeaders,
    responses: {
      200: { description: 'It exists.', headers: znode },
      204: absent,
      304: notModified,
    },
    problems: problemsWith(404),
  }),
  putZnode: route({
    method: 'PUT',
    path: '/znodes/{path}',
    tag: 'znodes',
    summary: 'Write a znode',
    description:
      'Creates or replaces, decided in one transaction. `If-Match` only replaces, `If-None-Match: *` ' +
      'only creates. `ephemeral`, `sequential`, `container` and `ttl` make it create-only.',
    query: {
      ephemeral: flag('It goes with the session.'),
      sequential: flag('Ten digits are added to the name, out of a counter of the parent.'),
      container: flag('It goes once it has lost its last child.'),
      ttl: duration(
        'It goes when it has not been written for this long and has no child.',
        '60s',
        forms.ttl,
      ),
      parents: flag('Makes missing parents in the same transaction.', 'true'),
      inheritAcl: flag(
        'Creates with the ACL that the parent has, in place of `Zk-Acl`. Without either, all may do all.',
      ),
      version,
      ...writeQuery,
    },
    headers: [...writeHeaders, 'If-Match', 'CreateOnly', 'Zk-Acl'],
    body: { kind: 'raw', description: 'The data; absent is empty.', example: 'hello' },
    responses: { 200: replaced, 201: created, 204: minimal },
    problems: problemsWith(404, 409, 412, 413, 415, 422, 507),
  }),
  createZnode: route({
    method: 'POST',
    path: '/znodes/{path}',
    tag: 'znodes',
    summary: 'Create a znode',
    description: 'Strict: an existing znode is a 409.',
    query: writeQuery,
    headers: [...writeHeaders, 'CreateOnly', 'Zk-Acl'],
    body: {
      kind: 'json',
      schema: CreateBodySchema,
      required: false,
      example: examples.create,
    },
    responses: { 201: created, 204: minimal },
    problems: problemsWith(404, 409, 412, 413, 415, 422, 507),
  }),
  deleteZnode: route({
    method: 'DELETE',
    path: '/znodes/{path}',
    tag: 'znodes',
    summary: 'Delete a znode',
    query: {
      recursive: flag('With its whole subtree, in one transaction.'),
      version,
      ...writeQuery,
    },
    headers: [...writeHeaders, 'If-Match'],
    responses: {
      204: { description: 'Deleted.', headers: [...common, 'Preference-Applied'] },
    },
    problems: problemsWith(404, 409, 412, 413, 422),
  }),
  getStat: route({
    method: 'GET',
    path: '/stat/{path}',
    tag: 'znodes',
    summary: 'Read the stat of a znode',
    query: longPollQuery,
    headers: cachedReadHeaders,
    responses: {
      200: {
        description: 'The stat.',
        headers: [...znode, 'Vary'],
        content: { 'application/json': { schema: NodeStatSchema, example: examples.stat } },
      },
      204: absent,
      304: notModified,
    },
    problems: problemsWith(404),
  }),
  getChildren: route({
    method: 'GET',
    path: '/children/{path}',
    tag: 'znodes',
    summary: 'List the children of a znode',
    query: {
      ...longPollQuery,
      limit: integer(`Entries of the page. ${pageLimit}`, {
        minimum: 1,
        maximum: countMax,
        example: '100',
      }),
      after: text('Lists the names behind this one.', 'db'),
      with: word(['stat', 'data'], 'Lists objects with the stat, or with stat and data.', 'stat'),
      encoding,
    },
    headers: cachedReadHeaders,
    responses: {
      200: {
        description: 'The children.',
        headers: znode,
        content: { 'application/json': { schema: ChildrenSchema, example: examples.children } },
      },
      204: absent,
      304: notModified,
    },
    problems: problemsWith(404, 413),
  }),
  getSubtree: route({
    method: 'GET',
    path: '/tree/{path}',
    tag: 'znodes',
    summary: 'List a subtree, or count it',
    query: {
      ...readQuery,
      depth: integer('Levels below the znode; all by default.', {
        minimum: 0,
        maximum: countMax,
        example: '2',
      }),
      limit: integer(`Entries of the page; 1000 by default. ${pageLimit}`, {
        minimum: 1,
        maximum: countMax,
        example: '100',
      }),
      after: text(
        'Continues behind this path: `next` of the page before.',
        '/config/db',
        forms.absolutePath,
      ),
      count: flag('Answers only the number of descendants.'),
    },
    headers: readHeaders,
    responses: {
      200: {
        description: 'The subtree, or with `count` the number of descendants.',
        headers: common,
        content: {
          'application/json': {
            schema: SubtreeOrCountSchema,
            example: examples.subtree,
          },
        },
      },
    },
    problems: problemsWith(404, 413),
  }),
  getAcl: route({
    method: 'GET',
    path: '/acl/{path}',
    tag: 'znodes',
    summary: 'Read the ACL of a znode',
    description: 'Needs READ or ADMIN; without ADMIN the hashes of digest ids are hidden.',
    query: readQuery,
    headers: cachedReadHeaders,
    responses: {
      200: {
        description: 'The ACL.',
        headers: znode,
        content: { 'application/json': { schema: ZnodeAclSchema, example: examples.znodeAcl } },
      },
      304: notModified,
    },
    problems: problemsWith(404),
  }),
  putAcl: route({
    method: 'PUT',
    path: '/acl/{path}',
    tag: 'znodes',
    summary: 'Replace the ACL of a znode',
    query: { version, ...writeQuery },
    headers: [...writeHeaders, 'If-Match'],
    body: { kind: 'json', schema: AclSchema, required: true, example: examples.acl },
    responses: {
      200: {
        description: 'Replaced.',
        headers: znode,
        content: { 'application/json': { schema: AclWrittenSchema, example: examples.aclWritten } },
      },
      204: { description: '`Prefer: return=minimal`: replaced.', headers: written },
    },
    problems: problemsWith(404, 412, 413, 415, 422, 507),
  }),
} as const;
