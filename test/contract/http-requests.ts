/** Good requests, and what can be wrong with them down to the last byte. */
import fc from 'fast-check';
import { spoil } from './from-schema.ts';

export interface RawRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: readonly (readonly [string, string])[];
  /** Undefined = none, and no length of one. */
  readonly body?: unknown;
}

const openAcl = [{ scheme: 'world', id: 'anyone', perms: 'cdrwa' }];
const operations = [
  { op: 'create', path: '/m', data: 'x', encoding: 'utf8' },
  { op: 'set', path: '/a', data: 'x', version: -1 },
  { op: 'check', path: '/a', exists: true },
  { op: 'delete', path: '/m', version: 0 },
];
const reads = [
  { op: 'get', path: '/a' },
  { op: 'children', path: '/' },
];
const createBody = { data: 'aGk=', encoding: 'base64', ttlMs: 60_000, parents: true, acl: openAcl };

/** Of each kind one, the value of its body as it is before it becomes JSON. */
function goodRequests(token: string): readonly RawRequest[] {
  const [id = ''] = token.split(':');
  const session = ['Zk-Session', token] as const;
  const json = ['Content-Type', 'application/json'] as const;
  const rest = (method: string, target: string, body?: unknown): RawRequest => ({
    ...{ method, target, headers: body === undefined ? [] : [json] },
    ...(body !== undefined && { body }),
  });
  return [
    { method: 'PUT', target: '/znodes/a', headers: [], body: 'some bytes' },
    { method: 'PUT', target: '/znodes/a?version=0', headers: [], body: 'some bytes' },
    { method: 'PUT', target: '/znodes/e?ephemeral', headers: [session], body: 'x' },
    {
      method: 'PUT',
      target: '/znodes/q-?sequential',
      headers: [['Idempotency-Key', 'k1']],
      body: '',
    },
    {
      method: 'PUT',
      target: '/znodes/t?ttl=60s',
      headers: [['Zk-Acl', 'world:anyone:cdrwa']],
      body: '',
    },
    { method: 'PUT', target: '/znodes/a', headers: [['If-Match', '"0"']], body: 'x' },
    rest('POST', '/znodes/j', createBody),
    rest('GET', '/znodes/a'),
    { method: 'GET', target: '/znodes/a?wait=1ms', headers: [['If-None-Match', '"0.2"']] },
    { method: 'GET', target: '/znodes/a?consistency=local', headers: [['Zk-Min-Zxid', '1']] },
    rest('HEAD', '/znodes/a'),
    rest('DELETE', '/znodes/j?recursive'),
    rest('GET', '/stat/a'),
    rest('GET', '/children/?with=data&limit=10&after=a'),
    rest('GET', '/tree/?depth=2&limit=10'),
    rest('GET', '/acl/a'),
    rest('PUT', '/acl/a', openAcl),
    rest('POST', '/multi', { operations }),
    rest('POST', '/multi-read', { operations: reads, consistency: 'local' }),
    rest('POST', '/sync'),
    { method: 'GET', target: '/whoami', headers: [['Authorization', 'Basic YW5uOnNlY3JldA==']] },
    rest('POST', '/sessions', { timeoutMs: 5000 }),
    { method: 'GET', target: `/sessions/${id}`, headers: [session] },
    { method: 'POST', target: `/sessions/${id}/heartbeat`, headers: [session] },
    { method: 'GET', target: `/sessions/${id}/ephemerals`, headers: [session] },
    rest('GET', '/ensemble'),
    rest('OPTIONS', '/znodes/a'),
  ];
}

const methods = [
  'GET',
  'PUT',
  'POST',
  'DELETE',
  'HEAD',
  'OPTIONS',
  'PATCH',
  'BREW',
  'get',
  'TRACE',
];

/** Put behind the target, or in place of it. */
const tails = [
  ...['?version=1&version=2', '&version=1&version=1', '?nonsense', '?=', '?%', '?a%zz', '?&&&'],
  ...[
    '/',
    '//',
    '/..',
    '/../b',
    '/./b',
    '%2F',
    '%2e%2e',
    '%00',
    '%ff',
    '%',
    '%E2%82',
    '#x',
    ';a=b',
  ],
  ...[
    '?limit=1e3',
    '?limit=99999999999999999999',
    '?depth=-1',
    '?wait=5',
    '?wait=1ms&until=absent',
  ],
  ...[
    '?ttl=0s',
    '?ttl=1y',
    '?ephemeral&container',
    '?sequential=maybe',
    '?acks=0',
    '?consistency=',
  ],
  `/${'x'.repeat(5000)}`,
];
const targets = ['*', 'znodes/a', 'http://other.example/znodes/a', '//znodes/a', '/', '/nowhere'];

