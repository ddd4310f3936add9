/**
 * Turns TypeBox schemas into the JSON Schema of the generated documents: named schemas become references,
 * and some keywords are added that code generators need and a validator does not. Those of the option `documented`
 * are for the documents alone: a parser behind the validator says better what is wrong, or the limit's name.
 */
import type { TSchema } from '@sinclair/typebox';
import { assert } from './assert.ts';

type Json = Record<string, unknown>;

const int32Max = 2_147_483_647;

export class SchemaComponents {
  readonly #schemas = new Map<string, Json>();
  readonly #discriminators: boolean;

  /** @param discriminators an object in OpenAPI; AsyncAPI has another keyword of that name */
  constructor({ discriminators }: { readonly discriminators: boolean }) {
    this.#discriminators = discriminators;
  }

  /** The named schemas met so far, sorted by name. */
  get all(): Json {
    const sorted = [...this.#schemas].sort(([one], [other]) => (one < other ? -1 : 1));
    return Object.fromEntries(sorted);
  }

  /** The schema, or a reference to it when it has a name. */
  inline(schema: TSchema): Json {
    return this.#convert(schema) as Json;
  }

  #convert(value: unknown): unknown {
    if (Array.isArray(value)) return value.map((item) => this.#convert(item));
    if (typeof value !== 'object' || value === null) return value;
    const { $id, ...rest } = value as Json;
    if (typeof $id !== 'string') return this.#convertSchema(rest);
    this.#enter($id, this.#convertSchema(rest));
    return { $ref: reference($id) };
  }

  /**
   * Two schemas of one name would silently replace one another in the document, and a schema that
   * contains its namesake would refer to itself.
   */
  #enter(name: string, schema: Json): void {
    const known = this.#schemas.get(name);
    const same = known === undefined || JSON.stringify(known) === JSON.stringify(schema);
    assert(same, `two different schemas are called ${name}`);
    this.#schemas.set(name, schema);
  }

  #convertSchema({ discriminator, documented, ...validated }: Json): Json {
    const schema = { ...validated, ...(documented as Json | undefined) };
    if (typeof discriminator === 'string') return this.#exclusive(schema, discriminator);
    const fields = this.#convertFields(schema);
    return schema['type'] === 'integer' ? { ...fields, format: integerFormat(schema) } : fields;
  }

  /** Alternatives as `oneOf`; with a property that tells which it is, where they have one. */
  #exclusive({ anyOf, ...schema }: Json, property: string): Json {
    const alternatives = anyOf as readonly TSchema[];
    const oneOf = alternatives.map((alternative) => this.#convert(alternative));
    const fields = { ...this.#convertFields(schema), oneOf };
    if (property === '' || !this.#discriminators) return fields;
    const mapping = alternatives.map(({ $id = '', properties }) => {
      const { enum: words } = (properties as Record<string, { readonly enum?: readonly string[] }>)[
        property
      ] ?? { enum: [] };
      assert(words?.length === 1, `${$id}: one word of "${property}" must name it`);
      return [words[0], reference($id)];
    });
    const named = { propertyName: property, mapping: Object.fromEntries(mapping) as Json };
    return { ...fields, discriminator: named };
  }

  /** Own string keys only: TypeBox keeps its own marks under symbols. */
  #convertFields(fields: Json): Json {
    return Object.fromEntries(
      Object.entries(fields).map(([key, value]) => [key, this.#convert(value)]),
    );
  }
}

function reference(name: string): string {
  return `#/components/schemas/${name}`;
}

/** Generated clients read an integer without a format into 32 bits, and wrap a time or a zxid. */
function integerFormat({ minimum, maximum }: Json): 'int32' | 'int64' {
  const narrow = typeof minimum === 'number' && typeof maximum === 'number';
  return narrow && minimum >= -int32Max - 1 && maximum <= int32Max ? 'int32' : 'int64';
}
