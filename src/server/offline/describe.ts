/** Log records and snapshots as JSON for people. Data is shown; what proves a session is not. */
import { encodeData } from '../../gateway/common/data.ts';
import { toWireAcl } from '../../gateway/common/acl.ts';
import { decodeTransaction } from '../../tree/index.ts';
import type { Change } from '../../tree/index.ts';
import { decodeEpochRecord } from '../../zab/index.ts';
import type { RecordKind } from '../../zab/index.ts';

/** The payload of a log record. @throws InvariantError for bytes that are none */
export function describePayload(payload: Uint8Array, kind: RecordKind): object {
  if (kind === 'epoch') {
    const { leader, incarnation, clusterId, featureLevel } = decodeEpochRecord(payload);
    return { leader, incarnation, clusterId, featureLevel };
  }
  const { time, session, changes, idempotency } = decodeTransaction(payload);
  return {
    time: new Date(time).toISOString(),
    ...(session !== 0 && { session }),
    changes: changes.map(describeChange),
    ...(idempotency !== undefined && { idempotencyKey: idempotency.key }),
  };
}

function describeChange(change: Change): object {
  switch (change.type) {
    case 'create':
    case 'set': {
      const { data, ...fields } = change;
      return { ...fields, ...encodeData(data) };
    }
    case 'defineAcl':
      return { ...change, acl: toWireAcl(change.acl) };
    case 'createSession': {
      const { type, timeoutMs } = change;
      return { type, timeoutMs };
    }
    case 'delete':
    case 'setAcl':
    case 'attachSession':
    case 'closeSession':
      return change;
  }
}
