import { TypeCompiler } from '@sinclair/typebox/compiler';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isPlain } from '../../../../src/gateway/websocket/fields.ts';
import { requestKinds } from '../../../../src/gateway/websocket/requests.ts';
import { requestSchema, requestTypes } from '../../../../src/protocol/websocket/client.ts';
import { openDoor } from './harness.ts';

const long = 'x'.repeat(5000);

/** Message, code, what the detail must name. */
const faults: readonly (readonly [object, string, RegExp])[] = [
  [{ type: 'got', path: '/a' }, 'UNIMPLEMENTED', /"got"/],
  [{ path: '/a' }, 'UNIMPLEMENTED', /type/],
  [{ type: 5, path: '/a' }, 'UNIMPLEMENTED', /number/],
  [{ type: 'get' }, 'BADARGUMENTS', /^path: is required/],
  [{ type: 'get', path: 5 }, 'BADARGUMENTS', /^path: must be a string, not 5/],
  [{ type: 'get', path: null }, 'BADARGUMENTS', /^path: must be a string/],
  [{ type: 'get', path: 'a' }, 'BADARGUMENTS', /must start with/],
  [{ type: 'get', path: '/a/../b' }, 'BADARGUMENTS', /relative name/],
  [{ type: 'get', path: `/${long}` }, 'BADARGUMENTS', /5001 characters exceed the limit of 4096/],
  [{ type: 'get', path: '/a', wathc: true }, 'BADARGUMENTS', /^wathc: unknown field/],
  [{ type: 'get', path: '/a', watch: 'yes' }, 'BADARGUMENTS', /^watch: must be a boolean/],
  [{ type: 'get', path: '/a', encoding: 'hex' }, 'BADARGUMENTS', /^encoding: .*"utf8", "base64"/],
  [{ type: 'get', path: '/a', version: 3 }, 'BADARGUMENTS', /^version: unknown field/],
  [{ type: 'get', path: '/a', consistency: 'weak' }, 'BADARGUMENTS', /^consistency/],
  [{ type: 'get', path: '/a', minZxid: -1 }, 'BADARGUMENTS', /^minZxid: .*integer/],
  [{ type: 'get', path: '/a', minZxid: 2 ** 53 }, 'BADARGUMENTS', /^minZxid/],
  [{ type: 'get', path: '/a', acks: 1 }, 'BADARGUMENTS', /^acks: unknown field/],
  [{ type: 'sync', path: '/a' }, 'BADARGUMENTS', /^path: unknown field/],
  [{ type: 'set', path: '/a', version: 1.5 }, 'BADARGUMENTS', /^version: .*integer/],
  [{ type: 'set', path: '/a', version: 2 ** 31 }, 'BADARGUMENTS', /^version/],
  [{ type: 'set', path: '/a', version: 1, ifMatch: '1' }, 'BADARGUMENTS', /exclude/],
  [{ type: 'set', path: '/a', ifMatch: '!' }, 'BADARGUMENTS', /ifMatch/],
  [{ type: 'set', path: '/a', data: '\ud800' }, 'BADARGUMENTS', /^data: .*surrogate/],
  [{ type: 'set', path: '/a', data: 'a', encoding: 'base64' }, 'BADARGUMENTS', /^data: .*base64/],
  [{ type: 'set', path: '/a', data: 'x'.repeat(101) }, 'TOOLARGE', /101 bytes .* limit of 100/],
  [{ type: 'set', path: '/a', acks: 0 }, 'BADARGUMENTS', /^acks/],
  [{ type: 'set', path: '/a', acks: 'most' }, 'BADARGUMENTS', /^acks/],
  [{ type: 'set', path: '/a', idempotencyKey: '' }, 'BADARGUMENTS', /^idempotencyKey/],
  [
    { type: 'set', path: '/a', idempotencyKey: '\ud800' },
    'BADARGUMENTS',
    /^idempotencyKey: .*half/,
  ],
  [
    { type: 'set', path: '/a', idempotencyKey: long },
    'BADARGUMENTS',
    /^idempotencyKey: 5000 .* 255/,
  ],
  [{ type: 'create', path: '/a', ephemeral: true, ttlMs: 5 }, 'BADARGUMENTS', /exclude/],
  [{ type: 'create', path: '/a', container: true, sequential: true }, 'BADARGUMENTS', /exclude/],
  [{ type: 'create', path: '/a', ttlMs: 0 }, 'BADARGUMENTS', /ttl/],
  [{ type: 'create', path: '/a', acl: [] }, 'INVALIDACL', /at least one/],
  [{ type: 'create', path: '/a', acl: [{ scheme: 'world' }] }, 'BADARGUMENTS', /^acl\[0\]\.id/],
  [
    { type: 'create', path: '/a', acl: [{ scheme: 'world', id: 'anyone', perms: 'x' }] },
    'INVALIDACL',
    /unknown permission "x"/,
  ],
  [{ type: 'children', path: '/a', limit: 0 }, 'BADARGUMENTS', /^limit/],
  [{ type: 'children', path: '/a', limit: 10_001 }, 'BADARGUMENTS', /^limit: 10001 .* 10000/],
  [{ type: 'tree', path: '/a', after: 'b' }, 'BADARGUMENTS', /path/],
  [{ type: 'watch', path: '/a', mode: 'all' }, 'BADARGUMENTS', /^mode/],
  [{ type: 'watch', path: '/a' }, 'BADARGUMENTS', /^mode: is required/],
  [{ type: 'multi' }, 'BADARGUMENTS', /^operations: is required/],
  [
    { type: 'multi', operations: [{ op: 'get', path: '/a' }] },
    'BADARGUMENTS',
    /^operations\[0\]\.op/,
  ],
  [
    {
      type: 'multi',
      operations: [
        { op: 'check', path: '/a' },
        { op: 'set', path: '//' },
      ],
    },
    'BADARGUMENTS',
    /^operations\[1\]/,
  ],
  [
    { type: 'multi', operations: [{ op: 'set', path: '/a', versoin: 1 }] },
    'BADARGUMENTS',
    /^operations\[0\]\.versoin: unknown field/,
  ],
  [
    {
      type: 'multi',
      operations: Array.from({ length: 1001 }, () => ({ op: 'check', path: '/a' })),
    },
    'TOOLARGE',
    /1001 operations exceed the limit of 1000/,
  ],
  [
    { type: 'multiRead', operations: [{ op: 'set', path: '/a' }] },
    'BADARGUMENTS',
    /operations\[0\]/,
  ],
];

