import { describe, expect, it } from 'vitest';
import { suggestedPath, suggestedRoute } from '../../../../src/gateway/common/suggestions.ts';

describe('a znode path that may have been meant', () => {
  it.each([
    ['//x', '/x'],
    ['/x/', '/x'],
    ['/a//b///c/', '/a/b/c'],
    ['x', '/x'],
    ['/', undefined],
    ['//', undefined],
    ['', undefined],
    ['/a/../b', undefined],
    ['//..', undefined],
  ])('by %j is %j', (text, meant) => {
    expect(suggestedPath(text)).toBe(meant);
  });
});

describe('a route that may have been meant', () => {
  const isRoute = (url: string): boolean =>
    /^\/(znodes|children|watch)(\/|$)|^\/sessions$/.test(url);

  it.each([
    ['/q', '/znodes/q'],
    ['/app/config', '/znodes/app/config'],
    ['/sessions/', '/sessions'],
    ['//znodes/a', '/znodes/a'],
    ['/znode/a', '/znodes/a'],
    ['/Znodes/a', '/znodes/a'],
    ['/child/a', '/children/a'],
    ['/watches/a', '/watch/a'],
    ['/znods/a', '/znodes/a'],
    ['/chidlren/a', '/children/a'],
    ['/session', '/sessions'],
    ['/', undefined],
    ['/a/../b', undefined],
  ])('by %j is %j', (url, meant) => {
    expect(suggestedRoute(url, isRoute)).toBe(meant);
  });
});
