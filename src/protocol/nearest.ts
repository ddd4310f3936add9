/** Which known name was probably meant by one that is not known: of a command, a flag, a limit, a route. */

/** The known name that takes the fewest edits to reach, at most `editsMax`. */
export function nearest(
  given: string,
  known: readonly string[],
  editsMax: number,
): string | undefined {
  const plain = (name: string): string => name.toLowerCase().replace(/[-_]/g, '');
  const distances = known.map((name) => ({ name, edits: editDistance(plain(given), plain(name)) }));
  const [best] = distances.sort((one, other) => one.edits - other.edits);
  // Of a short name nearly everything is a few edits away.
  const limit = Math.min(editsMax, Math.floor(plain(given).length / 3));
  return best !== undefined && best.edits <= limit ? best.name : undefined;
}

/** The end of a refusal of a name: `; did you mean --port?`, or nothing. */
export function didYouMean(given: string, known: readonly string[], prefix = ''): string {
  const near = nearest(given, known, 3);
  return near === undefined ? '' : `; did you mean ${prefix}${near}?`;
}

/** Characters to insert, remove, replace or exchange with their neighbour (optimal string alignment). */
function editDistance(one: string, other: string): number {
  let before: number[] = [];
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (let i = 1; i <= one.length; i++) {
    const next = [i];
    for (let j = 1; j <= other.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (one[i - 1] === other[j - 1] ? 0 : 1);
      const exchanged =
        one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1]
          ? (before[j - 2] ?? Infinity) + 1
          : Infinity;
      next.push(Math.min(replaced, exchanged, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    before = row;
    row = next;
  }
  return row.at(-1) ?? 0;
}