describe('a message with a fault', () => {
  it('is refused in words that name field and problem, and the connection goes on', async () => {
    const { connect, coordinator } = await openDoor({ limits: { znodeDataBytesMax: 100 } });
    const client = await connect();
    for (const [message, code, detail] of faults) {
      const answer = await client.ask(message as { type: string });
      expect(answer, JSON.stringify(message)).toMatchObject({
        type: 'error',
        problem: { code, outcome: 'not-applied', detail: expect.stringMatching(detail) as string },
      });
    }
    expect(await client.ask({ type: 'get', path: '/a' })).toMatchObject({ type: 'result' });
    const operations = new Set(coordinator.requests().map(({ operation }) => operation.type));
    expect(operations).toEqual(new Set(['attach', 'ping', 'get']));
  });

  it('has a problem of the same form as over HTTP', async () => {
    const { connect } = await openDoor();
    const client = await connect();
    const { problem } = await client.ask({ type: 'get', path: '/a', foo: 1 });
    expect(problem).toEqual({
      type: 'urn:zoogate:error:BADARGUMENTS',
      title: 'Bad argument',
      status: 400,
      detail: expect.stringMatching(/^foo: unknown field, known are .*\bpath\b/) as string,
      code: 'BADARGUMENTS',
      zkCode: -8,
      zxid: 120,
      outcome: 'not-applied',
      retryable: false,
    });
  });

  it('does not confuse names of JavaScript with fields', async () => {
    const { connect } = await openDoor();
    const client = await connect();
    client.send('{"type":"get","id":2,"path":"/a","__proto__":{"watch":true}}');
    client.send('{"type":"get","id":3,"path":"/a","constructor":1}');
    client.send('{"type":"toString","id":4}');
    await client.ask({ type: 'ping', id: 5 });
    expect(client.received.slice(1, 4)).toMatchObject([
      { id: 2, problem: { code: 'BADARGUMENTS' } },
      { id: 3, problem: { code: 'BADARGUMENTS' } },
      { id: 4, problem: { code: 'UNIMPLEMENTED' } },
    ]);
  });
});

