import { describe, expect, it } from 'vitest';
import { ann, bytes, Harness, only, operator, path, world } from './harness.ts';

const set = (at: string, data = 'x') => ({
  type: 'set' as const,
  path: path(at),
  data: bytes(data),
});

describe('set', () => {
  it('says NONODE, then NOAUTH, then BADVERSION', () => {
    const harness = new Harness();
    harness.create('/a', { acl: world(1) });
    harness.create('/b');
    const condition = [{ version: 7 }];
    harness.refuses({ ...set('/none'), condition }, 'NONODE');
    harness.refuses({ ...set('/a'), condition }, 'NOAUTH');
    harness.refuses({ ...set('/b'), condition }, 'BADVERSION');
  });

  it('says QUOTAEXCEEDED before BADVERSION', () => {
    const harness = new Harness();
    harness.create('/b');
    const full = new Harness({ limits: { treeBytesMax: harness.tree.byteCount } });
    full.create('/b');
    full.refuses({ ...set('/b'), condition: [{ version: 7 }] }, 'QUOTAEXCEEDED');
  });

  it('takes one of several versions, or a version of one life of the path', () => {
    const harness = new Harness();
    harness.create('/a');
    harness.set('/a', 'x', [{ version: 9 }, { version: 0 }]);
    harness.set('/a', 'x', [{ version: 1, czxid: 1 }]);
    harness.set('/a', 'x', 'exists');
    harness.set('/a', 'x', [{ version: -1 }]);
    harness.refuses({ ...set('/a'), condition: [{ version: 4, czxid: 2 }] }, 'BADVERSION');
    harness.refuses({ ...set('/a'), condition: [] }, 'BADVERSION');
    expect(harness.stat('/a').version).toBe(4);
  });

  it('is judged against what is outstanding', () => {
    const harness = new Harness();
    harness.create('/a');
    harness.judge({ ...set('/a'), condition: [{ version: 0 }] });
    harness.judge({ ...set('/a'), condition: [{ version: 1 }] });
    harness.refuses({ ...set('/a'), condition: [{ version: 1 }] }, 'BADVERSION');
  });

  it('of the configuration node is refused to all', () => {
    const harness = new Harness();
    harness.refuses(set('/zookeeper/config'), 'NOAUTH');
    harness.refuses(set('/zookeeper/config'), 'BADARGUMENTS', { as: [operator] });
    const setAcl = { type: 'setAcl' as const, path: path('/zookeeper/config'), acl: world(31) };
    harness.refuses(setAcl, 'NOAUTH');
    harness.refuses(setAcl, 'BADARGUMENTS', { as: [operator] });
  });

  it('writes the root', () => {
    const harness = new Harness();
    expect(harness.set('/', 'hello').stat).toMatchObject({ version: 1, dataLength: 5 });
  });

  it('keeps data of any length', () => {
    const harness = new Harness();
    const lengths = [0, 1, 7, 8, 9, 100, 256, 257, 1024, 5000, 65_536, 65_537, 1_048_576, 3];
    harness.create('/a');
    for (const length of lengths) {
      const data = Uint8Array.from({ length }, (_, index) => (index * 31 + length) & 0xff);
      harness.write({ type: 'set', path: path('/a'), data });
      const kept = harness.tree.data(harness.tree.find('/a'));
      expect(Buffer.compare(kept, data)).toBe(0);
    }
  });
});

describe('put', () => {
  const put = (at: string, acl?: ReturnType<typeof world>) => ({
    type: 'put' as const,
    path: path(at),
    data: bytes('x'),
    ...(acl === undefined ? {} : { acl }),
  });

  it('creates or replaces', () => {
    const harness = new Harness();
    expect(harness.write(put('/a'))).toMatchObject({ created: true, stat: { version: 0 } });
    expect(harness.write(put('/a'))).toMatchObject({ created: false, stat: { version: 1 } });
  });

  it('takes an ACL only when it creates', () => {
    const harness = new Harness();
    harness.write(put('/a', only(ann)), { as: [ann] });
    harness.refuses(put('/a', only(ann)), 'NOAUTH');
    harness.refuses(put('/a', only(ann)), 'BADARGUMENTS', { as: [ann] });
  });

  it('makes missing parents when asked', () => {
    const harness = new Harness();
    harness.refuses(put('/a/b'), 'NONODE');
    expect(harness.write({ ...put('/a/b'), parents: true })).toMatchObject({ created: true });
  });

  it('decides by what is outstanding', () => {
    const harness = new Harness();
    harness.judge(put('/a'));
    expect(harness.judge(put('/a'))).toMatchObject({ created: false });
    harness.judge({ type: 'delete', path: path('/a') });
    expect(harness.judge(put('/a'))).toMatchObject({ created: true });
    harness.apply();
    expect(harness.stat('/a')).toMatchObject({ czxid: 4, version: 0 });
  });
});
