import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TreeOperation } from '../../../src/protocol/operations.ts';
import { readCount, readTree } from '../../../src/tree/index.ts';
import { ann, caught, Harness, only, operator, path, world } from './harness.ts';

function list(
  harness: Harness,
  at: string,
  options: Partial<TreeOperation> = {},
): { paths: string[]; next: string | undefined; truncated: boolean } {
  const operation = { type: 'tree' as const, path: path(at), ...options };
  const { nodes, next, truncated } = readTree(harness.tree, operation, harness.reader());
  for (const { path: one, stat } of nodes) expect(stat).toEqual(harness.stat(one));
  return { paths: nodes.map(({ path: one }) => one), next, truncated };
}

function planted(paths: readonly string[]): Harness {
  const harness = new Harness();
  for (const at of paths) harness.create(at);
  return harness;
}

describe('a subtree', () => {
  const forest = ['/t', '/t/b', '/t/a', '/t/a/y', '/t/a/x', '/t/a-', '/tt'];

  it('is listed in pre-order, bytewise, itself first', () => {
    const harness = planted(forest);
    expect(list(harness, '/t')).toEqual({
      paths: ['/t', '/t/a', '/t/a/x', '/t/a/y', '/t/a-', '/t/b'],
      next: undefined,
      truncated: false,
    });
    expect(list(harness, '/').paths.slice(-4)).toEqual([
      '/tt',
      '/zookeeper',
      '/zookeeper/config',
      '/zookeeper/quota',
    ]);
  });

  it('is cut in depth', () => {
    const harness = planted(forest);
    expect(list(harness, '/t', { depth: 0 }).paths).toEqual(['/t']);
    expect(list(harness, '/t', { depth: 1 })).toMatchObject({
      paths: ['/t', '/t/a', '/t/a-', '/t/b'],
      truncated: false,
    });
    expect(caught(() => list(harness, '/t', { depth: -1 })).code).toBe('BADARGUMENTS');
  });

  it('continues behind any path, present or gone', () => {
    const harness = planted(forest);
    expect(list(harness, '/t', { limit: 2 })).toEqual({
      paths: ['/t', '/t/a'],
      next: '/t/a',
      truncated: true,
    });
    expect(list(harness, '/t', { after: path('/t/a') }).paths[0]).toBe('/t/a/x');
    expect(list(harness, '/t', { after: path('/t/a/xx/gone') }).paths[0]).toBe('/t/a/y');
    expect(list(harness, '/t', { after: path('/t/a/z') }).paths).toEqual(['/t/a-', '/t/b']);
    expect(list(harness, '/t', { after: path('/t') }).paths).toHaveLength(5);
    expect(list(harness, '/t', { after: path('/t/b') }).paths).toEqual([]);
    expect(list(harness, '/', { after: path('/t/b') }).paths[0]).toBe('/tt');
    expect(caught(() => list(harness, '/t', { after: path('/tt') })).code).toBe('BADARGUMENTS');
  });

  it('in pages is the same as at once', () => {
    const name = fc.constantFrom('a', 'b', 'a-', 'é');
    const paths = fc.uniqueArray(
      fc.array(name, { minLength: 1, maxLength: 4 }).map((parts) => `/${parts.join('/')}`),
      { maxLength: 25 },
    );
    const sizes = fc.integer({ min: 1, max: 4 });
    const depth = fc.option(fc.nat({ max: 4 }), { nil: undefined });
    fc.assert(
      fc.property(paths, sizes, depth, (wanted, limit, deep) => {
        const harness = new Harness();
        for (const at of wanted) {
          if (!harness.exists(at)) harness.create(at, { parents: true });
        }
        const options = deep === undefined ? {} : { depth: deep };
        const whole = list(harness, '/', options).paths;
        const pages: string[] = [];
        let page = list(harness, '/', { ...options, limit });
        for (;;) {
          pages.push(...page.paths);
          if (page.next === undefined) break;
          page = list(harness, '/', { ...options, limit, after: path(page.next) });
        }
        expect(pages).toEqual(whole);
      }),
      { numRuns: 100 },
    );
  });

  it('leaves out what may not be read and all below it', () => {
    const harness = planted(['/t', '/t/z']);
    harness.create('/t/a', { acl: only(ann) }, { as: [ann] });
    harness.create('/t/a/open', {}, { as: [ann] });
    expect(list(harness, '/t').paths).toEqual(['/t', '/t/z']);
    const operation = { type: 'tree' as const, path: path('/t') };
    const all = readTree(harness.tree, operation, harness.reader([operator]));
    expect(all.nodes).toHaveLength(4);
    expect(list(harness, '/t', { after: path('/t/a/opem') }).paths).toEqual(['/t/z']);
    expect(caught(() => list(harness, '/t/a')).code).toBe('NOAUTH');
    expect(caught(() => list(harness, '/none')).code).toBe('NONODE');
  });

  it('does not search long for something that may be read', () => {
    const harness = planted(['/t']);
    for (let index = 10; index < 30; index++) {
      harness.create(`/t/${String(index)}`, { acl: only(ann) });
    }
    harness.create('/t/z');
    const page = list(harness, '/t', { limit: 2 });
    expect(page).toEqual({ paths: ['/t'], next: '/t/17', truncated: true });
    const further = list(harness, '/t', { limit: 2, after: path('/t/28') });
    expect(further).toEqual({ paths: ['/t/z'], next: undefined, truncated: false });
  });

  it('is limited in a page', () => {
    const harness = new Harness({ limits: { subtreePageDefault: 2, pageEntriesMax: 3 } });
    for (const at of ['/a', '/b', '/c']) harness.create(at);
    expect(list(harness, '/').paths).toHaveLength(2);
    expect(list(harness, '/', { limit: 3 }).paths).toHaveLength(3);
    expect(caught(() => list(harness, '/', { limit: 4 })).code).toBe('BADARGUMENTS');
  });
});

describe('a page of a subtree', () => {
  it('ends early when its bytes are enough', () => {
    const harness = new Harness({ limits: { answerBytesMax: 600 } });
    for (const at of ['/a', '/b', '/c', '/d', '/e']) harness.create(at);
    const page = list(harness, '/');
    expect(page).toMatchObject({ paths: ['/', '/a', '/b', '/c'], next: '/c', truncated: true });
    expect(list(harness, '/', { after: path('/c') }).paths).toHaveLength(3);
  });
});

describe('the number of descendants', () => {
  it('needs READ on the path only, and does not count the path', () => {
    const harness = planted(['/t', '/t/a', '/t/a/b', '/t/c']);
    harness.write({ type: 'setAcl', path: path('/t/a'), acl: world(30) });
    const count = (at: string): number =>
      readCount(harness.tree, { type: 'tree', path: path(at) }, harness.reader()).descendants;
    expect(count('/t')).toBe(3);
    expect(count('/')).toBe(7);
    expect(caught(() => count('/t/a')).code).toBe('NOAUTH');
    harness.delete('/t/a/b');
    expect(count('/t')).toBe(2);
  });
});
