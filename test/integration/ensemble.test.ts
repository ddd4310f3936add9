/** Members of one ensemble as processes: what their operator sees of them. */
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { Cluster } from '../support/cluster.ts';
import { runZoogate, temporaryDirectory } from '../support/server-process.ts';
import { until } from '../support/waiting.ts';
import { connect } from '../support/websocket-client.ts';

vi.setConfig({ testTimeout: 90_000 });

const clusters: Cluster[] = [];
let shared: Cluster | undefined;

afterEach(async () => {
  await Promise.all(clusters.splice(0).map((cluster) => cluster.stop()));
});

afterAll(() => shared?.stop());

/** Three voters that serve: the same for all tests, since to start a process takes longer than they do. */
async function threeVoters(): Promise<Cluster> {
  if (shared === undefined) return (shared = await Cluster.start({ voters: 3 }));
  const cluster = shared;
  const missing = cluster.ids.filter((id) => !cluster.node(id).isUp);
  await Promise.all(missing.map((id) => cluster.startNode(id)));
  await cluster.settled();
  return cluster;
}

async function measurement(url: string, name: string): Promise<number | undefined> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const line = text.split('\n').find((each) => each.startsWith(`zoogate_${name} `));
  return line === undefined ? undefined : Number(line.slice(line.lastIndexOf(' ')));
}

/** Both others, with the addresses at which they are looked for. */
const missing = (before: string): RegExp =>
  new RegExp(
    String.raw`^${before}; nodes 2 \(127\.0\.0\.1:\d+\), 3 \(127\.0\.0\.1:\d+\) are not connected$`,
  );

describe('a member without a quorum', () => {
  it('is alive, says why it is not ready, refuses, and serves as soon as there is one', async () => {
    const cluster = await threeVoters();
    for (const id of cluster.ids) await cluster.end(id, 'SIGTERM');
    const node = await cluster.startNode(1);
    expect((await node.ask('GET', '/health/live')).status).toBe(200);
    const ready = await node.ask('GET', '/health/ready');
    expect(ready.problem()).toMatchObject({
      ...{ status: 503, code: 'CONNECTIONLOSS', retryable: true },
      detail: expect.stringMatching(
        missing('this node is not ready: not in a quorum yet'),
      ) as string,
    });
    for (const method of ['GET', 'PUT']) {
      const refused = (await node.http(method, '/znodes/a')).problem();
      expect(refused).toMatchObject({
        ...{ status: 503, outcome: 'not-applied' },
        detail: expect.stringMatching(missing('this node is not in a quorum at present')) as string,
      });
    }
    expect(await node.status()).toMatchObject({ leader: null, self: 1 });

    await cluster.startNode(3);
    await until('readiness', async () => {
      const { status } = await node.ask('GET', '/health/ready');
      return status === 200 ? true : undefined;
    });
    expect((await node.http('PUT', '/znodes/a')).status).toBe(201);
    const { members } = await node.status();
    expect(members.find(({ id }) => id === 2)?.state).toBe('down');
  });

  it('waits for all that vote before its birth, and ends in order all the same', async () => {
    const cluster = await Cluster.prepare({ voters: 3 });
    clusters.push(cluster);
    const node = await cluster.startNode(2);
    await cluster.startNode(1);
    const connected = 'Node 1 is connected.';
    await until('the link', () => (node.log.includes(connected) ? true : undefined));
    const ready = (await node.ask('GET', '/health/ready')).problem();
    expect(ready.detail).toMatch(
      /begins with all that vote, and node 3 \(127\.0\.0\.1:\d+\) is not connected/,
    );
    // Its log says the same, again and again.
    const said = `this node is not ready yet: ${ready.detail.replace(/^.*not ready: /, '')}`;
    const lines = (): number => node.log.split(said).length - 1;
    await until('two lines of the log', () => lines() >= 2 || undefined, 40_000);
    expect((await node.status()).members.map(({ state }) => state)).toEqual([
      ...['looking', 'looking', 'down'],
    ]);
    expect(await cluster.end(2, 'SIGTERM')).toEqual({ code: 0, signal: null });
  });
});

it('logs what its settings say that is seldom meant', async () => {
  const cluster = await Cluster.prepare({ voters: 2 });
  clusters.push(cluster);
  const node = await cluster.startNode(1);
  const warning = '"msg":"2 members vote: they survive the loss of 0';
  await until('the warning', () => node.log.includes(warning) || undefined);
});

