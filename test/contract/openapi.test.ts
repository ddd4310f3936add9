/**
 * The document against the node: random requests, well-formed and spoilt ones, are made out of the OpenAPI
 * document, and every answer must be one that the document declares, header by header and body by body.
 */
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { ValidateFunction } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { httpClient } from '../support/http-client.ts';
import type { Http, HttpAnswer, HttpRequestOptions } from '../support/http-client.ts';
import { startMemoryNode } from '../support/memory-node.ts';
import type { MemoryNode } from '../support/memory-node.ts';

type Json = Record<string, unknown>;

interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly schema: Json;
}

interface Response {
  readonly headers?: Record<string, Json>;
  readonly content?: Record<string, { readonly schema: Json }>;
}

interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly Json[];
  readonly requestBody?: Json;
  readonly responses: Record<string, Json>;
}

interface Route {
  readonly method: string;
  readonly path: string;
  readonly operation: Operation;
}

const superIdentity = { scheme: 'digest', id: 'super:D/InIHSb7yEEbrWz8b9l71RjZJU=' };

let node: MemoryNode;
let http: Http;
let document: Json;
let ajv: Ajv2020;
let routes: readonly Route[];
let tokens: readonly string[];
/** The zxid of a snapshot that is kept. */
let snapshot: string;

beforeAll(async () => {
  node = await startMemoryNode({
    superIdentity,
    limits: { longPollMaxMs: 20, requestTimeoutMs: 50 },
  });
  http = httpClient(node.url);
  document = (await http('GET', '/openapi.json')).json();
  ajv = new Ajv2020({ strict: false, formats: { int32: true, int64: true, binary: true } });
  ajv.addSchema({ $id: 'document', ...document });
  // Event streams have no end, and the rest is another's to serve.
  const skipped = ['/watch/{path}', '/docs', '/health/live', '/health/ready', '/metrics'];
  routes = Object.entries(document['paths'] as Record<string, Record<string, Operation>>)
    .filter(([path]) => !skipped.includes(path))
    .flatMap(([path, item]) =>
      Object.entries(item).map(([method, operation]) => ({ method, path, operation })),
    );
  const taken = await http('POST', '/admin/snapshots', { headers: superHeader });
  snapshot = String(taken.json()['zxid']);
  tokens = await Promise.all(Array.from({ length: 20 }, newToken));
});

afterAll(async () => {
  expect(node.errors).toEqual([]);
  await node.close();
});

async function newToken(): Promise<string> {
  return String((await http('POST', '/sessions')).json()['token']);
}

function resolved(value: Json): Json {
  const reference = value['$ref'];
  if (typeof reference !== 'string') return value;
  const names = reference.slice('#/'.length).split('/');
  return names.reduce<Json>((at, name) => at[name] as Json, document);
}

/** What has been compiled out of each schema of the document: that takes longer than many requests. */
const validators = new Map<Json, ValidateFunction>();

function validatorOf(schema: Json): ValidateFunction {
  const known = validators.get(schema);
  if (known !== undefined) return known;
  const absolute = JSON.stringify(schema).replaceAll('"#/components', '"document#/components');
  const validator = ajv.compile(JSON.parse(absolute) as object);
  validators.set(schema, validator);
  return validator;
}

/** Few names, so that requests meet. */
const names = ['', 'a', 'b', 'c', 'd', 'a/b', 'b/c', 'a/b/c', 'zookeeper', 'q-'];
const badNames = ['a//b', '.', 'a/', '%00', '%zz', 'x'.repeat(5000)];

const versions = fc.constantFrom('0', '1', '-1', '2');
const tags = fc.oneof(
  fc.constantFrom('*', '"0.2"', 'W/"0"', '"rubbish"', 'rubbish', '"1.2;0.0"'),
  versions.map((version) => `"${version}"`),
);

/** Values of parameters that a node is likely to make something of, and some that it is not. */
function valueOf({ name, schema }: Parameter): fc.Arbitrary<string> {
  const flags = ['', 'true', '1', 'false', '0'];
  const words =
    schema['type'] === 'boolean' ? flags : ((schema['enum'] as string[] | undefined) ?? []);
  switch (name) {
    case 'version':
      return versions;
    case 'wait':
      return fc.constantFrom('1ms', '10ms', '5m');
    case 'ttl':
      return fc.constantFrom('60s', '1h', '0s');
    case 'limit':
    case 'depth':
      return fc.constantFrom('1', '2', '100', '0');
    case 'acks':
      return fc.constantFrom('1', 'all', '2');
    case 'after':
      return fc.constantFrom('a', '/a', '/');
    default:
      return words.length > 0 ? fc.constantFrom(...words) : fc.string();
  }
}

