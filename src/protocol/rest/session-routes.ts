/** The routes of sessions for plain HTTP. */
import { examples } from './examples.ts';
import { problemsWith, route } from './route.ts';
import {
  EphemeralsSchema,
  NewSessionBodySchema,
  NewSessionSchema,
  SessionSchema,
} from './schemas.ts';
import { readQuery } from './znode-routes.ts';

const common = ['Zk-Zxid', 'Zk-Server', 'Zk-Session-Expires-In', 'Zk-Read-Only'] as const;
const own =
  'Needs the `Zk-Session` header of that session, or super rights. 410 once the session has ended.';
const headers = ['Zk-Session', 'Zk-Min-Zxid'] as const;

export const sessionRoutes = {
  createSession: route({
    method: 'POST',
    path: '/sessions',
    tag: 'sessions',
    summary: 'Open a session',
    description:
      'Any request that carries its token keeps it alive, on any node that has a leader: when it comes, also ' +
      'when it is refused, and a long poll once more when it is answered. An event stream or a long poll that ' +
      'waits does not.',
    query: {},
    headers,
    body: {
      kind: 'json',
      schema: NewSessionBodySchema,
      required: false,
      example: { timeoutMs: 10_000 },
    },
    responses: {
      201: {
        description: 'Opened.',
        headers: [...common, 'Location'],
        content: { 'application/json': { schema: NewSessionSchema, example: examples.newSession } },
      },
    },
    problems: problemsWith(413, 415),
  }),
  getSession: route({
    method: 'GET',
    path: '/sessions/{id}',
    tag: 'sessions',
    summary: 'Tell about a session',
    description: own,
    query: readQuery,
    headers,
    responses: {
      200: {
        description: 'The session.',
        headers: common,
        content: { 'application/json': { schema: SessionSchema, example: examples.session } },
      },
    },
    problems: problemsWith(),
  }),
  deleteSession: route({
    method: 'DELETE',
    path: '/sessions/{id}',
    tag: 'sessions',
    summary: 'End a session',
    description: `Its ephemeral znodes go in the same transaction. ${own}`,
    query: {},
    headers,
    responses: { 204: { description: 'Ended.', headers: common } },
    problems: problemsWith(),
  }),
  heartbeatSession: route({
    method: 'POST',
    path: '/sessions/{id}/heartbeat',
    tag: 'sessions',
    summary: 'Keep a session alive',
    description: own,
    query: {},
    headers,
    responses: {
      204: { description: 'The leader has counted it: the session lives on.', headers: common },
    },
    problems: problemsWith(),
  }),
  getEphemerals: route({
    method: 'GET',
    path: '/sessions/{id}/ephemerals',
    tag: 'sessions',
    summary: 'List the ephemeral znodes of a session',
    description: own,
    query: readQuery,
    headers,
    responses: {
      200: {
        description: 'Their paths.',
        headers: common,
        content: { 'application/json': { schema: EphemeralsSchema, example: examples.ephemerals } },
      },
    },
    problems: problemsWith(),
  }),
} as const;
