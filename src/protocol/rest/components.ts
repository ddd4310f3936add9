/** Turns TypeBox schemas into plain JSON Schema whose named parts are references. */
import type { TSchema } from '@sinclair/typebox';

type Json = Record<string, unknown>;

export class SchemaComponents {
  readonly #schemas = new Map<string, Json>();

  /** The named schemas that have been met, in the order of their names. */
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
    if (typeof $id !== 'string') return this.#convertFields(rest);
    if (!this.#schemas.has($id)) this.#schemas.set($id, this.#convertFields(rest));
    return { $ref: `#/components/schemas/${$id}` };
  }

  /** Own string keys only: TypeBox keeps its own marks under symbols. */
  #convertFields(fields: Json): Json {
    return Object.fromEntries(
      Object.entries(fields).map(([key, value]) => [key, this.#convert(value)]),
    );
  }
}
