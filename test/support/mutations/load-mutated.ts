/** Loads a module together with all that it imports, with a fault in it; the module itself is not touched. */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { pid } from 'node:process';
import { threadId } from 'node:worker_threads';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import type { Plugin } from 'esbuild';
import { mutatedSources } from './mutation.ts';
import type { Mutation } from './mutation.ts';

export interface Entry<Module extends object> {
  /** Of the TypeScript file. */
  readonly url: URL;
  /** The same module as it is: the mutant offers what it does. */
  readonly original: Module;
}

const folder = fileURLToPath(
  new URL('../../../node_modules/.cache/zoogate-mutants/', import.meta.url),
);
/** Mutants of former states of the code are kept that long, for who may be about to import them. */
const KEPT_MS = 3_600_000;

/**
 * The mutant has its own copy of every module of this project, so that `instanceof` and module state do
 * not reach from the one into the other; packages are shared. The same mutant is loaded once by a thread.
 * @throws Error when an edit does not find its text exactly once, or the entry does not use an edited file
 */
export async function loadMutated<Module extends object>(
  { url, original }: Entry<Module>,
  mutation: Mutation,
): Promise<Module> {
  const mutant: unknown = await import(/* @vite-ignore */ (await buildMutant(url, mutation)).href);
  if (!isLike(mutant, original)) throw new Error(`${url.pathname} is not the original module`);
  return mutant;
}

/**
 * The same without importing it, for a thread that knows no TypeScript.
 * @returns where the mutant is, one module of plain JavaScript
 */
export async function buildMutant(url: URL, mutation: Mutation): Promise<URL> {
  return pathToFileURL(store(mutation, await bundle(fileURLToPath(url), mutation)));
}

async function bundle(entry: string, mutation: Mutation): Promise<Uint8Array> {
  const pending = new Map(mutatedSources(mutation));
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    packages: 'external',
    sourcemap: 'inline',
    sourcesContent: false,
    // Paths in the map are relative to where the mutant will stand.
    outdir: folder,
    write: false,
    logLevel: 'silent',
    plugins: [edits(pending)],
  });
  if (pending.size > 0) {
    throw new Error(
      `mutation ${mutation.name}: ${entry} does not use ${[...pending.keys()].join()}`,
    );
  }
  const [output] = outputFiles;
  if (output === undefined) throw new Error(`nothing was made of ${entry}`);
  return output.contents;
}

/** Gives the mutated texts in the place of the files, and takes out of `pending` what has been used. */
function edits(pending: Map<string, string>): Plugin {
  return {
    name: 'mutation',
    setup({ onLoad }) {
      onLoad({ filter: /\.ts$/, namespace: 'file' }, ({ path }) => {
        const contents = pending.get(path);
        if (contents === undefined) return undefined;
        pending.delete(path);
        return { contents, loader: 'ts', resolveDir: dirname(path) };
      });
    },
  };
}

/** Several processes and threads may do this at once; what stands under a name is always whole. */
function store({ name }: Mutation, code: Uint8Array): string {
  const digest = createHash('sha256').update(code).digest('hex').slice(0, 16);
  const file = `${folder}${name}-${digest}.mjs`;
  mkdirSync(folder, { recursive: true });
  const unfinished = `${file}.${pid}-${threadId}`;
  writeFileSync(unfinished, code);
  renameSync(unfinished, file);
  forgetFormer(Date.now() - KEPT_MS);
  return file;
}

function forgetFormer(beforeMs: number): void {
  for (const name of readdirSync(folder)) {
    const stats = statSync(`${folder}${name}`, { throwIfNoEntry: false });
    if (stats !== undefined && stats.mtimeMs < beforeMs)
      rmSync(`${folder}${name}`, { force: true });
  }
}

function isLike<Module extends object>(mutant: unknown, original: Module): mutant is Module {
  if (typeof mutant !== 'object' || mutant === null) return false;
  return Object.keys(original).every((name) => name in mutant);
}
