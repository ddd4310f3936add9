import { describe, expect, it } from 'vitest';
import { matchesLines, matchesText, stepsOf } from './document.ts';

describe('the examples of a page', () => {
  it('are the commands, their output and the frames, in order', () => {
    const page = [
      'text',
      '```console',
      '$ a \\',
      '> b',
      'out',
      '$ c',
      '```',
      '```websocket me',
      '> {}',
      '< {…}',
      '! dies',
      '```',
    ];
    expect(stepsOf(page.join('\n'))).toEqual([
      { kind: 'console', line: 3, command: 'a \\\nb', output: ['out'] },
      { kind: 'console', line: 6, command: 'c', output: [] },
      { kind: 'send', line: 9, connection: 'me', text: '{}' },
      { kind: 'receive', line: 10, connection: 'me', text: '{…}' },
      { kind: 'cut', line: 11, connection: 'me', text: 'dies' },
    ]);
  });

  it('match with … for any text and any lines, and not otherwise', () => {
    expect(matchesText('{"zxid":…}', '{"zxid":12}')).toBe(true);
    expect(matchesText('{"zxid":…}', '{"zxid":12},')).toBe(false);
    expect(matchesText('a.c', 'abc')).toBe(false);
    expect(matchesLines(['a', '…', 'd'], ['a', 'b', 'c', 'd'])).toBe(true);
    expect(matchesLines(['a', '…', 'd'], ['a', 'd'])).toBe(true);
    expect(matchesLines(['a', 'd'], ['a', 'b', 'd'])).toBe(false);
  });

  it('refuse what is neither output nor frame', () => {
    expect(() => stepsOf('```console\nout\n```')).toThrow(/line 2/);
    expect(() => stepsOf('```websocket a\nhello\n```')).toThrow(/line 2/);
  });
});
