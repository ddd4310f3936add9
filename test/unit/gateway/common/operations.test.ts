import { describe, expect, it } from 'vitest';
import {
  createOperation,
  multiOperation,
  multiReadOperation,
} from '../../../../src/gateway/common/operations.ts';
import type { CreateFields } from '../../../../src/gateway/common/operations.ts';
import { defaultLimits } from '../../../../src/protocol/limits.ts';

const limits = defaultLimits;
const create = (path: string, fields: CreateFields = {}) =>
  createOperation(path, fields, { limits });
const multi = (...members: unknown[]) => multiOperation(members, limits).operations;

describe('create', () => {
  it('is persistent and empty by default', () => {
    expect(create('/a')).toEqual({
      ...{ type: 'create', path: '/a', data: new Uint8Array(0) },
      ...{ kind: 'persistent', sequential: false },
    });
  });

  it.each([
    [{ ephemeral: true }, { kind: 'ephemeral', sequential: false }],
    [
      { ephemeral: true, sequential: true },
      { kind: 'ephemeral', sequential: true },
    ],
    [{ container: true }, { kind: 'container', sequential: false }],
    [{ ttlMs: 5000 }, { kind: 'ttl', sequential: false, ttlMs: 5000 }],
    [
      { ttlMs: 1, sequential: true },
      { kind: 'ttl', sequential: true, ttlMs: 1 },
    ],
    [
      { ephemeral: false, container: false },
      { kind: 'persistent', sequential: false },
    ],
    [{ parents: true }, { parents: true }],
    [
      { acl: [{ scheme: 'auth', id: '', perms: 'r' }] },
      { acl: [{ scheme: 'auth', id: '', perms: 1 }] },
    ],
  ])('%j', (fields, expected) => {
    expect(create('/a', fields)).toMatchObject(expected);
  });

  it.each([
    [{ ephemeral: true, container: true }, 'ephemeral and container exclude one another'],
    [{ ephemeral: true, ttlMs: 1000 }, 'ephemeral and ttl exclude one another'],
    [{ container: true, ttlMs: 1000 }, 'container and ttl exclude one another'],
    [{ container: true, sequential: true }, 'container and sequential exclude one another'],
    [{ ttlMs: 0 }, 'ttl: 0 ms is not between 1 and 1099511627775 ms'],
    [{ ttlMs: 1_099_511_627_776 }, 'ttl: 1099511627776 ms is not between'],
  ])('%j is refused', (fields, message) => {
    expect(() => create('/a', fields)).toThrow(message);
  });

  it('only a sequential path may end with a slash', () => {
    expect(create('/q/', { sequential: true }).path).toBe('/q/');
    expect(create('/', { sequential: true }).path).toBe('/');
    expect(() => create('/q/')).toThrow('path "/q/": must not end with "/"');
  });

  it('a path may be as long as the limit, its sequence included', () => {
    const path = (length: number) => `/${'a'.repeat(length - 1)}`;
    expect(create(path(limits.pathLengthMax)).path).toHaveLength(limits.pathLengthMax);
    expect(() => create(path(limits.pathLengthMax + 1))).toThrow(
      'path: 4097 characters exceed the limit of 4096',
    );
    expect(() => create(path(limits.pathLengthMax - 9), { sequential: true })).toThrow(
      'path: 4097 characters exceed the limit of 4096',
    );
  });
});

