/** A node without a quorum says with every answer that it may be behind. */
import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { buildApp } from '../../../../src/gateway/app.ts';
import type { CoordinatorStatus, RequestMessage } from '../../../../src/gateway/coordinator.ts';
import { FakeCoordinator, at } from '../../../support/fake-coordinator.ts';
import { testSettings } from '../../../support/gateway-settings.ts';

class LonelyCoordinator extends FakeCoordinator {
  isReadOnly = true;

  override status(): CoordinatorStatus {
    return { ...super.status(), readOnly: this.isReadOnly, leader: null };
  }
}

const coordinator = new LonelyCoordinator();
let app: FastifyInstance;
let url: string;

beforeAll(async () => {
  app = await buildApp({
    coordinator,
    settings: testSettings,
    logger: { error: () => undefined, warn: () => undefined },
    version: '0.0.0-test',
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
});

afterAll(() => app.close());

beforeEach(() => {
  coordinator.isReadOnly = true;
  coordinator.script = (message: RequestMessage) => {
    const { stream, id } = message;
    queueMicrotask(() => {
      const about = { stream, id, zxid: 120, readOnly: true } as const;
      if (message.operation.type === 'children') {
        coordinator.answer({ type: 'result', ...about, result: childrenOfRoot });
      } else {
        const error = { code: 'NOTREADONLY', detail: 'no quorum', retryAfterMs: 1000 } as const;
        coordinator.answer({ type: 'error', ...about, error });
      }
    });
    return undefined;
  };
});

const childrenOfRoot = {
  path: at('/'),
  children: [{ name: 'a' }],
  stat: {
    ...{ czxid: 0, mzxid: 0, pzxid: 1, ctime: 0, mtime: 0, version: 0, cversion: 1, aversion: 0 },
    ...{ ephemeralOwner: 0, dataLength: 0, numChildren: 1, kind: 'persistent' as const },
  },
};

describe('the session of a request that reads nothing', () => {
  it('is judged by what this node knows, since there is no leader to ask', async () => {
    const headers = { 'Zk-Session': '7:AAAAAAAAAAAAAAAAAAAAAA' };
    for (const path of ['/ensemble', '/watch/a']) {
      await fetch(url + path, { headers });
      const asked = coordinator.messages.findLast(({ type }) => type === 'request');
      expect(asked).toMatchObject({ operation: { type: 'whoami' }, consistency: 'local' });
    }
  });
});

describe('Zk-Read-Only', () => {
  it('stands on the answer of a read', async () => {
    const answer = await fetch(`${url}/children/?consistency=local`);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('zk-read-only')).toBe('1');
  });

  it('stands on a refused write, which was not done and may be tried again', async () => {
    const answer = await fetch(`${url}/znodes/a`, { method: 'PUT', body: 'x' });
    expect(answer.status).toBe(503);
    expect(answer.headers.get('zk-read-only')).toBe('1');
    expect(answer.headers.get('retry-after')).toBe('1');
    expect(await answer.json()).toMatchObject({ code: 'NOTREADONLY', outcome: 'not-applied' });
  });

  it('stands on what the node says of the ensemble, and nowhere once it serves', async () => {
    const lonely = await fetch(`${url}/ensemble`);
    expect(lonely.headers.get('zk-read-only')).toBe('1');
    expect(await lonely.json()).toMatchObject({ readOnly: true, leader: null });
    coordinator.isReadOnly = false;
    const serving = await fetch(`${url}/ensemble`);
    expect(serving.headers.get('zk-read-only')).toBeNull();
  });
});
