import { describe, expect, it } from 'vitest';
import type { PeerLink, Transport } from '../../../src/transport/transport.ts';
import type { ZabMessage } from '../../../src/zab/index.ts';
import { MemoryMesh } from '../../support/memory-transport.ts';
import { seededRandom } from '../../support/random.ts';

const link = (id: number, boot = 'a'): PeerLink => ({
  ...{ id, boot, incarnation: `i${String(id)}`, clusterId: undefined },
  ...{ url: undefined, featureLevel: 1 },
});

const pong = (round: number): ZabMessage => ({ type: 'PONG', tenure: 1, round });

/** A node that writes down what it is told. */
function join(mesh: MemoryMesh, self: PeerLink): { transport: Transport; told: string[] } {
  const transport = mesh.join(self);
  const told: string[] = [];
  transport.start({
    up: (peer) => told.push(`up ${String(peer.id)}${peer.boot}`),
    down: (peer, { refused }) => told.push(`down ${String(peer)}${refused ? ' refused' : ''}`),
    message: (peer, message) =>
      told.push(`${String(peer)}: ${message.type} ${String('round' in message && message.round)}`),
    payload: (peer, bytes) => told.push(`${String(peer)}: ${String(bytes.length)} bytes`),
    idle: () => told.push('idle'),
  });
  return { transport, told };
}

function pair(mesh = new MemoryMesh()): {
  mesh: MemoryMesh;
  one: ReturnType<typeof join>;
  two: ReturnType<typeof join>;
} {
  const [one, two] = [join(mesh, link(1)), join(mesh, link(2))];
  mesh.settle();
  one.told.length = 0;
  two.told.length = 0;
  return { mesh, one, two };
}

describe('the links in memory', () => {
  it('tell both ends of a connection before any message', () => {
    const mesh = new MemoryMesh();
    const [one, two] = [join(mesh, link(1)), join(mesh, link(2))];
    one.transport.send(2, pong(7));
    mesh.settle();
    expect(one.told).toEqual(['up 2a', 'idle']);
    expect(two.told).toEqual(['up 1a', '1: PONG 7', 'idle']);
  });

  it('deliver in order, and as many at once as the test says', () => {
    const { mesh, one, two } = pair();
    for (const round of [1, 2, 3]) one.transport.send(2, pong(round));
    one.transport.sendPayload(2, new Uint8Array(5));
    expect(mesh.deliver(1, 2, 2)).toHaveLength(2);
    expect(two.told).toEqual(['1: PONG 1', '1: PONG 2', 'idle']);
    mesh.settle();
    expect(two.told.slice(3)).toEqual(['1: PONG 3', '1: 5 bytes', 'idle']);
  });

  it('lose what is under way when they are cut, and connect again when they are mended', () => {
    const { mesh, one, two } = pair();
    one.transport.send(2, pong(1));
    mesh.cut(1, 2);
    one.transport.send(2, pong(2));
    mesh.settle();
    expect(two.told).toEqual(['down 1', 'idle']);
    mesh.mend(1, 2);
    mesh.settle();
    expect(two.told.slice(2)).toEqual(['up 1a', 'idle']);
    expect(one.told).toEqual(['down 2', 'idle', 'up 2a', 'idle']);
  });

  it('may let a first part of what was under way arrive, if chance says so', () => {
    const seen = new Set<string>();
    for (let seed = 1; seed <= 50; seed++) {
      const { mesh, one, two } = pair(new MemoryMesh({ random: seededRandom(seed) }));
      for (const round of [1, 2]) one.transport.send(2, pong(round));
      mesh.cut(1, 2);
      mesh.settle();
      seen.add(two.told.filter((line) => line !== 'idle').join(', '));
    }
    expect([...seen].sort()).toEqual([
      '1: PONG 1, 1: PONG 2, down 1',
      '1: PONG 1, down 1',
      'down 1',
    ]);
  });

  it('hold and delay one direction without telling anybody', () => {
    const { mesh, one, two } = pair();
    mesh.hold(1, 2);
    one.transport.send(2, pong(1));
    two.transport.send(1, pong(2));
    mesh.settle();
    expect([one.told, two.told]).toEqual([['2: PONG 2', 'idle'], []]);
    mesh.release(1, 2);
    mesh.delay(1, 2, 10);
    one.transport.send(2, pong(3));
    mesh.settle();
    expect(two.told).toEqual(['1: PONG 1', 'idle']);
    expect(mesh.nextDueMs()).toBe(10);
    mesh.advance(10);
    mesh.settle();
    expect(two.told.slice(2)).toEqual(['1: PONG 3', 'idle']);
  });

  it('tell of a crash as of a port that refuses, and of the next life', () => {
    const { mesh, one } = pair();
    mesh.crash(2);
    mesh.settle();
    join(mesh, link(2, 'b'));
    mesh.settle();
    expect(one.told).toEqual(['down 2 refused', 'idle', 'up 2b', 'idle']);
  });

  it('reconnect by themselves after `disconnect`', () => {
    const { mesh, one, two } = pair();
    two.transport.send(1, pong(1));
    one.transport.disconnect(2, 'A test ends it.');
    expect(one.told).toEqual([]);
    mesh.settle();
    for (const { told } of [one, two]) {
      expect(told.filter((entry) => entry !== 'idle')).toHaveLength(2);
    }
    expect(two.told[0]).toBe('down 1');
    expect(two.told).toContain('up 1a');
  });

  it('deliver nothing to a node that stands still', () => {
    const { mesh, one, two } = pair();
    mesh.pause(2);
    one.transport.send(2, pong(1));
    mesh.settle();
    expect(two.told).toEqual([]);
    mesh.resume(2);
    mesh.settle();
    expect(two.told).toEqual(['1: PONG 1', 'idle']);
  });

  it('partition and mend whole groups', () => {
    const mesh = new MemoryMesh();
    const nodes = [1, 2, 3].map((id) => join(mesh, link(id)).transport);
    mesh.partition([1], [2, 3]);
    const connected = nodes.map((node) => [1, 2, 3].filter((id) => node.connected(id)));
    expect(connected).toEqual([[], [3], [2]]);
    mesh.partition([1, 2, 3]);
    expect(nodes[0]?.connected(3)).toBe(true);
  });

  it('call no handler of a node that was stopped', async () => {
    const { mesh, one, two } = pair();
    one.transport.send(2, pong(1));
    await two.transport.stop();
    mesh.settle();
    expect(two.told).toEqual([]);
  });
});