function headerOf(name: string): fc.Arbitrary<string> {
  switch (name) {
    case 'Zk-Session':
      return fc.constantFrom(...tokens, '1:AAAAAAAAAAAAAAAAAAAAAA', 'rubbish');
    case 'Zk-Min-Zxid':
      return fc.constantFrom('0', '1', '999999', '-1');
    case 'If-Match':
    case 'If-None-Match':
      return tags;
    case 'Prefer':
      return fc.constantFrom('return=minimal', 'wait=5');
    case 'Idempotency-Key':
      return fc.constantFrom('k1', 'k2', 'k3', '"k4"', '');
    case 'Zk-Acl':
      return fc.constantFrom('world:anyone:cdrwa', 'auth::r', 'rubbish', 'ip:127.0.0.1:cdrwa');
    default:
      return fc.constant('x');
  }
}

interface Sent {
  readonly route: Route;
  readonly target: string;
  readonly options: HttpRequestOptions;
}

const zPath = fc.constantFrom('/a', '/b', '/c', '/a/b', '/d', '/', '/q-', 'a');
const text = fc.oneof(
  { weight: 9, arbitrary: fc.string() },
  { weight: 1, arbitrary: fc.constant(5) },
);
const maybe = <T>(values: Record<string, fc.Arbitrary<T>>, requiredKeys: string[] = []) =>
  fc.record(values, { requiredKeys });

const member = fc.oneof(
  maybe<unknown>({ op: fc.constant('create'), path: zPath, data: text }, ['op', 'path']),
  maybe<unknown>(
    { op: fc.constant('set'), path: zPath, version: fc.integer({ min: -1, max: 2 }) },
    ['op', 'path'],
  ),
  maybe<unknown>({ op: fc.constant('delete'), path: zPath, ifMatch: tags }, ['op', 'path']),
  maybe<unknown>({ op: fc.constant('check'), path: zPath, exists: fc.boolean() }, ['op', 'path']),
);
const readMember = fc.record({
  op: fc.constantFrom('get', 'children', 'exists', 'acl'),
  path: zPath,
});
const openAcl = [{ scheme: 'world', id: 'anyone', perms: 'cdrwa' }];

/** JSON bodies that a node is likely to make something of. */
const bodies: Readonly<Record<string, fc.Arbitrary<object>>> = {
  createZnode: maybe<unknown>({
    data: text,
    sequential: fc.boolean(),
    ephemeral: fc.constant(false),
    ttlMs: often(60_000, 0),
    parents: fc.boolean(),
    acl: often(openAcl, []),
  }),
  putAcl: fc.constantFrom(openAcl, openAcl, [{ scheme: 'nobody', id: '', perms: 'r' }]),
  multi: fc.record({ operations: fc.array(member, { maxLength: 3 }) }),
  multiRead: fc.record({ operations: fc.array(readMember, { maxLength: 3 }) }),
  createSession: maybe<unknown>({ timeoutMs: fc.constantFrom(1, 5000) }),
};

/** And some that it is not. */
const spoiltBodies = fc.constantFrom<string | object>('', '{', 'null', '{}', [], { nonsense: 1 });

function bodyOf({ operationId, requestBody }: Operation): fc.Arbitrary<HttpRequestOptions> {
  if (requestBody === undefined) return fc.constant({});
  const good = bodies[operationId] ?? fc.string();
  return fc
    .oneof<fc.MaybeWeightedArbitrary<string | object>[]>(
      { weight: 9, arbitrary: good },
      { weight: 1, arbitrary: spoiltBodies },
    )
    .map((body) => ({ body }));
}

/** The first value mostly, one of the others now and then. */
function often<T>(usual: T, ...others: T[]): fc.Arbitrary<T> {
  return fc.oneof(
    { weight: 4 * others.length, arbitrary: fc.constant(usual) },
    { weight: others.length, arbitrary: fc.constantFrom(...others) },
  );
}

/** At most two, since most of them exclude one another. */
function someOf(
  parameters: readonly Parameter[],
  value: (parameter: Parameter) => fc.Arbitrary<string>,
): fc.Arbitrary<Record<string, string>> {
  return fc
    .subarray([...parameters], { maxLength: Math.min(2, parameters.length) })
    .chain((chosen) =>
      fc.record(Object.fromEntries(chosen.map((parameter) => [parameter.name, value(parameter)]))),
    );
}

