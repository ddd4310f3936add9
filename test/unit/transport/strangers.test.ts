import { afterEach, describe, expect, it } from 'vitest';
import { channels, frameHeaderBytes } from '../../../src/transport/frames.ts';
import type { Hello } from '../../../src/transport/hello.ts';
import { freePort } from '../../support/free-port.ts';
import { frame, goodHello, helloFrame, rejectsIn } from './stranger-frames.ts';
import { callAsStranger, closeAll, listenAsStranger, startPair, startTcpNode } from './tcp-node.ts';
import type { TcpNode, TcpNodeOptions } from './tcp-node.ts';

afterEach(closeAll);

/** Node 1 of two, whose peer is not there. */
async function startOne(options: Partial<TcpNodeOptions> = {}): Promise<TcpNode> {
  const ports = { 1: await freePort(), 2: await freePort() };
  const one = await startTcpNode({ id: 1, ports, ...options });
  await one.hears('down 2 refused');
  one.forget();
  return one;
}

const hugeLength = Buffer.alloc(frameHeaderBytes + 100);
hugeLength.writeUInt32LE(0xffff_fff0);
hugeLength[4] = channels.hello;

/** What a hello of this version begins with. */
const greeting = 'ZGAT\u0002\u0000';

const spoiltHello = helloFrame();
spoiltHello[20] = (spoiltHello[20] ?? 0) ^ 1;

