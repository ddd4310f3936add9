import { afterEach, describe, expect, it } from 'vitest';
import type { ZabMessage } from '../../../src/zab/index.ts';
import { freePort } from '../../support/free-port.ts';
import { closeAll, startPair, startTcpNode } from './tcp-node.ts';

afterEach(closeAll);

const pong = (round: number): ZabMessage => ({ type: 'PONG', tenure: 1, round });

describe('links on real sockets', () => {
  it('tell each end who the other is, before any message', async () => {
    const { one, two } = await startPair();
    one.transport.send(2, pong(1));
    await two.hears('1: PONG 1');
    expect(two.told).toEqual(['up 1a', '1: PONG 1']);
    expect(one.transport.connected(2)).toBe(true);
    expect(one.logged.at(-1)).toBe('Node 2 is connected.');
  });

  it('keep the order of messages and payloads, in both directions', async () => {
    const { one, two } = await startPair();
    const expected: string[] = [];
    for (let round = 0; round < 1000; round++) {
      two.transport.send(1, pong(round));
      two.transport.sendPayload(1, new Uint8Array(round * 7));
      one.transport.send(2, pong(round));
      expected.push(`2: PONG ${round}`, `2: ${round * 7} bytes`);
    }
    await Promise.all([one.hears(`2: ${999 * 7} bytes`), two.hears('1: PONG 999')]);
    expect(one.told.slice(1)).toEqual(expected);
  });

  it('connect three nodes whatever the order in which they start', async () => {
    const ports = { 1: await freePort(), 2: await freePort(), 3: await freePort() };
    const three = await startTcpNode({ id: 3, ports });
    const one = await startTcpNode({ id: 1, ports });
    const two = await startTcpNode({ id: 2, ports });
    await Promise.all([one.hears('up 2a'), two.hears('up 3a'), three.hears('up 1a')]);
    await Promise.all([three.until(() => three.told.includes('up 2a'))]);
    expect(three.told.filter((entry) => entry.startsWith('up')).sort()).toEqual(['up 1a', 'up 2a']);
  });

  it('connect again after `disconnect`, told at both ends', async () => {
    const { one, two } = await startPair();
    one.transport.disconnect(2, 'A test ends it.');
    expect(one.transport.connected(2)).toBe(false);
    expect(one.told).toEqual(['up 2a']);
    await Promise.all([one.hears('down 2', 'up 2a'), two.hears('down 1', 'up 1a')]);
    two.transport.disconnect(1, 'A test ends it.');
    await Promise.all([one.hears('down 2', 'up 2a'), two.hears('down 1', 'up 1a')]);
  });

  it('lose what is sent without a connection, and nothing of a later one', async () => {
    const { one, two } = await startPair();
    two.transport.disconnect(1, 'A test ends it.');
    two.transport.send(1, pong(1));
    await Promise.all([one.hears('down 2', 'up 2a'), two.hears('up 1a')]);
    two.transport.send(1, pong(2));
    await one.hears('2: PONG 2');
    expect(one.told).not.toContain('2: PONG 1');
  });

  it('call no handler of a node that has stopped, and let leave what it has sent', async () => {
    const { one, two } = await startPair();
    two.transport.send(1, pong(1));
    two.transport.sendPayload(1, new Uint8Array(3_000_000));
    await two.transport.stop();
    await one.hears('2: PONG 1', '2: 3000000 bytes', 'down 2');
    expect(two.told).toEqual(['up 1a']);
  });

  it('tell the node that calls when the port refuses', async () => {
    const { one, two, ports } = await startPair();
    await one.transport.stop();
    await two.hears('down 1', 'down 1 refused');
    const again = await startTcpNode({ id: 1, ports, boot: 'b' });
    await Promise.all([two.hears('up 1b'), again.hears('up 2a')]);
    expect(two.told.filter((entry) => entry.startsWith('down'))).toHaveLength(2);
  });

  it('tell the node that is called when the port of the other refuses', async () => {
    const { one, two, ports } = await startPair();
    await two.transport.stop();
    await one.hears('down 2', 'down 2 refused');
    const again = await startTcpNode({ id: 2, ports, boot: 'b' });
    await Promise.all([one.hears('up 2b'), again.hears('up 1a')]);
  });

  it('tell of a port that refuses although the peer was never there', async () => {
    const ports = { 1: await freePort(), 2: await freePort() };
    const two = await startTcpNode({ id: 2, ports });
    await two.hears('down 1 refused');
    await two.until(() => two.logged.some((line) => line.includes('cannot be reached')));
    expect(two.told).toEqual(['down 1 refused']);
  });

  it('do not call a peer gone whose process stands and whose connection was lost', async () => {
    const { one, two } = await startPair();
    for (let times = 0; times < 3; times++) {
      two.transport.disconnect(1, 'A test ends it.');
      await Promise.all([one.hears('down 2', 'up 2a'), two.hears('down 1', 'up 1a')]);
    }
    expect([...one.told, ...two.told].join()).not.toContain('refused');
  });

  it('carry a message longer than what one read of a socket brings', async () => {
    const { one, two } = await startPair();
    const bytes = new Uint8Array(5_000_000).map((_, index) => index * 31);
    one.transport.sendPayload(2, bytes.slice());
    one.transport.send(2, pong(1));
    await two.hears('1: PONG 1');
    const [got] = two.payloads;
    expect(got !== undefined && Buffer.compare(got.bytes, bytes)).toBe(0);
  });

  it('drop a peer that does not read, and start anew', async () => {
    const limits = { queueBytesMax: 4_000_000, frameBytesMax: 1_000_000 };
    const { one, two } = await startPair(limits);
    let sent = 0;
    while (one.transport.connected(2) && sent < 100) {
      one.transport.sendPayload(2, new Uint8Array(900_000));
      sent++;
    }
    expect(sent).toBe(5);
    await Promise.all([one.hears('down 2', 'up 2a'), two.hears('down 1', 'up 1a')]);
    expect(one.logged.join('\n')).toContain('More than 4000000 bytes wait for node 2');
  });
});
