/** Clients of a node that has been left alone: told in time, by every door. */
import { afterEach, expect, it, vi } from 'vitest';
import { Cluster } from '../support/cluster.ts';
import { SseClient } from '../support/sse-client.ts';
import { connect } from '../support/websocket-client.ts';

vi.setConfig({ testTimeout: 90_000 });

let cluster: Cluster | undefined;

afterEach(() => cluster?.stop());

it('hear that it has no leader, and leave it before their sessions end elsewhere', async () => {
  cluster = await Cluster.start({ voters: 3 });
  const { leader } = await cluster.node(1).status();
  const [alone, ...others] = cluster.ids.filter((id) => id !== leader);
  if (alone === undefined || leader === null) throw new Error('nobody is left alone');
  const node = cluster.node(alone);
  await node.http('PUT', '/znodes/a', { body: 'x' });
  const url = `${node.url.replace('http', 'ws')}/ws`;
  const holder = await connect(url, { connect: { session: 'new', timeoutMs: 3000 } });
  const watcher = await connect(url, { connect: {} });
  const stream = await SseClient.open(node.url, '/watch/a', {});
  const polls = Array.from({ length: 5 }, () =>
    node.http('GET', '/znodes/none?wait=5m&until=exists'),
  );
  // Served after the polls have come, since they came before.
  await node.http('GET', '/znodes/a');
  for (const id of [leader, ...others]) await cluster.end(id, 'SIGKILL');

  for (const answer of await Promise.all(polls)) {
    expect(answer.problem()).toMatchObject({ status: 503, code: 'CONNECTIONLOSS' });
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
  }
  const last = (await stream.rest()).at(-1);
  expect(last).toMatchObject({ event: 'session', data: { state: 'suspended' } });
  const { code } = await holder.closed;
  expect(code).toBe(4503);
  const news = { type: 'session', state: 'suspended' };
  expect(holder.received.at(-1)).toEqual(news);
  expect(watcher.received).toContainEqual(news);
  await expect(watcher.request({ type: 'ping' })).rejects.toMatchObject({ code: 'CONNECTIONLOSS' });
  watcher.socket.terminate();
});
