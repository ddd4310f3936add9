/** Requests about several znodes, or none. */
import { Type } from '@sinclair/typebox';
import { CoordinationError } from '../../protocol/errors.ts';
import type { MultiReadResult, MultiResult, WhoamiResult } from '../../protocol/operations.ts';
import { ConsistencySchema } from '../../protocol/rest/schemas.ts';
import { Exactly } from '../../protocol/schemas.ts';
import { multiOperation, multiReadOperation } from '../common/operations.ts';
import { wireMultiReadResults, wireMultiResults } from '../common/results.ts';
import { validatorOf } from '../common/validation.ts';
import { prefersMinimal } from './accept.ts';
import { jsonLimit, rawLimit, readJson } from './body.ts';
import type { Handlers } from './handler.ts';
import { idempotencyOf } from './idempotency.ts';
import { envelopeHeaders, jsonAnswer, minimalAnswer } from './representations.ts';

type TransactionId = 'multi' | 'multiRead' | 'sync' | 'whoami';

// The members are checked one by one, so that an error names the member and its field.
const operations = Type.Array(Type.Unknown());
const checkMulti = validatorOf(Exactly({ operations }));
const checkMultiRead = validatorOf(
  Exactly({ operations, consistency: Type.Optional(ConsistencySchema) }),
);

/** Base64 and field names at most double what a transaction carries. */
const jsonOfMembers = { factor: 2 };

export const transactionHandlers: Handlers<TransactionId> = {
  multi: async (request) => {
    const { settings } = request.context;
    const json = await readJson(
      request,
      jsonLimit(settings.limits, 'transactionBytesMax', jsonOfMembers),
    );
    const body = checkMulti(json);
    const operation = multiOperation(body.operations, settings.limits);
    const ephemeral = operation.operations.some(
      (member) => member.type === 'create' && member.kind === 'ephemeral',
    );
    if (ephemeral && !request.hasSession) {
      throw new CoordinationError('SESSIONREQUIRED', 'an ephemeral znode needs Zk-Session');
    }
    const text = Buffer.from(JSON.stringify(body));
    const answer = await request.write(operation, idempotencyOf(request, text));
    const headers = envelopeHeaders(settings, answer);
    if (prefersMinimal(request.header('prefer'))) return minimalAnswer(headers);
    const results = wireMultiResults(answer.result as MultiResult);
    return jsonAnswer(headers, { zxid: answer.zxid, results });
  },

  multiRead: async (request) => {
    const { settings } = request.context;
    const json = await readJson(request, rawLimit(settings.limits, 'transactionBytesMax'));
    const body = checkMultiRead(json);
    if (body.consistency !== undefined && request.query.consistency !== undefined) {
      throw new CoordinationError('BADARGUMENTS', 'consistency: is given in the query too');
    }
    const { operation, encodings } = multiReadOperation(body.operations, settings.limits);
    const answer = await request.read(operation, body.consistency);
    const results = wireMultiReadResults(answer.result as MultiReadResult, encodings);
    return jsonAnswer(envelopeHeaders(settings, answer), { zxid: answer.zxid, results });
  },

  sync: async (request) => {
    const answer = await request.read({ type: 'sync' }, 'linearizable');
    return jsonAnswer(envelopeHeaders(request.context.settings, answer), { zxid: answer.zxid });
  },

  whoami: async (request) => {
    const answer = await request.read({ type: 'whoami' });
    const { identities, session } = answer.result as WhoamiResult;
    return jsonAnswer(envelopeHeaders(request.context.settings, answer), {
      identities,
      ...(session !== undefined && { session }),
    });
  },
};
