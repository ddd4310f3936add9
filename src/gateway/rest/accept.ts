/** Which representation of a znode a client wants. */

const json = 'application/json';
const bytes = 'application/octet-stream';

/**
 * True when JSON is preferred to bytes (RFC 9110, 12.5.1). Where both weigh the same the one that is named
 * wins over the one that only a range allows, and else the bytes: they are what is stored, and generated
 * clients name every type that the document declares.
 */
export function wantsJson(accept: string | undefined): boolean {
  if (accept === undefined || accept === '*/*') return false;
  const weights = new Map<string, number>();
  for (const part of accept.toLowerCase().split(',')) {
    const [range = '', ...parameters] = part.split(';').map((text) => text.trim());
    weights.set(range, Math.max(weights.get(range) ?? 0, weightOf(parameters)));
  }
  const jsonWeight = weightFor(json, weights);
  const bytesWeight = weightFor(bytes, weights);
  if (jsonWeight !== bytesWeight) return jsonWeight > bytesWeight;
  return jsonWeight > 0 && weights.has(json) && !weights.has(bytes);
}

/** The most specific range that is given decides; a type that no range names is not wanted. */
function weightFor(type: string, given: ReadonlyMap<string, number>): number {
  return given.get(type) ?? given.get('application/*') ?? given.get('*/*') ?? 0;
}

function weightOf(parameters: readonly string[]): number {
  const weight = parameters.find((text) => text.startsWith('q='));
  const value = weight === undefined ? 1 : Number(weight.slice(2));
  return Number.isNaN(value) ? 0 : value;
}

/** True for `Prefer: return=minimal`; unknown preferences are ignored (RFC 7240). */
export function prefersMinimal(prefer: string | undefined): boolean {
  if (prefer === undefined) return false;
  return prefer
    .toLowerCase()
    .split(/[,;]/)
    .some((text) => /^\s*return\s*=\s*"?minimal"?\s*$/.test(text));
}
