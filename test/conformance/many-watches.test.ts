/** A million watches on one node: each fires for its own path alone, and none of them slows a write. */
import { expect, test } from 'vitest';
import type { TestClient } from '../support/websocket-client.ts';
import { within } from './deadline.ts';
import { describeOverWebSocket } from './doors.ts';
import { connectTo, eventsIn } from './websocket-client.ts';

const connections = 25;
const watchesEach = 40_000;

describeOverWebSocket(
  'a million watches',
  (door) => {
    /** One connection's watches, on paths that only it watches. */
    function watchesOf(place: string, connection: number): object[] {
      return Array.from({ length: watchesEach }, (_, index) => ({
        ...{ path: `${place}/${connection}-${index}`, mode: 'exists' },
      }));
    }

    /** Milliseconds that the slower half of some writes takes at least. */
    async function medianWrite(path: string): Promise<number> {
      const client = await door.client();
      const took: number[] = [];
      for (let round = 0; round < 41; round++) {
        const startMs = performance.now();
        await client.set(path, String(round));
        took.push(performance.now() - startMs);
      }
      return took.sort((one, other) => one - other)[20] ?? Infinity;
    }

    test('are set, fire, and are gone with their connections', { timeout: 60_000 }, async () => {
      const writer = await door.client();
      const place = await door.fresh();
      const without = await medianWrite(place);
      const raws: TestClient[] = [];
      for (let connection = 0; connection < connections; connection++) {
        const { zxid: resumeFrom } = await writer.sync();
        const watches = watchesOf(place, connection);
        raws.push(await connectTo(door.url, { watches, resumeFrom }));
      }
      expect(door.node.replica.metrics().watches).toBe(connections * watchesEach);
      // Ten times slower would be a search; a tenth of a millisecond is what a busy machine adds.
      expect(await medianWrite(place)).toBeLessThan(10 * without + 10);

      const [first, ...others] = raws;
      const { zxid } = await writer.create(`${place}/0-7`);
      const message = await within('the event', first?.nextEvents() ?? Promise.reject(new Error()));
      expect(eventsIn(message)).toEqual([{ type: 'NodeCreated', path: `${place}/0-7`, zxid }]);
      expect(door.node.replica.metrics().watches).toBe(connections * watchesEach - 1);
      const told = others.flatMap((raw) => raw.events.filter(({ type }) => type === 'events'));
      expect(told).toEqual([]);

      await Promise.all(others.map((raw) => raw.close()));
      expect(door.node.replica.metrics().watches).toBe(watchesEach - 1);
      await first?.close();
      expect(door.node.replica.metrics().watches).toBe(0);
    });

    test('on one path fire all, in one turn each', { timeout: 60_000 }, async () => {
      const writer = await door.client();
      const place = await door.fresh();
      const raws = await Promise.all(
        Array.from({ length: 200 }, () =>
          connectTo(door.url, { watches: [{ path: place, mode: 'persistent' }] }),
        ),
      );
      const { zxid } = await writer.set(place, 'x');
      const seen = await within('all events', Promise.all(raws.map((raw) => raw.nextEvents())));
      for (const message of seen) {
        expect(eventsIn(message)).toEqual([{ type: 'NodeDataChanged', path: place, zxid }]);
      }
      for (const raw of raws) raw.socket.terminate();
    });
  },
  { limits: { frameBytesMax: 16 * 1024 * 1024, bookmarkIntervalMs: 15_000 } },
);
