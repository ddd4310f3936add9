/** Writes of one znode: put, create, delete, ACL. */
import { CoordinationError } from '../../protocol/errors.ts';
import type { ZnodePath } from '../../protocol/model.ts';
import type { StatResult, VersionCondition, WriteOperation } from '../../protocol/operations.ts';
import { rootPath } from '../../protocol/path.ts';
import { CreateBodySchema } from '../../protocol/rest/schemas.ts';
import { AclSchema } from '../../protocol/schemas.ts';
import { fromWireAcl } from '../common/acl.ts';
import { createKind, createOperation, createPath } from '../common/operations.ts';
import type { CreateKind } from '../common/operations.ts';
import { conditionOfTags, conditionOfVersion } from '../common/preconditions.ts';
import type { Facet } from '../common/preconditions.ts';
import { aclTag, statHeader } from '../common/stat.ts';
import { validatorOf } from '../common/validation.ts';
import { prefersMinimal } from './accept.ts';
import type { Answer } from './answer.ts';
import { jsonLimit, rawLimit, readBody, readJson } from './body.ts';
import type { Handlers, QueryOf } from './handler.ts';
import { idempotencyOf } from './idempotency.ts';
import { envelopeHeaders, jsonAnswer, minimalAnswer, writtenAnswer } from './representations.ts';
import type { RestRequest } from './request.ts';

type WriteId = 'putZnode' | 'createZnode' | 'deleteZnode' | 'putAcl';

/** JSON text may take up to six bytes for one of the data (`\u0000`). */
const jsonOfData = { factor: 6, extra: 64 * 1024 };

const checkCreateBody = validatorOf(CreateBodySchema);
const checkAclBody = validatorOf(AclSchema);

export const writeHandlers: Handlers<WriteId> = {
  putZnode: async (request) => {
    const plan = planPut(request);
    const data = await readBody(
      request,
      rawLimit(request.context.settings.limits, 'znodeDataBytesMax'),
    );
    return write(request, plan(data), data);
  },

  createZnode: async (request) => {
    const { limits } = request.context.settings;
    checkCreateOnly(request);
    const acl = request.aclHeader();
    const json = await readJson(request, jsonLimit(limits, 'znodeDataBytesMax', jsonOfData));
    const body = checkCreateBody(json === undefined ? {} : json);
    if (acl !== undefined && body.acl !== undefined) {
      throw new CoordinationError('BADARGUMENTS', 'acl: is given in Zk-Acl too');
    }
    const created = createOperation(request.pathText, body, { limits, route: request.route });
    if (acl !== undefined && body.inheritAcl === true) throw twoAcls();
    const operation = acl === undefined ? created : { ...created, acl };
    if (operation.kind === 'ephemeral') requireSession(request);
    return write(request, operation, Buffer.from(JSON.stringify(body)));
  },

  deleteZnode: async (request) => {
    const path = request.path();
    const { recursive } = request.query;
    const condition = writeCondition(request);
    const operation = {
      ...{ type: 'delete' as const, path },
      ...(condition !== undefined && { condition }),
      ...(recursive === true && { recursive }),
    };
    const answer = await request.write(operation, idempotencyOf(request, new Uint8Array(0)));
    const headers = envelopeHeaders(request.context.settings, answer);
    if (prefersMinimal(request.header('prefer'))) return minimalAnswer(headers);
    return { status: 204, headers };
  },

  putAcl: async (request) => {
    const { settings } = request.context;
    const path = request.path();
    const condition = writeCondition(request, 'acl');
    if (condition === undefined) refuseRoot(path, '/acl');
    const bodyLimit = rawLimit(settings.limits, 'znodeDataBytesMax', 'use fewer entries');
    const entries = checkAclBody(await readJson(request, bodyLimit));
    const acl = fromWireAcl(entries, settings.limits);
    const operation = {
      ...{ type: 'setAcl' as const, path, acl },
      ...(condition !== undefined && { condition }),
    };
    const body = Buffer.from(JSON.stringify(entries));
    const answer = await request.write(operation, idempotencyOf(request, body));
    const { stat } = answer.result as StatResult;
    const headers = envelopeHeaders(settings, answer);
    headers.push('ETag', aclTag(stat), 'Zk-Version', String(stat.version));
    headers.push('Zk-Stat', statHeader(stat));
    if (prefersMinimal(request.header('prefer'))) return minimalAnswer(headers);
    return jsonAnswer(headers, { path, stat, zxid: answer.zxid });
  },
};

type PutRequest = RestRequest<QueryOf<'putZnode'>>;

