/** Each part of a message alone makes it another request under the same idempotency key. */
import { expect, it } from 'vitest';
import { fingerprintOf } from '../../../../src/gateway/websocket/fingerprint.ts';
import type { FingerprintSource } from '../../../../src/gateway/websocket/fingerprint.ts';

const acl = [{ scheme: 'world', id: 'anyone', perms: 'r' }];
const message = { type: 'create', id: 1, path: '/a', data: 'x', acl, idempotencyKey: 'k' };
const source = {
  message,
  session: 7,
  identities: [{ scheme: 'digest', id: 'ann:x' }],
} as unknown as FingerprintSource;

function other(fields: object, rest: object = {}): FingerprintSource {
  return { ...source, ...rest, message: { ...message, ...fields } };
}

it.each([
  ['type', other({ type: 'put' })],
  ['path', other({ path: '/b' })],
  ['data', other({ data: 'y' })],
  ['ACL', other({ acl: [{ scheme: 'world', id: 'anyone', perms: 'rw' }] })],
  ['no ACL', other({ acl: undefined })],
  ['condition', other({ version: 1 })],
  ['kind', other({ ephemeral: true })],
  ['session', other({}, { session: 8 })],
  ['identity', other({}, { identities: [{ scheme: 'digest', id: 'bob:x' }] })],
])('another %s is another request', (_part, changed) => {
  expect(fingerprintOf(changed)).not.toBe(fingerprintOf(source));
});

it.each([
  ['id', other({ id: 2 })],
  ['key', other({ idempotencyKey: 'l' })],
  ['address', other({}, { identities: [...source.identities, { scheme: 'ip', id: '::1' }] })],
])('another %s is the same request', (_part, changed) => {
  expect(fingerprintOf(changed)).toBe(fingerprintOf(source));
});