describe('bytes of a stranger on the port for members', () => {
  it.each([
    ['an HTTP request', Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')],
    ['a TLS greeting', Buffer.from('16030100c8010000c40303', 'hex')],
    ['a length of gigabytes', hugeLength],
    ['a hello beyond its limit', frame(channels.hello, Buffer.alloc(20_000))],
    ['a hello with a wrong checksum', spoiltHello],
    ['a message before any hello', frame(channels.zab, Buffer.from([4]))],
    ['a hello of somebody else', frame(channels.hello, 'HELO....')],
    ['a hello that is no JSON', frame(channels.hello, `${greeting}{"id":`)],
    ['a hello that nests deeper than any', frame(channels.hello, `${greeting}${'['.repeat(17)}`)],
    ['a hello that is no UTF-8', frame(channels.hello, Buffer.from(`${greeting}"\xff"`, 'latin1'))],
    ['a hello with a field of the wrong type', helloFrame({ id: '2' as unknown as number })],
    ['a hello with an endless name', helloFrame({ boot: 'x'.repeat(200) })],
  ])('%s ends its connection, is logged once, and disturbs nobody', async (_, bytes) => {
    const { one, two } = await startPair();
    const lines = one.logged.length;
    for (let times = 0; times < 3; times++) {
      const { ended } = await callAsStranger(one.port, bytes);
      await ended;
    }
    expect(one.logged.slice(lines)).toEqual([
      expect.stringMatching(/^What 127\.0\.0\.1 has sent is no greeting of a Zoogate node \(.+\)/),
    ]);
    one.transport.send(2, { type: 'PONG', tenure: 1, round: 1 });
    await two.hears('1: PONG 1');
    expect(one.told).toEqual(['up 2a']);
  });

  it('tells nobody of a connection that ends without a byte', async () => {
    const one = await startOne();
    const { socket, ended } = await callAsStranger(one.port);
    socket.end();
    await ended;
    const late = await callAsStranger(one.port, 'x'.repeat(20));
    await late.ended;
    expect(one.logged).toHaveLength(1);
  });

  it('has a limited time to say hello, however slowly it goes on', async () => {
    const one = await startOne({ limits: { helloTimeoutMs: 60 } });
    const { socket, ended } = await callAsStranger(one.port);
    const bytes = helloFrame();
    let sent = 0;
    const timer = setInterval(() => socket.write(bytes.subarray(sent, ++sent)), 5);
    await ended;
    clearInterval(timer);
    expect(one.logged).toEqual([expect.stringContaining('has not said who it is within 60 ms')]);
  });

  it('may open only so many connections: the oldest go, and a member still comes through', async () => {
    const one = await startOne({ limits: { pendingConnectionsMax: 3 } });
    const idle = [];
    for (let count = 0; count < 5; count++) idle.push(await callAsStranger(one.port));
    await Promise.all([idle[0]?.ended, idle[1]?.ended]);
    await callAsStranger(one.port, helloFrame());
    await one.hears('up 2x');
    expect(one.logged.filter((line) => line.startsWith('More than 3'))).toHaveLength(1);
    expect(idle.slice(3).map(({ socket }) => socket.destroyed)).toEqual([false, false]);
  });
});

describe('a hello that does not fit', () => {
  const cases: readonly (readonly [string, Partial<Hello>, RegExp])[] = [
    ['the id of the called node', { id: 1 }, /^Two nodes have the id 1: give each node an --id/],
    ['an id that is no member', { id: 9 }, /^Node 9 is not among the members "1=voter 2=voter"/],
    ['another addressee', { to: 3 }, /^Node 2 wants to speak to node 3 and has reached node 1/],
    ['another cluster', { clusterId: 'B' }, /^Node 1 belongs to the cluster A and node 2 to .+ B/],
    [
      'other members',
      { members: '1=voter 2=voter 3=voter' },
      /^Node 1 has the members "1=voter 2=voter" and node 2 has "1=voter 2=voter 3=voter": give all/,
    ],
    ['another role', { role: 'observer' }, /^Node 2 calls itself observer/],
  ];

  it.each(cases)('%s is refused with a sentence, sent and logged', async (_, changes, words) => {
    const one = await startOne({ clusterId: 'A' });
    const { ended } = await callAsStranger(one.port, helloFrame(changes));
    expect(rejectsIn(await ended)).toEqual([expect.stringMatching(words)]);
    expect(one.logged).toEqual([
      expect.stringMatching(/^A connection with 127\.0\.0\.1 was refused\. \w/),
    ]);
    expect(one.told).toEqual([]);
  });

  it('of another version is refused without a look at the rest', async () => {
    const one = await startOne();
    const { ended } = await callAsStranger(one.port, helloFrame({ id: -1 }, 3));
    expect(rejectsIn(await ended)).toEqual([
      expect.stringMatching(/^Node 1 speaks version 2 .+ the other end version 3: run releases/),
    ]);
  });

  it('is refused when the lesser id calls', async () => {
    const two = await startTcpNode({ id: 2, ports: { 1: await freePort(), 2: await freePort() } });
    const { ended } = await callAsStranger(two.port, helloFrame({ id: 1, to: 2 }));
    expect(rejectsIn(await ended)).toEqual([expect.stringContaining('the greater id does')]);
  });

  it('fits where one of the two belongs to no cluster yet', async () => {
    const one = await startOne({ clusterId: 'A' });
    await callAsStranger(one.port, helloFrame());
    await one.hears('up 2x');
  });

  it('is logged at both ends, and the caller calls again', async () => {
    const ports = { 1: await freePort(), 2: await freePort() };
    const one = await startTcpNode({ id: 1, ports, clusterId: 'A' });
    const two = await startTcpNode({ id: 2, ports, clusterId: 'B' });
    const refused = (line: string): boolean => line.includes('belongs to the cluster');
    await Promise.all([
      one.until(() => one.logged.some(refused)),
      two.until(() => two.logged.some(refused)),
    ]);
    expect(two.logged.find(refused)).toMatch(/^This node is refused by node 1\. Node 1 belongs/);
    expect([...one.told, ...two.told]).toEqual([]);
  });
});

describe('connections of the same peer', () => {
  it('replace one another: down, then up', async () => {
    const one = await startOne();
    const first = await callAsStranger(one.port, helloFrame());
    await one.hears('up 2x');
    await callAsStranger(one.port, helloFrame({ boot: 'y' }));
    await one.hears('down 2', 'up 2y');
    await first.ended;
    expect(one.told).toEqual(['up 2x', 'down 2', 'up 2y']);
  });

  it('are not given to a process with a data directory of its own as long as they live', async () => {
    const one = await startOne();
    await callAsStranger(one.port, helloFrame());
    await one.hears('up 2x');
    const stray = await callAsStranger(one.port, helloFrame({ boot: 'y', incarnation: 'other' }));
    expect(rejectsIn(await stray.ended)).toEqual([
      'Two processes run as node 2: stop one of them, or give it an --id of its own.',
    ]);
    expect(one.told).toEqual(['up 2x']);
  });

  it('are not taken from one another for ever by two processes of one id', async () => {
    const one = await startOne();
    await callAsStranger(one.port, helloFrame({ boot: 'x' }));
    await one.hears('up 2x');
    const second = await callAsStranger(one.port, helloFrame({ boot: 'y' }));
    await one.hears('up 2y');
    const third = await callAsStranger(one.port, helloFrame({ boot: 'x' }));
    expect(rejectsIn(await third.ended)).toEqual([
      'Two processes run as node 2: stop one of them, or give it an --id of its own.',
    ]);
    second.socket.destroy();
    await one.hears('down 2');
    await callAsStranger(one.port, helloFrame({ boot: 'x' }));
    await one.hears('up 2x');
  });
});

describe('a linked peer that sends what cannot be understood', () => {
  it.each([
    ['an unknown layout', frame(channels.zab, Buffer.from([99]))],
    ['a second hello', helloFrame()],
    ['an unknown channel', Buffer.from([0, 0, 0, 0, 99, 0, 0, 0, 0])],
    ['a frame beyond the limit', hugeLength],
  ])('%s: loses its connection, and what came before counts', async (_, bytes) => {
    const one = await startOne();
    const good = frame(channels.replica, 'good');
    const { ended } = await callAsStranger(one.port, Buffer.concat([helloFrame(), good, bytes]));
    await ended;
    await one.hears('down 2');
    expect(one.told.slice(0, 3)).toEqual(['up 2x', '2: 4 bytes', 'down 2']);
    expect(one.logged.join('\n')).toContain('What node 2 has sent cannot be understood');
  });
});

describe('a linked peer that says nothing more', () => {
  it('loses its connection, although nobody has closed it', async () => {
    const one = await startOne({ limits: { aliveMs: 10, silenceMs: 50 } });
    const { ended } = await callAsStranger(one.port, helloFrame());
    await one.hears('up 2x', 'down 2');
    await ended;
    expect(one.logged.at(-1)).toContain('Nothing has come for 50 ms.');
  });
});

describe('an address that answers as no member does', () => {
  it('is called again and again, and logged once', async () => {
    let calls = 0;
    let calledThrice: () => void = () => undefined;
    const thrice = new Promise<void>((resolve) => (calledThrice = resolve));
    const port = await listenAsStranger((socket) => {
      socket.end('SSH-2.0-OpenSSH_9.2\r\n');
      if (++calls === 3) calledThrice();
    });
    const two = await startTcpNode({ id: 2, ports: { 1: port, 2: await freePort() } });
    await thrice;
    expect(two.logged).toEqual([expect.stringContaining('What node 1 has sent is no greeting')]);
    expect(two.told).toEqual([]);
  });

  it('is given up when it says nothing', async () => {
    const port = await listenAsStranger(() => undefined);
    const two = await startTcpNode({
      ...{ id: 2, ports: { 1: port, 2: await freePort() } },
      limits: { helloTimeoutMs: 30 },
    });
    await two.until(() => two.logged.some((line) => line.includes('does not answer as a member')));
  });

  it('is not linked when it is another node than the one that was called', async () => {
    const port = await listenAsStranger((socket) =>
      socket.write(helloFrame({ ...goodHello, id: 2, to: 3, members: '1=voter 2=voter 3=voter' })),
    );
    const three = await startTcpNode({
      id: 3,
      ports: { 1: port, 2: await freePort(), 3: await freePort() },
    });
    await three.until(() => three.logged.some((line) => line.includes('and node 2 has answered')));
    expect(three.transport.connected(2)).toBe(false);
  });
});