const names = fc.constantFrom(
  ...['path', 'data', 'encoding', 'watch', 'consistency', 'minZxid', 'version', 'ifMatch'],
  ...['recursive', 'ephemeral', 'sequential', 'container', 'parents', 'ttlMs', 'acl', 'acks'],
  ...['idempotencyKey', 'nonsense', 'toString'],
);
const values = fc.oneof(
  fc.constantFrom<unknown>('/a', '', 'utf8', 'base64', 'local', 'linearizable', 'all', true, false),
  fc.constantFrom<unknown>(0, 1, -1, 1.5, 2 ** 31, -(2 ** 31), 2 ** 53, null, [], {}),
  fc.integer(),
);

describe('the quick look', () => {
  it('accepts nothing that the schema refuses', () => {
    const schemas = new Map(
      requestTypes.map((type) => [type, TypeCompiler.Compile(requestSchema(type))]),
    );
    let accepted = 0;
    const property = fc.property(
      fc.constantFrom(...requestTypes),
      fc.dictionary(names, values, { maxKeys: 5 }),
      fc.boolean(),
      (type, fields, withPath) => {
        const kind = requestKinds.get(type);
        if (kind === undefined || kind.allowed === 0) return;
        const message = { type, id: 1, ...(withPath && { path: '/a' }), ...fields };
        if (!isPlain(message, kind.allowed, kind.required)) return;
        accepted++;
        expect(schemas.get(type)?.Check(message)).toBe(true);
      },
    );
    fc.assert(property, { numRuns: 10_000 });
    expect(accepted).toBeGreaterThan(100);
  });

  it('is enough for plain messages of the frequent types', () => {
    for (const message of [
      { type: 'get', id: 1, path: '/a', watch: true },
      { type: 'set', id: 1, path: '/a', data: 'x', version: 3 },
      { type: 'create', id: 1, path: '/a', data: 'x', ephemeral: true, sequential: true },
      { type: 'delete', id: 1, path: '/a', ifMatch: '3.117' },
      { type: 'exists', id: 1, path: '/a', minZxid: 5 },
      { type: 'put', id: 1, path: '/a', idempotencyKey: 'k' },
    ]) {
      const kind = requestKinds.get(message.type);
      expect(kind && isPlain(message, kind.allowed, kind.required)).toBe(true);
    }
  });
});

describe('whatever a client sends', () => {
  const json = fc.oneof(
    fc.jsonValue(),
    fc.record(
      {
        type: fc.constantFrom(...requestTypes.filter((type) => type !== 'close'), 'nonsense'),
        id: fc.oneof(fc.maxSafeInteger(), fc.nat(10)),
        path: fc.constantFrom('/', '/a', '/a/b', 'a', ''),
        operations: fc.array(fc.jsonValue(), { maxLength: 3 }),
        acl: fc.jsonValue(),
        data: fc.string(),
        mode: fc.constantFrom('data', 'persistent', 'x'),
        scheme: fc.constantFrom('digest', 'x'),
        credential: fc.string(),
      },
      { requiredKeys: ['type', 'id'] },
    ),
  );
  const frame = fc.oneof(json, fc.array(json, { maxLength: 4 }), fc.string(), fc.uint8Array());

  it('is answered or ends the connection, and nothing else', async () => {
    const { connect } = await openDoor();
    const run = fc.asyncProperty(fc.array(frame, { maxLength: 5 }), async (frames) => {
      const client = await connect();
      for (const one of frames) {
        client.send(one instanceof Uint8Array ? Buffer.from(one) : JSON.stringify(one));
      }
      client.send({ type: 'close', id: 0 });
      const { code } = await client.closed;
      expect([1000, 4400, 4401]).toContain(code);
      for (const { type } of client.received) {
        expect(['connected', 'result', 'error']).toContain(type);
      }
    });
    await fc.assert(run, { numRuns: 200 });
    expect((await connect()).connected).toMatchObject({ type: 'connected' });
  });
});
