import { describe, expect, it } from 'vitest';
import { channels } from '../../../src/transport/frames.ts';
import { TcpTransport } from '../../../src/transport/index.ts';
import type { TransportLimits } from '../../../src/transport/index.ts';
import { FakeWorld } from './fake-network.ts';
import type { FakeConnection } from './fake-network.ts';
import { frame, helloFrame } from './stranger-frames.ts';

const limits: Partial<TransportLimits> = {
  ...{ redialMinMs: 20, redialMaxMs: 1000, aliveMs: 500, silenceMs: 3000 },
  ...{ connectTimeoutMs: 2000, helloTimeoutMs: 2000, probesMax: 3, complaintIntervalMs: 60_000 },
};

interface Node {
  readonly world: FakeWorld;
  readonly transport: TcpTransport;
  readonly told: string[];
  readonly logged: { readonly fields: object; readonly text: string }[];
}

/** Node `id` of 1 and 2, whose peer is played by the test. @param random always the same chance */
async function startNode(id: 1 | 2, random = 0.999_999): Promise<Node> {
  const world = new FakeWorld();
  const told: string[] = [];
  const logged: { fields: object; text: string }[] = [];
  const log = (fields: object, text: string): void => void logged.push({ fields, text });
  const members = [1, 2].map((member) => ({
    ...({ id: member, role: 'voter', host: `node${member}`, port: 8280 + member } as const),
  }));
  const transport = await TcpTransport.open({
    self: { id, incarnation: `i${id}`, boot: 'a', url: undefined, featureLevel: 1 },
    clusterId: () => undefined,
    ...{ members, listen: { host: '127.0.0.1', port: 0 }, limits },
    ...{ network: world.network, scheduler: world.scheduler, random: () => random },
    log: { info: log, warn: log },
  });
  transport.start({
    up: (peer) => told.push(`up ${peer.id}`),
    down: (peer, { refused }) => told.push(`down ${peer}${refused ? ' refused' : ''}`),
    message: (peer, { type }) => told.push(`${peer}: ${type}`),
    payload: (peer, { length }) => told.push(`${peer}: ${length} bytes`),
    idle: () => told.push('idle'),
  });
  return { world, transport, told, logged };
}

/** Node 1, called by node 2. */
async function startCalled(): Promise<Node & { link: FakeConnection }> {
  const node = await startNode(1);
  const link = node.world.call();
  link.receive(helloFrame());
  node.world.settle();
  node.told.length = 0;
  return { ...node, link };
}

/** Answers the youngest call of node 2 as node 1. */
function answer({ world }: Node): FakeConnection {
  const call = world.calls.at(-1);
  if (call === undefined) throw new Error('it has not called');
  call.open();
  call.receive(helloFrame({ id: 1, to: 2, incarnation: 'i1' }));
  world.settle();
  return call;
}

const alive = frame(channels.alive, '');

