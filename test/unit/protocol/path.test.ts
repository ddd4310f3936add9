import { describe, expect, it } from 'vitest';
import { CoordinationError } from '../../../src/protocol/errors.ts';
import {
  childPath,
  isWithin,
  nameOf,
  parentPath,
  parsePath,
  parseSequentialPrefix,
  pathProblem,
} from '../../../src/protocol/path.ts';

/** The rules of ZooKeeper's `PathUtils.validatePath`. */
describe('paths', () => {
  it.each([
    '/',
    '/a',
    '/a/b/c',
    '/...',
    '/.a',
    '/a.',
    '/..a/b..',
    '/a b',
    '/100%',
    '/é/日本/ﬁ',
    '/\u00a0',
    '/\uf900',
    '/\uffef',
    '/\ufeff',
    '/zookeeper/quota/x',
    `/${'x'.repeat(5000)}`,
  ])('%j is legal', (text) => {
    expect(parsePath(text)).toBe(text);
  });

  it.each([
    ['', 'must not be empty'],
    ['a', 'must start with "/"'],
    ['a/b', 'must start with "/"'],
    ['/a/', 'must not end with "/"'],
    ['//', 'must not end with "/"'],
    ['//a', 'empty name at index 1'],
    ['/a//b', 'empty name at index 3'],
    ['/.', 'relative name "." at index 1'],
    ['/..', 'relative name ".." at index 1'],
    ['/a/./b', 'relative name "." at index 3'],
    ['/a/../b', 'relative name ".." at index 3'],
    ['/a/b/..', 'relative name ".." at index 5'],
    ['/a\u0000b', 'U+0000 at index 2'],
    ['/\u0001', 'U+0001 at index 1'],
    ['/\u001f', 'U+001F at index 1'],
    ['/\u007f', 'U+007F at index 1'],
    ['/\u009f', 'U+009F at index 1'],
    ['/\ud7ff\ud800', 'U+D800 at index 2'],
    ['/😀', 'U+D83D at index 1'],
    ['/\udfff', 'U+DFFF at index 1'],
    ['/\ue000', 'U+E000 at index 1'],
    ['/\uf8ff', 'U+F8FF at index 1'],
    ['/\ufff0', 'U+FFF0 at index 1'],
    ['/a/\uffff', 'U+FFFF at index 3'],
  ])('%j is refused, with the reason', (text, reason) => {
    expect(pathProblem(text)).toContain(reason);
    expect(() => parsePath(text)).toThrow(CoordinationError);
  });

  it('lets a sequential prefix end with a slash, since the number follows', () => {
    expect(parseSequentialPrefix('/q/')).toBe('/q/');
    expect(parseSequentialPrefix('/')).toBe('/');
    expect(parseSequentialPrefix('/q/.')).toBe('/q/.');
    expect(() => parseSequentialPrefix('/q//')).toThrow('empty name');
    expect(() => parseSequentialPrefix('q')).toThrow('must start with "/"');
  });

  it('are taken apart and put together', () => {
    expect(parentPath(parsePath('/a/b'))).toBe('/a');
    expect(parentPath(parsePath('/a'))).toBe('/');
    expect(nameOf(parsePath('/a/b'))).toBe('b');
    expect(nameOf(parsePath('/'))).toBe('');
    expect(childPath(parsePath('/'), 'a')).toBe('/a');
    expect(childPath(parsePath('/a'), 'b')).toBe('/a/b');
  });

  it('are below others by whole names', () => {
    expect(isWithin('/a/b', '/a')).toBe(true);
    expect(isWithin('/a', '/a')).toBe(true);
    expect(isWithin('/ab', '/a')).toBe(false);
    expect(isWithin('/a', '/a/b')).toBe(false);
    expect(isWithin('/a', '/')).toBe(true);
  });
});
