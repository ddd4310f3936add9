import { describe, expect, it } from 'vitest';
import { OriginRules } from '../../../../src/gateway/common/origins.ts';
import type { OriginSettings } from '../../../../src/gateway/common/origins.ts';

const rules = (settings: Partial<OriginSettings> = {}) =>
  new OriginRules({ listensOnLoopback: true, allowedHosts: [], allowedOrigins: [], ...settings });

const refusedHost = expect.objectContaining({ code: 'FORBIDDENHOST' }) as Error;
const refusedOrigin = expect.objectContaining({ code: 'FORBIDDENORIGIN' }) as Error;

describe('Host on a loopback address', () => {
  it.each([
    'localhost',
    'localhost:8181',
    'LOCALHOST:8181',
    'zoo.localhost:8181',
    '127.0.0.1',
    '127.0.0.1:8181',
    '127.1.2.3:1',
    '[::1]',
    '[::1]:8181',
  ])('%s is accepted', (host) => {
    expect(rules().check({ host })).toBe('none');
  });

  it.each([
    'evil.example',
    'evil.example:8181',
    '127.0.0.1.evil.example',
    'localhost.evil.example',
    '10.0.0.1',
    '[::2]:8181',
    '127.0.0.1:8181@evil.example',
    '',
  ])('%j is refused, also behind an accepted one', (host) => {
    const both = rules();
    both.check({ host: 'localhost' });
    expect(() => both.check({ host })).toThrow(refusedHost);
  });

  it('an allowed name is accepted', () => {
    expect(rules({ allowedHosts: ['zoo.internal'] }).check({ host: 'ZOO.internal:80' })).toBe(
      'none',
    );
  });

  it('does not matter elsewhere', () => {
    expect(rules({ listensOnLoopback: false }).check({ host: 'evil.example' })).toBe('none');
  });

  it('may be absent, as in HTTP/1.0', () => {
    expect(rules().check({})).toBe('none');
  });
});

describe('Origin', () => {
  const host = '127.0.0.1:8181';

  it.each(['http://127.0.0.1:8181', 'https://127.0.0.1:8181', 'HTTP://127.0.0.1:8181'])(
    '%s is the own one',
    (origin) => {
      expect(rules().check({ host, origin })).toBe('own');
    },
  );

  it.each(['http://127.0.0.1', 'http://localhost:8181', 'https://evil.example', 'null', ''])(
    '%j is refused',
    (origin) => {
      expect(() => rules().check({ host, origin })).toThrow(refusedOrigin);
    },
  );

  it('an allowed one is foreign, and only that one', () => {
    const allowing = rules({ allowedOrigins: ['https://App.example'] });
    expect(allowing.check({ host, origin: 'https://app.example' })).toBe('foreign');
    expect(() => allowing.check({ host, origin: 'http://app.example' })).toThrow(refusedOrigin);
  });

  it('an asterisk allows every one', () => {
    expect(rules({ allowedOrigins: ['*'] }).check({ host, origin: 'null' })).toBe('foreign');
  });

  it('is judged wherever the node listens', () => {
    const open = rules({ listensOnLoopback: false });
    expect(() => open.check({ host: 'zoo.example', origin: 'https://evil.example' })).toThrow(
      refusedOrigin,
    );
    expect(open.check({ host: 'zoo.example', origin: 'https://zoo.example' })).toBe('own');
  });
});
