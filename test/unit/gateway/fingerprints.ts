/**
 * Requests that differ from one another in one part, and their fingerprints under an idempotency key. No test
 * file: the tests of both doors use it, and the checks of `test/unit/shielded`.
 */
import { idempotencyOf } from '../../../src/gateway/rest/idempotency.ts';
import { RestRequest } from '../../../src/gateway/rest/request.ts';
import type { RequestParts } from '../../../src/gateway/rest/request.ts';
import type { HttpContext } from '../../../src/gateway/rest/context.ts';
import { fingerprintOf } from '../../../src/gateway/websocket/fingerprint.ts';
import type { FingerprintSource } from '../../../src/gateway/websocket/fingerprint.ts';
import { defaultLimits } from '../../../src/protocol/limits.ts';
import { servedRoutes } from '../../../src/protocol/rest/routes.ts';

/** What a door makes of a request, as it is and with some of its parts changed. */
export interface Fingerprints {
  readonly original: string;
  /** By the part that alone is another: each must be another request. */
  readonly others: Readonly<Record<string, string>>;
  /** By the part that alone is another: each must be the same request. */
  readonly same: Readonly<Record<string, string>>;
}

const entry = { scheme: 'world', id: 'anyone', perms: 'r' };
const message = { type: 'create', id: 1, path: '/a', data: 'x', acl: [entry], idempotencyKey: 'k' };
const source: FingerprintSource = {
  message,
  session: 7,
  identities: [{ scheme: 'digest', id: 'ann:x' }],
};

function told(fields: object, rest: Partial<FingerprintSource> = {}): string {
  return fingerprintOf({ ...source, ...rest, message: { ...message, ...fields } });
}

/** Of a message of the WebSocket. */
export function websocketFingerprints(): Fingerprints {
  const { identities } = source;
  return {
    original: fingerprintOf(source),
    others: {
      type: told({ type: 'put' }),
      path: told({ path: '/b' }),
      data: told({ data: 'y' }),
      ACL: told({ acl: [{ ...entry, perms: 'rw' }] }),
      'absence of an ACL': told({ acl: undefined }),
      'inherited ACL': told({ inheritAcl: true }),
      condition: told({ version: 1 }),
      kind: told({ ephemeral: true }),
      session: told({}, { session: 8 }),
      identity: told({}, { identities: [{ scheme: 'digest', id: 'bob:x' }] }),
    },
    same: {
      id: told({ id: 2 }),
      key: told({ idempotencyKey: 'l' }),
      address: told({}, { identities: [...identities, { scheme: 'ip', id: '::1' }] }),
    },
  };
}

interface Change {
  readonly method?: string;
  readonly url?: string;
  readonly path?: string;
  readonly query?: RequestParts['query'];
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly body?: string;
  readonly address?: string;
}

const secret = 'A'.repeat(22);

function asked(change: Change = {}): string {
  const { method = 'PUT', path = 'a', query = {}, body = 'x', address = '127.0.0.1' } = change;
  const headers = {
    'idempotency-key': 'k',
    authorization: 'Basic YW5uOng=',
    'zk-session': `7:${secret}`,
    'zk-acl': 'world:anyone:r',
    ...change.headers,
  };
  const request = new RestRequest(
    { settings: { limits: defaultLimits } } as unknown as HttpContext,
    servedRoutes.putZnode.query,
    {
      raw: { method, url: change.url ?? `/znodes/${path}`, headers, rawHeaders: [] },
      response: {},
      address,
      params: { '*': path },
      query,
    } as unknown as RequestParts,
  );
  const { fingerprint } = idempotencyOf(request, Buffer.from(body)) ?? {};
  if (fingerprint === undefined) throw new Error('the request has no key');
  return fingerprint;
}

/** Of a REST request. */
export function restFingerprints(): Fingerprints {
  return {
    original: asked(),
    others: {
      method: asked({ method: 'POST' }),
      route: asked({ url: '/acl/a' }),
      path: asked({ path: 'b' }),
      body: asked({ body: 'y' }),
      ACL: asked({ headers: { 'zk-acl': 'world:anyone:rw' } }),
      'absence of an ACL': asked({ headers: { 'zk-acl': undefined } }),
      'inherited ACL': asked({ query: { inheritAcl: '' } }),
      'If-Match': asked({ headers: { 'if-match': '"1"' } }),
      'If-None-Match': asked({ headers: { 'if-none-match': '*' } }),
      version: asked({ query: { version: '1' } }),
      kind: asked({ query: { ephemeral: '' } }),
      sequence: asked({ query: { sequential: '' } }),
      'time to live': asked({ query: { ttl: '1m' } }),
      parents: asked({ query: { parents: '' } }),
      acks: asked({ query: { acks: 'all' } }),
      session: asked({ headers: { 'zk-session': `8:${secret}` } }),
      'absence of a session': asked({ headers: { 'zk-session': undefined } }),
      identity: asked({ headers: { authorization: 'Basic Ym9iOng=' } }),
    },
    same: {
      key: asked({ headers: { 'idempotency-key': 'l' } }),
      address: asked({ address: '::1' }),
      preference: asked({ headers: { prefer: 'return=minimal' } }),
      'form of the target': asked({ url: 'http://127.0.0.1/znodes/a' }),
    },
  };
}
