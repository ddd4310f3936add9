/** Makes a failing program small by leaving steps out (delta debugging). */

/**
 * @param fails runs a candidate; true where it still fails
 * @param triesMax bound on the candidates that are run
 * @returns a program that fails and of which, given tries enough, no single step can be left out
 */
export async function shrink<Item>(
  failing: readonly Item[],
  fails: (candidate: readonly Item[]) => Promise<boolean>,
  triesMax: number,
): Promise<readonly Item[]> {
  let current = failing;
  let size = Math.ceil(current.length / 2);
  let tries = 0;
  while (size >= 1 && tries < triesMax) {
    let smaller: readonly Item[] | undefined;
    for (let start = 0; start < current.length && tries < triesMax; start += size) {
      const candidate = [...current.slice(0, start), ...current.slice(start + size)];
      if (candidate.length === 0) continue;
      tries++;
      if (await fails(candidate)) {
        smaller = candidate;
        break;
      }
    }
    if (smaller !== undefined) current = smaller;
    else size = size === 1 ? 0 : Math.ceil(size / 2);
    size = Math.min(size, current.length);
  }
  return current;
}
