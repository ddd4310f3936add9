/** What a node tells those who watch over it. */
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Gate, GatedDisk } from '../support/gated-disk.ts';
import { startInProcess } from '../support/in-process.ts';
import type { InProcessNode } from '../support/in-process.ts';
import { until } from '../support/waiting.ts';

let node: InProcessNode;
beforeEach(async () => {
  node = await startInProcess();
});
afterEach(async () => {
  await node.remove();
});

async function measurements(): Promise<Map<string, number>> {
  const text = await (await fetch(`${node.url}/metrics`)).text();
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const space = line.lastIndexOf(' ');
      return [line.slice(0, space), Number(line.slice(space + 1))];
    }),
  );
}

describe('health', () => {
  it('is live and ready while the node serves', async () => {
    for (const path of ['/health/live', '/health/ready']) {
      const response = await fetch(node.url + path);
      expect(response.status).toBe(200);
      expect(response.headers.get('cache-control')).toBe('no-store');
      expect(await response.json()).toEqual({ status: 'ok' });
      expect((await fetch(node.url + path, { method: 'HEAD' })).status).toBe(200);
    }
  });

  it('is a problem with the reason when the node does not serve', async () => {
    await node.replica.stop();
    const response = await fetch(`${node.url}/health/ready`);
    expect(response.status).toBe(503);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(response.headers.get('retry-after')).toBe('1');
    expect(await response.json()).toMatchObject({
      code: 'CONNECTIONLOSS',
      detail: 'this node is not ready: stopping',
    });
    expect((await fetch(`${node.url}/health/live`)).status).toBe(200);
  });

  it('is a problem while the disk of a node hangs, and not once it goes on', async () => {
    const gate = new Gate();
    const hanging = await startInProcess({
      settings: { peerTimeout: 150, tickMs: 100 },
      wrapDisk: (disk) => new GatedDisk(disk, gate),
    });
    const ready = (): Promise<Response> => fetch(`${hanging.url}/health/ready`);
    const stalledSeconds = async (): Promise<number> => {
      const text = await (await fetch(`${hanging.url}/metrics`)).text();
      return Number(/^zoogate_disk_stalled_seconds (\S+)$/m.exec(text)?.[1]);
    };
    try {
      expect((await ready()).status).toBe(200);
      expect(await stalledSeconds()).toBe(0);
      gate.hold();
      const answer = fetch(`${hanging.url}/znodes/a`, { method: 'PUT', body: 'x' });
      const refused = await until('a node that is not ready', async () => {
        const response = await ready();
        return response.status === 503 ? response : undefined;
      });
      expect(await refused.json()).toMatchObject({
        code: 'CONNECTIONLOSS',
        detail: expect.stringMatching(
          /^this node is not ready: the disk has completed nothing for \d+\.\d s$/,
        ) as string,
      });
      expect(await stalledSeconds()).toBeGreaterThan(0.1);
      expect((await fetch(`${hanging.url}/health/live`)).status).toBe(200);
      gate.release();
      expect((await answer).status).toBe(201);
      await until('a node that is ready', async () => (await ready()).ok || undefined);
      expect(await stalledSeconds()).toBe(0);
      await until('the line of the log', () => hanging.complaints.length > 1 || undefined);
      expect(hanging.complaints[0]).toContain('this node acknowledges no writes until it does');
      expect(hanging.complaints[1]).toContain('the disk completes writes again');
    } finally {
      gate.release();
      await hanging.remove();
    }
  });

  it('takes no other method', async () => {
    const response = await fetch(`${node.url}/health/live`, { method: 'POST' });
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe('GET, HEAD, OPTIONS');
  });

  it('is told only to those who may call', async () => {
    const response = await fetch(`${node.url}/metrics`, {
      headers: { Origin: 'https://evil.example' },
    });
    expect(response.status).toBe(403);
  });
});

