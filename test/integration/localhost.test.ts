/** `--host localhost`: whatever addresses the name has, every connection passes the bounds on connections. */
import dns from 'node:dns';
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, expect, it, vi } from 'vitest';
import { startInProcess } from '../support/in-process.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

async function listens(host: string, port: number): Promise<boolean> {
  const socket = connect({ host, port });
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

it('is one address, which the connections of clients are counted on', async () => {
  // A framework that looked the name up would find a second address and listen there too.
  const real = dns.lookup;
  const both = ['127.0.0.1', '127.0.0.2'].map((address) => ({ address, family: 4 }));
  vi.spyOn(dns, 'lookup').mockImplementation(((host: string, options: object, then: Then) => {
    if (host === 'localhost' && 'all' in options && options.all === true) then(null, both);
    else (real as (host: string, options: object, then: Then) => void)(host, options, then);
  }) as unknown as typeof dns.lookup);
  const node = await startInProcess({ settings: { host: 'localhost' } });
  try {
    const text = await (await fetch(`http://127.0.0.1:${node.port}/metrics`)).text();
    expect(text).toMatch(/^zoogate_client_connections 1$/m);
    expect(await listens('127.0.0.1', node.port)).toBe(true);
    expect(await listens('127.0.0.2', node.port)).toBe(false);
  } finally {
    await node.remove();
  }
});

type Then = (error: Error | null, found: unknown, family?: number) => void;
