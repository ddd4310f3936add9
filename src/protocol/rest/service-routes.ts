/** The routes of event streams, the ensemble and its operation, and the documents. */
import { watchModes } from '../model.ts';
import { examples } from './examples.ts';
import { duration, flag, integer, word } from './query.ts';
import { problemsWith, route } from './route.ts';
import {
  BytesSchema,
  DocumentSchema,
  EnsembleSchema,
  HealthSchema,
  SnapshotSchema,
  TextSchema,
} from './schemas.ts';

const common = ['Zk-Zxid', 'Zk-Server', 'Zk-Session-Expires-In', 'Zk-Read-Only'] as const;
const positioned = ['Zk-Session', 'Zk-Min-Zxid'] as const;
const superRights = 'Needs super rights.';

export const watchRoutes = {
  watch: route({
    method: 'GET',
    path: '/watch/{path}',
    tag: 'watching',
    summary: 'Follow the changes of a znode or subtree as Server-Sent Events',
    description:
      'The modes `data`, `exists` and `children` end after one event, and a reconnect then gets 204. ' +
      'Beside the events there are `state` (with `initial`), `bookmark` (all up to its zxid has been ' +
      'sent) and `gone` (`{oldestZxid, currentZxid}`: what lies between is no longer kept; read the state ' +
      'anew). Where the position of `from` is gone, the answer is a 410. A client that has sent ' +
      '`Last-Event-ID`, as an EventSource does when it connects again, gets a 200 whose first message is ' +
      '`gone`, with the id `<currentZxid>`, and the stream goes on from there. ' +
      'The stream ends with `session` and the data ' +
      '`{"state":"suspended"}` when the node has been without a leader for longer than `--peer-timeout`, and ' +
      '`{"state":"expired"}` when the session of its request ends. The stream itself keeps no session alive.',
    query: {
      mode: word(
        ['persistent-recursive', ...watchModes.filter((mode) => mode !== 'persistent-recursive')],
        'Which changes; default is `persistent-recursive`.',
      ),
      from: integer('Events after all of this zxid.', {
        minimum: 0,
        maximum: Number.MAX_SAFE_INTEGER,
      }),
      initial: flag('Sends the present state first; on a resumed stream only after `gone`.'),
      with: word(
        ['stat', 'data'],
        'Adds stat, or stat and data, as of the event. With `mode=children` only `initial` has any.',
      ),
      encoding: word(['base64', 'utf8'], 'How `data` is written; `utf8` where it can be.'),
      wait: duration('Bounds the waiting for `Zk-Min-Zxid` and `from`.', '2s'),
    },
    headers: ['Zk-Session', 'Zk-Min-Zxid', 'Last-Event-ID'],
    responses: {
      200: {
        description: 'The stream.',
        headers: common,
        content: { 'text/event-stream': { schema: TextSchema, example: examples.events } },
      },
      204: { description: 'The one event of the mode has been received before.', headers: common },
    },
    problems: problemsWith(404),
  }),
} as const;

export const ensembleRoutes = {
  getEnsemble: route({
    method: 'GET',
    path: '/ensemble',
    tag: 'ensemble',
    summary: 'Tell the members of the ensemble and their roles',
    description:
      'Answered without a leader too. With `Zk-Session` it is as any other request of the session: 410 once that has ' +
      'ended, on whichever node, and 503 while there is no leader to ask.',
    query: {},
    headers: positioned,
    responses: {
      200: {
        description: 'As this node sees it.',
        headers: common,
        content: { 'application/json': { schema: EnsembleSchema, example: examples.ensemble } },
      },
    },
    problems: problemsWith(),
  }),
  takeSnapshot: route({
    method: 'POST',
    path: '/admin/snapshots',
    tag: 'ensemble',
    summary: 'Take a snapshot of this node, without stopping it',
    description: superRights,
    query: {},
    headers: positioned,
    responses: {
      201: {
        description: 'Taken.',
        headers: [...common, 'Location'],
        content: { 'application/json': { schema: SnapshotSchema, example: examples.snapshot } },
      },
    },
    problems: problemsWith(507),
  }),
  getSnapshot: route({
    method: 'GET',
    path: '/admin/snapshots/{zxid}',
    tag: 'ensemble',
    summary: 'Download a snapshot',
    description:
      `${superRights} The bytes are those of the file in the data directory, checksums included: ` +
      '`zoogate snapshot verify FILE` tells whether a download is whole, `print FILE` shows its znodes. ' +
      'There is no restore yet: a node does not start from such a file, and refuses a data directory ' +
      'that holds nothing else.',
    query: {},
    headers: positioned,
    responses: {
      200: {
        description: 'Its bytes.',
        headers: [...common, 'Content-Disposition'],
        content: { 'application/octet-stream': { schema: BytesSchema } },
      },
    },
    problems: problemsWith(404),
  }),
} as const;

const json = (description: string) => ({
  description,
  content: { 'application/json': { schema: DocumentSchema } },
});

const page = (description: string) => ({
  description,
  content: { 'text/html': { schema: TextSchema } },
});

export const documentRoutes = {
  getOpenapi: route({
    method: 'GET',
    path: '/openapi.json',
    tag: 'documents',
    summary: 'This document',
    query: {},
    headers: [],
    responses: { 200: json('OpenAPI 3.1.') },
    problems: [400, 403, 431, 500],
  }),
  getAsyncapi: route({
    method: 'GET',
    path: '/asyncapi.json',
    tag: 'documents',
    summary: 'The messages of the WebSocket at `/ws`',
    query: {},
    headers: [],
    responses: { 200: json('AsyncAPI 3.0.') },
    problems: [400, 403, 431, 500],
  }),
} as const;

/** Served by other parts of the process, and only described here. */
export const otherRoutes = {
  getDocs: route({
    method: 'GET',
    path: '/docs',
    tag: 'documents',
    summary: 'This document as a page',
    query: {},
    headers: [],
    responses: { 200: page('The page.') },
    problems: [403, 431, 500],
    elsewhere: true,
  }),
  getLive: route({
    method: 'GET',
    path: '/health/live',
    tag: 'ensemble',
    summary: 'Tell whether the process works',
    query: {},
    headers: [],
    responses: {
      200: {
        description: 'It does.',
        content: { 'application/json': { schema: HealthSchema, example: { status: 'ok' } } },
      },
    },
    problems: [403, 431, 500],
    elsewhere: true,
  }),
  getReady: route({
    method: 'GET',
    path: '/health/ready',
    tag: 'ensemble',
    summary: 'Tell whether the node serves clients',
    query: {},
    headers: [],
    responses: {
      200: {
        description: 'It is in a quorum and has caught up.',
        content: { 'application/json': { schema: HealthSchema, example: { status: 'ok' } } },
      },
    },
    problems: [403, 431, 500, 503],
    elsewhere: true,
  }),
  getMetrics: route({
    method: 'GET',
    path: '/metrics',
    tag: 'ensemble',
    summary: 'Measurements in the text format of Prometheus',
    query: {},
    headers: [],
    responses: {
      200: { description: 'The measurements.', content: { 'text/plain': { schema: TextSchema } } },
    },
    problems: [403, 431, 500],
    elsewhere: true,
  }),
} as const;
