/** The door of Server-Sent Events: `GET /watch/{path}`. */
import type { ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { CoordinationError } from '../../protocol/errors.ts';
import type { WatchMode, Zxid } from '../../protocol/model.ts';
import { connectionOf } from '../connections/index.ts';
import { servedRoutes } from '../../protocol/rest/routes.ts';
import type { Answer } from '../rest/answer.ts';
import type { HttpContext } from '../rest/context.ts';
import type { QueryOf } from '../rest/handler.ts';
import { registerRoute } from '../rest/index.ts';
import { emptyAnswer, envelopeHeaders } from '../rest/representations.ts';
import { waitFor } from '../rest/request.ts';
import type { RestRequest } from '../rest/request.ts';
import { checkEncodingUse } from '../common/operations.ts';
import { shuttingDown } from '../rest/shutdown.ts';
import type { ResultAnswer } from '../coordinator.ts';
import { EventStream } from './event-stream.ts';
import { streamPosition } from './position.ts';

type WatchRequest = RestRequest<QueryOf<'watch'>>;

/** Bookmarks go out this much faster than promised, so that no timer makes them late. */
const bookmarkPace = 0.8;

export function registerSse(app: FastifyInstance, context: HttpContext): void {
  const streams = new OpenStreams(context);
  registerRoute(app, context, {
    spec: servedRoutes.watch,
    handler: (request: WatchRequest) => watch(request, streams),
  });
}

/** All open streams of the node: one timer for their bookmarks. */
class OpenStreams {
  readonly #context: HttpContext;
  readonly #streams = new Set<EventStream>();
  #timer: NodeJS.Timeout | undefined;

  constructor(context: HttpContext) {
    this.#context = context;
    context.shutdown.onBegin(() => [...this.#streams].forEach((stream) => stream.end()));
  }

  add(stream: EventStream): void {
    this.#streams.add(stream);
    const everyMs = this.#context.settings.limits.bookmarkIntervalMs * bookmarkPace;
    this.#timer ??= setInterval(() => this.#bookmarkAll(), everyMs);
  }

  delete(stream: EventStream): void {
    this.#streams.delete(stream);
    if (this.#streams.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #bookmarkAll(): void {
    const requests = [...this.#streams].flatMap((stream) => {
      const message = stream.bookmark();
      return message === undefined ? [] : [[stream.handle, message] as const];
    });
    this.#context.router.sendAll(requests);
  }
}

async function watch(request: WatchRequest, streams: OpenStreams): Promise<Answer | undefined> {
  const { context, response, query } = request;
  const path = request.path();
  checkEncodingUse(query.encoding, query.with);
  const mode: WatchMode = query.mode ?? 'persistent-recursive';
  if (mode === 'children') refuseAdditions(query);
  const lastEventId = request.header('last-event-id');
  const position = streamPosition(lastEventId, query.from);
  const minZxid = request.minZxid(position.from);
  const { identities, session } = request.caller();
  const touched = await touch(request, minZxid);
  if (isOneShot(mode) && position.received !== undefined) {
    const zxid = touched?.zxid ?? context.router.status().appliedZxid;
    return emptyAnswer(context.settings, { ...touched, zxid });
  }
  if (response.destroyed) return undefined;
  if (context.shutdown.begun) throw shuttingDown();
  const stream: EventStream = new EventStream({
    ...{ router: context.router, response, identities, session: session?.id },
    ...{ path, mode, position, minZxid },
    initial: query.initial === true,
    with: query.with,
    encoding: query.encoding,
    minZxidWaitMs: request.waitMs,
    probeMs: context.settings.limits.halfClosedWaitMs,
    highWaterBytes: context.settings.limits.socketHighWaterBytes,
    unread: context.unread,
    writeHead: (zxid) => {
      const { readOnly } = context.router.status();
      const envelope = { ...touched, zxid, ...(readOnly && { readOnly }) };
      writeHead(response, envelopeHeaders(context.settings, envelope));
    },
    onEnd: () => streams.delete(stream),
  });
  streams.add(stream);
  await stream.begin();
  if (request.raw.method === 'HEAD') stream.end();
  return undefined;
}

/**
 * The session of the request is judged and kept alive at the arrival. The stream keeps nothing alive, and ends
 * with its session.
 */
async function touch(
  request: WatchRequest,
  minZxid: Zxid | undefined,
): Promise<ResultAnswer | undefined> {
  if (!request.hasSession) return undefined;
  return waitFor(request.context, request.response, {
    operation: { type: 'whoami' },
    caller: request.caller(),
    consistency: request.sessionConsistency,
    ...(minZxid !== undefined && { minZxid }),
    ...(request.waitMs !== undefined && { minZxidWaitMs: request.waitMs }),
  });
}

/** No event of this mode is of data or of the znode's own stat; only the state at the beginning could have them. */
function refuseAdditions({ with: added, initial }: WatchRequest['query']): void {
  if (added === undefined || initial === true) return;
  const detail =
    'query parameter "with": adds to NodeCreated and NodeDataChanged, which mode=children never sends; ' +
    'leave it out, or give "initial" too';
  throw new CoordinationError('BADARGUMENTS', detail);
}

function isOneShot(mode: WatchMode): boolean {
  return mode === 'data' || mode === 'exists' || mode === 'children';
}

/** Proxies keep a stream back until they have a bufferful, unless they are told. */
function writeHead(response: ServerResponse, headers: readonly string[]): void {
  const connection = connectionOf(response.socket);
  if (connection !== undefined) connection.isStream = true;
  response.writeHead(200, [
    ...['Content-Type', 'text/event-stream', ...headers],
    ...['Cache-Control', 'no-store, no-transform', 'X-Accel-Buffering', 'no'],
    ...['X-Content-Type-Options', 'nosniff'],
  ]);
}
