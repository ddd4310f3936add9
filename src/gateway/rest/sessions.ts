/** Sessions for plain HTTP. */
import { CoordinationError } from '../../protocol/errors.ts';
import type { SessionId } from '../../protocol/model.ts';
import type {
  EphemeralsResult,
  SessionInfoResult,
  SessionResult,
} from '../../protocol/operations.ts';
import type { QuerySpec } from '../../protocol/rest/query.ts';
import { NewSessionBodySchema } from '../../protocol/rest/schemas.ts';
import { isSuper } from '../common/identities.ts';
import { formatToken } from '../common/tokens.ts';
import { validatorOf } from '../common/validation.ts';
import { readJson } from './body.ts';
import type { Handlers } from './handler.ts';
import { emptyAnswer, envelopeHeaders, jsonAnswer, wholeMs } from './representations.ts';
import { waitFor } from './request.ts';
import type { RestRequest } from './request.ts';

type SessionRouteId =
  'createSession' | 'getSession' | 'deleteSession' | 'heartbeatSession' | 'getEphemerals';

/** Room for one number and its name. */
const bodyLimit = {
  bytesMax: 64 * 1024,
  text: () => '65536 bytes, which no setting changes; send {"timeoutMs": NUMBER}',
};

/** Heartbeats in one timeout: two may get lost. */
const heartbeatsPerTimeout = 3;

const checkNewSession = validatorOf(NewSessionBodySchema);

export const sessionHandlers: Handlers<SessionRouteId> = {
  createSession: async (request) => {
    const { settings } = request.context;
    const json = await readJson(request, bodyLimit);
    const { timeoutMs } = checkNewSession(json === undefined ? {} : json);
    const operation = {
      type: 'newSession' as const,
      ...(timeoutMs !== undefined && { timeoutMs }),
    };
    const minZxid = request.minZxid();
    const answer = await waitFor(request.context, request.response, {
      operation,
      caller: request.caller(),
      ...(minZxid !== undefined && { minZxid }),
    });
    const session = answer.result as SessionResult;
    const headers = envelopeHeaders(settings, answer);
    headers.push('Location', `/sessions/${session.id}`);
    const body = {
      id: session.id,
      secret: session.secret,
      token: formatToken(session.id, session.secret),
      timeoutMs: session.timeoutMs,
      heartbeatMs: Math.floor(session.timeoutMs / heartbeatsPerTimeout),
    };
    return jsonAnswer(headers, body, 201);
  },

  getSession: async (request) => {
    const session = await ownSession(request);
    const answer = await request.read({ type: 'sessionInfo', session });
    const { id, timeoutMs, expiresInMs, ephemerals, connected } =
      answer.result as SessionInfoResult;
    const body = { id, timeoutMs, expiresInMs: wholeMs(expiresInMs), ephemerals, connected };
    return jsonAnswer(envelopeHeaders(request.context.settings, answer), body);
  },

  deleteSession: async (request) => {
    const session = await ownSession(request);
    const answer = await request.write({ type: 'closeSession', session });
    return emptyAnswer(request.context.settings, { zxid: answer.zxid });
  },

  heartbeatSession: async (request) => {
    const session = await ownSession(request);
    const operation = { type: 'sessionInfo', session, touch: true } as const;
    const answer = await request.read(operation, 'linearizable');
    const { expiresInMs } = answer.result as SessionInfoResult;
    return emptyAnswer(request.context.settings, { expiresInMs, ...answer });
  },

  getEphemerals: async (request) => {
    const session = await ownSession(request);
    const answer = await request.read({ type: 'ephemerals', session });
    const { paths } = answer.result as EphemeralsResult;
    return jsonAnswer(envelopeHeaders(request.context.settings, answer), { paths });
  },
};

/**
 * The session of the URL, which the caller must hold, or have super rights.
 * @throws CoordinationError SESSIONREQUIRED, NOAUTH; RequestRefused where the caller's token is no good
 */
async function ownSession<Q extends QuerySpec>(request: RestRequest<Q>): Promise<SessionId> {
  const id = request.number('id');
  const held = request.session();
  if (held?.id === id || isSuper(request.identities())) return id;
  if (held === undefined) {
    const detail = 'needs the Zk-Session header of that session, or super rights';
    throw new CoordinationError('SESSIONREQUIRED', detail);
  }
  // A token that is wrong or expired says so before anything is said about another's session.
  await request.read({ type: 'whoami' });
  throw new CoordinationError('NOAUTH', `session ${id} is another's than that of Zk-Session`);
}
