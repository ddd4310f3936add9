import { describe, expect, it } from 'vitest';
import type { ChildrenOperation, ChildrenResult } from '../../../src/protocol/operations.ts';
import { readChildren, readExists, readGet, readMulti } from '../../../src/tree/index.ts';
import { ann, bytes, caught, Harness, only, operator, path, world } from './harness.ts';

function children(
  harness: Harness,
  at: string,
  options: Partial<ChildrenOperation> = {},
): ChildrenResult {
  const operation = { type: 'children' as const, path: path(at), ...options };
  return readChildren(harness.tree, operation, harness.reader());
}

describe('get and exists', () => {
  it('say NONODE before NOAUTH', () => {
    const harness = new Harness();
    harness.create('/a', { acl: world(30) });
    const reader = harness.reader();
    for (const read of [
      (at: string) => readGet(harness.tree, { type: 'get', path: path(at) }, reader),
      (at: string) => readExists(harness.tree, { type: 'exists', path: path(at) }, reader),
    ]) {
      expect(caught(() => read('/none'))).toMatchObject({
        code: 'NONODE',
        fields: { path: '/none' },
      });
      expect(caught(() => read('/a')).code).toBe('NOAUTH');
    }
  });

  it('answer with data and stat, to whom the ACL or super rights allow it', () => {
    const harness = new Harness();
    harness.create('/a', { acl: only(ann), data: bytes('é') });
    const stat = harness.stat('/a');
    for (const who of [ann, operator]) {
      const reader = harness.reader([who]);
      const result = readGet(harness.tree, { type: 'get', path: path('/a') }, reader);
      expect(result).toEqual({ path: '/a', data: bytes('é'), stat });
      const exists = readExists(harness.tree, { type: 'exists', path: path('/a') }, reader);
      expect(exists).toEqual({ path: '/a', stat });
    }
  });

  it('give data that later writes do not change', () => {
    const harness = new Harness();
    harness.create('/a', { data: bytes('before') });
    const { data } = readGet(harness.tree, { type: 'get', path: path('/a') }, harness.reader());
    harness.set('/a', 'after!');
    expect(data).toEqual(bytes('before'));
  });
});

describe('children', () => {
  it('are sorted bytewise', () => {
    const harness = new Harness();
    harness.create('/p');
    for (const name of ['b', 'a', 'é', 'B', 'ab', '日', 'a-', 'z', '\uff00']) {
      harness.create(`/p/${name}`);
    }
    const names = children(harness, '/p').children.map(({ name }) => name);
    expect(names).toEqual(['B', 'a', 'a-', 'ab', 'b', 'z', 'é', '日', '\uff00']);
    const sorted = [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    expect(names).toEqual(sorted);
  });

  it('come in pages, which may start behind a name that is gone', () => {
    const harness = new Harness();
    harness.create('/p');
    for (const name of ['a', 'b', 'd', 'e']) harness.create(`/p/${name}`);
    const first = children(harness, '/p', { limit: 2 });
    expect(first).toMatchObject({ children: [{ name: 'a' }, { name: 'b' }], next: 'b' });
    const second = children(harness, '/p', { limit: 2, after: 'c' });
    expect(second.children).toEqual([{ name: 'd' }, { name: 'e' }]);
    expect(second).not.toHaveProperty('next');
    expect(children(harness, '/p', { after: 'z' }).children).toEqual([]);
    expect(children(harness, '/p/a').children).toEqual([]);
  });

  it('come with stat or data; without READ by name only', () => {
    const harness = new Harness();
    harness.create('/p');
    harness.create('/p/open', { data: bytes('x') });
    harness.create('/p/secret', { acl: only(ann) });
    expect(children(harness, '/p', { with: 'stat' }).children).toEqual([
      { name: 'open', stat: harness.stat('/p/open') },
      { name: 'secret' },
    ]);
    expect(children(harness, '/p', { with: 'data' }).children[0]).toEqual({
      name: 'open',
      stat: harness.stat('/p/open'),
      data: bytes('x'),
    });
  });

  it('are limited without pages, and in pages', () => {
    const harness = new Harness({ limits: { childrenUnpagedMax: 3, pageEntriesMax: 5 } });
    harness.create('/p');
    for (let index = 0; index < 4; index++) harness.create(`/p/${String(index)}`);
    const { code, message } = caught(() => children(harness, '/p'));
    expect(code).toBe('TOOLARGE');
    expect(message).toContain('childrenUnpagedMax');
    expect(children(harness, '/p', { after: '0' }).children).toHaveLength(3);
    expect(children(harness, '/p', { limit: 5 }).children).toHaveLength(4);
    for (const limit of [0, 6, 1.5, -1]) {
      expect(caught(() => children(harness, '/p', { limit })).code).toBe('BADARGUMENTS');
    }
  });

  it('are limited in bytes: a page ends early, a listing is refused', () => {
    const harness = new Harness({ limits: { answerBytesMax: 1000 } });
    harness.create('/p');
    for (const name of ['a', 'b', 'c']) harness.create(`/p/${name}`, { data: new Uint8Array(200) });
    harness.create('/p/z', { data: new Uint8Array(900) });
    const page = children(harness, '/p', { with: 'data', limit: 4 });
    expect(page.children).toHaveLength(2);
    expect(page.next).toBe('b');
    expect(caught(() => children(harness, '/p', { with: 'data' })).message).toContain(
      'answerBytesMax',
    );
    const alone = { with: 'data' as const, limit: 1, after: 'y' };
    expect(caught(() => children(harness, '/p', alone)).code).toBe('TOOLARGE');
  });

  it('need READ on the parent', () => {
    const harness = new Harness();
    harness.create('/p', { acl: world(30) });
    expect(caught(() => children(harness, '/p')).code).toBe('NOAUTH');
    expect(caught(() => children(harness, '/none')).code).toBe('NONODE');
  });
});

describe('several reads at once', () => {
  const at = path('/a');

  it('answer each for itself', () => {
    const harness = new Harness();
    harness.create('/a', { data: bytes('x'), acl: world(1) });
    harness.create('/secret', { acl: world(30) });
    const { results } = readMulti(
      harness.tree,
      {
        type: 'multiRead',
        operations: [
          { type: 'get', path: at },
          { type: 'get', path: path('/none') },
          { type: 'children', path: path('/') },
          { type: 'exists', path: path('/secret') },
          { type: 'acl', path: at },
          { type: 'exists', path: at },
        ],
      },
      harness.reader(),
    );
    expect(results.map(({ op, code }) => `${op} ${code}`)).toEqual([
      'get OK',
      'get NONODE',
      'children OK',
      'exists NOAUTH',
      'acl OK',
      'exists OK',
    ]);
    expect(results[0]).toMatchObject({ result: { data: bytes('x') } });
    expect(results[1]).toEqual({ op: 'get', code: 'NONODE', path: '/none' });
    expect(results[4]).toMatchObject({ result: { acl: world(1) } });
  });

  it('are limited in number and bytes', () => {
    const harness = new Harness({ limits: { multiOperationsMax: 3, answerBytesMax: 1000 } });
    harness.create('/a', { data: new Uint8Array(300) });
    const read = (count: number): unknown => {
      const operations = Array.from({ length: count }, () => ({ type: 'get' as const, path: at }));
      return readMulti(harness.tree, { type: 'multiRead', operations }, harness.reader());
    };
    expect(caught(() => read(4)).message).toContain('multiOperationsMax');
    expect(caught(() => read(3)).message).toContain('answerBytesMax');
    expect(read(1)).toMatchObject({ results: [{ code: 'OK' }] });
  });
});
