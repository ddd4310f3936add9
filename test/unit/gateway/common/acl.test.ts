import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatPerms,
  fromWireAcl,
  parseAclText,
  parsePerms,
  toWireAcl,
} from '../../../../src/gateway/common/acl.ts';

const invalid = (message: RegExp) =>
  expect.objectContaining({
    code: 'INVALIDACL',
    message: expect.stringMatching(message) as string,
  }) as Error;

const limits = (aclEntriesMax: number) => ({ aclEntriesMax });

describe('permissions', () => {
  it('every mask survives its letters', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 31 }), (perms) => {
        expect(parsePerms(formatPerms(perms))).toBe(perms);
      }),
    );
  });

  it('have the bits of ZooKeeper', () => {
    expect(['r', 'w', 'c', 'd', 'a'].map(parsePerms)).toEqual([1, 2, 4, 8, 16]);
    expect(formatPerms(31)).toBe('cdrwa');
  });

  it.each([
    ['x', /unknown permission "x"/],
    ['rr', /repeated permission "r"/],
    ['R', /unknown permission "R"/],
  ])('%s is refused', (text, message) => {
    expect(() => parsePerms(text)).toThrow(invalid(message));
  });
});

describe('the Zk-Acl header', () => {
  it.each([
    ['world:anyone:r', [{ scheme: 'world', id: 'anyone', perms: 1 }]],
    [
      'world:anyone:r, digest:ann:HASH=:cdrwa',
      [
        { scheme: 'world', id: 'anyone', perms: 1 },
        { scheme: 'digest', id: 'ann:HASH=', perms: 31 },
      ],
    ],
    ['ip:2001:db8::1/64:rw', [{ scheme: 'ip', id: '2001:db8::1/64', perms: 3 }]],
    ['auth::cdrwa', [{ scheme: 'auth', id: '', perms: 31 }]],
    ['world:anyone:', [{ scheme: 'world', id: 'anyone', perms: 0 }]],
  ])('%s', (text, acl) => {
    expect(parseAclText(text, limits(10))).toEqual(acl);
  });

  it.each([
    ['', /at least one entry/],
    ['  ', /at least one entry/],
    ['world', /not of the form/],
    ['world:r', /not of the form/],
    [':anyone:r', /not of the form/],
    ['world:anyone:r,', /not of the form/],
    ['world:anyone:q', /unknown permission/],
  ])('%j is refused', (text, message) => {
    expect(() => parseAclText(text, limits(10))).toThrow(invalid(message));
  });

  it('has as many entries as the limit allows', () => {
    const entries = (count: number) => Array.from({ length: count }, () => 'world:anyone:r').join();
    expect(parseAclText(entries(3), limits(3))).toHaveLength(3);
    expect(() => parseAclText(entries(4), limits(3))).toThrow(
      invalid(/an ACL of 4 entries exceeds the limit of 3/),
    );
  });
});

describe('the JSON form', () => {
  it('keeps what was given, commas in ids included', () => {
    const wire = [{ scheme: 'x509', id: 'CN=a,O=b', perms: 'cr' }];
    expect(toWireAcl(fromWireAcl(wire, limits(10)))).toEqual(wire);
  });

  it('refuses an empty list and one above the limit', () => {
    const entry = { scheme: 'world', id: 'anyone', perms: 'r' };
    expect(() => fromWireAcl([], limits(2))).toThrow(invalid(/at least one/));
    expect(() => fromWireAcl([entry, entry, entry], limits(2))).toThrow(invalid(/limit of 2/));
  });
});
