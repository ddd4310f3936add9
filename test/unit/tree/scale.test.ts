import { describe, expect, it } from 'vitest';
import { defaultLimits } from '../../../src/protocol/limits.ts';
import type { ZnodePath } from '../../../src/protocol/model.ts';
import { Tree, type Change } from '../../../src/tree/index.ts';

const count = 200_000;

function nameOf(index: number): string {
  return `n-${String(index).padStart(10, '0')}`;
}

function createChange(path: string, data: Uint8Array, parentCversion: number): Change {
  return {
    type: 'create',
    path: path as ZnodePath,
    data,
    kind: 'persistent',
    ephemeralOwner: 0,
    ttlMs: 0,
    acl: 0,
    parentAcl: 0,
    parentCversion,
  };
}

/** Half of the znodes below one parent, half in groups of hundreds; names in no order. */
function planted(): Tree {
  const tree = new Tree({ limits: defaultLimits });
  let zxid = 0;
  const apply = (change: Change): void => {
    zxid += 1;
    tree.apply(zxid, { time: zxid, session: 0, changes: [change] });
  };
  apply(createChange('/wide', new Uint8Array(0), 1));
  for (let group = 0; group < 400; group++) {
    apply(createChange(`/g${String(group)}`, new Uint8Array(0), group + 2));
  }
  for (let index = 0; index < count / 2; index++) {
    const mixed = (index * 7919) % (count / 2);
    const data = new Uint8Array(index % 150).fill(index);
    apply(createChange(`/wide/${nameOf(mixed)}`, data, index + 1));
    apply(createChange(`/g${String(index % 400)}/${nameOf(mixed)}`, data, index + 1));
  }
  return tree;
}

describe('200,000 znodes', () => {
  it('are found, listed in order, snapshotted and loaded', () => {
    const tree = planted();
    expect(tree.nodeCount).toBe(4 + 401 + count);
    expect(tree.descendants(tree.find('/'))).toBe(tree.nodeCount - 1);
    const chunks: Uint8Array[] = [];
    const snapshot = tree.beginSnapshot();
    for (let chunk = snapshot.next(65_536); chunk; chunk = snapshot.next(65_536))
      chunks.push(chunk);
    const loaded = new Tree({ limits: defaultLimits });
    for (const chunk of chunks) loaded.loadChunk(chunk);
    expect(loaded.finishLoad({ zxid: tree.appliedZxid })).toEqual(tree.digest());
    for (const one of [tree, loaded]) {
      const wide = one.find('/wide');
      expect(one.numChildren(wide)).toBe(count / 2);
      let previous = '';
      let listed = 0;
      const cursor = one.children(wide);
      for (let id = cursor.next(); id !== 0; id = cursor.next()) {
        const name = one.name(id);
        if (name <= previous) throw new Error(`${name} behind ${previous}`);
        previous = name;
        listed += 1;
      }
      expect(listed).toBe(count / 2);
      for (let index = 0; index < count / 2; index += 997) {
        const mixed = (index * 7919) % (count / 2);
        const id = one.find(`/g${String(index % 400)}/${nameOf(mixed)}`);
        expect(one.data(id)).toHaveLength(index % 150);
        expect(one.stat(id).czxid).toBe(403 + index * 2);
      }
      expect(one.find(`/wide/${nameOf(count)}`)).toBe(-1);
    }
  }, 120_000);
});
