/** The OpenAPI 3.1 document, generated from the table of routes and the schemas. */
import type { TSchema } from '@sinclair/typebox';
import { errorCodes, errorTable } from '../errors.ts';
import { ProblemSchema } from '../schemas.ts';
import { SchemaComponents } from '../components.ts';
import { forms } from '../forms.ts';
import { examples } from './examples.ts';
import { requestHeaders, responseHeaders } from './headers.ts';
import type { HeaderSpec } from './headers.ts';
import type { QueryParameter } from './query.ts';
import type { BodySpec, MediaSpec, ResponseSpec, RouteSpec } from './route.ts';
import { describedRoutes } from './routes.ts';
import { BytesSchema } from './schemas.ts';

type Json = Record<string, unknown>;

/** Names of the shared responses, which generated clients show. */
const problemNames: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  408: 'RequestTimeout',
  409: 'Conflict',
  410: 'Gone',
  412: 'PreconditionFailed',
  413: 'TooLarge',
  415: 'UnsupportedMediaType',
  422: 'IdempotencyConflict',
  426: 'UpgradeRequired',
  429: 'TooManyRequests',
  431: 'HeadersTooLarge',
  500: 'InternalError',
  503: 'Unavailable',
  504: 'Timeout',
  507: 'InsufficientStorage',
};

/** Codes that come with another status than the table's, where the form of the request asks for it. */
const otherCodes: Readonly<Record<number, readonly string[]>> = {
  408: ['MARSHALLINGERROR'],
  409: ['NONODE'],
  412: ['NODEEXISTS', 'NONODE'],
  504: ['CONNECTIONLOSS'],
};

const tags: readonly Json[] = [
  { name: 'znodes', description: 'One znode: its data, stat, children, subtree and ACL.' },
  { name: 'transactions', description: 'Several operations at one zxid, and the state itself.' },
  { name: 'sessions', description: 'Sessions, which own ephemeral znodes, from plain HTTP.' },
  { name: 'watching', description: 'Following changes.' },
  { name: 'ensemble', description: 'The nodes and their operation.' },
  { name: 'documents', description: 'Descriptions of this service.' },
];

const description = `A coordination service with ZooKeeper's semantics.

Paths are ZooKeeper's, without their leading slash; \`/\` inside them raw or as \`%2F\`; an empty path is the root.
An unknown, repeated or unreadable query parameter is a 400. Every GET has its HEAD, every path its OPTIONS.
Every failure is \`application/problem+json\`, and tells by \`outcome\` what the request did.
\`GET /ws\` opens a WebSocket, whose messages are described in \`/asyncapi.json\`.`;

export interface OpenApiOptions {
  /** The version of the product. */
  readonly version: string;
}

export function openApiDocument({ version }: OpenApiOptions): Json {
  const schemas = new SchemaComponents({ discriminators: true });
  const usedHeaders = new Set<string>();
  const paths: Record<string, Json> = {};
  for (const [operationId, route] of Object.entries(describedRoutes)) {
    const item = (paths[route.path] ??= {});
    item[route.method.toLowerCase()] = operation(operationId, route, schemas);
    for (const name of route.headers) usedHeaders.add(name);
  }
  const used = [...new Set(Object.values(describedRoutes).flatMap(({ problems }) => problems))];
  const responses = used
    .sort((one, other) => one - other)
    .map((status) => [problemName(status), problemResponse(status, schemas)]);
  return {
    openapi: '3.1.0',
    info: {
      title: 'Zoogate',
      version,
      description,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    // Relative: a page may call no other origin than the one it came from.
    servers: [{ url: '/', description: 'The node that serves this document.' }],
    security: [{}, { basic: [] }, { session: [] }, { basic: [], session: [] }],
    externalDocs: { url: '/asyncapi.json', description: 'The messages of the WebSocket.' },
    tags,
    paths,
    components: {
      schemas: schemas.all,
      parameters: headerParameters(usedHeaders, schemas),
      headers: headerComponents(schemas),
      responses: Object.fromEntries(responses) as Json,
      securitySchemes,
    },
  };
}

const securitySchemes: Json = {
  basic: {
    type: 'http',
    scheme: 'basic',
    description: 'Never fails: it is the `digest` identity of user and password.',
  },
  session: {
    type: 'apiKey',
    in: 'header',
    name: 'Zk-Session',
    description: '`<id>:<secret>`, as `POST /sessions` gives it.',
  },
};

function operation(operationId: string, route: RouteSpec, schemas: SchemaComponents): Json {
  const { tag, summary, description: text, body, responses, problems } = route;
  const successes = Object.entries(responses).map(([status, response]) => [
    status,
    successResponse(response, schemas),
  ]);
  const failures = problems.map((status) => [
    String(status),
    { $ref: `#/components/responses/${problemName(status)}` },
  ]);
  const parameters = [
    ...pathParameters(route),
    ...Object.entries(route.query).map(([name, spec]) => queryParameter(name, spec, schemas)),
    ...route.headers.map((name) => ({ $ref: `#/components/parameters/${name}` })),
  ];
  return {
    operationId,
    summary,
    ...(text !== undefined && { description: text }),
    tags: [tag],
    ...(parameters.length > 0 && { parameters }),
    ...(body !== undefined && { requestBody: requestBody(body, schemas) }),
    responses: Object.fromEntries([...successes, ...failures]) as Json,
  };
}

function pathParameters({ path, body }: RouteSpec): Json[] {
  const creates = path.startsWith('/znodes/') && body !== undefined;
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    ...(name === 'path' ? znodeParameter(creates) : numberParameter),
  }));
}

