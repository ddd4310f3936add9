import { describe, expect, it } from 'vitest';
import { formatToken, parseToken } from '../../../../src/gateway/common/tokens.ts';

describe('session tokens', () => {
  it('are read as they are written', () => {
    const secret = 'AbCdEfGhIjKlMnOpQrSt_-';
    expect(parseToken(formatToken(42, secret))).toEqual({ id: 42, secret });
  });

  it.each(['', '42', '42:', ':secret', '0:secret', '-1:secret', '4.2:s', '42:a b', '042:s', 'x:s'])(
    '%j is refused as not authenticated',
    (text) => {
      expect(() => parseToken(text)).toThrow(expect.objectContaining({ code: 'AUTHFAILED' }));
    },
  );

  it('an id beyond 2^53 is refused, not rounded', () => {
    expect(() => parseToken('9999999999999999:s')).toThrow(/form <id>:<secret>/);
  });

  it('a refusal does not repeat the secret', () => {
    expect(() => parseToken('42:my secret')).toThrow(/^(?!.*my secret)/);
  });
});
