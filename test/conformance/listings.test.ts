/** Children, subtrees and counts: complete, sorted by bytes, page by page, at one zxid. */
import { expect, test } from 'vitest';
import type { Client, Member } from './client.ts';
import { describeThroughEveryDoor } from './doors.ts';
import { expectRefusal } from './refusal.ts';

const small = { limits: { childrenUnpagedMax: 50, pageEntriesMax: 60, subtreePageDefault: 40 } };

/** Creates children with these names in one go. */
async function createAll(client: Client, place: string, names: readonly string[]): Promise<void> {
  for (let next = 0; next < names.length; next += 100) {
    const operations = names.slice(next, next + 100).map((name): Member => {
      return { op: 'create', path: `${place}/${name}`, data: name };
    });
    await client.multi(operations);
  }
}

function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `n${String(index).padStart(4, '0')}`);
}

describeThroughEveryDoor(
  'children',
  (door) => {
    test('are sorted by the bytes of their names', async () => {
      const client = await door.client();
      const place = await door.fresh();
      const names = ['b', 'a', 'B', '\u00e9', 'a b', 'a-', 'a.', '10', '9', '\u4e2d', '\uf900'];
      await createAll(client, place, names);
      const { children, stat } = await client.children(place);
      const inBytes = [...names].sort((one, other) =>
        Buffer.compare(Buffer.from(one), Buffer.from(other)),
      );
      expect(children).toEqual(inBytes);
      expect(stat.numChildren).toBe(names.length);
    });

    test('come page by page, each page naming where the next begins', async () => {
      const client = await door.client();
      const place = await door.fresh();
      const names = numbered(45);
      await createAll(client, place, names);
      for (const limit of [1, 7, 44, 45, 50]) {
        const seen: string[] = [];
        let after: string | undefined;
        do {
          const page: Awaited<ReturnType<Client['children']>> = await client.children(place, {
            limit,
            ...(after !== undefined && { after }),
          });
          expect(page.children.length).toBeLessThanOrEqual(limit);
          seen.push(...page.children);
          expect(page.next ?? page.children.at(-1)).toBe(page.children.at(-1));
          after = page.next;
        } while (after !== undefined);
        expect(seen, `by ${limit}`).toEqual(names);
      }
    });

    test('after a name that is not there, or the last one', async () => {
      const client = await door.client();
      const place = await door.fresh();
      await createAll(client, place, ['a', 'c', 'e']);
      expect((await client.children(place, { after: 'b' })).children).toEqual(['c', 'e']);
      expect((await client.children(place, { after: 'c' })).children).toEqual(['e']);
      const last = await client.children(place, { after: 'e' });
      expect(last.children).toEqual([]);
      expect(last).not.toHaveProperty('next');
      expect((await client.children(place, { limit: 3 })).next).toBeUndefined();
    });

    test('of a page keep their place while others come and go', async () => {
      const client = await door.client();
      const place = await door.fresh();
      await createAll(client, place, numbered(30));
      const { next, children } = await client.children(place, { limit: 10 });
      expect(children).toHaveLength(10);
      await client.delete(`${place}/${next ?? ''}`);
      await client.create(`${place}/a`);
      const second = await client.children(place, { limit: 10, after: next ?? '' });
      expect(second.children).toEqual(numbered(20).slice(10));
    });

    test('come with their stat or data', async () => {
      const client = await door.client();
      const place = await door.fresh();
      await createAll(client, place, ['a', 'b']);
      const { stat } = await client.exists(`${place}/a`);
      const stats = await client.childrenWith(place, 'stat');
      expect(stats.children[0]).toEqual({ name: 'a', stat });
      const data = await client.childrenWith(place, 'data', { limit: 1, after: 'a' });
      expect(data.children).toMatchObject([{ name: 'b', data: 'b', stat: { dataLength: 1 } }]);
    });

    test('that are too many for one answer come in pages only', async () => {
      const client = await door.client();
      const place = await door.fresh();
      await createAll(client, place, numbered(51));
      const { problem } = await expectRefusal(client.children(place), 'TOOLARGE');
      expect(problem.status).toBe(413);
      await expectRefusal(client.childrenWith(place, 'stat'), 'TOOLARGE');
      expect((await client.children(place, { limit: 60 })).children).toHaveLength(51);
      expect((await client.children(place, { limit: 50 })).next).toBe('n0049');
      await client.delete(`${place}/n0000`);
      expect((await client.children(place)).children).toHaveLength(50);
      const { results } = await client.multiRead([{ op: 'children', path: place }]);
      expect(results[0]?.children).toHaveLength(50);
    });

    test('a page of none, or of too many, is refused', async () => {
      const client = await door.client();
      const place = await door.fresh();
      for (const limit of [0, -1, 1.5, 61]) {
        await expectRefusal(client.children(place, { limit }), 'BADARGUMENTS');
        await expectRefusal(client.tree(place, { limit }), 'BADARGUMENTS');
      }
      await expectRefusal(client.children(`${place}/missing`), 'NONODE');
    });

    test('of an ephemeral or a leaf are none', async () => {
      const client = await door.client({ session: 'new', timeoutMs: 60_000 });
      const place = await door.fresh();
      await client.create(`${place}/e`, { ephemeral: true });
      for (const path of [`${place}/e`]) {
        expect((await client.children(path)).children).toEqual([]);
        expect((await client.count(path)).descendants).toBe(0);
      }
    });
  },
  small,
);

