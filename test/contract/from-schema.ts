/** Values out of a JSON schema as TypeBox writes them, such as a node is likely to make something of; and how to spoil one. */
import { Type } from '@sinclair/typebox';
import type { TSchema } from '@sinclair/typebox';
import fc from 'fast-check';

/** Values for a field of that name, or a schema of that `$id`, in place of any that the schema allows. */
export type Hints = Readonly<Record<string, fc.Arbitrary<unknown>>>;

interface Schema {
  readonly $id?: string;
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly TSchema[];
  readonly items?: TSchema;
  readonly properties?: Readonly<Record<string, TSchema>>;
  readonly required?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
}

const anything = Type.String();

export function fromSchema(given: TSchema, hints: Hints, name = ''): fc.Arbitrary<unknown> {
  const schema = given as Schema;
  return hints[name] ?? hints[schema.$id ?? ''] ?? plain(schema, hints, name);
}

function plain(schema: Schema, hints: Hints, name: string): fc.Arbitrary<unknown> {
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.anyOf !== undefined) {
    return fc.oneof(...schema.anyOf.map((one) => fromSchema(one, hints, name)));
  }
  switch (schema.type) {
    case 'object':
      return objectOf(schema, hints);
    case 'array':
      return fc.array(fromSchema(schema.items ?? anything, hints), { maxLength: 4 });
    case 'integer': {
      const { minimum = -3, maximum = 100 } = schema;
      return fc.integer({ min: Math.max(minimum, -3), max: Math.min(maximum, 100) });
    }
    case 'boolean':
      return fc.boolean();
    case 'string':
      return fc.string({ maxLength: 6 });
    case 'null':
      return fc.constant(null);
    default:
      throw new Error(`${name}: a schema of type ${String(schema.type)} is not known here`);
  }
}

/** Of the optional fields few: most exclude one another. */
function objectOf({ properties = {}, required = [] }: Schema, hints: Hints): fc.Arbitrary<object> {
  const optional = Object.keys(properties).filter((name) => !required.includes(name));
  const some = fc.subarray(optional, { maxLength: Math.min(2, optional.length) });
  return some.chain((chosen) => {
    const fields = [...required, ...chosen].map((name) => {
      return [name, fromSchema(properties[name] ?? anything, hints, name)] as const;
    });
    return fc.record(Object.fromEntries(fields));
  });
}

/** What no field wants, of every type. */
const strange: fc.Arbitrary<unknown> = fc.constantFrom<unknown[]>(
  ...[null, true, false, 0, -1, 1.5, 2 ** 31, 2 ** 53, -(2 ** 60), 1e300],
  ...['', ' ', '*', '\u0000', '\ud800', 'é', '/../x', 'x'.repeat(5000), '__proto__'],
  ...[[], [[]], [null], {}, { a: 1 }, { length: 3 }, [1, 2, 3]],
);

const strangeName = fc.constantFrom('__proto__', 'constructor', 'x', '', 'toString', 'type', 'id');

/** The value with one place in it changed: replaced, left out, or with something beside it. */
export function spoil(value: unknown): fc.Arbitrary<unknown> {
  const whole = strange;
  if (Array.isArray(value)) {
    const more = strange.map((item) => [...(value as unknown[]), item]);
    return value.length === 0 ? fc.oneof(whole, more) : fc.oneof(more, inside(value));
  }
  if (typeof value !== 'object' || value === null) return whole;
  const names = Object.keys(value);
  const more = fc
    .tuple(strangeName, strange)
    .map(([name, item]) => Object.assign(Object.create(null), value, { [name]: item }) as unknown);
  if (names.length === 0) return fc.oneof(whole, more);
  const less = fc.constantFrom(...names).map((name) => {
    return Object.fromEntries(Object.entries(value).filter(([other]) => other !== name));
  });
  const changed = fc.constantFrom(...names).chain((name) => {
    const item = (value as Record<string, unknown>)[name];
    return spoil(item).map((spoilt) => ({ ...value, [name]: spoilt }));
  });
  return fc.oneof({ weight: 4, arbitrary: changed }, less, more);
}

function inside(items: readonly unknown[]): fc.Arbitrary<unknown> {
  return fc.nat({ max: items.length - 1 }).chain((index) => {
    return spoil(items[index]).map((spoilt) => items.with(index, spoilt));
  });
}
