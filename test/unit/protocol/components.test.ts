import { Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { describe, expect, it } from 'vitest';
import { SchemaComponents } from '../../../src/protocol/components.ts';
import { Exactly, OneOf, StringEnum } from '../../../src/protocol/schemas.ts';

const named = ($id: string, word: string) => Exactly({ op: StringEnum([word]) }, { $id });

describe('schemas of the documents', () => {
  it('a named schema is a reference, also where it is optional', () => {
    const components = new SchemaComponents({ discriminators: true });
    const name = Type.String({ $id: 'Name' });
    const whole = components.inline(Exactly({ first: name, last: Type.Optional(name) }));
    expect(whole['properties']).toEqual({
      first: { $ref: '#/components/schemas/Name' },
      last: { $ref: '#/components/schemas/Name' },
    });
    expect(components.all).toEqual({ Name: { type: 'string' } });
  });

  it('two different schemas of one name are refused', () => {
    const components = new SchemaComponents({ discriminators: true });
    components.inline(named('Same', 'a'));
    expect(() => components.inline(named('Same', 'b'))).toThrow(/schemas are called Same/);
  });

  it('a schema that contains another of its own name is refused, since it would refer to itself', () => {
    const item = named('Result', 'a');
    const whole = Exactly({ results: Type.Array(item) }, { $id: 'Result' });
    expect(() => new SchemaComponents({ discriminators: true }).inline(whole)).toThrow(
      /schemas are called Result/,
    );
  });

  it('alternatives become oneOf, and a discriminator maps each word to its schema', () => {
    const schema = OneOf([named('A', 'a'), named('B', 'b')], { discriminator: 'op' });
    expect(new SchemaComponents({ discriminators: true }).inline(schema)).toEqual({
      oneOf: [{ $ref: '#/components/schemas/A' }, { $ref: '#/components/schemas/B' }],
      discriminator: {
        propertyName: 'op',
        mapping: { a: '#/components/schemas/A', b: '#/components/schemas/B' },
      },
    });
    expect(
      new SchemaComponents({ discriminators: true }).inline(
        OneOf([Type.String(), named('A', 'a')]),
      ),
    ).toEqual({
      oneOf: [{ type: 'string' }, { $ref: '#/components/schemas/A' }],
    });
  });

  it('what stands in `documented` is for the document alone, and wins there', () => {
    const schema = Type.Integer({ minimum: 0, documented: { minimum: 1, maximum: 9 } });
    expect(new SchemaComponents({ discriminators: true }).inline(schema)).toEqual({
      ...{ type: 'integer', minimum: 1, maximum: 9, format: 'int32' },
    });
    expect(Value.Check(schema, 10)).toBe(true);
  });

  it.each([
    [{}, 'int64'],
    [{ minimum: 0 }, 'int64'],
    [{ minimum: 0, maximum: 2 ** 31 - 1 }, 'int32'],
    [{ minimum: 0, maximum: 2 ** 31 }, 'int64'],
    [{ minimum: -(2 ** 31) - 1, maximum: 0 }, 'int64'],
  ])('an integer of the range %j has the format %s', (range, format) => {
    expect(
      new SchemaComponents({ discriminators: true }).inline(Type.Integer(range)),
    ).toMatchObject({ format });
  });
});