describeThroughEveryDoor(
  'a subtree',
  (door) => {
    const below = ['a', 'a-', 'a-/x', 'a/b', 'a/b/c', 'a/b/d', 'a/e', 'b', 'B', 'B/z'];
    /** Each znode before its children, siblings by their bytes: not the order of whole paths. */
    const inOrder = ['B', 'B/z', 'a', 'a/b', 'a/b/c', 'a/b/d', 'a/e', 'a-', 'a-/x', 'b'];

    async function plant(client: Client): Promise<string> {
      const place = await door.fresh();
      for (const path of below) {
        if (path.includes('/')) await client.create(`${place}/${path}`, { parents: true });
      }
      await client.create(`${place}/b`);
      return place;
    }

    test('is listed in pre-order, itself first', async () => {
      const client = await door.client();
      const place = await plant(client);
      const { nodes, truncated, next, path } = await client.tree(place);
      expect(path).toBe(place);
      expect(nodes.map((node) => node.path)).toEqual([
        ...[place, ...inOrder.map((each) => `${place}/${each}`)],
      ]);
      expect([truncated, next]).toEqual([false, undefined]);
      for (const node of nodes) expect(node.stat).toEqual((await client.exists(node.path)).stat);
    });

    test('to a depth', async () => {
      const client = await door.client();
      const place = await plant(client);
      const depths = (depth: number) =>
        client.tree(place, { depth }).then(({ nodes }) => nodes.map((node) => node.path));
      expect(await depths(0)).toEqual([place]);
      expect(await depths(1)).toEqual([
        place,
        ...['B', 'a', 'a-', 'b'].map((n) => `${place}/${n}`),
      ]);
      expect(await depths(2)).toHaveLength(9);
      expect(await depths(9)).toHaveLength(11);
    });

    test('page by page', async () => {
      const client = await door.client();
      const place = await plant(client);
      const all = (await client.tree(place)).nodes.map((node) => node.path);
      for (const limit of [1, 2, 3, 10, 11]) {
        const seen: string[] = [];
        let after: string | undefined;
        do {
          const page: Awaited<ReturnType<Client['tree']>> = await client.tree(place, {
            limit,
            ...(after !== undefined && { after }),
          });
          seen.push(...page.nodes.map((node) => node.path));
          expect(page.truncated).toBe(page.next !== undefined);
          after = page.next;
        } while (after !== undefined);
        expect(seen, `by ${limit}`).toEqual(all);
      }
    });

    test('has a first page of its own size where none is asked', async () => {
      const client = await door.client();
      const place = await door.fresh();
      await createAll(client, place, numbered(60));
      const page = await client.tree(place);
      expect(page.nodes).toHaveLength(40);
      expect(page.truncated).toBe(true);
      const rest = await client.tree(place, { limit: 60, after: page.next ?? '' });
      expect(rest.nodes).toHaveLength(21);
      expect(rest.truncated).toBe(false);
    });

    test('is counted without being listed', async () => {
      const client = await door.client();
      const place = await plant(client);
      expect(await client.count(place)).toMatchObject({ path: place, descendants: 10 });
      expect((await client.count(`${place}/a`)).descendants).toBe(4);
      await client.delete(`${place}/a/b`, { recursive: true });
      expect((await client.count(place)).descendants).toBe(7);
      await expectRefusal(client.count(`${place}/missing`), 'NONODE');
      await expectRefusal(client.tree(`${place}/missing`), 'NONODE');
    });
  },
  small,
);
