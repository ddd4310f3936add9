/** The messages of the server as JSON text. */
import type { ErrorBody } from '../../protocol/errors.ts';
import type { Zxid } from '../../protocol/model.ts';
import type { AttachResult } from '../../protocol/operations.ts';
import type { SessionState } from '../../protocol/websocket/server.ts';
import type { GoneAnswer } from '../coordinator.ts';
import { problemOf } from '../common/problems.ts';
import { formatToken } from '../common/tokens.ts';

export function errorText(clientId: number | null, zxid: Zxid, error: ErrorBody): string {
  const problem = JSON.stringify(problemOf(error, { zxid, flags: 'fields' }));
  return `{"type":"error","id":${String(clientId)},"zxid":${zxid},"problem":${problem}}`;
}

export interface ConnectedFields {
  readonly clientId: number | null;
  readonly zxid: Zxid;
  readonly result: AttachResult;
  /** What the client sent to resume; a new session's secret comes with the result. */
  readonly token: string | undefined;
  readonly server: number;
  readonly readOnly: boolean;
  readonly heartbeatMs: number;
}

export function connectedText(fields: ConnectedFields): string {
  const { clientId, zxid, result, token, server, readOnly, heartbeatMs } = fields;
  const { session, resumed } = result;
  const shown = session && {
    id: session.id,
    token: session.secret === undefined ? token : formatToken(session.id, session.secret),
    timeoutMs: session.timeoutMs,
  };
  return JSON.stringify({
    type: 'connected',
    id: clientId,
    ...(shown && { session: shown }),
    resumed,
    zxid,
    server,
    readOnly,
    heartbeatMs,
  });
}

export function bookmarkText(zxid: Zxid): string {
  return `{"type":"bookmark","zxid":${zxid}}`;
}

export function goneText({ oldestZxid, currentZxid }: GoneAnswer): string {
  return `{"type":"gone","oldestZxid":${oldestZxid},"currentZxid":${currentZxid}}`;
}

export function sessionText(state: SessionState): string {
  return `{"type":"session","state":"${state}"}`;
}

export function goawayText(retryAfterMs: number): string {
  return `{"type":"goaway","reason":"restart","retryAfterMs":${retryAfterMs}}`;
}