describe('measurements', () => {
  it('are the text of Prometheus', async () => {
    const response = await fetch(`${node.url}/metrics`);
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    const text = await response.text();
    const names = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name]) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(name).toMatch(/^zoogate_[a-z0-9_]+$/);
    for (const [, name] of text.matchAll(/^# TYPE (\S+) counter$/gm))
      expect(name).toMatch(/_total$/);
    const series = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    for (const line of series) expect(line).toMatch(/^zoogate_\w+(\{[^}]*\})? -?[0-9.e+-]+$/);
  });

  it('follow what happens', async () => {
    const before = await measurements();
    await fetch(`${node.url}/znodes/a`, { method: 'PUT', body: 'x' });
    await fetch(`${node.url}/znodes/b`, { method: 'PUT', body: 'x' });
    await fetch(`${node.url}/sessions`, { method: 'POST' });
    await fetch(`${node.url}/znodes/none`);
    const after = await measurements();
    const change = (name: string): number => (after.get(name) ?? 0) - (before.get(name) ?? 0);
    expect(change('zoogate_znodes')).toBe(2);
    expect(change('zoogate_sessions')).toBe(1);
    expect(change('zoogate_applied_zxid')).toBe(3);
    expect(change('zoogate_commits_total')).toBe(3);
    expect(change('zoogate_log_syncs_total')).toBeGreaterThanOrEqual(1);
    expect(change('zoogate_log_written_bytes_total')).toBeGreaterThan(0);
    const requests = (route: string, method: string, status: number): number =>
      change(`zoogate_http_requests_total{route="${route}",method="${method}",status="${status}"}`);
    expect(requests('/znodes/*', 'PUT', 201)).toBe(2);
    expect(requests('/znodes/*', 'GET', 404)).toBe(1);
    expect(requests('/sessions', 'POST', 201)).toBe(1);
    expect(after.get('zoogate_ready')).toBe(1);
    // The one that asks.
    expect(after.get('zoogate_http_connections')).toBeGreaterThanOrEqual(1);
    expect(after.get('zoogate_http_waiting_bytes')).toBe(0);
    expect(after.get('zoogate_http_unread_bytes')).toBe(0);
    expect(after.get('zoogate_http_readers_given_up_total')).toBe(0);
    expect(after.get('zoogate_resident_memory_bytes')).toBeGreaterThan(10_000_000);
  });

  it('tell what clients hold of what belongs to all', async () => {
    const socket = connect(Number(new URL(node.url).port), '127.0.0.1');
    socket.write('PUT /znodes/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nxy');
    const held = async (): Promise<unknown> => {
      const told = await measurements();
      return [told.get('zoogate_uploads'), told.get('zoogate_upload_bytes')];
    };
    await expect.poll(held).toEqual([1, 2]);
    const told = await measurements();
    expect(told.get('zoogate_client_connections')).toBeGreaterThanOrEqual(2);
    expect(told.get('zoogate_clients_connected')).toBe(1);
    expect(told.get('zoogate_client_connections_max')).toBeGreaterThan(10);
    for (const name of [
      'connections_refused',
      'streams_refused',
      'uploads_refused',
      'uploads_given_up',
    ])
      expect(told.get(`zoogate_${name}_total`)).toBe(0);
    socket.destroy();
    await expect.poll(held).toEqual([0, 0]);
  });

  it('tell the longest delay of the event loop since the last look', async () => {
    await measurements();
    // Two turns of the timers: the monitor looks once before and once after the pause.
    await new Promise((resolve) => setTimeout(resolve, 30));
    const end = performance.now() + 200;
    while (performance.now() < end);
    await new Promise((resolve) => setTimeout(resolve, 30));
    const delayed = (await measurements()).get('zoogate_event_loop_delay_max_seconds');
    expect(delayed).toBeGreaterThan(0.15);
    const later = (await measurements()).get('zoogate_event_loop_delay_max_seconds');
    expect(later).toBeLessThan(delayed ?? 0);
  });
});
