/**
 * Faults that tests put into the code to see that their checks find them: pieces of its text that are
 * replaced when a test loads it. The code itself knows nothing of them.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export interface Edit {
  /** Path of the file, under `src`. */
  readonly file: string;
  /** Occurs exactly once in the file. */
  readonly find: string;
  readonly replace: string;
}

export interface Mutation {
  /** Unique, and fit to be part of a file's name. */
  readonly name: string;
  /** The rule that is broken, in one sentence. */
  readonly rule: string;
  /** All of them belong to this one fault. */
  readonly edits: readonly Edit[];
}

const sources = fileURLToPath(new URL('../../../src/', import.meta.url));

/**
 * The files that `mutation` changes, as they then are, by their absolute paths.
 * @throws Error naming the edit whose text does not occur exactly once: the code has changed since
 */
export function mutatedSources({ name, edits }: Mutation): ReadonlyMap<string, string> {
  const originals = new Map<string, string>();
  const mutated = new Map<string, string>();
  for (const { file, find, replace } of edits) {
    const path = `${sources}${file}`;
    const original = originals.get(path) ?? readFileSync(path, 'utf8');
    originals.set(path, original);
    for (const text of [original, mutated.get(path) ?? original]) {
      const count = find === '' ? 0 : text.split(find).length - 1;
      if (count === 1) continue;
      throw new Error(`mutation ${name}: found ${count} times in src/${file}, not once: ${find}`);
    }
    // A function, since `$` in a replacement that is a string has a meaning of its own.
    mutated.set(
      path,
      (mutated.get(path) ?? original).replace(find, () => replace),
    );
  }
  return mutated;
}