const headerLines: readonly (readonly [string, string])[] = [
  ...(['If-Match', 'If-None-Match'] as const).flatMap((name) =>
    ['', '*', '"', '"a"', 'W/"1"', '1,2', '"0", *', '99999999999', '-1'].map(
      (value) => [name, value] as const,
    ),
  ),
  ...['', 'x', '1', '1:x', ':x', '1:AAAAAAAAAAAAAAAAAAAAAA', '-1:AAAAAAAAAAAAAAAAAAAAAA'].map(
    (value) => ['Zk-Session', value] as const,
  ),
  ...['', 'x', '-1', '1e3', '9007199254740993', '1, 2'].map((v) => ['Zk-Min-Zxid', v] as const),
  ...['', 'x', 'world', 'world:anyone:z', '[', '[]', '{}'].map((v) => ['Zk-Acl', v] as const),
  ...['', 'k'.repeat(300), '\u00e9', 'a b'].map((v) => ['Idempotency-Key', v] as const),
  ...['Basic', 'Basic !', 'Basic YQ==', 'Bearer x', 'Digest x', ''].map(
    (value) => ['Authorization', value] as const,
  ),
  ...['text/plain', 'application/json; charset=x', 'rubbish', '', 'application/xml'].map(
    (value) => ['Content-Type', value] as const,
  ),
  ...['gzip', 'identity', 'rubbish'].map((value) => ['Content-Encoding', value] as const),
  ...['*/*;q=0', 'text/html', 'rubbish', 'application/json'].map((v) => ['Accept', v] as const),
  ...['return=minimal', 'return=representation', ';;', 'x=1'].map((v) => ['Prefer', v] as const),
  ...['', '5', '-1', '1, 2', '99999999999999999999'].map((v) => ['Content-Length', v] as const),
  ...['chunked', 'gzip', 'identity', 'chunked, chunked'].map(
    (value) => ['Transfer-Encoding', value] as const,
  ),
  ...['other.example', '', 'localhost', '127.0.0.1:1', 'a b', '[::1'].map(
    (v) => ['Host', v] as const,
  ),
  ['Origin', 'http://evil.example'],
  ['Origin', 'null'],
  ['Expect', '100-continue'],
  ['Expect', '200-ok'],
  ['Upgrade', 'websocket'],
  ['Connection', 'Upgrade'],
  ['X-Http-Method-Override', 'DELETE'],
  ['X-Long', 'x'.repeat(70_000)],
  ['__proto__', 'x'],
];

/** Bodies that are not made of a value. */
const rawBodies = ['', '{', '[', 'null', '5', '"x"', '{"a":1', '\ufeff{}', '{"__proto__":{"x":1}}'];
const deepBody = `${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`;
const hugeNumbers = [
  '{"timeoutMs":1e400}',
  '{"timeoutMs":99999999999999999999}',
  '{"data":"\\ud800"}',
];

type Mutation = (request: RawRequest) => fc.Arbitrary<RawRequest>;

const mutations: readonly Mutation[] = [
  (request) => fc.constantFrom(...methods).map((method) => ({ ...request, method })),
  (request) =>
    fc.constantFrom(...tails).map((tail) => ({ ...request, target: request.target + tail })),
  (request) => fc.constantFrom(...targets).map((target) => ({ ...request, target })),
  (request) =>
    fc
      .constantFrom(...headerLines)
      .map((header) => ({ ...request, headers: [...request.headers, header] })),
  (request) =>
    request.body === undefined
      ? fc.constantFrom(...rawBodies).map((body) => ({ ...request, body }))
      : spoil(request.body).map((body) => ({ ...request, body })),
  (request) =>
    fc.constantFrom(...rawBodies, ...hugeNumbers, deepBody).map((body) => ({ ...request, body })),
];

const mutated = (request: RawRequest): fc.Arbitrary<RawRequest> =>
  fc.constantFrom(...mutations).chain((mutate) => mutate(request));

export function anyRequest(tokens: readonly string[]): fc.Arbitrary<RawRequest> {
  const good = fc.constantFrom(...tokens).chain((token) => fc.constantFrom(...goodRequests(token)));
  return fc.oneof(
    { weight: 1, arbitrary: good },
    { weight: 8, arbitrary: good.chain(mutated) },
    { weight: 4, arbitrary: good.chain(mutated).chain(mutated) },
  );
}

/** The request as it goes over the wire, the connection to be closed after it. */
export function bytesOf({ method, target, headers, body }: RawRequest, port: number): Buffer {
  const names = new Set(headers.map(([name]) => name.toLowerCase()));
  const content = body === undefined ? undefined : contentOf(body);
  const lines = headers.map(([name, value]) => `${name}: ${value}`);
  if (!names.has('host')) lines.push(`Host: 127.0.0.1:${port}`);
  if (!names.has('connection')) lines.push('Connection: close');
  const isFramed = names.has('content-length') || names.has('transfer-encoding');
  if (content !== undefined && !isFramed) lines.push(`Content-Length: ${content.length}`);
  const head = Buffer.from(
    `${method} ${target} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`,
    'latin1',
  );
  return content === undefined ? head : Buffer.concat([head, content]);
}

/** Text is a body as it is, everything else becomes JSON. */
function contentOf(body: unknown): Buffer {
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
}

/** Bytes changed here and there, cut off, or with others between them. */
export function garbled(bytes: Buffer): fc.Arbitrary<Buffer> {
  const place = fc.nat({ max: Math.max(0, bytes.length - 1) });
  return fc.oneof(
    place.map((end) => bytes.subarray(0, end)),
    fc.tuple(place, fc.nat({ max: 255 })).map(([at, byte]) => {
      const copy = Buffer.from(bytes);
      copy[at] = byte;
      return copy;
    }),
    fc
      .tuple(place, fc.uint8Array({ minLength: 1, maxLength: 4 }))
      .map(([at, more]) => Buffer.concat([bytes.subarray(0, at), more, bytes.subarray(at)])),
  );
}
