/** The committed AsyncAPI document against the node: real answers must be what the document declares. */
import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startMemoryNode } from '../support/memory-node.ts';
import type { MemoryNode } from '../support/memory-node.ts';
import { connect } from '../support/websocket-client.ts';
import type { Message, TestClient } from '../support/websocket-client.ts';

interface Document {
  readonly components: {
    readonly messages: Readonly<Record<string, { readonly payload: object }>>;
    readonly schemas: Readonly<Record<string, object>>;
  };
}

const path = new URL('../../openapi/asyncapi.json', import.meta.url);
const document = JSON.parse(readFileSync(path, 'utf8')) as Document;
const formats = { int32: true, int64: true } as const;
const ajv = new Ajv({ strict: false, formats });
ajv.addSchema({ ...document, $id: 'document' });

let node: MemoryNode;
let client: TestClient;

beforeAll(async () => {
  node = await startMemoryNode();
  client = await connect(`${node.url.replace('http', 'ws')}/ws`, { connect: { session: 'new' } });
});

afterAll(async () => {
  await client.close();
  await node.close();
});

/** What the document has against the message as an answer to a request of that type. */
function problemsOf(type: string, message: Message): string {
  const name = message.type === 'result' ? `${type}Result` : message.type;
  const { payload } = document.components.messages[name] ?? {};
  expect(payload, `${name} is not declared`).toBeDefined();
  const absolute = JSON.stringify(payload).replaceAll('"#/components', '"document#/components');
  const validate = ajv.compile(JSON.parse(absolute) as object);
  return validate(message) ? '' : ajv.errorsText(validate.errors);
}

const acl = [{ scheme: 'world', id: 'anyone', perms: 'cdrwa' }];
const operations = [
  { op: 'create', path: '/a/m-', data: 'x', sequential: true },
  { op: 'set', path: '/a', data: 'y', version: 0 },
  { op: 'check', path: '/a', version: 1 },
  { op: 'delete', path: '/a/m-0000000000' },
];
const reads = ['get', 'children', 'exists', 'acl'].flatMap((op) => [
  { op, path: '/a' },
  { op, path: '/gone' },
]);

/** A request of each type, in an order in which each succeeds. */
const requests: readonly { readonly type: string; readonly [field: string]: unknown }[] = [
  { type: 'create', path: '/a', data: 'x' },
  { type: 'multi', operations },
  { type: 'multi', operations: [] },
  { type: 'multiRead', operations: reads },
  { type: 'multiRead', operations: [{ op: 'get', path: '/a', encoding: 'base64' }] },
  { type: 'put', path: '/b', data: 'x', encoding: 'utf8' },
  { type: 'set', path: '/b', data: 'eA==', encoding: 'base64', version: 0 },
  { type: 'get', path: '/b', watch: true },
  { type: 'exists', path: '/b' },
  { type: 'children', path: '/' },
  { type: 'children', path: '/', with: 'data', limit: 1 },
  { type: 'tree', path: '/' },
  { type: 'tree', path: '/', count: true },
  { type: 'acl', path: '/b' },
  { type: 'setAcl', path: '/b', acl },
  { type: 'watch', path: '/b', mode: 'persistent' },
  { type: 'unwatch', path: '/b' },
  { type: 'auth', scheme: 'digest', credential: 'ann:secret' },
  { type: 'sync' },
  { type: 'whoami' },
  { type: 'ephemerals' },
  { type: 'ping' },
  { type: 'delete', path: '/b' },
];

it('a real answer of each type is what the document declares', async () => {
  const left = new Set(
    Object.keys(document.components.messages).filter((name) => name.endsWith('Result')),
  );
  for (const request of requests) {
    const answer = await client.ask(request);
    expect(answer.type, JSON.stringify(answer)).toBe('result');
    expect(problemsOf(request.type, answer), JSON.stringify(answer)).toBe('');
    left.delete(`${request.type}Result`);
  }
  expect([...left]).toEqual(['closeResult']);
});

it('and so is a refusal, also that of a whole transaction', async () => {
  const failing = [
    { op: 'create', path: '/c' },
    { op: 'delete', path: '/gone' },
  ];
  for (const request of [
    { type: 'multi', operations: failing },
    { type: 'get', path: '/gone' },
    { type: 'set', path: '/a', version: 7 },
  ]) {
    const answer = await client.ask(request);
    expect(answer.type).toBe('error');
    expect(problemsOf(request.type, answer), JSON.stringify(answer)).toBe('');
  }
});

it('no schema refers to itself', () => {
  for (const [name, schema] of Object.entries(document.components.schemas)) {
    expect(JSON.stringify(schema)).not.toContain(`"#/components/schemas/${name}"`);
  }
});
