import { describe, expect, it } from 'vitest';
import {
  credentialIdentities,
  digestIdentities,
  identitiesOf,
  isSuper,
} from '../../../../src/gateway/common/identities.ts';

const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;
const address = '127.0.0.1';
const ip = { scheme: 'ip', id: address };

// As ZooKeeper's documentation has it: DigestAuthenticationProvider super:test.
const superTest = { scheme: 'digest', id: 'super:D/InIHSb7yEEbrWz8b9l71RjZJU=' };

describe('identities of a request', () => {
  it('are its address where it proves nothing', () => {
    expect(identitiesOf({ address })).toEqual([ip]);
  });

  it.each([
    ['::ffff:10.1.2.3', '10.1.2.3'],
    ['fe80::1%eth0', 'fe80::1'],
    ['::1', '::1'],
  ])('the address %s is shown as %s', (given, shown) => {
    expect(identitiesOf({ address: given })).toEqual([{ scheme: 'ip', id: shown }]);
  });

  it('are none where the connection is gone already', () => {
    expect(identitiesOf({ address: undefined })).toEqual([]);
  });

  it('Basic is the digest identity in the form of ZooKeeper', () => {
    expect(identitiesOf({ address, authorization: basic('super:test') })).toEqual([ip, superTest]);
  });

  it('keeps colons in the password and takes an empty one', () => {
    const [one] = digestIdentities(Buffer.from('ann:a:b'));
    expect(one?.id).toMatch(/^ann:[A-Za-z0-9+/]{27}=$/);
    expect(digestIdentities(Buffer.from('ann:'))[0]?.id).toMatch(/^ann:/);
  });

  it('adds super rights to the identity named at the start, and to no other', () => {
    const named = identitiesOf({
      address,
      authorization: basic('super:test'),
      superIdentity: superTest,
    });
    expect(isSuper(named)).toBe(true);
    const other = identitiesOf({
      address,
      authorization: basic('super:tests'),
      superIdentity: superTest,
    });
    expect(isSuper(other)).toBe(false);
  });

  it.each([
    'Basic',
    'Basic !!!',
    `Basic ${Buffer.from('no colon').toString('base64')}`,
    `Basic ${Buffer.from([0xff, 0x3a, 0x61]).toString('base64')}`,
    'Digest username="x"',
    'Negotiate abc',
    '',
  ])('an unreadable header is refused: %s', (authorization) => {
    expect(() => identitiesOf({ address, authorization })).toThrow(
      expect.objectContaining({ code: 'AUTHFAILED' }),
    );
  });

  it('a refusal never repeats what may be a password', () => {
    const attempt = () => identitiesOf({ address, authorization: 'Basic c2VjcmV0 more' });
    expect(attempt).toThrow(/^(?!.*c2VjcmV0)/);
  });

  it('Bearer is refused while there is no issuer', () => {
    const attempt = () => identitiesOf({ address, authorization: 'Bearer abc.def' });
    expect(attempt).toThrow('no issuer of bearer tokens is configured');
  });
});

describe('credentials of an auth message', () => {
  it('digest is what Basic is', () => {
    expect(credentialIdentities('digest', 'super:test')).toEqual([superTest]);
  });

  it.each(['x509', 'ip', 'world', 'super', ''])('scheme %j is refused', (scheme) => {
    expect(() => credentialIdentities(scheme, 'a:b')).toThrow(
      expect.objectContaining({ code: 'AUTHFAILED' }),
    );
  });
});
