import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Result } from '../../../../src/protocol/operations.ts';
import type { OperationType } from '../../../../src/protocol/operations.ts';
import type { Stat, ZnodePath } from '../../../../src/protocol/model.ts';
import { someStat } from '../../../support/fake-stream-coordinator.ts';
import type { Message } from '../../../support/websocket-client.ts';
import { openDoor } from './harness.ts';

const path = '/a' as ZnodePath;
const stat: Stat = someStat;
const bytes = (text: string) => Buffer.from(text);

interface Case {
  readonly message: Message;
  readonly operation: { readonly type: OperationType; readonly [field: string]: unknown };
  readonly result?: Result;
  /** What the answer holds beside `type`, `id` and `zxid`. */
  readonly answer?: object;
}

const cases: Readonly<Record<string, Case>> = {
  get: {
    message: { type: 'get', path: '/a' },
    operation: { type: 'get', path },
    result: { path, data: bytes('dür "x"\n'), stat },
    answer: { path, data: 'dür "x"\n', encoding: 'utf8', stat },
  },
  'get of bytes that are no text': {
    message: { type: 'get', path: '/a' },
    operation: { type: 'get', path },
    result: { path, data: Buffer.from([0xff, 0]), stat },
    answer: { path, data: '/wA=', encoding: 'base64', stat },
  },
  'get as base64, with a watch': {
    message: { type: 'get', path: '/a', watch: true, encoding: 'base64' },
    operation: { type: 'get', path, watch: true },
    result: { path, data: bytes('hi'), stat },
    answer: { path, data: 'aGk=', encoding: 'base64', stat },
  },
  'exists with a watch': {
    message: { type: 'exists', path: '/a', watch: true },
    operation: { type: 'exists', path, watch: true },
    result: { path, stat },
    answer: { path, stat },
  },
  exists: {
    message: { type: 'exists', path: '/a', watch: false },
    operation: { type: 'exists', path },
    result: { path, stat },
    answer: { path, stat },
  },
  create: {
    message: { type: 'create', path: '/a', data: 'hi' },
    operation: {
      type: 'create',
      path,
      data: bytes('hi'),
      kind: 'persistent',
      sequential: false,
    },
    result: { path, created: true, stat },
    answer: { path, name: 'a', created: true, stat },
  },
  'create with options': {
    message: {
      type: 'create',
      path: '/q/',
      data: 'aGk=',
      encoding: 'base64',
      ttlMs: 60_000,
      sequential: true,
      parents: true,
      acl: [{ scheme: 'world', id: 'anyone', perms: 'rw' }],
    },
    operation: {
      type: 'create',
      path: '/q/',
      data: bytes('hi'),
      kind: 'ttl',
      sequential: true,
      ttlMs: 60_000,
      parents: true,
      acl: [{ scheme: 'world', id: 'anyone', perms: 3 }],
    },
    result: { path: '/q/0000000007' as ZnodePath, created: true, sequence: 7, stat },
    answer: { path: '/q/0000000007', name: '0000000007', sequence: 7, created: true, stat },
  },
  put: {
    message: { type: 'put', path: '/a' },
    operation: { type: 'put', path, data: new Uint8Array(0) },
    result: { path, created: false, stat },
    answer: { path, created: false, stat },
  },
  set: {
    message: { type: 'set', path: '/a', data: 'hi' },
    operation: { type: 'set', path, data: bytes('hi'), condition: undefined },
    result: { path, stat: { ...stat, kind: 'ttl', ttlMs: 5 } },
    answer: { path, stat: { ...stat, kind: 'ttl', ttlMs: 5 } },
  },
  'set at a version': {
    message: { type: 'set', path: '/a', version: 3 },
    operation: { type: 'set', path, data: new Uint8Array(0), condition: [{ version: 3 }] },
    result: { path, stat },
    answer: { path, stat },
  },
  'delete at a version and czxid': {
    message: { type: 'delete', path: '/a', ifMatch: '3.117' },
    operation: { type: 'delete', path, condition: [{ version: 3, czxid: 117 }] },
  },
  'delete of a subtree': {
    message: { type: 'delete', path: '/a', recursive: true, version: -1 },
    operation: { type: 'delete', path, condition: 'exists', recursive: true },
  },
  children: {
    message: { type: 'children', path: '/a', watch: true },
    operation: { type: 'children', path, watch: true },
    result: { path, children: [{ name: 'b' }, { name: 'c"' }], stat, next: 'c"' },
    answer: { path, children: ['b', 'c"'], stat, next: 'c"' },
  },
  'children with data': {
    message: {
      type: 'children',
      path: '/a',
      limit: 2,
      after: 'a',
      with: 'data',
      encoding: 'base64',
    },
    operation: { type: 'children', path, limit: 2, after: 'a', with: 'data' },
    result: { path, children: [{ name: 'b', stat, data: bytes('hi') }, { name: 'c' }], stat },
    answer: {
      path,
      children: [{ name: 'b', stat, data: 'aGk=', encoding: 'base64' }, { name: 'c' }],
      stat,
    },
  },
  tree: {
    message: { type: 'tree', path: '/a', depth: 2, limit: 10, after: '/a/b' },
    operation: { type: 'tree', path, depth: 2, limit: 10, after: '/a/b' },
    result: { path, nodes: [{ path, stat }], truncated: false },
    answer: { path, nodes: [{ path, stat }], truncated: false },
  },
  'tree, counted': {
    message: { type: 'tree', path: '/a', count: true },
    operation: { type: 'tree', path, count: true },
    result: { path, descendants: 3 },
    answer: { path, descendants: 3 },
  },
  acl: {
    message: { type: 'acl', path: '/a' },
    operation: { type: 'acl', path },
    result: { path, acl: [{ scheme: 'world', id: 'anyone', perms: 31 }], stat },
    answer: { path, acl: [{ scheme: 'world', id: 'anyone', perms: 'cdrwa' }], stat },
  },
  setAcl: {
    message: {
      type: 'setAcl',
      path: '/a',
      version: 0,
      acl: [{ scheme: 'auth', id: '', perms: 'a' }],
    },
    operation: {
      type: 'setAcl',
      path,
      acl: [{ scheme: 'auth', id: '', perms: 16 }],
      condition: [{ version: 0 }],
    },
    result: { path, stat },
    answer: { path, stat },
  },
  multi: {
    message: {
      type: 'multi',
      operations: [
        { op: 'create', path: '/a', data: 'hi' },
        { op: 'check', path: '/b', exists: false },
      ],
    },
    operation: {
      type: 'multi',
      operations: [
        { type: 'create', path, data: bytes('hi'), kind: 'persistent', sequential: false },
        { type: 'check', path: '/b', exists: false },
      ],
    },
    result: {
      results: [
        { op: 'create', path, stat },
        { op: 'check', path: '/b' as ZnodePath },
      ],
    },
    answer: {
      results: [
        { op: 'create', path, stat, code: 'OK' },
        { op: 'check', path: '/b', code: 'OK' },
      ],
    },
  },
  multiRead: {
    message: {
      type: 'multiRead',
      operations: [
        { op: 'get', path: '/a', encoding: 'base64' },
        { op: 'exists', path: '/b' },
      ],
    },
    operation: {
      type: 'multiRead',
      operations: [
        { type: 'get', path },
        { type: 'exists', path: '/b' },
      ],
    },
    result: {
      results: [
        { op: 'get', code: 'OK', result: { path, data: bytes('hi'), stat } },
        { op: 'exists', code: 'NONODE', path: '/b' as ZnodePath },
      ],
    },
    answer: {
      results: [
        { op: 'get', code: 'OK', path, data: 'aGk=', encoding: 'base64', stat },
        { op: 'exists', path: '/b', code: 'NONODE' },
      ],
    },
  },
  watch: {
    message: { type: 'watch', path: '/a', mode: 'persistent' },
    operation: { type: 'watch', path, mode: 'persistent' },
  },
  unwatch: {
    message: { type: 'unwatch', path: '/a' },
    operation: { type: 'unwatch', path },
  },
  'unwatch of a mode': {
    message: { type: 'unwatch', path: '/a', mode: 'data' },
    operation: { type: 'unwatch', path, mode: 'data' },
  },
  sync: { message: { type: 'sync' }, operation: { type: 'sync' } },
  ping: { message: { type: 'ping' }, operation: { type: 'ping' } },
  whoami: {
    message: { type: 'whoami' },
    operation: { type: 'whoami' },
    result: { identities: [{ scheme: 'ip', id: '127.0.0.1' }], session: 42 },
    answer: { identities: [{ scheme: 'ip', id: '127.0.0.1' }], session: 42 },
  },
  'whoami without a session': {
    message: { type: 'whoami' },
    operation: { type: 'whoami' },
    result: { identities: [] },
    answer: { identities: [] },
  },
  ephemerals: {
    message: { type: 'ephemerals', prefix: '/l' },
    operation: { type: 'ephemerals', prefix: '/l' },
    result: { paths: ['/l/1' as ZnodePath] },
    answer: { paths: ['/l/1'] },
  },
};

