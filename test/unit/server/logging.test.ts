import { describe, expect, it } from 'vitest';
import { makeLogger, withoutSecrets } from '../../../src/server/logging.ts';
import type { LogLevel } from '../../../src/server/config/settings.ts';
import type { Logger } from '../../../src/server/logging.ts';

const token = '42:AbCdEfGhIjKlMnOpQrStUv';
const hash = 'X41ZCzzImSwzLYGJgl4HpLgQSUQ=';

function collect(level: LogLevel, write: (logger: Logger) => void): string[] {
  const lines: string[] = [];
  write(makeLogger(level, { write: (line) => void lines.push(line) }));
  return lines;
}

function only(write: (logger: Logger) => void): Record<string, unknown> {
  const [line = '', ...rest] = collect('debug', write);
  expect(rest).toEqual([]);
  return JSON.parse(line) as Record<string, unknown>;
}

describe('a line of the log', () => {
  it('is one JSON object with level, time and message', () => {
    const line = only((logger) => logger.info({ zxid: 7 }, 'snapshot taken'));
    expect(line).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/) as string,
      zxid: 7,
      msg: 'snapshot taken',
    });
  });

  it('is not written below the level', () => {
    const lines = collect('warn', (logger) => {
      logger.info('quiet');
      logger.warn('loud');
    });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('loud');
  });

  it('tells the stack of an error', () => {
    const { err } = only((logger) => logger.error({ err: new RangeError('too far') }, 'failed'));
    expect(err).toMatchObject({ type: 'RangeError', message: 'too far' });
    expect((err as { stack: string }).stack).toContain('logging.test');
  });
});

describe('secrets', () => {
  it('in fields that hold them are replaced, down to three levels', () => {
    const line = only((logger) =>
      logger.info(
        {
          secret: 'hunter2',
          session: { token: 'hunter2', id: 42 },
          headers: { authorization: 'hunter2', 'zk-session': 'hunter2', accept: '*/*' },
          request: { headers: { authorization: 'hunter2', 'zk-session': 'hunter2' } },
          superDigest: 'hunter2',
        },
        'careless',
      ),
    );
    expect(JSON.stringify(line)).not.toContain('hunter2');
    expect(line).toMatchObject({ secret: '(hidden)', session: { token: '(hidden)', id: 42 } });
    expect(line).toMatchObject({ headers: { accept: '*/*' } });
  });

  it('in the headers of a request are not logged at all', () => {
    const req = {
      method: 'GET',
      url: '/znodes/a',
      ip: '127.0.0.1',
      headers: { authorization: 'Basic YW5uOnBhc3N3b3Jk' },
    };
    const line = only((logger) => logger.debug({ req }, 'answered'));
    expect(line['req']).toEqual({ method: 'GET', url: '/znodes/a', ip: '127.0.0.1' });
  });

  it.each([
    ['the token of a session', `session ${token} expired`, 'session 42:(hidden) expired'],
    ['credentials in a URL', 'to http://ann:pw@node1:8181/x', 'to http://(hidden)@node1:8181/x'],
    ['a Basic header', 'got Basic YW5uOnB3, why', 'got Basic (hidden), why'],
    ['a Bearer header', 'got bearer abc.def-ghi', 'got bearer (hidden)'],
    ['the hash of a digest', `digest:ann:${hash}:cdrwa`, 'digest:ann:(hidden):cdrwa'],
  ])('%s is taken out of any text', (_what, text, clean) => {
    expect(withoutSecrets(text)).toBe(clean);
    const line = only((logger) => logger.error({ err: new Error(text) }, text));
    expect(line['msg']).toBe(clean);
    expect((line['err'] as { message: string }).message).toBe(clean);
  });

  it('are looked for in one pass, however long and odd the line', () => {
    const started = performance.now();
    for (const part of ['a.', 'a-://', 'a://b-', 'Basic ', '1:', ':']) {
      const line = part.repeat(32_000);
      expect(withoutSecrets(line).length).toBeGreaterThanOrEqual(line.length);
    }
    // Searched anew from each word, the first alone took four seconds.
    expect(performance.now() - started).toBeLessThan(2000);
  });

  it('are not seen where there are none', () => {
    for (const text of [
      'node 1 serves on http://127.0.0.1:8181',
      '{"time":"2024-01-01T10:20:30.123Z","zxid":1234567890123,"clusterId":"ec5c03985bbff04ff010f6fda635c52a"}',
      'a path /a:b/c and user@example.org',
      'Basic facts',
    ]) {
      expect(withoutSecrets(text).replace('Basic (hidden)', 'Basic facts')).toBe(text);
    }
  });
});
