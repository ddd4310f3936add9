/** Which representation of a znode a client wants: JSON only where it is named. */

/** True when JSON is asked for by name and bytes are not preferred to it (RFC 9110, 12.5.1). */
export function wantsJson(accept: string | undefined): boolean {
  if (accept === undefined || accept === '*/*') return false;
  let json = 0;
  let bytes = 0;
  for (const part of accept.toLowerCase().split(',')) {
    const [type = '', ...parameters] = part.split(';').map((text) => text.trim());
    const weight = weightOf(parameters);
    if (type === 'application/json') json = Math.max(json, weight);
    if (type === 'application/octet-stream') bytes = Math.max(bytes, weight);
  }
  return json > 0 && json >= bytes;
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
