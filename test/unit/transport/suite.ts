/** What every transport promises, on real sockets and in memory. */
import { describe, expect, it } from 'vitest';
import type { PeerLink, Transport, TransportHandlers } from '../../../src/transport/transport.ts';
import type { ZabMessage } from '../../../src/zab/index.ts';

/** Two nodes that can reach one another, and nothing that happens by itself but what `until` waits for. */
export interface TransportWorld {
  /** A node that has not been started. */
  join(self: PeerLink): Promise<Transport>;
  /** Lets things happen until `holds`. */
  until(holds: () => boolean): Promise<void>;
  /** The end of a node, with whatever it has sent. */
  end(node: Transport): Promise<void>;
  close(): Promise<void>;
}

interface Node {
  readonly transport: Transport;
  readonly told: string[];
}

const linkOf = (id: number, boot: string): PeerLink => ({
  ...{ id, boot, incarnation: `i${id}`, clusterId: 'c', url: `http://node${id}`, featureLevel: 3 },
});

const pong = (round: number): ZabMessage => ({ type: 'PONG', tenure: 1, round });

async function start(
  world: TransportWorld,
  id: number,
  { boot = 'a', react }: { boot?: string; react?: Partial<TransportHandlers> } = {},
): Promise<Node> {
  const transport = await world.join(linkOf(id, boot));
  const told: string[] = [];
  transport.start({
    up: (peer) => {
      told.push(shown(peer));
      react?.up?.(peer);
    },
    down: (peer, why) => {
      told.push(`down ${peer}${why.refused ? ' refused' : ''}`);
      react?.down?.(peer, why);
    },
    message: (peer, message) => {
      told.push(`${peer}: ${'round' in message ? message.round : message.type}`);
      react?.message?.(peer, message);
    },
    payload: (peer, bytes) => {
      told.push(`${peer}: [${bytes.join()}]`);
      react?.payload?.(peer, bytes);
    },
    idle: () => told.push('idle'),
  });
  return { transport, told };
}

async function startBoth(world: TransportWorld): Promise<{ one: Node; two: Node }> {
  const [one, two] = [await start(world, 1), await start(world, 2)];
  await world.until(() => [one, two].every(({ told }) => told.includes('idle')));
  return { one, two };
}

const shown = (peer: PeerLink): string => `up ${JSON.stringify(Object.entries(peer).sort())}`;
const up = (id: number, boot = 'a'): string => shown(linkOf(id, boot));

export function transportSuite(name: string, makeWorld: () => Promise<TransportWorld>): void {
  const withWorld = (use: (world: TransportWorld) => Promise<void>) => async (): Promise<void> => {
    const world = await makeWorld();
    try {
      await use(world);
    } finally {
      await world.close();
    }
  };

  describe(`${name}, as every transport,`, () => {
    it(
      'tells each end all that the other has said of itself, and then that it is idle',
      withWorld(async (world) => {
        const { one, two } = await startBoth(world);
        expect([one.told, two.told]).toEqual([
          [up(2), 'idle'],
          [up(1), 'idle'],
        ]);
        expect([one.transport.connected(2), one.transport.connected(3)]).toEqual([true, false]);
      }),
    );

    it(
      'keeps the order of messages and payloads',
      withWorld(async (world) => {
        const { one, two } = await startBoth(world);
        one.transport.send(2, pong(1));
        one.transport.sendPayload(2, Uint8Array.of(7, 8));
        one.transport.send(2, pong(2));
        await world.until(() => two.told.includes('1: 2'));
        const heard = two.told.filter((entry) => entry !== 'idle');
        expect(heard).toEqual([up(1), '1: 1', '1: [7,8]', '1: 2']);
      }),
    );

    it(
      'calls no handler from within a method',
      withWorld(async (world) => {
        const { one } = await startBoth(world);
        const before = [...one.told];
        one.transport.send(2, pong(1));
        one.transport.disconnect(2, 'A test ends it.');
        expect(one.told).toEqual(before);
        expect(one.transport.connected(2)).toBe(false);
        await world.until(() => one.told.includes('down 2'));
      }),
    );

    it(
      'connects again after `disconnect`, and tells both ends of the end and of the new link',
      withWorld(async (world) => {
        const { one, two } = await startBoth(world);
        two.transport.disconnect(1, 'A test ends it.');
        const isBack = ({ told }: Node): boolean =>
          told.filter((entry) => entry.startsWith('up')).length === 2;
        await world.until(() => isBack(one) && isBack(two));
        expect(one.told.filter((entry) => entry !== 'idle')).toEqual([up(2), 'down 2', up(2)]);
      }),
    );

    it(
      'delivers nothing of a link that a handler has ended',
      withWorld(async (world) => {
        const one: Node = await start(world, 1, {
          react: { message: () => one.transport.disconnect(2, 'A test ends it.') },
        });
        const two = await start(world, 2);
        await world.until(() => two.told.includes('idle'));
        for (const round of [1, 2, 3]) two.transport.send(1, pong(round));
        await world.until(() => one.told.includes('down 2'));
        expect(one.told.filter((entry) => entry.startsWith('2:'))).toEqual(['2: 1']);
      }),
    );

    it(
      'loses what is sent to nobody',
      withWorld(async (world) => {
        const one = await start(world, 1);
        one.transport.send(2, pong(1));
        one.transport.sendPayload(2, Uint8Array.of(1));
        one.transport.send(99, pong(1));
        expect(one.transport.queuedBytes(2)).toBe(0);
        const two = await start(world, 2);
        await world.until(() => one.told.includes('idle') && two.told.includes('idle'));
        one.transport.send(2, pong(2));
        await world.until(() => two.told.includes('1: 2'));
        expect(two.told).not.toContain('1: 1');
      }),
    );

    it(
      'tells of the end of a process, whichever of the two it is, and of its next life',
      withWorld(async (world) => {
        const { one, two } = await startBoth(world);
        await world.end(two.transport);
        await world.until(() => one.told.includes('down 2 refused'));
        const again = await start(world, 2, { boot: 'b' });
        await world.until(() => one.told.includes(up(2, 'b')) && again.told.includes(up(1)));
        await world.end(one.transport);
        await world.until(() => again.told.includes('down 1 refused'));
        expect(two.told.filter((entry) => entry !== 'idle')).toEqual([up(1)]);
      }),
    );
  });
}
