/** Reads of one znode: data, stat, children, subtree, ACL. */
import { CoordinationError } from '../../protocol/errors.ts';
import type {
  AclResult,
  ChildrenResult,
  CountResult,
  DataResult,
  StatResult,
  TreeOperation,
  TreeResult,
} from '../../protocol/operations.ts';
import type { ResultAnswer } from '../coordinator.ts';
import { checkCounting, checkEncodingUse, znodePath } from '../common/operations.ts';
import { wireAcl, wireChildren, wireData } from '../common/results.ts';
import { aclTag, childrenTag, dataTag, statTag } from '../common/stat.ts';
import { wantsJson } from './accept.ts';
import type { Answer } from './answer.ts';
import type { Handlers } from './handler.ts';
import { answerRead } from './long-poll.ts';
import type { PolledRead, PollRequest } from './long-poll.ts';
import { envelopeHeaders, jsonAnswer, representationAnswer } from './representations.ts';
import type { Representation } from './representations.ts';

type ReadId = 'getZnode' | 'headZnode' | 'getStat' | 'getChildren' | 'getSubtree' | 'getAcl';

export const readHandlers: Handlers<ReadId> = {
  getZnode: (request) => {
    const path = request.path();
    const { encoding } = request.query;
    if (wantsJson(request.raw.headers.accept)) {
      return poll(request, { type: 'get', path }, (answer) =>
        jsonZnode(answer.result as DataResult, encoding),
      );
    }
    refuseRawEncoding(encoding);
    return poll(request, { type: 'get', path }, (answer) => rawZnode(answer.result as DataResult));
  },

  headZnode: (request) => {
    const path = request.path();
    const { encoding } = request.query;
    // The length of the JSON form is known only by making it; that of the bytes stands in the stat.
    if (wantsJson(request.raw.headers.accept)) {
      return poll(request, { type: 'get', path }, (answer) =>
        jsonZnode(answer.result as DataResult, encoding),
      );
    }
    refuseRawEncoding(encoding);
    return poll(request, { type: 'exists', path }, (answer) => headOf(answer.result as StatResult));
  },

  getStat: (request) =>
    poll(request, { type: 'exists', path: request.path() }, (answer) => {
      const { path, stat } = answer.result as StatResult;
      return {
        ...{ stat, tag: statTag(stat), type: 'application/json', varies: true },
        body: () => JSON.stringify({ path, stat }),
      };
    }),

  getChildren: (request) => {
    const path = request.path();
    const { limit, after, with: extra, encoding } = request.query;
    // A page, or what the children hold, changes without the set of children.
    const tagged = limit === undefined && after === undefined && extra === undefined;
    if (!tagged) refuseTag(request);
    checkEncodingUse(encoding, extra);
    const operation = {
      ...{ type: 'children' as const, path },
      ...(limit !== undefined && { limit }),
      ...(after !== undefined && { after }),
      ...(extra !== undefined && { with: extra }),
    };
    return poll(request, operation, (answer) => {
      const result = answer.result as ChildrenResult;
      const detailed = extra !== undefined;
      return {
        stat: result.stat,
        tag: tagged ? childrenTag(result.stat) : undefined,
        type: 'application/json',
        body: () => JSON.stringify(wireChildren(result, { detailed, encoding })),
      };
    });
  },

  getSubtree: async (request) => {
    const path = request.path();
    const { settings } = request.context;
    const { depth, limit, after, count } = request.query;
    checkCounting({ depth, limit, after, count }, 'query parameter "count"');
    const operation: TreeOperation = {
      ...{ type: 'tree', path },
      ...(depth !== undefined && { depth }),
      ...(limit !== undefined && { limit }),
      ...(after !== undefined && { after: znodePath(after, settings.limits, { field: 'after' }) }),
      ...(count === true && { count }),
    };
    const answer = await request.read(operation);
    return jsonAnswer(envelopeHeaders(settings, answer), subtreeBody(answer));
  },

  getAcl: async (request) => {
    const known = request.tags('if-none-match');
    const answer = await request.read({ type: 'acl', path: request.path() });
    const result = answer.result as AclResult;
    const what: Representation = {
      stat: result.stat,
      tag: aclTag(result.stat),
      type: 'application/json',
      body: () => JSON.stringify(wireAcl(result)),
    };
    return representationAnswer(request.context.settings, answer, { what, known });
  },
};

/** @throws CoordinationError BADARGUMENTS for an `encoding` of raw bytes, which have none */
function refuseRawEncoding(encoding: string | undefined): void {
  if (encoding === undefined) return;
  const detail =
    'query parameter "encoding": has no effect on raw bytes, ask for JSON with Accept: application/json';
  throw new CoordinationError('BADARGUMENTS', detail);
}

/** @throws CoordinationError BADARGUMENTS for what only an ETag could answer */
function refuseTag(request: PollRequest): void {
  const { until } = request.query;
  const known = request.header('if-none-match');
  if (until === undefined && known === undefined) return;
  const asked = request.query.wait === undefined ? 'If-None-Match' : 'query parameter "wait"';
  const detail =
    `${asked}: a listing with limit, after or with has no ETag to compare; ` +
    'wait for the plain listing, then ask for its pages';
  throw new CoordinationError('BADARGUMENTS', detail);
}

function poll(
  request: PollRequest,
  operation: PolledRead['operation'],
  represent: PolledRead['represent'],
): Promise<Answer> {
  return answerRead(request, { operation, represent });
}

function rawZnode({ data, stat }: DataResult): Representation {
  return {
    stat,
    tag: dataTag(stat),
    type: 'application/octet-stream',
    body: () => data,
  };
}

function headOf({ stat }: StatResult): Representation {
  return {
    stat,
    tag: dataTag(stat),
    type: 'application/octet-stream',
    body: () => '',
    bodyLength: stat.dataLength,
  };
}

function jsonZnode(result: DataResult, encoding: 'utf8' | 'base64' | undefined): Representation {
  const { stat } = result;
  return {
    stat,
    tag: statTag(stat),
    type: 'application/json',
    body: () => JSON.stringify(wireData(result, encoding)),
    varies: true,
  };
}

function subtreeBody(answer: ResultAnswer): object {
  const result = answer.result as TreeResult | CountResult;
  if ('descendants' in result) return { path: result.path, descendants: result.descendants };
  const { path, nodes, next, truncated } = result;
  return { path, zxid: answer.zxid, nodes, ...(next !== undefined && { next }), truncated };
}
