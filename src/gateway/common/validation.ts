/** Checks decoded JSON against its schema, and says what is wrong in the words of the field. */
import { TypeCompiler } from '@sinclair/typebox/compiler';
import { ValueErrorType } from '@sinclair/typebox/errors';
import type { ValueError } from '@sinclair/typebox/errors';
import type { Static, TSchema } from '@sinclair/typebox';
import { CoordinationError } from '../../protocol/errors.ts';

/**
 * Returns the value as what the schema says.
 * @throws CoordinationError BADARGUMENTS naming field, problem and, where it is short, the value
 */
export type Validator<T extends TSchema> = (value: unknown, where?: string) => Static<T>;

/** Compiles a schema once; `where` of the validator is put before the field names of errors. */
export function validatorOf<T extends TSchema>(schema: T): Validator<T> {
  const check = TypeCompiler.Compile(schema);
  return (value, where = '') => {
    if (check.Check(value)) return value;
    const error = check.Errors(value).First();
    const detail =
      error === undefined ? 'the body does not match its schema' : describe(error, where);
    throw new CoordinationError('BADARGUMENTS', detail);
  };
}

function describe(error: ValueError, where: string): string {
  const field = fieldName(error.path, where);
  switch (error.type) {
    case ValueErrorType.ObjectRequiredProperty:
      return `${field}: is required`;
    case ValueErrorType.ObjectAdditionalProperties:
      return `${field}: unknown field${known(error.schema)}`;
    default:
      return `${field}: must be ${expectation(error.schema)}, not ${shown(error.value)}`;
  }
}

/** `/operations/3/data` becomes `operations[3].data`. */
function fieldName(pointer: string, where: string): string {
  const names = pointer.split('/').slice(1);
  const text = names.reduce((head, name) => {
    if (/^[0-9]+$/.test(name)) return `${head}[${name}]`;
    const plain = name.replaceAll('~1', '/').replaceAll('~0', '~').slice(0, 100);
    return head === '' ? plain : `${head}.${plain}`;
  }, where);
  return text === '' ? 'body' : text;
}

/** The fields that there are: one of them was meant. */
function known(schema: TSchema): string {
  const { properties } = schema as { readonly properties?: object };
  const names = Object.keys(properties ?? {});
  return names.length === 0 ? ', there are none here' : `, known are ${names.join(', ')}`;
}

function expectation(schema: TSchema): string {
  const { enum: words, type, minimum, maximum } = schema as Record<string, unknown>;
  if (Array.isArray(words)) return `one of ${words.map((word) => JSON.stringify(word)).join(', ')}`;
  if (type === 'integer') return `an integer${range(minimum, maximum)}`;
  if (typeof type !== 'string') return 'of another form';
  return `${/^[aeiou]/.test(type) ? 'an' : 'a'} ${type}`;
}

function range(minimum: unknown, maximum: unknown): string {
  if (typeof minimum === 'number' && typeof maximum === 'number') {
    return ` from ${minimum} to ${maximum}`;
  }
  return typeof minimum === 'number' ? ` of at least ${minimum}` : '';
}

function shown(value: unknown): string {
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object' && value !== null) return 'an object';
  if (typeof value === 'string' && value.length > 40) return 'this string';
  return value === undefined ? 'nothing' : JSON.stringify(value);
}