/** Checks everything but the body, so that a bad request is refused before its data is read. */
function planPut(request: PutRequest): (data: Uint8Array) => WriteOperation {
  const kind = putKind(request);
  const { parents, inheritAcl } = request.query;
  const condition = writeCondition(request);
  const acl = request.aclHeader();
  if (acl !== undefined && inheritAcl === true) throw twoAcls();
  const createOnly = checkCreateOnly(request) || kind !== undefined;
  const options = {
    ...(parents === true && { parents }),
    ...(acl !== undefined && { acl }),
    ...(inheritAcl === true && { inheritAcl }),
  };
  if (!createOnly) {
    const path = request.path();
    if (condition === undefined) {
      refuseRoot(path, '/znodes');
      return (data) => ({ type: 'put', path, data, ...options });
    }
    if (acl !== undefined) throw badArgument('Zk-Acl: this request only replaces, see /acl');
    if (inheritAcl === true) throw badArgument(onlyReplaces('inheritAcl'));
    if (parents === true) throw badArgument(onlyReplaces('parents'));
    return (data) => ({ type: 'set', path, data, condition });
  }
  if (condition !== undefined) throw badArgument('If-Match: this request only creates');
  const create = kind ?? { kind: 'persistent', sequential: false };
  const path = createPath(request.pathText, create.sequential, {
    limits: request.context.settings.limits,
    route: request.route,
  });
  if (create.kind === 'ephemeral') requireSession(request);
  return (data) => ({ type: 'create', path, data, ...create, ...options });
}

/** The kind that the query asks for; undefined when it leaves creating or replacing open. */
function putKind({ query }: PutRequest): CreateKind | undefined {
  const { ephemeral, sequential, container, ttl } = query;
  if (ephemeral !== true && sequential !== true && container !== true && ttl === undefined) {
    return undefined;
  }
  return createKind({ ephemeral, sequential, container, ttlMs: ttl });
}

/** The condition of `If-Match` or `version`, which exclude one another. */
function writeCondition(
  request: RestRequest<Pick<QueryOf<'putZnode'>, 'version'>>,
  facet: Facet = 'data',
): Exclude<VersionCondition, undefined> | undefined {
  const { version } = request.query;
  const tags = request.tags('if-match');
  if (tags === undefined && version === undefined) return undefined;
  if (tags !== undefined && version !== undefined) {
    throw badArgument('If-Match and the query parameter "version" exclude one another');
  }
  request.condition = 'If-Match';
  return tags === undefined
    ? conditionOfVersion(version ?? -1)
    : conditionOfTags(tags, 'If-Match', facet);
}

/** True under `If-None-Match: *`, which is all that a write takes. */
function checkCreateOnly<Q extends QueryOf<'createZnode'>>(request: RestRequest<Q>): boolean {
  const tags = request.tags('if-none-match');
  if (tags === undefined) return false;
  if (tags !== '*') throw badArgument('If-None-Match: a write takes only *');
  if (request.condition !== undefined) {
    throw badArgument('If-None-Match excludes If-Match and the query parameter "version"');
  }
  request.condition = 'If-None-Match';
  return true;
}

async function write<Q extends QueryOf<'createZnode'>>(
  request: RestRequest<Q>,
  operation: WriteOperation,
  body: Uint8Array,
): Promise<Answer> {
  const answer = await request.write(operation, idempotencyOf(request, body));
  const minimal = prefersMinimal(request.header('prefer'));
  return writtenAnswer(request.context.settings, answer, minimal);
}

function twoAcls(): CoordinationError {
  return badArgument('Zk-Acl and inheritAcl exclude one another');
}

function onlyReplaces(name: string): string {
  return `query parameter "${name}": this request has If-Match and only replaces`;
}

/** An ephemeral znode belongs to a session. @throws CoordinationError SESSIONREQUIRED */
function requireSession(request: Pick<RestRequest, 'hasSession'>): void {
  if (request.hasSession) return;
  const detail = 'an ephemeral znode needs the Zk-Session header of the session that owns it';
  throw new CoordinationError('SESSIONREQUIRED', detail);
}

/**
 * An empty path is the root: a client whose variable is empty would overwrite what belongs to all.
 * @throws CoordinationError BADARGUMENTS
 */
function refuseRoot(path: ZnodePath, route: string): void {
  if (path !== rootPath) return;
  const detail =
    'the path is empty, which is the root "/"; a PUT to the root needs a condition, ' +
    `for example If-Match: *. Did you mean ${route}/NAME?`;
  throw badArgument(detail);
}

function badArgument(detail: string): CoordinationError {
  return new CoordinationError('BADARGUMENTS', detail);
}
