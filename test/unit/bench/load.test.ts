import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocketServer } from 'ws';
import { runChild } from '../../bench/children.ts';
import type { WebSocketLoad } from '../../bench/loads/websocket.ts';
import type { Measurement } from '../../bench/window.ts';

interface Request {
  readonly type: string;
  readonly id: number;
}

/** Answers as Zoogate does: singly, or in arrays to who said `batch`. */
class FakeServer {
  readonly #server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  readonly seen = new Map<string, number>();
  refuses = '';

  constructor() {
    this.#server.on('connection', (socket) => {
      socket.on('message', (data: Buffer) => {
        const parsed = JSON.parse(data.toString()) as Request | Request[];
        const answers = [parsed].flat().map((request) => this.#answer(request));
        if (Array.isArray(parsed)) socket.send(JSON.stringify(answers));
        else for (const answer of answers) socket.send(JSON.stringify(answer));
      });
    });
  }

  async url(): Promise<string> {
    if (this.#server.address() === null) await once(this.#server, 'listening');
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('no address');
    return `ws://127.0.0.1:${address.port}/ws`;
  }

  close(): void {
    for (const socket of this.#server.clients) socket.terminate();
    this.#server.close();
  }

  #answer({ type, id }: Request): Readonly<Record<string, unknown>> {
    this.seen.set(type, (this.seen.get(type) ?? 0) + 1);
    if (type === this.refuses) return { type: 'error', id, problem: { code: 'NONODE' } };
    return { type: type === 'connect' ? 'connected' : 'result', id, zxid: 1 };
  }
}

describe('the WebSocket load', () => {
  const fake = new FakeServer();
  let load: Pick<WebSocketLoad, 'url' | 'serverPid' | 'seconds'>;
  beforeAll(async () => {
    load = { url: await fake.url(), serverPid: process.pid, seconds: 0.2 };
  });
  afterAll(() => fake.close());

  it('measures each case, singly and in arrays', async () => {
    const shape = { connections: 2, outstanding: 8 };
    const measured = await runChild<Measurement>('loads/websocket.ts', {
      ...load,
      cases: [
        { operation: 'read', arrays: false, ...shape },
        { operation: 'mix', arrays: true, ...shape },
        { operation: 'create', arrays: true, ...shape },
      ],
    });
    expect(measured).toHaveLength(3);
    for (const { opsPerSecond, p50Ms, p99Ms, errors } of measured) {
      expect(opsPerSecond).toBeGreaterThan(100);
      expect(p50Ms).toBeGreaterThan(0);
      expect(p99Ms).toBeGreaterThanOrEqual(p50Ms);
      expect(errors).toBe(0);
    }
    const { get, set } = Object.fromEntries(fake.seen);
    expect(fake.seen.get('connect')).toBe(6);
    expect(get).toBeGreaterThan(set ?? Number.NaN);
  });

  it('counts refusals', async () => {
    fake.refuses = 'get';
    const [measured] = await runChild<Measurement>('loads/websocket.ts', {
      ...load,
      cases: [{ operation: 'read', connections: 1, outstanding: 1, arrays: false }],
    });
    expect(measured?.errors).toBeGreaterThan(0);
  });
});
