/** The first message of a connection, into what attaches its stream to a session. */
import { CoordinationError } from '../../protocol/errors.ts';
import { limitText } from '../../protocol/limit-texts.ts';
import type { Limits } from '../../protocol/limits.ts';
import type { Identity, WatchMode, Zxid } from '../../protocol/model.ts';
import type { AttachOperation } from '../../protocol/operations.ts';
import { credentialIdentities } from '../common/identities.ts';
import { znodePath } from '../common/operations.ts';
import { parseToken } from '../common/tokens.ts';

/** A `connect` that its schema has accepted. */
export interface ConnectMessage {
  readonly id: number;
  readonly session?: string;
  readonly timeoutMs?: number;
  readonly auth?: readonly { readonly scheme: string; readonly credential: string }[];
  readonly watches?: readonly { readonly path: string; readonly mode: WatchMode }[];
  readonly resumeFrom?: Zxid;
  readonly minZxid?: Zxid;
  readonly batch?: boolean;
}

export interface ConnectContext {
  readonly limits: Limits;
  readonly superIdentity?: Identity;
}

/**
 * @throws CoordinationError BADARGUMENTS for a bad path, AUTHFAILED for bad credentials or a token of
 * another form, QUOTAEXCEEDED for too many credentials
 */
export function attachOperation(message: ConnectMessage, context: ConnectContext): AttachOperation {
  const { session, timeoutMs, auth = [], watches = [], resumeFrom } = message;
  const { limits, superIdentity } = context;
  if (timeoutMs !== undefined && session === undefined) {
    const detail = 'timeoutMs: has no effect without a session, ask for one with "session": "new"';
    throw new CoordinationError('BADARGUMENTS', detail);
  }
  if (auth.length > limits.identitiesMax) {
    const detail = `auth: ${auth.length} credentials exceed ${limitText(limits, 'identitiesMax')}`;
    throw new CoordinationError('QUOTAEXCEEDED', detail);
  }
  return {
    type: 'attach',
    watches: watches.map(({ path, mode }, index) => ({
      path: znodePath(path, limits, { field: `watches[${index}].path` }),
      mode,
    })),
    identities: auth.flatMap(({ scheme, credential }) =>
      credentialIdentities(scheme, credential, superIdentity),
    ),
    session: sessionOf(session),
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(resumeFrom !== undefined && { resumeFrom }),
  };
}

function sessionOf(text: string | undefined): AttachOperation['session'] {
  if (text === undefined) return 'none';
  return text === 'new' ? 'new' : parseToken(text);
}
