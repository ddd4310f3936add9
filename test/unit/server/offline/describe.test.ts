import { describe, expect, it } from 'vitest';
import { parsePath } from '../../../../src/protocol/path.ts';
import { describePayload } from '../../../../src/server/offline/describe.ts';
import { encodeTransaction } from '../../../../src/tree/index.ts';
import type { Change } from '../../../../src/tree/index.ts';
import { encodeEpochRecord } from '../../../../src/zab/index.ts';

function described(...changes: Change[]): unknown {
  const payload = encodeTransaction({ time: 1_700_000_000_000, session: 0, changes });
  return (describePayload(payload, 'txn') as { changes: unknown[] }).changes;
}

const path = parsePath('/a');

describe('a record for people', () => {
  it('shows text as text and other data in base64', () => {
    const deleted = { type: 'delete', path, acl: 0, parentAcl: 0 } as const;
    const created = (data: Uint8Array): Change => ({
      ...{ type: 'create', path, data, kind: 'persistent', ephemeralOwner: 0, ttlMs: 0 },
      ...{ acl: 0, parentAcl: 0, parentCversion: 1 },
    });
    expect(described(created(Buffer.from('hé')), created(Uint8Array.of(0xff)), deleted)).toEqual([
      expect.objectContaining({ type: 'create', path: '/a', data: 'hé', encoding: 'utf8' }),
      expect.objectContaining({ type: 'create', data: '/w==', encoding: 'base64' }),
      deleted,
    ]);
  });

  it('writes permissions as letters', () => {
    const acl = [{ scheme: 'world', id: 'anyone', perms: 31 }];
    expect(described({ type: 'defineAcl', id: 2, acl })).toEqual([
      { type: 'defineAcl', id: 2, acl: [{ scheme: 'world', id: 'anyone', perms: 'cdrwa' }] },
    ]);
  });

  it('hides what proves a session', () => {
    const secretHash = new Uint8Array(32).fill(7);
    expect(described({ type: 'createSession', timeoutMs: 10_000, secretHash })).toEqual([
      { type: 'createSession', timeoutMs: 10_000 },
    ]);
  });

  it('names the session that is taken over', () => {
    expect(described({ type: 'attachSession', session: 42, timeoutMs: 6000 })).toEqual([
      { type: 'attachSession', session: 42, timeoutMs: 6000 },
    ]);
  });

  it('tells time, session and idempotency key of a transaction', () => {
    const payload = encodeTransaction({
      time: 1_700_000_000_000,
      session: 42,
      changes: [],
      idempotency: { key: 'order-7', owner: 'o', fingerprint: 'f', result: new Uint8Array(3) },
    });
    expect(describePayload(payload, 'txn')).toEqual({
      time: '2023-11-14T22:13:20.000Z',
      session: 42,
      changes: [],
      idempotencyKey: 'order-7',
    });
  });

  it('tells who led an epoch', () => {
    const epoch = { leader: 1, incarnation: 'i', clusterId: 'c', featureLevel: 1 };
    const payload = encodeEpochRecord({ ...epoch, config: new Uint8Array(0) });
    expect(describePayload(payload, 'epoch')).toEqual(epoch);
  });
});
