import fastify from 'fastify';
import type { FastifyInstance } from 'fastify';
import { beforeEach, describe, expect, it } from 'vitest';
import { RequestCounts } from '../../../../src/server/metrics/requests.ts';

let app: FastifyInstance;
let counts: RequestCounts;

beforeEach(() => {
  counts = new RequestCounts();
  app = fastify();
  app.get('/znodes/*', (_request, reply) => {
    reply.hijack();
    reply.raw.writeHead(304).end();
  });
  app.put('/znodes/*', (_request, reply) => void reply.code(201).send());
  counts.attach(app);
});

function totals(): string[] {
  return counts.text().match(/^zoogate_http_requests_total\{.*$/gm) ?? [];
}

describe('requests', () => {
  it('are counted by the pattern of their route, never by their path', async () => {
    for (const path of ['/znodes/a', '/znodes/b', '/znodes/c/d']) await app.inject(path);
    await app.inject({ method: 'PUT', url: '/znodes/a' });
    expect(totals()).toEqual([
      'zoogate_http_requests_total{route="/znodes/*",method="GET",status="304"} 3',
      'zoogate_http_requests_total{route="/znodes/*",method="PUT",status="201"} 1',
    ]);
  });

  it('that match no route are one series', async () => {
    for (const path of ['/a', '/b', '/c']) await app.inject(path);
    expect(totals()).toEqual([
      'zoogate_http_requests_total{route="none",method="GET",status="404"} 3',
    ]);
  });

  it('are timed', async () => {
    await app.inject('/znodes/a');
    const text = counts.text();
    const count = /_duration_seconds_count\{route="\/znodes\/\*",method="GET"\} (\d+)/.exec(text);
    expect(count?.[1]).toBe('1');
    const sum = /_duration_seconds_sum\{route="\/znodes\/\*",method="GET"\} (\S+)/.exec(text);
    expect(Number(sum?.[1])).toBeGreaterThan(0);
  });
});