const znodeParameter = (creates: boolean): Json => ({
  description:
    'The znode path without its leading slash. Slashes may be raw or `%2F`; empty is the root.' +
    (creates ? ' Of a sequential create it may end in a slash.' : ''),
  schema: { type: 'string', pattern: creates ? forms.createPath : forms.path },
  example: 'config/db',
});

const numberParameter: Json = {
  description: 'The zxid that is its id.',
  schema: { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER, format: 'int64' },
  example: 42,
};

function queryParameter(
  name: string,
  parameter: QueryParameter<unknown>,
  schemas: SchemaComponents,
): Json {
  const { description: text, schema, example } = parameter;
  return {
    name,
    in: 'query',
    description: text,
    ...(parameter.read('') !== undefined && { allowEmptyValue: true }),
    schema: schemas.inline(schema),
    ...(example !== undefined && { example: exampleOf(schema, example) }),
  };
}

function exampleOf(schema: TSchema, text: string): unknown {
  if (schema['type'] === 'integer') return Number(text);
  return schema['type'] === 'boolean' ? text === 'true' : text;
}

function headerParameters(used: ReadonlySet<string>, schemas: SchemaComponents): Json {
  const entries = Object.entries(requestHeaders).filter(([name]) => used.has(name));
  return Object.fromEntries(
    entries.map(([key, spec]) => [
      key,
      { name: spec.name ?? key, in: 'header', ...headerBody(spec, schemas) },
    ]),
  );
}

function headerComponents(schemas: SchemaComponents): Json {
  const own = Object.entries(responseHeaders).map(([name, spec]) => [
    name,
    headerBody(spec, schemas),
  ]);
  return Object.fromEntries([...own, ...Object.entries(problemHeaders)]) as Json;
}

const problemHeaders: Json = {
  'WWW-Authenticate': {
    description: 'How to authenticate.',
    schema: { type: 'string' },
    example: 'Basic realm="zoogate", charset="UTF-8"',
  },
  'Retry-After': {
    description: 'Seconds after which another try makes sense.',
    schema: { type: 'integer', minimum: 0, format: 'int64' },
    example: 1,
  },
};

function headerBody({ description: text, schema, example }: HeaderSpec, schemas: SchemaComponents) {
  const shown = example === undefined ? {} : { example };
  return { description: text, schema: schemas.inline(schema), ...shown };
}

function requestBody(body: BodySpec, schemas: SchemaComponents): Json {
  if (body.kind === 'raw') {
    const media = { schema: schemas.inline(BytesSchema), example: body.example };
    return { description: body.description, content: { 'application/octet-stream': media } };
  }
  const media = { schema: schemas.inline(body.schema), example: body.example };
  return { required: body.required, content: { 'application/json': media } };
}

function successResponse(response: ResponseSpec, schemas: SchemaComponents): Json {
  const { headers = [], content = {} } = response;
  const media = Object.entries(content).map(([type, spec]) => [type, mediaType(spec, schemas)]);
  return {
    description: response.description,
    ...(headers.length > 0 && { headers: headerRefs(headers) }),
    ...(media.length > 0 && { content: Object.fromEntries(media) as Json }),
  };
}

function mediaType({ schema, example }: MediaSpec, schemas: SchemaComponents): Json {
  return { schema: schemas.inline(schema), ...(example !== undefined && { example }) };
}

function headerRefs(names: readonly string[]): Json {
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));
}

function problemName(status: number): string {
  return problemNames[status] ?? `Problem${String(status)}`;
}

function problemResponse(status: number, schemas: SchemaComponents): Json {
  const codes = errorCodes.filter((code) => errorTable[code].status === status);
  const all = [...codes, ...(otherCodes[status] ?? [])];
  const headers = [
    ...['Zk-Zxid', 'Zk-Server', 'Zk-Read-Only'],
    ...(status === 401 ? ['WWW-Authenticate'] : []),
    ...(status === 412 ? ['ETag'] : []),
    ...(status === 429 || status === 503 ? ['Retry-After'] : []),
  ];
  const example = status === 404 ? { example: examples.problem } : {};
  return {
    description: all.map((code) => `\`${code}\``).join(', '),
    headers: headerRefs(headers),
    content: {
      'application/problem+json': { schema: schemas.inline(ProblemSchema), ...example },
    },
  };
}