describe('a message becomes an operation, its result a message', () => {
  it.each(Object.entries(cases))('%s', async (_name, { message, operation, result, answer }) => {
    const { connect, coordinator } = await openDoor();
    const client = await connect();
    coordinator.scripts.set(operation.type, () => ({ result: result ?? {} }));

    const received = await client.ask({ ...message, id: 5 });

    expect(coordinator.requests(operation.type)[0]?.operation).toEqual(operation);
    expect(received).toEqual({ type: 'result', id: 5, zxid: 120, ...answer });
  });
});

describe('what a request may say beside its operation', () => {
  it('passes consistency and minZxid of a read', async () => {
    const { connect, coordinator } = await openDoor();
    const client = await connect();
    await client.ask({ type: 'get', path: '/a', consistency: 'linearizable', minZxid: 7 });
    expect(coordinator.requests('get')[0]).toMatchObject({
      consistency: 'linearizable',
      minZxid: 7,
    });
  });

  it('passes acks of a write', async () => {
    const { connect, coordinator } = await openDoor();
    const client = await connect();
    await client.ask({ type: 'set', path: '/a', acks: 'all' });
    await client.ask({ type: 'delete', path: '/a', acks: 1 });
    expect(coordinator.requests('set')[0]?.acks).toBe('all');
    expect(coordinator.requests('delete')[0]?.acks).toBe(1);
  });

  it('takes two writes for the same request by all that they say but id and key', async () => {
    const { connect, coordinator } = await openDoor();
    const client = await connect({ connect: { session: 'new' } });
    const set = { type: 'set', path: '/a', data: 'x', idempotencyKey: 'k' };
    await client.ask(set);
    await client.ask({ idempotencyKey: 'k', data: 'x', path: '/a', type: 'set' });
    await client.ask({ ...set, data: 'y' });
    await client.ask({ type: 'auth', scheme: 'digest', credential: 'ann:secret' });
    await client.ask(set);

    const keys = coordinator.requests('set').map(({ idempotency }) => idempotency);
    const [first, again, other, asAnn] = keys.map((idempotency) => idempotency?.fingerprint);
    expect(keys.every((idempotency) => idempotency?.key === 'k')).toBe(true);
    expect(again).toBe(first);
    expect(other).not.toBe(first);
    expect(asAnn).not.toBe(first);
  });

  it('does not tell the coordinator of identities that it did not prove', async () => {
    const { connect, coordinator } = await openDoor();
    const client = await connect({ connect: { auth: [{ scheme: 'digest', credential: 'a:b' }] } });
    const id = `a:${createHash('sha1').update('a:b').digest('base64')}`;
    expect(coordinator.requests('attach')[0]?.operation).toMatchObject({
      identities: [{ scheme: 'digest', id }],
    });
    expect(coordinator.messages[0]).toMatchObject({
      type: 'open',
      identities: [{ scheme: 'ip', id: '127.0.0.1' }],
    });
    const answer = client.ask({ type: 'auth', scheme: 'digest', credential: 'b:c' });
    await answer;
    expect(coordinator.requests('identify')).toHaveLength(1);
  });
});
