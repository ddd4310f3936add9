/** The routes of requests about several znodes, or none. */
import { examples } from './examples.ts';
import { problemsWith, route } from './route.ts';
import {
  MultiAnswerSchema,
  MultiBodySchema,
  MultiReadAnswerSchema,
  MultiReadBodySchema,
  PositionSchema,
  WhoamiSchema,
} from './schemas.ts';
import { readQuery, writeQuery } from './znode-routes.ts';

const common = ['Zk-Zxid', 'Zk-Server', 'Zk-Session-Expires-In', 'Zk-Read-Only'] as const;

export const transactionRoutes = {
  multi: route({
    method: 'POST',
    path: '/multi',
    tag: 'transactions',
    summary: 'Do several writes and checks, all or none, at one zxid',
    description:
      'A failed transaction has the status and code of its first failing operation; nothing is applied.',
    query: writeQuery,
    headers: ['Zk-Session', 'Zk-Min-Zxid', 'Prefer', 'Idempotency-Key'],
    body: { kind: 'json', schema: MultiBodySchema, required: true, example: examples.multi },
    responses: {
      200: {
        description: 'All applied.',
        headers: common,
        content: {
          'application/json': { schema: MultiAnswerSchema, example: examples.multiAnswer },
        },
      },
      204: {
        description: '`Prefer: return=minimal`: all applied.',
        headers: [...common, 'Preference-Applied'],
      },
    },
    problems: problemsWith(404, 409, 412, 413, 415, 422, 507),
  }),
  multiRead: route({
    method: 'POST',
    path: '/multi-read',
    tag: 'transactions',
    summary: 'Do several reads at one zxid',
    query: readQuery,
    headers: ['Zk-Session', 'Zk-Min-Zxid'],
    body: {
      kind: 'json',
      schema: MultiReadBodySchema,
      required: true,
      example: examples.multiRead,
    },
    responses: {
      200: {
        description: 'Each with a code of its own.',
        headers: common,
        content: {
          'application/json': { schema: MultiReadAnswerSchema, example: examples.multiReadAnswer },
        },
      },
    },
    problems: problemsWith(413, 415),
  }),
  sync: route({
    method: 'POST',
    path: '/sync',
    tag: 'transactions',
    summary: 'Wait until this node has applied everything committed before the call',
    query: { wait: readQuery.wait },
    headers: ['Zk-Session', 'Zk-Min-Zxid'],
    responses: {
      200: {
        description: 'The state that has been reached.',
        headers: common,
        content: { 'application/json': { schema: PositionSchema, example: examples.position } },
      },
    },
    problems: problemsWith(),
  }),
  whoami: route({
    method: 'GET',
    path: '/whoami',
    tag: 'transactions',
    summary: 'Tell the identities and the session of the caller',
    query: { wait: readQuery.wait },
    headers: ['Zk-Session', 'Zk-Min-Zxid'],
    responses: {
      200: {
        description: 'Who is asking.',
        headers: common,
        content: { 'application/json': { schema: WhoamiSchema, example: examples.whoami } },
      },
    },
    problems: problemsWith(),
  }),
} as const;