describe('calls', () => {
  it('are made again after ever longer waits, up to the longest', async () => {
    const { world } = await startNode(2);
    const times: number[] = [];
    while (times.length < 10) {
      world.pass(1);
      const open = world.calls.find(({ isOpen }) => isOpen);
      if (open === undefined) continue;
      times.push(world.nowMs - 1000);
      open.refuse();
    }
    const waits = times.map((time, index) => Math.round(time - (times[index - 1] ?? 0)));
    expect(waits).toEqual([1, 20, 40, 80, 160, 320, 640, 1000, 1000, 1000]);
  });

  it('are spread by chance, down to half the wait', async () => {
    const { world } = await startNode(2, 0);
    world.pass(1);
    world.calls[0]?.refuse();
    world.pass(10);
    expect(world.calls).toHaveLength(2);
  });

  it('go to the address of the member', async () => {
    const { world } = await startNode(2);
    world.pass(1);
    expect(world.calls[0]?.to).toEqual({ host: 'node1', port: 8281 });
  });

  it('that are never answered are given up, and others follow', async () => {
    const { world } = await startNode(2);
    world.pass(1);
    world.pass(1999);
    expect(world.calls).toHaveLength(1);
    world.pass(100);
    expect(world.calls[0]?.isOpen).toBe(false);
    expect(world.calls).toHaveLength(2);
  });

  it('are made at once when a link is lost that has lasted', async () => {
    const node = await startNode(2);
    node.world.pass(1);
    const link = answer(node);
    for (let seconds = 0; seconds < 2; seconds++) {
      node.world.pass(1000);
      link.receive(alive);
    }
    link.destroy();
    node.world.pass(1);
    expect(node.world.calls).toHaveLength(2);
  });

  it('are not made without a pause when links end as soon as they are made', async () => {
    const node = await startNode(2);
    for (let times = 0; times < 500; times++) {
      node.world.pass(10);
      if (node.world.calls.at(-1)?.isOpen === true) answer(node).destroy();
    }
    expect(node.world.calls.length).toBeLessThan(12);
  });

  it('are made soon when somebody knocks, and no sooner however often', async () => {
    const { world } = await startNode(2);
    world.pass(1);
    for (let times = 0; times < 8; times++) {
      world.calls.at(-1)?.refuse();
      world.pass(1000);
    }
    const { length } = world.calls;
    world.calls.at(-1)?.refuse();
    world.pass(1);
    for (let times = 0; times < 19; times++) {
      world.call().destroy();
      world.pass(1);
    }
    expect(world.calls).toHaveLength(length);
    world.pass(1);
    expect(world.calls).toHaveLength(length + 1);
    world.call().destroy();
    world.pass(500);
    expect(world.calls).toHaveLength(length + 1);
  });

  it('are asked for by a knock of the node that is to be called, when it starts', async () => {
    const { world, told } = await startNode(1);
    world.pass(1);
    expect(world.calls[0]?.to).toEqual({ host: 'node2', port: 8282 });
    world.calls[0]?.open();
    world.pass(10_000);
    expect([world.calls.length, world.calls[0]?.written, told]).toEqual([1, [], []]);
  });

  it('end with the transport', async () => {
    const { world, transport } = await startNode(2);
    world.pass(1);
    const stopped = transport.stop();
    world.settle();
    await stopped;
    world.pass(10_000);
    expect(world.calls.map(({ isOpen }) => isOpen)).toEqual([false]);
  });
});

describe('a peer whose port refuses', () => {
  it('is told of once, until it has been there again', async () => {
    const node = await startNode(2);
    const { world, told } = node;
    for (let times = 0; times < 5; times++) {
      world.pass(1500);
      world.calls.at(-1)?.refuse();
    }
    world.pass(1500);
    expect(told).toEqual(['down 1 refused', 'idle']);
    answer(node).destroy();
    world.pass(1500);
    world.calls.at(-1)?.refuse();
    world.pass(1);
    expect(told.slice(2)).toEqual(['up 1', 'idle', 'down 1', 'idle', 'down 1 refused', 'idle']);
  });

  it('is asked for by the node that it calls, when the link is lost, and only so often', async () => {
    const { world, link, told } = await startCalled();
    link.destroy();
    world.pass(1);
    expect(world.calls).toHaveLength(1);
    // The port still takes connections.
    for (let times = 0; times < 10; times++) {
      world.calls.at(-1)?.open();
      world.pass(1000);
    }
    expect(world.calls).toHaveLength(3);
    expect(told).toEqual(['down 2', 'idle']);
  });

  it('is told of by the node that it calls', async () => {
    const { world, link, told } = await startCalled();
    link.destroy();
    world.pass(1);
    world.calls[0]?.refuse();
    world.pass(10_000);
    expect(told).toEqual(['down 2', 'idle', 'down 2 refused', 'idle']);
    expect(world.calls).toHaveLength(1);
  });

  it('is not asked for any more when it has called again', async () => {
    const { world, link, told } = await startCalled();
    link.destroy();
    world.call().receive(helloFrame());
    world.pass(1000);
    expect(world.calls).toHaveLength(0);
    expect(told).toEqual(['down 2', 'up 2', 'idle']);
  });
});

