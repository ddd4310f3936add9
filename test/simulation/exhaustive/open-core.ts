/**
 * The production core whose state can be read. States can be told apart only if all of a core's state is seen,
 * and all of it is private. So the core is bundled as the mutants are, and in that bundle private names are
 * written as ordinary ones. And since cores are made by the thousand, the memory for the chains of records is no
 * longer than the logs of the model need. Nothing else is changed.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { pid } from 'node:process';
import { fileURLToPath } from 'node:url';
import { threadId } from 'node:worker_threads';
import { buildMutant } from '../../support/mutations/load-mutated.ts';
import type { Mutation } from '../../support/mutations/mutation.ts';
import type * as zab from '../../../src/zab/index.ts';

/** The module `src/zab`, as it is or with a fault in it. */
export type Core = typeof zab;

const entry = new URL('../../../src/zab/index.ts', import.meta.url);
const unchanged: Mutation = { name: 'none', rule: 'All rules are kept.', edits: [] };

/** What the private name `#role` is called in the bundle. */
export const openPrefix = 'private_';

/** A quarter of a megabyte for each core, and what is enough here. */
const chainsKept = { theirs: 'CHAINS_KEPT = 65536', ours: 'CHAINS_KEPT = 64' };

/** @param mutation the fault that is in it; without one it is the core as it is */
export async function openCore(mutation: Mutation = unchanged): Promise<Core> {
  const built = await buildMutant(entry, mutation);
  const file = fileURLToPath(built).replace(/\.mjs$/, '-open.mjs');
  const code = readFileSync(built, 'utf8').replace(/\/\/# sourceMappingURL=.*/, '');
  if (!code.includes(chainsKept.theirs)) throw new Error(`there is no ${chainsKept.theirs}`);
  const open = code
    .replace(chainsKept.theirs, chainsKept.ours)
    .replace(/#(?=[A-Za-z])/g, openPrefix);
  const unfinished = `${file}.${pid}-${threadId}`;
  writeFileSync(unfinished, open);
  renameSync(unfinished, file);
  return (await import(/* @vite-ignore */ new URL(`file://${file}`).href)) as Core;
}
