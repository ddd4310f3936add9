/**
 * The kinds of value a setting may have: how each is read from text and shown again. Flags, environment
 * variables and files all give text (a file's scalars are turned into it), so there is one way to read it.
 */

/** Why a text is no value of its setting: half a sentence that goes behind the setting's name. */
export class ValueError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ValueError';
  }
}

export interface ValueKind<T> {
  /** What stands for the value in the help text, such as `DURATION`; empty for a switch. */
  readonly placeholder: string;
  /** @throws ValueError */
  readonly parse: (text: string) => T;
  /** A text from which `parse` gives the same value. */
  readonly format: (value: T) => string;
}

export interface Range {
  readonly min: number;
  readonly max: number;
}

const durationUnits = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const KIB = 1024;
const byteUnits = { B: 1, KiB: KIB, MiB: KIB ** 2, GiB: KIB ** 3, TiB: KIB ** 4 } as const;

export function integer(range: Range): ValueKind<number> {
  return {
    placeholder: 'N',
    parse: (text) => {
      if (!/^-?[0-9]{1,16}$/.test(text)) throw new ValueError('must be a whole number');
      return within(Number(text), range, String);
    },
    format: String,
  };
}

/** Milliseconds. A number without a unit is milliseconds too, as in ZooKeeper's configuration. */
export function duration(range: Range): ValueKind<number> {
  return {
    placeholder: 'DURATION',
    parse: (text) => {
      const value = withUnit(text, durationUnits);
      if (value === undefined) {
        throw new ValueError('must be a duration such as 500ms, 30s, 5m, 2h or 1d');
      }
      return within(value, range, formatDuration);
    },
    format: formatDuration,
  };
}

/** Bytes, with or without a unit. */
export function byteSize(range: Range): ValueKind<number> {
  return {
    placeholder: 'SIZE',
    parse: (text) => {
      const value = withUnit(text, byteUnits);
      if (value === undefined) {
        throw new ValueError('must be a number of bytes such as 65536, 64KiB, 8MiB or 2GiB');
      }
      return within(value, range, formatBytes);
    },
    format: formatBytes,
  };
}

export function onOff(): ValueKind<boolean> {
  return {
    placeholder: '',
    parse: (text) => {
      if (text === 'true' || text === '1') return true;
      if (text === 'false' || text === '0') return false;
      throw new ValueError('must be true or false');
    },
    format: String,
  };
}

export function oneOf<const T extends string>(choices: readonly T[]): ValueKind<T> {
  return {
    placeholder: choices.join('|'),
    parse: (text) => {
      const choice = choices.find((candidate) => candidate === text);
      if (choice === undefined) throw new ValueError(`must be one of ${choices.join(', ')}`);
      return choice;
    },
    format: String,
  };
}

/** Any text but the empty one. */
export function text(placeholder: string): ValueKind<string> {
  return matching({ placeholder, pattern: /^[^\0]+$/s, form: 'must not be empty' });
}

export interface TextForm {
  readonly placeholder: string;
  readonly pattern: RegExp;
  /** What is wrong with a text that does not match; never shows the text, which may be a secret. */
  readonly form: string;
}

export function matching({ placeholder, pattern, form }: TextForm): ValueKind<string> {
  return {
    placeholder,
    parse: (given) => {
      if (!pattern.test(given)) throw new ValueError(form);
      return given;
    },
    format: String,
  };
}

/** With the largest unit that divides it: 90000 is `90s`. */
export function formatDuration(ms: number): string {
  return largestUnit(ms, durationUnits) ?? `${ms}ms`;
}

/** With the largest unit that divides it: 65536 is `64KiB`. */
export function formatBytes(bytes: number): string {
  const { B: _, ...units } = byteUnits;
  return largestUnit(bytes, units) ?? String(bytes);
}

function withUnit(given: string, units: Readonly<Record<string, number>>): number | undefined {
  const match = /^([0-9]{1,16})(?:\.([0-9]{1,9}))?([A-Za-z]*)$/.exec(given);
  if (match === null) return undefined;
  const [, whole = '', fraction = '', unit = ''] = match;
  const factor = unit === '' ? 1 : units[unit];
  if (factor === undefined) return undefined;
  const value = Number(`${whole}.${fraction}`) * factor;
  return Number.isSafeInteger(value) ? value : undefined;
}

function largestUnit(value: number, units: Readonly<Record<string, number>>): string | undefined {
  const fitting = Object.entries(units).filter(([, size]) => value !== 0 && value % size === 0);
  const [unit, size] = fitting.at(-1) ?? [];
  return unit === undefined || size === undefined ? undefined : `${value / size}${unit}`;
}

function within(value: number, { min, max }: Range, show: (value: number) => string): number {
  if (value >= min && value <= max) return value;
  throw new ValueError(`must be from ${show(min)} to ${show(max)}, not ${show(value)}`);
}