function requestOf(route: Route): fc.Arbitrary<Sent> {
  const parameters = (route.operation.parameters ?? []).map(
    (item) => resolved(item) as unknown as Parameter,
  );
  const of = (where: Parameter['in']) => parameters.filter((parameter) => parameter.in === where);
  // Were the root's ACL replaced, all would be denied from then on.
  const usable = route.operation.operationId === 'putAcl' ? names.slice(1) : names;
  const path = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...usable) },
    { weight: 3, arbitrary: fc.stringMatching(/^[e-p]{1,2}$/) },
    { weight: 1, arbitrary: fc.constantFrom(...badNames) },
  );
  const known = route.path.includes('{zxid}') ? [snapshot] : tokens.map(idOf);
  const id = fc.constantFrom(...known, ...known, 'x', '999999');
  const query = someOf(of('query'), valueOf);
  const headers = someOf(of('header'), ({ name }) => headerOf(name));
  const extra = often<Record<string, string>>(
    {},
    { Accept: 'application/json' },
    superHeader,
    badHeader,
  );
  const spoilt = often('', '&nonsense=1', '&nonsense');
  return fc
    .record({
      path,
      id,
      query,
      headers,
      extra,
      spoilt,
      body: bodyOf(route.operation),
      holds: often(true, false),
    })
    .map((parts) => {
      const search = `${new URLSearchParams(parts.query).toString()}${parts.spoilt}`;
      const place = route.path.replace('{path}', parts.path).replace(/\{\w+\}/, parts.id);
      const type = typeof parts.body.body === 'string' ? 'application/json' : undefined;
      return {
        route,
        target: search === '' ? place : `${place}?${search}`,
        options: {
          ...parts.body,
          headers: {
            ...(type !== undefined && { 'Content-Type': type }),
            ...parts.headers,
            ...(parts.holds && holding(place)),
            ...parts.extra,
          },
        },
      };
    });
}

const idOf = (token: string): string => token.split(':')[0] ?? '';
/** The token of the session that the path is about. */
function holding(place: string): Record<string, string> {
  const [, id] = /^\/sessions\/(\d+)/.exec(place) ?? [];
  const token = tokens.find((candidate) => idOf(candidate) === id);
  return token === undefined ? {} : { 'Zk-Session': token };
}

const superHeader = { Authorization: `Basic ${Buffer.from('super:test').toString('base64')}` };
const badHeader = { Authorization: 'Bearer nobody' };

function checkAnswer({ route, target }: Sent, answer: HttpAnswer): void {
  const about = `${route.method} ${target}: ${answer.status} ${answer.text.slice(0, 300)}`;
  const declared = route.operation.responses[String(answer.status)];
  expect(declared, about).toBeDefined();
  expect(answer.status, about).not.toBe(500);
  const response = resolved(declared ?? {}) as Response;
  checkHeaders(response, answer, about);
  if (route.method === 'head') {
    expect(answer.text, about).toBe('');
    return;
  }
  checkBody(response, answer, about);
}

function checkHeaders({ headers = {} }: Response, answer: HttpAnswer, about: string): void {
  const given = answer.headers;
  const coordination = !about.includes('/openapi.json') && !about.includes('/asyncapi.json');
  if (coordination) {
    expect(given['zk-zxid'], about).toMatch(/^\d+$/);
    expect(given['zk-server'], about).toBe('1');
  }
  expect(given['x-content-type-options'], about).toBe('nosniff');
  expect(given['cache-control'], about).toBe('no-store');
  for (const [name, reference] of Object.entries(headers)) {
    const text = given[name.toLowerCase()];
    if (text === undefined) continue;
    const { schema } = resolved(reference) as { schema: Json };
    const { type } = resolved(schema);
    const accepts = validatorOf(schema);
    expect(accepts(type === 'integer' ? Number(text) : text), `${about} ${name}`).toBe(true);
  }
  const own = ['zk-version', 'zk-stat', 'etag', 'location', 'preference-applied'];
  const known = Object.keys(headers).map((name) => name.toLowerCase());
  for (const name of own) {
    if (name in given) expect(known, `${about} has an undeclared ${name}`).toContain(name);
  }
}

function checkBody({ content = {} }: Response, answer: HttpAnswer, about: string): void {
  const type = answer.headers['content-type'];
  if (type === undefined) {
    expect(Object.keys(content), about).toEqual([]);
    expect(answer.text, about).toBe('');
    return;
  }
  const media = content[type];
  expect(media, `${about}: undeclared ${type}`).toBeDefined();
  if (media === undefined || !type.endsWith('json')) return;
  const body = answer.json();
  const accepts = validatorOf(media.schema);
  expect(accepts(body), `${about}: ${ajv.errorsText(accepts.errors)}`).toBe(true);
  if (type === 'application/problem+json') {
    expect(body['status'], about).toBe(answer.status);
    expect(body['instance'], about).not.toContain('?');
  }
}

