import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  acks,
  duration,
  flag,
  integer,
  noQuery,
  parseQuery,
  text,
  word,
} from '../../../../src/protocol/rest/query.ts';

const spec = {
  deep: flag(''),
  wait: duration(''),
  limit: integer('', { minimum: 1, maximum: 100 }),
  version: integer('', { minimum: -10, maximum: 10 }),
  mode: word(['one', 'two'], ''),
  after: text('', 'x'),
  acks: acks(''),
};

const parse = (query: Record<string, string | string[]>) => parseQuery(spec, query);

describe('query parameters', () => {
  it.each([
    [{ deep: '' }, { deep: true }],
    [{ deep: 'true' }, { deep: true }],
    [{ deep: '1' }, { deep: true }],
    [{ deep: 'false' }, { deep: false }],
    [{ deep: '0' }, { deep: false }],
    [{ wait: '500ms' }, { wait: 500 }],
    [{ wait: '30s' }, { wait: 30_000 }],
    [{ wait: '5m' }, { wait: 300_000 }],
    [{ wait: '1h' }, { wait: 3_600_000 }],
    [{ wait: '0s' }, { wait: 0 }],
    [{ limit: '1' }, { limit: 1 }],
    [{ limit: '100' }, { limit: 100 }],
    [{ version: '-10' }, { version: -10 }],
    [{ mode: 'two' }, { mode: 'two' }],
    [{ after: 'a b' }, { after: 'a b' }],
    [{ acks: 'all' }, { acks: 'all' }],
    [{ acks: '3' }, { acks: 3 }],
    [{}, {}],
    [
      { deep: '', wait: '1s' },
      { deep: true, wait: 1000 },
    ],
  ])('%j', (query, values) => {
    expect(parse(query)).toEqual(values);
  });

  it.each([
    [{ deep: 'yes' }, 'query parameter "deep": "yes" must be bare, true, 1, false or 0'],
    [{ deep: 'TRUE' }, '"TRUE" must be bare'],
    [{ wait: '30' }, 'query parameter "wait": "30" must be a whole number with its unit'],
    [{ wait: '' }, '"" must be a whole number'],
    [{ wait: '1.5s' }, '"1.5s" must be'],
    [{ wait: '-1s' }, '"-1s" must be'],
    [{ wait: '1d' }, '"1d" must be'],
    [{ limit: '0' }, 'query parameter "limit": "0" must be an integer from 1 to 100'],
    [{ limit: '101' }, '"101" must be'],
    [{ limit: '1e1' }, '"1e1" must be'],
    [{ limit: '0x10' }, '"0x10" must be'],
    [{ limit: ' 1' }, '" 1" must be'],
    [{ limit: '' }, '"" must be'],
    [{ mode: 'three' }, 'query parameter "mode": "three" must be one of one, two'],
    [{ mode: 'One' }, '"One" must be'],
    [{ after: '' }, 'query parameter "after": "" must be some text'],
    [{ acks: '0' }, '"0" must be all or a number'],
    [{ acks: 'some' }, '"some" must be all or a number'],
    [{ deap: '' }, 'query parameter "deap": is unknown, known are deep, wait'],
    [{ constructor: '' }, 'query parameter "constructor": is unknown'],
    [{ deep: ['', ''] }, 'query parameter "deep": is given 2 times'],
  ])('%j is refused, naming parameter and value', (query, message) => {
    expect(() => parse(query)).toThrow(
      expect.objectContaining({
        code: 'BADARGUMENTS',
        message: expect.stringContaining(message) as string,
      }),
    );
  });

  it('a route without parameters says so', () => {
    expect(() => parseQuery({}, { a: '' })).toThrow('is unknown, this request takes none');
  });

  it('an absent query has no values', () => {
    expect(parseQuery(spec, noQuery)).toEqual({});
  });

  it('no text makes anything but a value of its kind or a refusal', () => {
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(spec)), fc.string(), (name, value) => {
        let values: Record<string, unknown> = {};
        try {
          values = parse({ [name]: value });
        } catch (error) {
          expect(error).toMatchObject({ code: 'BADARGUMENTS' });
          return;
        }
        expect(Object.keys(values)).toEqual([name]);
        expect(values[name]).toBeDefined();
        expect(values[name]).not.toBeNaN();
      }),
    );
  });
});