describe('an ensemble', () => {
  it('is described by every node alike, and measured', async () => {
    const cluster = await Cluster.start({ voters: 3, observers: 1 });
    clusters.push(cluster);
    const leader = await cluster.newLeader();
    await cluster.node(4).http('PUT', '/znodes/a', { body: 'x' });
    for (const id of cluster.ids) {
      const node = cluster.node(id);
      const status = await until('the same view', async () => {
        const seen = await node.status();
        return seen.members.every(({ state, lag }) => state !== 'down' && lag === 0)
          ? seen
          : undefined;
      });
      expect(status).toMatchObject({ leader, readOnly: false, self: id });
      expect(status.members.map(({ role }) => role)).toEqual([
        ...['participant', 'participant', 'participant', 'observer'],
      ]);
      const states = status.members.map(({ state }) => state);
      expect(states[leader - 1]).toBe('leading');
      expect(states[3]).toBe('observing');
      expect(await measurement(node.url, 'leader_id')).toBe(leader);
      expect(await measurement(node.url, 'peers_connected')).toBe(3);
      expect(await measurement(node.url, 'members_voting')).toBe(3);
      // A node that a busy machine has kept from hearing its leader is not ready for a moment.
      await until(
        'readiness',
        async () => (await measurement(node.url, 'ready')) === 1 || undefined,
      );
      const role = states[id - 1] ?? '';
      expect(await measurement(node.url, `role{role="${role}"}`)).toBe(1);
      expect(await measurement(node.url, 'role{role="looking"}')).toBe(0);
      const lagOfFour = await measurement(node.url, 'member_lag_transactions{member="4"}');
      expect(lagOfFour).toBe(id === leader ? 0 : undefined);
    }
    expect(await measurement(cluster.node(4).url, 'requests_forwarded_total')).toBeGreaterThan(0);
  });

  it('hands over when its leader is told to stop, whose streams are sent elsewhere', async () => {
    const cluster = await threeVoters();
    const leader = await cluster.newLeader();
    const { running } = cluster.node(leader);
    const client = await connect(running.wsUrl, { connect: { session: 'new' } });
    expect(await cluster.end(leader, 'SIGTERM')).toEqual({ code: 0, signal: null });
    expect(await client.closed).toMatchObject({ code: 1012 });
    expect(running.stdout()).toContain('the leadership is handed over');
    const next = await cluster.newLeader(leader);
    expect((await cluster.node(next).http('PUT', '/znodes/b')).status).toBe(201);
  });

  it('logs what an operator wants to know', async () => {
    const cluster = await threeVoters();
    const leader = await cluster.newLeader();
    const before = cluster.ids.map((id) => cluster.node(id).log.length);
    await cluster.end(leader, 'SIGKILL');
    const next = await cluster.newLeader(leader);
    const node = cluster.node(next);
    const expected = [
      'this node is looking',
      'a leader has been elected',
      'this node is leading',
      'the epoch is established',
      `Node ${leader} is no longer connected.`,
    ];
    await until('the link', () => node.log.includes(`Node ${leader} is connected.`) || undefined);
    await until('the log', () => {
      const log = node.log.slice(before[next - 1]);
      return expected.every((said) => log.includes(said)) || undefined;
    });
    expect(node.log).not.toContain('"level":"error"');
  });

  it('is not joined by a node that has another list of members', async () => {
    const cluster = await threeVoters();
    await cluster.end(3, 'SIGTERM');
    const ports = [1, 2, 3].map((id) => cluster.node(id).peerPort);
    const members = ports.map((port, index) => `${index + 1}=127.0.0.1:${port}`);
    const other = [...members, '4=127.0.0.1:1'].flatMap((member) => ['--member', member]);
    const told = 'of the voters 1, 2, 3, and this node is told of the voters 1, 2, 3, 4';
    await expect(cluster.startNode(3, { members: other })).rejects.toThrow(told);
    const dataDir = temporaryDirectory();
    const node = await cluster.startNode(3, { members: other, dataDir });
    await until(
      'the refusal',
      () => node.log.includes('give all nodes the same --member and --observer') || undefined,
    );
    expect((await node.ask('GET', '/health/ready')).status).toBe(503);
    await cluster.end(3);
  });
});

it('does not start where another process has its peer port, and says which setting that is', async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const { port } = other.address() as AddressInfo;
  const members = [`1=127.0.0.1:${port}`, '2=127.0.0.1:1', '3=127.0.0.1:2'];
  const args = members.flatMap((member) => ['--member', member]);
  const place = ['--port', '0', '--data-dir', temporaryDirectory(), '--log-level', 'silent'];
  const result = await runZoogate(['serve', '--id', '1', ...place, ...args]);
  other.close();
  expect(result).toMatchObject({ code: 1, stdout: '' });
  expect(result.stderr).toBe(
    `zoogate: cannot listen on 127.0.0.1 port ${port} for the other members (EADDRINUSE): ` +
      'another process listens there; stop it, or choose another --peer-port\n',
  );
});
