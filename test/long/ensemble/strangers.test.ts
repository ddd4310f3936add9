/** What an operator gets wrong, and what strangers send: each is told in the log, and there is never a second truth. */
import { cpSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Cluster } from '../../support/cluster.ts';
import { httpClient } from '../../support/http-client.ts';
import { seededRandom } from '../../support/random.ts';
import { runZoogate, temporaryDirectory } from '../../support/server-process.ts';
import { pause, until } from '../../support/waiting.ts';
import { helloFrame } from '../../unit/transport/stranger-frames.ts';
import { ensemble, loaded, takesWrite, verified, watchOver } from './scene.ts';

/** Resolves when a node has logged something like that. */
function logged(cluster: Cluster, id: number, text: RegExp): Promise<string> {
  return until(
    `${String(text)} in the log of node ${id}`,
    () => text.exec(cluster.node(id).log)?.[0],
  );
}

async function isServing(cluster: Cluster, id: number): Promise<boolean> {
  return (await cluster.node(id).ask('GET', '/health/ready')).status === 200;
}

describe('a node', () => {
  test('with another member list is told so, and does not take part', async () => {
    const cluster = await ensemble({ voters: 3 });
    await cluster.end(3);
    const members = [...cluster.memberFlags(3), '--member', '4=127.0.0.1:1'];
    // Its own log knows better; with an empty one it is the others that do.
    await expect(cluster.startNode(3, { members })).rejects.toThrow(
      /is told of the voters 1, 2, 3, 4/,
    );
    await cluster.startNode(3, { members, dataDir: temporaryDirectory() });
    await logged(cluster, 3, /refused by node 1.*give all nodes the same --member/);
    await logged(cluster, 1, /refused.*4=voter.*give all nodes the same --member/);
    await pause(1500);
    expect(await isServing(cluster, 3)).toBe(false);
    await takesWrite(cluster, 1);
  });

  test('with the id of another is told so', async () => {
    const cluster = await ensemble({ voters: 3, observers: 1 });
    await takesWrite(cluster, 1);
    await cluster.end(4);
    // It calls the nodes with smaller ids, as node 3 does.
    await cluster.startNode(4, { dataDir: temporaryDirectory(), as: 3 });
    await logged(cluster, 1, /Two processes run as node 3/);
    await cluster.end(4);
    await cluster.settled();
    for (const id of cluster.voters) await takesWrite(cluster, id);
  });

  test('with the data of another cluster is told so, and does not take part', async () => {
    // Of the same members: the log of another list is refused before anything is linked.
    const stranger = await ensemble({ voters: 3 });
    await takesWrite(stranger, 1);
    for (const id of [1, 2, 3]) await stranger.end(id);
    const cluster = await ensemble({ voters: 3 });
    const trial = await loaded(cluster);
    await trial.progress(60);
    await cluster.end(3);
    await cluster.startNode(3, { dataDir: stranger.node(3).dataDir });
    await logged(cluster, 3, /refused by node 1.*data directory of another cluster/);
    await logged(cluster, 1, /refused.*data directory of another cluster/);
    await pause(1500);
    expect(await isServing(cluster, 3)).toBe(false);
    await cluster.end(3);
    await trial.progress(60);
    await verified(cluster, trial);
  });

  test('that was given an old copy of its own data loses nothing that it has acknowledged', async () => {
    const cluster = await ensemble({ voters: 3 });
    const trial = await loaded(cluster);
    await trial.progress(60);
    await cluster.end(3);
    const copy = join(temporaryDirectory(), 'copy');
    cpSync(cluster.node(3).dataDir, copy, {
      recursive: true,
      filter: (file) => !file.includes('/lock'),
    });
    await cluster.startNode(3);
    await cluster.settled();
    await trial.progress(200);
    await cluster.end(3);
    await cluster.startNode(3, { dataDir: copy });
    // It may be taken for one that was away, or be refused; it must not bring the past back.
    await trial.progress(100);
    await cluster.end(3);
    await verified(cluster, trial);
  });
});

describe('the port for members', () => {
  test('takes garbage, silence and half a message for nothing', async () => {
    const cluster = await ensemble({ voters: 3 });
    const trial = await loaded(cluster);
    const random = seededRandom(1);
    for (let round = 0; round < 40; round += 1) {
      const { peerPort } = cluster.node(1 + (round % 3));
      const socket = connect(peerPort, '127.0.0.1');
      socket.on('error', () => undefined);
      await once(socket, 'connect');
      const bytes = Buffer.from(
        Array.from({ length: 1 + round * 7 }, () => Math.floor(random() * 256)),
      );
      if (round % 4 === 0) socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
      else if (round % 4 === 1) socket.write(bytes);
      else if (round % 4 === 2) socket.write(Buffer.concat([Buffer.from('ZGAT'), bytes]));
      await pause(20);
      socket.destroy();
    }
    await trial.progress(60);
    await verified(cluster, trial);
  });

  test('refuses a member that speaks another version of the protocol, in words', async () => {
    const cluster = await ensemble({ voters: 3 });
    const socket = connect(cluster.node(1).peerPort, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(helloFrame({}, 99));
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    await once(socket, 'close');
    expect(Buffer.concat(chunks).toString()).toMatch(/speaks version 2 .+ version 99/);
    await logged(cluster, 1, /speaks version 2 .+ version 99/);
    await takesWrite(cluster, 1);
  });

  test('that is in use is an error that says so', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const result = await runZoogate([
      ...['serve', '--data-dir', temporaryDirectory(), '--port', '0', '--id', '1'],
      ...['--peer-port', String(port), '--segment-size', '1MiB'],
      ...['--member', `1=127.0.0.1:${port}`, '--member', '2=127.0.0.1:1'],
    ]);
    server.close();
    expect(result.code).not.toBe(0);
    expect(`${result.stdout}${result.stderr}`).toContain(String(port));
  });
});

describe('members that never had anything to do with one another', () => {
  test('form no cluster while one of them is missing', async () => {
    const cluster = await Cluster.prepare({ voters: 3 });
    watchOver(cluster);
    await cluster.startNode(1);
    await cluster.startNode(2);
    await pause(2500);
    for (const id of [1, 2]) {
      const { status } = await httpClient(cluster.node(id).url)('PUT', '/znodes/x');
      expect(status).toBe(503);
    }
    await cluster.startNode(3);
    await cluster.settled();
    await takesWrite(cluster, 1);
  });
});
