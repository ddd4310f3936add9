import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  conditionOfTags,
  conditionOfVersion,
  namesTag,
  parseEntityTags,
} from '../../../../src/gateway/common/preconditions.ts';
import type { Facet } from '../../../../src/gateway/common/preconditions.ts';

const tags = (text: string) => parseEntityTags(text, 'If-Match');
const condition = (text: string, facet: Facet = 'data') =>
  conditionOfTags(tags(text), 'If-Match', facet);

describe('entity tags', () => {
  it.each([
    ['*', '*'],
    [' * ', '*'],
    ['"3.117"', [{ weak: false, opaque: '3.117' }]],
    ['W/"3.117"', [{ weak: true, opaque: '3.117' }]],
    ['3', [{ weak: false, opaque: '3' }]],
    ['3.117', [{ weak: false, opaque: '3.117' }]],
    ['-5', [{ weak: false, opaque: '-5' }]],
    ['"3.117;0.0"', [{ weak: false, opaque: '3.117;0.0' }]],
    ['3.117;0.-1', [{ weak: false, opaque: '3.117;0.-1' }]],
    ['""', [{ weak: false, opaque: '' }]],
    [
      '"1.2", W/"x" ,3',
      [
        { weak: false, opaque: '1.2' },
        { weak: true, opaque: 'x' },
        { weak: false, opaque: '3' },
      ],
    ],
  ])('%s is read', (text, expected) => {
    expect(tags(text)).toEqual(expected);
  });

  it.each(['"1",', ',"1"', ' , ,"1" ,, '])('%j has one tag and empty elements', (text) => {
    expect(tags(text)).toEqual([{ weak: false, opaque: '1' }]);
  });

  it.each(['', ' ', ',', '"3', '3"', 'abc', 'W/3', '"1" "2"', '"1",, *', '*, "1"', '1.', '"a"b"'])(
    '%j is refused and named',
    (text) => {
      expect(() => tags(text)).toThrow(
        /^If-Match: ".*" is no list of entity tags, which look like "3.117" or 3$/,
      );
    },
  );

  it('what is written as a list is read as that list', () => {
    const opaque = fc.stringMatching(/^[!#-~]{0,12}$/);
    const tag = fc.record({ weak: fc.boolean(), opaque });
    fc.assert(
      fc.property(fc.array(tag, { minLength: 1, maxLength: 5 }), (list) => {
        const text = list.map((item) => `${item.weak ? 'W/' : ''}"${item.opaque}"`).join(', ');
        expect(tags(text)).toEqual(list);
      }),
    );
  });
});

describe('If-Match as a condition', () => {
  it.each([
    ['*', 'exists'],
    ['"3"', [{ version: 3 }]],
    ['3', [{ version: 3 }]],
    ['"3.117"', [{ version: 3, czxid: 117 }]],
    ['"3.117;5.6"', [{ version: 3, czxid: 117 }]],
    ['"-1"', 'exists'],
    ['"-1.0"', [{ version: -1, czxid: 0 }]],
    ['"3.117", 4', [{ version: 3, czxid: 117 }, { version: 4 }]],
    ['W/"3", "4", "other"', [{ version: 4 }]],
    ['"2147483647"', [{ version: 2_147_483_647 }]],
  ])('%s', (text, expected) => {
    expect(condition(text)).toEqual(expected);
  });

  it.each([
    ['W/"3.117"', 'W/"3.117" is weak, and a write compares strongly; leave out the W/'],
    ['"another"', '"another" is no ETag of this service, which looks like "3.117", nor a'],
    ['"3.117;x"', '"3.117;x" is no ETag of this service'],
    ['"2147483648"', '"2147483648" is no ETag of this service'],
    ['""', '"" is no ETag of this service'],
    ['W/"3", "other"', 'W/"3" is weak'],
  ])('%s can never match, which is told apart from a mismatch', (text, why) => {
    expect(() => condition(text)).toThrow(`If-Match: can never match: ${why}`);
  });

  it('the ETag of a JSON form says nothing of an ACL', () => {
    expect(condition('"3.117"', 'acl')).toEqual([{ version: 3, czxid: 117 }]);
    expect(() => condition('"3.117;5.6"', 'acl')).toThrow(/take that of GET \/acl$/);
  });

  it('a version parameter is the same condition as its tag', () => {
    expect(conditionOfVersion(3)).toEqual(condition('"3"'));
    expect(conditionOfVersion(-1)).toEqual(condition('*'));
  });
});

describe('If-None-Match', () => {
  it.each([
    ['*', true],
    ['"3.117"', true],
    ['W/"3.117"', true],
    ['3.117', true],
    ['"1.1", "3.117"', true],
    ['"3"', false],
    ['"3.117;0.0"', false],
  ])('%s names the tag "3.117": %s', (text, expected) => {
    expect(namesTag(tags(text), '"3.117"')).toBe(expected);
  });
});
