import { describe, expect, it } from 'vitest';
import { isLoopbackAddress, urlOf } from '../../../../src/server/config/addresses.ts';

describe('an address of this machine alone', () => {
  it.each(['127.0.0.1', '127.255.255.254', '::1', 'localhost', 'LOCALHOST', '0:0:0:0:0:0:0:1'])(
    'is %s',
    (host) => {
      expect(isLoopbackAddress(host)).toBe(true);
    },
  );

  it.each(['0.0.0.0', '::', '10.0.0.1', '128.0.0.1', 'localhost.example', 'node1', '::2'])(
    'is not %s',
    (host) => {
      expect(isLoopbackAddress(host)).toBe(false);
    },
  );
});

describe('a URL', () => {
  it.each([
    ['127.0.0.1', 'http://127.0.0.1:8181'],
    ['::1', 'http://[::1]:8181'],
    ['0.0.0.0', 'http://127.0.0.1:8181'],
    ['::', 'http://[::1]:8181'],
    ['node1.example', 'http://node1.example:8181'],
  ])('of %s is %s', (host, url) => {
    expect(urlOf(host, 8181)).toBe(url);
  });
});
