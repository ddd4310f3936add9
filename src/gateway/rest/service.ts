/** The ensemble, snapshots, and the documents. */
import { Readable } from 'node:stream';
import { CoordinationError } from '../../protocol/errors.ts';
import type { QuerySpec } from '../../protocol/rest/query.ts';
import type { ResultAnswer } from '../coordinator.ts';
import { isSuper } from '../common/identities.ts';
import type { Answer } from './answer.ts';
import type { Handlers } from './handler.ts';
import { envelopeHeaders, jsonAnswer } from './representations.ts';
import type { RestRequest } from './request.ts';

type ServiceId = 'getEnsemble' | 'takeSnapshot' | 'getSnapshot' | 'getOpenapi' | 'getAsyncapi';

/** The generated documents, as text. */
export interface Documents {
  readonly openapi: string;
  readonly asyncapi: string;
}

export function serviceHandlers(documents: Documents): Handlers<ServiceId> {
  return {
    getEnsemble: async (request) => {
      const { router, settings } = request.context;
      const touched = await touch(request);
      const { server, clusterId, configZxid, epoch, leader, readOnly, members, appliedZxid } =
        router.status();
      const envelope = touched ?? { zxid: appliedZxid, ...(readOnly && { readOnly }) };
      return jsonAnswer(envelopeHeaders(settings, envelope), {
        ...{ clusterId, configZxid, epoch, leader, readOnly },
        members,
        self: server,
      });
    },

    takeSnapshot: async (request) => {
      const { router, settings } = request.context;
      const envelope = await requireSuper(request);
      const { zxid, bytes } = await router.coordinator.takeSnapshot();
      const headers = envelopeHeaders(settings, envelope);
      headers.push('Location', `/admin/snapshots/${zxid}`);
      return jsonAnswer(headers, { zxid, bytes }, 201);
    },

    getSnapshot: async (request) => {
      const { router, settings } = request.context;
      const wanted = request.number('zxid');
      const envelope = await requireSuper(request);
      const bytes = router.coordinator.readSnapshot(wanted);
      if (bytes === undefined) {
        throw new CoordinationError('NOTFOUND', `this node keeps no snapshot of zxid ${wanted}`);
      }
      const headers = envelopeHeaders(settings, envelope);
      const name = `${String(wanted).padStart(16, '0')}.snapshot`;
      headers.push('Content-Disposition', `attachment; filename="${name}"`);
      return streamSnapshot(request, bytes, headers);
    },

    getOpenapi: async () => document(documents.openapi),
    getAsyncapi: async () => document(documents.asyncapi),
  };
}

function document(text: string): Answer {
  return { status: 200, headers: ['Content-Type', 'application/json'], body: text };
}

/**
 * A request that the coordinator does not see still keeps its session alive, and fails when that has ended, on
 * whichever node; and it waits for the zxid that it names.
 */
async function touch<Q extends QuerySpec>(
  request: RestRequest<Q>,
): Promise<ResultAnswer | undefined> {
  const caller = request.caller();
  if (caller.session === undefined && request.askedMinZxid === undefined) return undefined;
  return request.read({ type: 'whoami' }, request.sessionConsistency);
}

/** @throws CoordinationError NOAUTH */
async function requireSuper<Q extends QuerySpec>(
  request: RestRequest<Q>,
): Promise<Pick<ResultAnswer, 'zxid' | 'expiresInMs'>> {
  const { router, settings } = request.context;
  const touched = await touch(request);
  if (isSuper(request.identities())) return touched ?? { zxid: router.status().appliedZxid };
  const hint =
    settings.superIdentity === undefined ? ', and without --super-digest nobody has them' : '';
  throw new CoordinationError('NOAUTH', `this request needs super rights${hint}`);
}

/** As long as it may be: read from the disk as fast as the client takes it. */
async function streamSnapshot<Q extends QuerySpec>(
  { response, raw, context }: RestRequest<Q>,
  bytes: AsyncIterable<Uint8Array>,
  headers: readonly string[],
): Promise<undefined> {
  response.writeHead(200, [
    ...['Content-Type', 'application/octet-stream', ...headers],
    ...['X-Content-Type-Options', 'nosniff', 'Cache-Control', 'no-store'],
  ]);
  if (raw.method === 'HEAD') {
    response.end();
    return undefined;
  }
  const source = Readable.from(bytes);
  source.on('error', (error) => {
    // The status is out already: only a cut connection still tells the client.
    context.logger.error({ err: error }, 'a snapshot could not be read to its end');
    response.destroy();
  });
  response.on('close', () => source.destroy());
  source.pipe(response);
  return undefined;
}