describe('multi', () => {
  it('takes every kind of member', () => {
    expect(
      multi(
        { op: 'create', path: '/a', data: 'x', ephemeral: true },
        { op: 'set', path: '/a', data: 'eA==', encoding: 'base64', version: 3 },
        { op: 'set', path: '/a', ifMatch: '3.117' },
        { op: 'delete', path: '/a', version: -1 },
        { op: 'check', path: '/a', version: 0 },
        { op: 'check', path: '/a', exists: false },
        { op: 'check', path: '/a', exists: true },
      ),
    ).toMatchObject([
      { type: 'create', kind: 'ephemeral', data: Buffer.from('x') },
      { type: 'set', data: Buffer.from('x'), condition: [{ version: 3 }] },
      { type: 'set', condition: [{ version: 3, czxid: 117 }] },
      { type: 'delete', condition: 'exists' },
      { type: 'check', condition: [{ version: 0 }] },
      { type: 'check', exists: false },
      { type: 'check', path: '/a' },
    ]);
  });

  it('may be empty', () => {
    expect(multi()).toEqual([]);
  });

  it.each([
    [
      { op: 'get', path: '/a' },
      'operations[1].op: must be one of "create", "set", "delete", "check"',
    ],
    ['create', 'operations[1].op: must be one of'],
    [{ op: 'create' }, 'operations[1].path: is required'],
    [{ op: 'create', path: '/a', parents: true }, 'operations[1].parents: unknown field'],
    [{ op: 'delete', path: '/a', data: 'x' }, 'operations[1].data: unknown field'],
    [{ op: 'set', path: 5 }, 'operations[1].path: must be a string, not 5'],
    [{ op: 'set', path: '/a', version: 1.5 }, 'operations[1].version: must be an integer'],
    [
      { op: 'set', path: '/a', version: 2 ** 31 },
      'operations[1].version: must be an integer from -2147483648 to 2147483647, not 2147483648',
    ],
    [
      { op: 'set', path: '/a', encoding: 'hex' },
      'operations[1].encoding: must be one of "utf8", "base64", not "hex"',
    ],
    [{ op: 'set', path: '/a', data: '!', encoding: 'base64' }, 'operations[1].data: not valid'],
    [{ op: 'set', path: '/a', version: 1, ifMatch: '1' }, 'operations[1].version and'],
    [{ op: 'set', path: '/a', ifMatch: 'x' }, 'operations[1].ifMatch: "x" is no list'],
    [
      { op: 'check', path: '/a', exists: false, version: 1 },
      'operations[1].exists: false excludes',
    ],
    [{ op: 'check', path: 'a' }, 'operations[1]: path "a": must start with "/"'],
    [
      { op: 'create', path: '/a', acl: [{ scheme: 'world', id: 'anyone', perms: 'z' }] },
      'operations[1]: unknown permission "z"',
    ],
    [{ op: 'create', path: '/a', ttlMs: 0 }, 'operations[1].ttl: 0 ms'],
  ])('%j is refused and named', (member, message) => {
    expect(() => multi({ op: 'check', path: '/' }, member)).toThrow(message);
  });

  it('has as many members as the limit allows', () => {
    const members = (count: number) =>
      Array.from({ length: count }, () => ({ op: 'check', path: '/' }));
    expect(multi(...members(1000))).toHaveLength(1000);
    expect(() => multi(...members(1001))).toThrow('1001 operations exceed the limit of 1000');
  });

  it('has as many bytes as the limit allows', () => {
    const small = { ...limits, transactionBytesMax: 10, znodeDataBytesMax: 8 };
    const member = (data: string) => ({ op: 'set', path: '/a', data });
    expect(multiOperation([member('12345678')], small).operations).toHaveLength(1);
    expect(() => multiOperation([member('123456789')], small)).toThrow(
      'operations[0].data: 9 bytes exceed the limit of 8',
    );
    expect(() => multiOperation([member('12345'), member('12')], small)).toThrow(
      'operations: 11 bytes of data and paths exceed the limit of 10',
    );
  });
});

describe('multi-read', () => {
  it('keeps how each member wants its data', () => {
    const { operation, encodings } = multiReadOperation(
      [
        { op: 'get', path: '/a', encoding: 'base64' },
        { op: 'children', path: '/' },
      ],
      limits,
    );
    expect(operation.operations).toEqual([
      { type: 'get', path: '/a' },
      { type: 'children', path: '/' },
    ]);
    expect(encodings).toEqual(['base64', undefined]);
  });

  it.each([
    [{ op: 'set', path: '/a' }, 'operations[0].op: must be one of "get", "children"'],
    [{ op: 'get', path: '//' }, 'operations[0]: path "//": must not end with "/"'],
  ])('%j is refused', (member, message) => {
    expect(() => multiReadOperation([member], limits)).toThrow(message);
  });
});