/** A request of each kind that succeeds, in an order in which it does: what it is about, its status. */
function goodRequests(): readonly (readonly [string, string, number, HttpRequestOptions?])[] {
  const [token = ''] = tokens;
  const session = `/sessions/${idOf(token)}`;
  const json = { headers: { Accept: 'application/json' } };
  const held = { headers: { 'Zk-Session': token } };
  const minimal = { headers: { Prefer: 'return=minimal' } };
  const operations = [{ op: 'create', path: '/good/m' }];
  return [
    ['putZnode', '/znodes/good', 201, { body: 'x' }],
    ['putZnode', '/znodes/good', 200, { body: 'y' }],
    ['putZnode', '/znodes/good', 204, minimal],
    ['putZnode', '/znodes/good/new', 204, minimal],
    ['createZnode', '/znodes/good/a', 201, { body: { data: 'x', ttlMs: 60_000 } }],
    ['createZnode', '/znodes/good/b', 201],
    ['createZnode', '/znodes/good/c', 204, minimal],
    ['createZnode', '/znodes/good/s-', 201, { body: { sequential: true } }],
    ['getZnode', '/znodes/good', 200],
    ['getZnode', '/znodes/good', 200, json],
    ['getZnode', '/znodes/good', 304, { headers: { 'If-None-Match': '*' } }],
    ['getZnode', '/znodes/gone?wait=1s&until=absent', 204],
    ['headZnode', '/znodes/good', 200, held],
    ['getStat', '/stat/good', 200],
    ['getChildren', '/children/good', 200],
    ['getChildren', '/children/good?with=data&limit=1', 200],
    ['getSubtree', '/tree/good', 200],
    ['getSubtree', '/tree/good?count', 200],
    ['getAcl', '/acl/good', 200],
    ['putAcl', '/acl/good', 200, { body: openAcl }],
    ['putAcl', '/acl/good', 204, { body: openAcl, ...minimal }],
    ['multi', '/multi', 200, { body: { operations } }],
    ['multi', '/multi', 204, { body: { operations: [] }, ...minimal }],
    ['multiRead', '/multi-read', 200, { body: { operations: [{ op: 'get', path: '/good' }] } }],
    ['deleteZnode', '/znodes/good/b', 204],
    ['deleteZnode', '/znodes/good/c', 204, minimal],
    ['sync', '/sync', 200],
    ['whoami', '/whoami', 200, held],
    ['createSession', '/sessions', 201],
    ['getSession', session, 200, held],
    ['heartbeatSession', `${session}/heartbeat`, 204, held],
    ['getEphemerals', `${session}/ephemerals`, 200, held],
    ['deleteSession', session, 204, held],
    ['getEnsemble', '/ensemble', 200],
    ['takeSnapshot', '/admin/snapshots', 201, { headers: superHeader }],
    ['getSnapshot', `/admin/snapshots/${snapshot}`, 200, { headers: superHeader }],
    ['getOpenapi', '/openapi.json', 200],
    ['getAsyncapi', '/asyncapi.json', 200],
  ];
}

async function check(sent: Sent): Promise<number> {
  const answer = await http(sent.route.method.toUpperCase(), sent.target, sent.options);
  checkAnswer(sent, answer);
  return answer.status;
}

describe('every answer is one that the document declares', () => {
  it('to a good request of each kind', async () => {
    const left = new Set(routes.map(({ operation }) => operation.operationId));
    for (const [id, target, status, options = {}] of goodRequests()) {
      const route = routes.find(({ operation }) => operation.operationId === id);
      expect(route, id).toBeDefined();
      if (route === undefined) continue;
      expect(await check({ route, target, options }), `${id} ${target}`).toBe(status);
      left.delete(id);
    }
    expect([...left]).toEqual([]);
  });

  it('to any request that can be made out of it', async () => {
    const anyRequest = fc.constantFrom(...routes).chain(requestOf);
    const statuses = new Set<number>();
    const property = fc.asyncProperty(anyRequest, async (sent) => {
      statuses.add(await check(sent));
    });
    await fc.assert(property, { numRuns: 600, endOnFailure: true });
    // Random requests are no use where they all fail in the same way.
    expect([...statuses]).toEqual(expect.arrayContaining([200, 201, 204, 400, 401, 403, 404, 503]));
  }, 120_000);
});
