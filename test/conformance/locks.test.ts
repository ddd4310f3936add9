/**
 * The recipe that most users come for, made of nothing but the guarantees: a lock whose holder is the
 * lowest sequential ephemeral, and whose czxid fences what the holder does.
 */
import { expect, test } from 'vitest';
import type { Client } from './client.ts';
import { within } from './deadline.ts';
import { describeThroughEveryDoor } from './doors.ts';

interface Held {
  readonly path: string;
  /** Rises from holder to holder: what a resource compares to refuse a holder of the past. */
  readonly fence: number;
}

async function acquire(client: Client, lock: string): Promise<Held> {
  const options = { ephemeral: true, sequential: true };
  const { path, name, stat } = await client.create(`${lock}/l-`, options);
  for (;;) {
    const { children } = await client.children(lock, { consistency: 'linearizable' });
    const before = children[children.indexOf(name) - 1];
    if (before === undefined) return { path, fence: stat.czxid };
    // Only the predecessor is watched, so that its end wakes nobody else.
    const watcher = await client.watch(`${lock}/${before}`, 'exists');
    const gone = await client.exists(`${lock}/${before}`).then(
      () => false,
      () => true,
    );
    if (!gone) await watcher.next();
    watcher.close();
  }
}

describeThroughEveryDoor('a lock', (door) => {
  test('has one holder at a time, in the order of asking, fenced by its czxid', async () => {
    const lock = await door.fresh();
    const guarded = await door.fresh();
    const clients = await Promise.all(
      Array.from({ length: 5 }, () => door.client({ session: 'new', timeoutMs: 60_000 })),
    );
    let holders = 0;
    const fences: number[] = [];
    const work = clients.map(async (client) => {
      for (let round = 0; round < 3; round++) {
        const { path, fence } = await acquire(client, lock);
        holders++;
        expect(holders).toBe(1);
        fences.push(fence);
        const { data, stat } = await client.get(guarded, { consistency: 'linearizable' });
        await client.set(guarded, String(Number(data) + 1), { version: stat.version });
        holders--;
        await client.delete(path);
      }
    });
    await within('fifteen turns', Promise.all(work), 15_000);
    expect(fences).toEqual([...fences].sort((one, other) => one - other));
    expect((await clients[0]?.get(guarded))?.data).toBe('15');
  });

  test('goes to the next when its holder dies', async () => {
    const lock = await door.fresh();
    const dying = await door.client({ session: 'new', timeoutMs: 300 });
    const next = await door.client({ session: 'new', timeoutMs: 60_000 });
    const first = await acquire(dying, lock);
    const waiting = acquire(next, lock);
    dying.leave();
    const second = await within('the lock', waiting);
    expect(second.fence).toBeGreaterThan(first.fence);
    expect((await next.children(lock)).children).toHaveLength(1);
  });
});
