import { describe, expect, it } from 'vitest';
import { defaultLimits } from '../../../src/protocol/limits.ts';
import { nodeOverheadBytes, Tree } from '../../../src/tree/index.ts';
import { bytes, createOf, Harness, path } from './harness.ts';

describe('limits of writes', () => {
  it('data of a znode', () => {
    const harness = new Harness({ limits: { znodeDataBytesMax: 4 } });
    harness.create('/a', { data: bytes('1234') });
    const tooLong = { type: 'set' as const, path: path('/a'), data: bytes('12345') };
    expect(harness.refuses(tooLong, 'TOOLARGE').message).toContain('znodeDataBytesMax');
    const inMulti = { type: 'multi' as const, operations: [createOf('/b'), tooLong] };
    expect(harness.refuses(inMulti, 'TOOLARGE').fields.failedIndex).toBe(1);
  });

  it('length of a path', () => {
    const harness = new Harness({ limits: { pathLengthMax: 5 } });
    harness.create('/1234');
    expect(harness.refuses(createOf('/12345'), 'BADARGUMENTS').message).toContain('pathLengthMax');
  });

  it('operations of a multi', () => {
    const harness = new Harness({ limits: { multiOperationsMax: 2 } });
    const operations = ['/a', '/b', '/c'].map((at) => createOf(at));
    const { message } = harness.refuses({ type: 'multi', operations }, 'TOOLARGE');
    expect(message).toContain('multiOperationsMax');
    harness.multi(operations.slice(1));
  });

  it('bytes of a transaction', () => {
    const harness = new Harness({ limits: { transactionBytesMax: 20 } });
    const operations = ['/a', '/b'].map((at) => createOf(at, { data: bytes('123456789') }));
    const { message } = harness.refuses({ type: 'multi', operations }, 'TOOLARGE');
    expect(message).toContain('transactionBytesMax');
    harness.create('/a', { data: bytes('123456789012345678') });
    harness.refuses(createOf('/p1/p2/p3/p4', { parents: true }), 'TOOLARGE');
  });

  it('paths of a transaction', () => {
    const harness = new Harness({ limits: { transactionPathsMax: 2 } });
    const deep = createOf('/a/b/c', { parents: true });
    expect(harness.refuses(deep, 'TOOLARGE').message).toContain('transactionPathsMax');
    harness.create('/a/b', { parents: true });
    const operations = [createOf('/x'), createOf('/y'), createOf('/z')];
    expect(harness.refuses({ type: 'multi', operations }, 'TOOLARGE').fields.failedIndex).toBe(2);
  });

  it('znodes of the tree, outstanding ones counted; deletions go on', () => {
    const harness = new Harness({ limits: { treeNodesMax: 6 } });
    harness.judge(createOf('/a'));
    harness.judge(createOf('/b'));
    expect(harness.refuses(createOf('/c'), 'QUOTAEXCEEDED').message).toContain('treeNodesMax');
    harness.apply();
    harness.refuses(createOf('/c'), 'QUOTAEXCEEDED');
    harness.judge({ type: 'delete', path: path('/a') });
    harness.judge(createOf('/c'));
    harness.apply();
    expect(harness.tree.nodeCount).toBe(6);
  });

  it('bytes of the tree: names, data and a fixed cost', () => {
    const empty = new Tree({ limits: defaultLimits }).byteCount;
    const room = nodeOverheadBytes + 1 + 10;
    const harness = new Harness({ limits: { treeBytesMax: empty + room } });
    harness.create('/a', { data: bytes('1234567890') });
    expect(harness.tree.byteCount).toBe(empty + room);
    const more = { type: 'set' as const, path: path('/a'), data: bytes('12345678901') };
    expect(harness.refuses(more, 'QUOTAEXCEEDED').message).toContain('treeBytesMax');
    harness.refuses(createOf('/b'), 'QUOTAEXCEEDED');
    harness.set('/a', '');
    harness.set('/a', '1234567890');
    harness.delete('/a');
    expect(harness.tree.byteCount).toBe(empty);
  });

  it('still let a session end and housekeeping work in a full tree', () => {
    const harness = new Harness({ limits: { treeNodesMax: 6 } });
    const session = harness.session();
    harness.create('/e', { kind: 'ephemeral' }, { session });
    harness.create('/t', { kind: 'ttl', ttlMs: 1 });
    const { czxid, mzxid } = harness.stat('/t');
    harness.write({ type: 'reap', path: path('/t'), czxid, mzxid });
    harness.write({ type: 'closeSession', session });
    expect(harness.tree.nodeCount).toBe(4);
  });

  it('refuse to be set beyond what a row can hold', () => {
    const limits = { ...defaultLimits, pathLengthMax: 100_000 };
    expect(() => new Tree({ limits })).toThrow('longer than a row can say');
  });
});
