/**
 * Query parameters as data: what each means, for the generated document, and how its text is read. A
 * parameter that is unknown, repeated or unreadable is refused, never ignored.
 */
import { Type } from '@sinclair/typebox';
import type { TSchema } from '@sinclair/typebox';
import { CoordinationError } from '../errors.ts';
import { StringEnum } from '../schemas.ts';

/** Reads one parameter's text; returns undefined when it cannot be read. */
type Reader<T> = (text: string) => T | undefined;

export interface QueryParameter<T> {
  readonly description: string;
  readonly schema: TSchema;
  /**
   * Shown in the document. Absent where the parameter excludes another one, or only makes sense in a
   * certain state: tools send all examples of an operation together.
   */
  readonly example?: string;
  /** What the text must be, as the end of "must be …". */
  readonly expected: string;
  readonly read: Reader<T>;
}

export type QuerySpec = Readonly<Record<string, QueryParameter<unknown>>>;

/** What `parseQuery` makes of the parameters of a route: all of them optional. */
export type QueryValues<Q extends QuerySpec> = {
  readonly [Name in keyof Q]?: Q[Name] extends QueryParameter<infer T> ? T : never;
};

/** A query string as a parser leaves it: a repeated parameter is an array. */
export type RawQuery = Readonly<Record<string, string | readonly string[] | undefined>>;

const flagTexts: ReadonlyMap<string, boolean> = new Map([
  ['', true],
  ['true', true],
  ['1', true],
  ['false', false],
  ['0', false],
]);

/** Given bare, as `=true` or `=1`; switched off by `=false` or `=0`. */
export function flag(description: string, example?: 'true'): QueryParameter<boolean> {
  return {
    description: `${description} Given bare, as \`=true\` or \`=1\`; off by \`=false\` or \`=0\`.`,
    // Generated clients send `=true`, and none of them can send a bare flag.
    schema: Type.Boolean(),
    ...(example !== undefined && { example }),
    expected: 'bare, true, 1, false or 0',
    read: (text) => flagTexts.get(text),
  };
}

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const durationPattern = /^([0-9]{1,15})(ms|s|m|h)$/;

/**
 * Milliseconds, out of a number with its unit.
 * @param pattern what the document says, where less is taken than can be read
 */
export function duration(
  description: string,
  example = '30s',
  pattern = durationPattern.source,
): QueryParameter<number> {
  return {
    description: `${description} A whole number with its unit (\`ms\`, \`s\`, \`m\` or \`h\`): \`${example}\`.`,
    schema: Type.String({ pattern }),
    expected: 'a whole number with its unit ms, s, m or h, for example 30s',
    read: (text) => {
      const match = durationPattern.exec(text);
      return match === null ? undefined : Number(match[1]) * (unitMs[match[2] ?? ''] ?? NaN);
    },
  };
}

export interface IntegerRange {
  readonly minimum: number;
  readonly maximum: number;
  readonly example?: string;
}

export function integer(description: string, range: IntegerRange): QueryParameter<number> {
  const { minimum, maximum, example } = range;
  return {
    description,
    schema: Type.Integer({ minimum, maximum }),
    ...(example !== undefined && { example }),
    expected: `an integer from ${String(minimum)} to ${String(maximum)}`,
    read: (text) => {
      if (!/^-?[0-9]{1,16}$/.test(text)) return undefined;
      const value = Number(text);
      return value >= minimum && value <= maximum ? value : undefined;
    },
  };
}

/** One of the given words. */
export function word<const T extends readonly [string, ...string[]]>(
  words: T,
  description: string,
  example?: T[number],
): QueryParameter<T[number]> {
  return {
    description,
    schema: StringEnum(words),
    ...(example !== undefined && { example }),
    expected: `one of ${words.join(', ')}`,
    read: (text) => words.find((candidate) => candidate === text),
  };
}

/** @param pattern of what its parser takes, where it is not any text */
export function text(
  description: string,
  example: string,
  pattern?: string,
): QueryParameter<string> {
  return {
    description,
    schema: Type.String({ minLength: 1, ...(pattern !== undefined && { pattern }) }),
    example,
    expected: 'some text',
    read: (value) => (value === '' ? undefined : value),
  };
}

/** `all`, or a number of voters. */
export function acks(description: string): QueryParameter<number | 'all'> {
  return {
    description,
    schema: Type.String({ pattern: '^(all|[1-9][0-9]{0,3})$' }),
    example: 'all',
    expected: 'all or a number from 1 to the number of voters',
    read: (value) => {
      if (value === 'all') return 'all';
      return /^[1-9][0-9]{0,3}$/.test(value) ? Number(value) : undefined;
    },
  };
}

/** Of a URL without a query string: most have none. */
export const noQuery: RawQuery = Object.freeze({});

/**
 * Reads the parameters that a route declares.
 * @throws CoordinationError BADARGUMENTS naming parameter and value
 */
export function parseQuery<Q extends QuerySpec>(spec: Q, raw: RawQuery): QueryValues<Q> {
  if (raw === noQuery) return noQuery as QueryValues<Q>;
  const values: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(raw)) {
    if (value === undefined) continue;
    const parameter = Object.hasOwn(spec, name) ? spec[name] : undefined;
    if (parameter === undefined) throw refusal(name, unknownParameter(spec));
    if (typeof value !== 'string') throw refusal(name, `is given ${String(value.length)} times`);
    const result = parameter.read(value);
    if (result === undefined) {
      throw refusal(name, `${quote(value)} must be ${parameter.expected}`);
    }
    values[name] = result;
  }
  return values as QueryValues<Q>;
}

function unknownParameter(spec: QuerySpec): string {
  const known = Object.keys(spec);
  return known.length === 0
    ? 'is unknown, this request takes none'
    : `is unknown, known are ${known.join(', ')}`;
}

function refusal(name: string, problem: string): CoordinationError {
  return new CoordinationError('BADARGUMENTS', `query parameter ${quote(name)}: ${problem}`);
}

function quote(value: string): string {
  return JSON.stringify(value.slice(0, 100));
}
