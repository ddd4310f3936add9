import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseAclText } from '../../../src/gateway/common/acl.ts';
import { parseEntityTags } from '../../../src/gateway/common/preconditions.ts';
import { parseToken } from '../../../src/gateway/common/tokens.ts';
import { forms } from '../../../src/protocol/forms.ts';
import { defaultLimits, ttlMaxMs } from '../../../src/protocol/limits.ts';
import { parseSequentialPrefix, pathProblem } from '../../../src/protocol/path.ts';
import { duration } from '../../../src/protocol/rest/query.ts';

/** As JSON Schema says, with the flag; some validators go without it. */
function fits(form: string, text: string): boolean {
  const result = new RegExp(form, 'u').test(text);
  expect(new RegExp(form).test(text), `${text} without the flag`).toBe(result);
  return result;
}

function accepts(parse: () => unknown): boolean {
  try {
    parse();
    return true;
  } catch {
    return false;
  }
}

/** What rules are about, in any order. */
const unit = fc.constantFrom(
  ...['a', '/', '/', '.', '.', ' ', '-', '0', '~', '\0', '\x1f', '\x7f', '\x9f', '\xa0'],
  ...['\ud7ff', '\ue000', '\uf8ff', '\uf900', '\uffef', '\ufff0', '\u{1f600}'],
);
const pathText = fc.array(unit, { maxLength: 8 }).map((units) => units.join(''));

describe('the forms of the documents', () => {
  it('of paths take what the parser takes, and nothing else', () => {
    fc.assert(
      fc.property(pathText, (text) => {
        const whole = `/${text}`;
        expect(fits(forms.path, text)).toBe(pathProblem(whole) === undefined);
        const creatable =
          pathProblem(whole) === undefined || accepts(() => parseSequentialPrefix(whole));
        // A prefix may also end in a dot, which the digits behind it make a name of; nobody needs to know.
        fc.pre(!/(?:^|\/)\.\.?$/.test(text));
        expect(fits(forms.createPath, text)).toBe(creatable);
        expect(fits(forms.absolutePath, whole)).toBe(creatable);
      }),
      { numRuns: 2000 },
    );
  });

  it.each(['.', '..', 'a/.', '../a', 'a//b', '/a', '//', 'a/../b'])('no path is %j', (text) => {
    expect(fits(forms.path, text)).toBe(false);
    expect(fits(forms.createPath, text)).toBe(false);
  });

  it.each(['', 'a', 'a/b', '...', '.a', '..a', 'a.', 'a/...', 'größe/値'])(
    'a path is %j',
    (text) => {
      expect(fits(forms.path, text)).toBe(true);
    },
  );

  const taken: readonly [keyof typeof forms, (text: string) => unknown][] = [
    ['entityTags', (text) => parseEntityTags(text, 'If-Match')],
    ['acl', (text) => parseAclText(text, defaultLimits)],
    ['token', parseToken],
    [
      'ttl',
      (text) => {
        const ms = duration('').read(text) ?? NaN;
        if (!(ms > 0 && ms <= ttlMaxMs)) throw new Error(`${ms} ms`);
      },
    ],
  ];
  it.each(taken)('of %s are understood by the parser', (name, parse) => {
    fc.assert(
      fc.property(fc.stringMatching(new RegExp(forms[name])), (text) => {
        fc.pre(name !== 'token' || Number.isSafeInteger(Number(text.split(':')[0])));
        fc.pre(name !== 'acl' || !/([cdrwa]).*\1/.test(text.split(',').map(permsOf).join(' ')));
        expect(
          accepts(() => parse(text)),
          text,
        ).toBe(true);
      }),
    );
  });

  it.each([
    ['entityTags', ['*', '3', '"3"', '"3.117"', '3.117', 'W/"1"', '"0", "1"', '"1.2;0.0"', '""']],
    ['acl', ['world:anyone:r', 'auth::cdrwa', 'ip:10.0.0.0/8:r,  ip:::1:cd']],
    ['acl', ['digest:ann:nGLc7VUmLqIWoUD0FS85yzCvoEE=:cdrwa, world:anyone:r']],
    ['ttl', ['1ms', '60s', '24h', '999999999999ms']],
  ] as const)('of %s take %j', (name, texts) => {
    for (const text of texts) expect(fits(forms[name], text), text).toBe(true);
  });

  it.each([
    ['entityTags', ['', 'rubbish', '"', '"a" "b"', '*, *']],
    ['acl', ['', 'world', 'world:anyone:z', 'world:anyone:', 'world:somebody:r', 'x:y:r', '[]']],
    ['ttl', ['0s', '1y', '5', '', '1.5s']],
  ] as const)('of %s do not take %j', (name, texts) => {
    for (const text of texts) expect(fits(forms[name], text), text).toBe(false);
  });
});

function permsOf(entry: string): string {
  return entry.slice(entry.lastIndexOf(':') + 1);
}
