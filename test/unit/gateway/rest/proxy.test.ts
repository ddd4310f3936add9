/** Behind a proxy: whose word about the client's address counts. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { httpClient } from '../../../support/http-client.ts';
import type { Http } from '../../../support/http-client.ts';
import { startMemoryNode } from '../../../support/memory-node.ts';
import type { MemoryNode } from '../../../support/memory-node.ts';

const nodes: MemoryNode[] = [];

async function start(trustProxy: boolean): Promise<Http> {
  const node = await startMemoryNode({ settings: { trustProxy } });
  nodes.push(node);
  return httpClient(node.url);
}

let direct: Http;
let proxied: Http;

beforeAll(async () => {
  direct = await start(false);
  proxied = await start(true);
});

afterAll(async () => {
  await Promise.all(nodes.map((node) => node.close()));
});

async function addressOf(http: Http, forwarded?: string): Promise<unknown> {
  const headers = forwarded === undefined ? {} : { 'X-Forwarded-For': forwarded };
  const { identities } = (await http('GET', '/whoami', { headers })).json();
  return identities;
}

const ip = (id: string) => [{ scheme: 'ip', id }];

describe('the address of a client', () => {
  it('is that of its connection, whatever it says', async () => {
    expect(await addressOf(direct, '10.0.0.1')).toEqual(ip('127.0.0.1'));
  });

  it('is what a trusted proxy has added, not what stood there before', async () => {
    expect(await addressOf(proxied)).toEqual(ip('127.0.0.1'));
    expect(await addressOf(proxied, '10.0.0.1')).toEqual(ip('10.0.0.1'));
    expect(await addressOf(proxied, '192.168.0.1, 10.0.0.1')).toEqual(ip('10.0.0.1'));
  });
});
