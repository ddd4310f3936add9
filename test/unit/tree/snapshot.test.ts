import { describe, expect, it } from 'vitest';
import { defaultLimits } from '../../../src/protocol/limits.ts';
import { Tree } from '../../../src/tree/index.ts';
import { ann, bytes, Harness, only, operator } from './harness.ts';
import { dump } from './machine.ts';

function chunksOf(tree: Tree, maxBytes = 65_536): Uint8Array[] {
  const snapshot = tree.beginSnapshot();
  const chunks: Uint8Array[] = [];
  for (let chunk = snapshot.next(maxBytes); chunk; chunk = snapshot.next(maxBytes)) {
    chunks.push(chunk);
  }
  return chunks;
}

function load(chunks: readonly Uint8Array[], zxid: number): Tree {
  const tree = new Tree({ limits: defaultLimits });
  for (const chunk of chunks) tree.loadChunk(chunk);
  tree.finishLoad({ zxid });
  return tree;
}

function planted(): Harness {
  const harness = new Harness();
  const session = harness.session();
  harness.create('/a', { data: bytes('é'), acl: only(ann) }, { as: [ann] });
  harness.create('/a/é日', { data: new Uint8Array(70_000) }, { as: [ann] });
  harness.create('/e', { kind: 'ephemeral' }, { session });
  harness.create('/c', { kind: 'container' });
  harness.create('/c/x');
  harness.delete('/c/x');
  harness.create('/t', { kind: 'ttl', ttlMs: 10 });
  for (let index = 0; index < 300; index++) harness.create(`/n-${String((index * 7) % 300)}`);
  return harness;
}

describe('a snapshot', () => {
  it('brings back everything, housekeeping and sessions’ ephemerals too', () => {
    const harness = planted();
    const tree = load(chunksOf(harness.tree, 500), harness.zxid);
    expect(dump(tree)).toEqual(dump(harness.tree));
    expect(tree.digest()).toEqual(harness.tree.digest());
    expect(tree.appliedZxid).toBe(harness.zxid);
    expect(tree.nodeCount).toBe(harness.tree.nodeCount);
    expect(tree.byteCount).toBe(harness.tree.byteCount);
    expect(tree.ephemeralsOf(1)).toEqual(['/e']);
    const options = { containerNeverUsedMs: 1, limit: 10 };
    expect(tree.reapable(1e9, options)).toEqual(harness.tree.reapable(1e9, options));
    expect(tree.aclCount).toBe(3);
  });

  it('comes in chunks of about the size asked for', () => {
    const harness = planted();
    const sizes = chunksOf(harness.tree, 1000).map(({ length }) => length);
    expect(sizes.filter((size) => size > 1200)).toHaveLength(1);
    expect(sizes.length).toBeGreaterThan(8);
  });

  it('holds the state of its beginning, whatever happens meanwhile', () => {
    const harness = planted();
    const expected = dump(harness.tree);
    const zxid = harness.zxid;
    const snapshot = harness.tree.beginSnapshot();
    const chunks: Uint8Array[] = [];
    for (let round = 0; ; round++) {
      const chunk = snapshot.next(300);
      if (chunk === undefined) break;
      chunks.push(chunk);
      const at = `/n-${String((round * 11) % 300)}`;
      if (harness.exists(at)) harness.delete(at);
      harness.create(`/new-${String(round)}`, { data: bytes('new') });
      harness.create(at, { data: bytes('again') });
      harness.set('/', String(round));
    }
    expect(snapshot.zxid).toBe(zxid);
    expect(dump(load(chunks, zxid))).toEqual(expected);
  });

  it('of a loaded tree that went on equals that of the tree it came from', () => {
    const harness = planted();
    const tree = load(chunksOf(harness.tree), harness.zxid);
    harness.judge({ type: 'delete', path: '/a' as never, recursive: true }, { as: [operator] });
    harness.judge({ type: 'closeSession', session: 1 });
    const zxid = harness.zxid - 1;
    for (const [index, transaction] of harness.apply().entries()) {
      tree.apply(zxid + index, transaction);
    }
    expect(dump(tree)).toEqual(dump(harness.tree));
    expect(tree.digest()).toEqual(harness.tree.digest());
  });

  it('stands for later positions too, as long as they hold no transaction', () => {
    const harness = planted();
    const chunks = chunksOf(harness.tree);
    const tree = load(chunks, harness.zxid + 3);
    expect(tree.appliedZxid).toBe(harness.zxid + 3);
    harness.tree.advanceTo(harness.zxid + 3);
    expect(harness.tree.beginSnapshot().zxid).toBe(harness.zxid + 3);
    expect(tree.digest()).toEqual(harness.tree.digest());
  });

  it('is one at a time, and can be given up', () => {
    const harness = planted();
    const snapshot = harness.tree.beginSnapshot();
    expect(() => harness.tree.beginSnapshot()).toThrow('one snapshot at a time');
    snapshot.abort();
    snapshot.abort();
    expect(snapshot.next(100)).toBeUndefined();
    harness.create('/after');
    expect(dump(load(chunksOf(harness.tree), harness.zxid)).has('/after')).toBe(true);
  });
});

describe('loading', () => {
  it('refuses what is incomplete, of a later zxid, or out of order', () => {
    const harness = planted();
    const chunks = chunksOf(harness.tree, 500);
    const zxid = harness.zxid;
    const [header, ...rest] = chunks;
    expect(header).toBeDefined();
    expect(() => load([], zxid)).toThrow('tree snapshot: no chunks');
    expect(() => load(chunks, zxid - 1)).toThrow('it is of zxid');
    expect(() => load(chunks.slice(0, -1), zxid)).toThrow('it is incomplete');
    expect(() => load(rest, zxid)).toThrow('the header is not the first chunk');
    expect(() => load([...chunks, ...chunks.slice(0, 1)], zxid)).toThrow('a second header');
    expect(() => load([...chunks, ...chunks.slice(-1)], zxid)).toThrow(
      'more znodes than announced',
    );
    expect(() => load([...chunks, new Uint8Array([7])], zxid)).toThrow('unknown chunk kind 7');
    expect(() => load([...chunks, new Uint8Array(0)], zxid)).toThrow('it ends too early');
  });

  it('leaves the tree as it was when it fails', () => {
    const harness = planted();
    const chunks = chunksOf(harness.tree);
    const before = dump(harness.tree);
    for (const chunk of chunks.slice(0, -1)) harness.tree.loadChunk(chunk);
    expect(() => harness.tree.finishLoad({ zxid: harness.zxid })).toThrow('incomplete');
    expect(dump(harness.tree)).toEqual(before);
    expect(harness.create('/more').created).toBe(true);
  });

  it('notices every flipped byte', () => {
    const harness = new Harness();
    harness.create('/a', { data: bytes('data') });
    harness.create('/a/é', { acl: only(ann) });
    const chunks = chunksOf(harness.tree);
    for (const [index, chunk] of chunks.entries()) {
      for (let at = 0; at < chunk.length; at++) {
        for (const flip of [1, 0x80, 0xff]) {
          const broken = chunk.slice();
          broken[at] = (broken[at] ?? 0) ^ flip;
          const all = chunks.with(index, broken);
          expect(
            () => load(all, harness.zxid),
            `chunk ${String(index)} byte ${String(at)}`,
          ).toThrow(/^tree snapshot: /);
        }
      }
    }
  });
});
