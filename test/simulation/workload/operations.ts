/** What a client asks for next. */
import type { ZnodePath } from '../../../src/protocol/model.ts';
import type {
  CreateOperation,
  MultiMember,
  Operation,
  VersionCondition,
} from '../../../src/protocol/operations.ts';
import type { WorkloadSwarm } from '../swarm.ts';
import type { Chance } from '../world/chance.ts';

const encoder = new TextEncoder();

/** What a client remembers of the znodes that it has seen. */
export type Known = Map<string, { readonly version: number; readonly czxid: number }>;

export interface Drawing {
  readonly chance: Chance;
  readonly workload: WorkloadSwarm;
  readonly known: Known;
  /** Ephemerals need one. */
  readonly hasSession: boolean;
  /** Stands in all data that is written. */
  readonly tag: string;
}

type Kind = readonly [weight: number, make: (drawing: Drawing) => Operation];

const writeKinds: readonly Kind[] = [
  [20, (drawing) => createOf(drawing)],
  [15, (drawing) => ({ type: 'put', path: pathOf(drawing), data: dataOf(drawing) })],
  [
    25,
    (drawing) => {
      const path = pathOf(drawing);
      return { type: 'set', path, data: dataOf(drawing), condition: conditionOf(drawing, path) };
    },
  ],
  [15, (drawing) => deleteOf(drawing)],
  [10, (drawing) => multiOf(drawing)],
];

const readKinds: readonly Kind[] = [
  [20, (drawing) => ({ type: 'get', path: pathOf(drawing), ...watchOf(drawing) })],
  [8, (drawing) => ({ type: 'exists', path: pathOf(drawing), ...watchOf(drawing) })],
  [8, (drawing) => ({ type: 'children', path: parentOf(drawing), ...watchOf(drawing) })],
  [4, () => ({ type: 'sync' })],
  [2, () => ({ type: 'ping' })],
];

const streamKinds: readonly Kind[] = [
  [
    3,
    (drawing) => ({
      type: 'watch',
      path: drawing.chance.happens(0.3) ? parentOf(drawing) : pathOf(drawing),
      mode: drawing.chance.pick([
        'persistent',
        'persistent-recursive',
        'data',
        'children',
      ] as const),
      ...(drawing.chance.happens(0.3) && { initial: true }),
    }),
  ],
  [1, (drawing) => ({ type: 'unwatch', path: pathOf(drawing) })],
];

const alone = [...writeKinds, ...readKinds];
const onStream = [...alone, ...streamKinds];

/** For a request that stands alone; no watches. */
export function drawAlone(drawing: Drawing): Operation {
  const operation = draw(alone, drawing);
  if (!('watch' in operation)) return operation;
  const { watch: _none, ...rest } = operation;
  return rest;
}

export function drawOnStream(drawing: Drawing): Operation {
  if (drawing.hasSession && drawing.chance.happens(0.003)) return { type: 'endSession' };
  if (drawing.hasSession && drawing.chance.happens(0.01)) return { type: 'ephemerals' };
  return draw(onStream, drawing);
}

function draw(kinds: readonly Kind[], drawing: Drawing): Operation {
  const total = kinds.reduce((sum, [weight]) => sum + weight, 0);
  let left = drawing.chance.below(total);
  for (const [weight, make] of kinds) {
    left -= weight;
    if (left < 0) return make(drawing);
  }
  throw new Error('the weights add up');
}

function parentOf({ chance, workload }: Drawing): ZnodePath {
  const path = chance.happens(0.4) ? '/' : `/n${chance.below(Math.ceil(workload.names / 3))}`;
  return path as ZnodePath;
}

function pathOf(drawing: Drawing): ZnodePath {
  const { chance, workload } = drawing;
  const parent = parentOf(drawing);
  const name = `n${chance.below(workload.names)}`;
  return (parent === '/' ? `/${name}` : `${parent}/${name}`) as ZnodePath;
}

function dataOf({ chance, workload, tag }: Drawing): Uint8Array {
  const extra = chance.below(workload.dataBytes + 1);
  return encoder.encode(`${tag} ${'x'.repeat(extra)}`);
}

function createOf(drawing: Drawing): CreateOperation {
  const { chance, hasSession } = drawing;
  const data = dataOf(drawing);
  const path = pathOf(drawing);
  const kind = hasSession && chance.happens(0.4) ? 'ephemeral' : 'persistent';
  if (chance.happens(0.03))
    return { type: 'create', path, data, kind: 'container', sequential: false };
  if (chance.happens(0.03)) {
    return { type: 'create', path, data, kind: 'ttl', ttlMs: 3000, sequential: false };
  }
  if (chance.happens(0.1)) {
    return { type: 'create', path: `${path}-`, data, kind: 'ephemeral', sequential: true };
  }
  const parents = chance.happens(0.2);
  return { type: 'create', path, data, kind, sequential: false, ...(parents && { parents }) };
}

function deleteOf(drawing: Drawing): Operation & { type: 'delete' } {
  const path = pathOf(drawing);
  const condition = conditionOf(drawing, path);
  const recursive = drawing.chance.happens(0.2);
  return { type: 'delete', path, condition, ...(recursive && { recursive }) };
}

function multiOf(drawing: Drawing): Operation {
  const { chance } = drawing;
  const count = chance.between(1, 4);
  const operations = Array.from({ length: count }, (): MultiMember => {
    switch (chance.below(4)) {
      case 0:
        return createOf(drawing);
      case 1:
        return deleteOf(drawing);
      case 2: {
        const path = pathOf(drawing);
        return { type: 'set', path, data: dataOf(drawing), condition: conditionOf(drawing, path) };
      }
      default: {
        const path = pathOf(drawing);
        if (chance.happens(0.3)) return { type: 'check', path, exists: false };
        return { type: 'check', path, condition: conditionOf(drawing, path) };
      }
    }
  });
  return { type: 'multi', operations };
}

/** Mostly what the client has seen, so that it holds unless somebody else was there. */
function conditionOf({ chance, known }: Drawing, path: string): VersionCondition {
  if (chance.happens(0.5)) return undefined;
  const seen = known.get(path);
  if (seen === undefined) return [{ version: chance.below(3) }];
  return chance.happens(0.5) ? [seen] : [{ version: seen.version }];
}

function watchOf({ chance }: Drawing): { readonly watch?: true } {
  return chance.happens(0.15) ? { watch: true } : {};
}