describe('a link on which nothing comes', () => {
  it('is given up after the silence that is allowed', async () => {
    const { world, link, told } = await startCalled();
    world.pass(3000);
    expect([told, link.isOpen]).toEqual([[], true]);
    world.pass(600);
    expect([told, link.isOpen]).toEqual([['down 2', 'idle'], false]);
  });

  it('stays as long as signs of life come', async () => {
    const { world, link, told } = await startCalled();
    for (let times = 0; times < 20; times++) {
      world.pass(1000);
      link.receive(alive);
    }
    expect([told, link.isOpen]).toEqual([[], true]);
  });

  it('is not blamed for a pause of this node itself', async () => {
    const { world, link, told } = await startCalled();
    world.sleep(60_000);
    world.pass(500);
    expect([told, link.isOpen]).toEqual([[], true]);
    world.pass(3600);
    expect(told).toEqual(['down 2', 'idle']);
  });

  it('carries signs of life of its own, and none where anything else is sent', async () => {
    const { world, link, transport } = await startCalled();
    link.written.length = 0;
    for (let times = 0; times < 10; times++) {
      world.pass(100);
      transport.send(2, { type: 'PONG', tenure: 1, round: 1 });
    }
    world.settle();
    expect(link.written).toHaveLength(10);
    link.written.length = 0;
    world.pass(2000);
    expect(Buffer.concat(link.written)).toEqual(Buffer.concat([alive, alive, alive, alive]));
  });
});

describe('a turn', () => {
  it('sends all that was queued in it at once', async () => {
    const { world, link, transport } = await startCalled();
    link.written.length = 0;
    for (let round = 0; round < 5; round++) transport.send(2, { type: 'PONG', tenure: 1, round });
    expect(link.written).toHaveLength(0);
    expect(transport.queuedBytes(2)).toBe(5 * (9 + 17));
    world.settle();
    expect(link.written).toHaveLength(1);
    expect(transport.queuedBytes(2)).toBe(0);
  });

  it('is over when all that one read has brought was told', async () => {
    const { link, told } = await startCalled();
    const payload = frame(channels.replica, 'abc');
    link.receive(Buffer.concat([payload, payload, payload.subarray(0, 5)]));
    link.receive(payload.subarray(5));
    expect(told).toEqual(['2: 3 bytes', '2: 3 bytes', 'idle', '2: 3 bytes', 'idle']);
  });

  it('tells nothing more of a link that was ended within it', async () => {
    const node = await startNode(1);
    const link = node.world.call();
    node.world.settle();
    link.receive(Buffer.concat([helloFrame(), frame(channels.replica, 'abc')]));
    expect(node.told).toEqual(['up 2', '2: 3 bytes', 'idle']);
    link.receive(frame(channels.alive, ''));
    node.transport.disconnect(2, 'A test ends it.');
    link.receive(frame(channels.replica, 'abcd'));
    node.world.settle();
    expect(node.told.slice(3)).toEqual(['down 2', 'idle']);
  });
});

describe('complaints', () => {
  it('come once in a while, with the number of those that were kept back', async () => {
    const { world, logged } = await startNode(1);
    const complain = (): void => {
      world.call().receive(Buffer.from('GET / HTTP/1.1'));
      world.settle();
    };
    for (let times = 0; times < 5; times++) complain();
    expect(logged).toHaveLength(1);
    world.pass(60_000);
    complain();
    expect(logged.map(({ fields }) => fields)).toEqual([
      { peer: 'fake', problem: 'malformed' },
      { peer: 'fake', problem: 'malformed', suppressed: 4 },
    ]);
  });

  it('about what others have written hold no control characters', async () => {
    const { world, logged } = await startNode(1);
    world.call().receive(helloFrame({ members: '1=voter\n{"level":"fatal"}\u001b[2J' }));
    expect(logged[0]?.text).toContain('has "1=voter?{"level":"fatal"}?[2J"');
  });
});
