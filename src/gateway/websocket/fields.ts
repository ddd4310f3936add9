/**
 * The quick look at a message before its schema: nearly all messages are of a few types with a few plain
 * fields, and for them one loop over their keys is the whole validation. What it does not recognise is not
 * refused here but judged by the schema, which also words the error.
 */

/** A decoded JSON object. */
export type Fields = Readonly<Record<string, unknown>>;

/** `undefined` for JSON that is no object. */
export function asFields(value: unknown): Fields | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  return value as Fields;
}

const strings = ['path', 'data', 'ifMatch', 'idempotencyKey'] as const;
const words = ['encoding', 'consistency'] as const;
const flags = ['watch', 'recursive', 'ephemeral', 'sequential', 'container', 'parents'] as const;
const integers = ['version', 'minZxid'] as const;
const envelope = ['type', 'id'] as const;

const quickNames = [...envelope, ...strings, ...words, ...flags, ...integers] as const;

const bits: ReadonlyMap<string, number> = new Map(
  quickNames.map((name, index) => [name, 1 << index]),
);

/** The set of some fields, as bits. */
export function fieldSet(names: readonly string[]): number {
  return names.reduce((set, name) => set | (bits.get(name) ?? 0), 0);
}

const stringSet = fieldSet(strings);
const flagSet = fieldSet(flags);
const encodingBit = fieldSet(['encoding']);
const consistencyBit = fieldSet(['consistency']);
const versionBit = fieldSet(['version']);
const minZxidBit = fieldSet(['minZxid']);
const idempotencyKeyBit = fieldSet(['idempotencyKey']);
const envelopeSet = fieldSet(envelope);

/**
 * True when the message holds only fields of `allowed`, all of `required`, each of its right form.
 * `type` and `id` have been looked at before.
 */
export function isPlain(message: Fields, allowed: number, required: number): boolean {
  let seen = 0;
  for (const name in message) {
    const bit = bits.get(name);
    if (bit === undefined || !isRight(bit, message[name])) return false;
    seen |= bit;
  }
  return (seen & ~(allowed | envelopeSet)) === 0 && (seen & required) === required;
}

function isRight(bit: number, value: unknown): boolean {
  if ((bit & envelopeSet) !== 0) return true;
  if ((bit & stringSet) !== 0) {
    return typeof value === 'string' && (bit !== idempotencyKeyBit || value !== '');
  }
  if ((bit & flagSet) !== 0) return typeof value === 'boolean';
  switch (bit) {
    case encodingBit:
      return value === 'utf8' || value === 'base64';
    case consistencyBit:
      return value === 'local' || value === 'linearizable';
    case versionBit:
      return typeof value === 'number' && (value | 0) === value;
    case minZxidBit:
      return Number.isSafeInteger(value) && (value as number) >= 0;
    default:
      return false;
  }
}
