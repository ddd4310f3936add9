/** What a client asks for next. */
import type { Acl, Identity, ZnodePath } from '../../../src/protocol/model.ts';
import { Perms } from '../../../src/protocol/model.ts';
import type {
  ChildrenOperation,
  CreateOperation,
  MultiMember,
  MultiReadMember,
  Operation,
  TreeOperation,
  VersionCondition,
} from '../../../src/protocol/operations.ts';
import type { WatchBook } from '../checkers/watch-book.ts';
import type { WorkloadSwarm } from '../swarm.ts';
import type { Chance } from '../world/chance.ts';
import type { Kind } from './mix.ts';

const encoder = new TextEncoder();

/** What a client remembers of the znodes that it has seen. */
export type Known = Map<string, { readonly version: number; readonly czxid: number }>;

export interface Drawing {
  readonly chance: Chance;
  readonly workload: WorkloadSwarm;
  readonly known: Known;
  /** Ephemerals need one; 0 for none. */
  readonly session: number;
  /** Stands in all data that is written. */
  readonly tag: string;
  /** What its stream watches. */
  readonly watched?: Pick<WatchBook, 'all'> | undefined;
}

const makers: Readonly<Record<Kind, (drawing: Drawing) => Operation>> = {
  create: createOf,
  put: (drawing) => {
    const path = pathOf(drawing);
    return { type: 'put', path, data: dataOf(drawing), ...aclOf(drawing, 0.3) };
  },
  set: (drawing) => {
    const path = pathOf(drawing);
    return { type: 'set', path, data: dataOf(drawing), condition: conditionOf(drawing, path) };
  },
  delete: deleteOf,
  multi: multiOf,
  setAcl: (drawing) => {
    const condition = drawing.chance.happens(0.3) ? [{ version: 0 }] : undefined;
    return { type: 'setAcl', path: pathOf(drawing), acl: drawAcl(drawing), condition };
  },
  get: (drawing) => ({ type: 'get', path: pathOf(drawing), ...watchOf(drawing) }),
  exists: (drawing) => ({ type: 'exists', path: pathOf(drawing), ...watchOf(drawing) }),
  children: childrenOf,
  tree: treeOf,
  acl: (drawing) => ({ type: 'acl', path: pathOf(drawing) }),
  multiRead: multiReadOf,
  ephemerals: ({ session }) => (session === 0 ? { type: 'ping' } : { type: 'ephemerals' }),
  sessionInfo: ({ session }) =>
    session === 0 ? { type: 'ping' } : { type: 'sessionInfo', session },
  whoami: () => ({ type: 'whoami' }),
  sync: () => ({ type: 'sync' }),
  ping: () => ({ type: 'ping' }),
  watch: (drawing) => ({
    type: 'watch',
    path: drawing.chance.happens(0.3) ? parentOf(drawing) : pathOf(drawing),
    mode: drawing.chance.pick(['persistent', 'persistent-recursive', 'data', 'children'] as const),
  }),
  unwatch: (drawing) => {
    const all = drawing.watched?.all ?? [];
    const isWatched = all.length > 0 && drawing.chance.happens(0.8);
    return { type: 'unwatch', path: isWatched ? drawing.chance.pick(all).path : pathOf(drawing) };
  },
};

/** For a request that stands alone; no watches. */
export function drawAlone(drawing: Drawing): Operation {
  const operation = draw(drawing, (kind) => kind !== 'watch' && kind !== 'unwatch');
  if (!('watch' in operation)) return operation;
  const { watch: _none, ...rest } = operation;
  return rest;
}

export function drawOnStream(drawing: Drawing): Operation {
  const { chance, workload, session } = drawing;
  if (session !== 0 && chance.happens(workload.endings)) return { type: 'endSession' };
  return draw(drawing, () => true);
}

/** Something that is to go with the session. */
export function drawEphemeral(drawing: Drawing): CreateOperation {
  const path = pathOf(drawing);
  return { type: 'create', path, data: dataOf(drawing), kind: 'ephemeral', sequential: false };
}

function draw(drawing: Drawing, suits: (kind: Kind) => boolean): Operation {
  const { chance, workload } = drawing;
  for (;;) {
    let left = chance.below(workload.mix.total);
    for (const [kind, weight] of workload.mix.weights) {
      left -= weight;
      if (left >= 0) continue;
      if (suits(kind)) return makers[kind](drawing);
      break;
    }
  }
}

export function parentOf({ chance, workload }: Drawing): ZnodePath {
  const path = chance.happens(0.4) ? '/' : `/n${chance.below(Math.ceil(workload.names / 3))}`;
  return path as ZnodePath;
}

export function pathOf(drawing: Drawing): ZnodePath {
  const { chance, workload } = drawing;
  const parent = parentOf(drawing);
  const name = `n${chance.below(workload.names)}`;
  return (parent === '/' ? `/${name}` : `${parent}/${name}`) as ZnodePath;
}

export function identityOf(user: number): Identity {
  return { scheme: 'digest', id: `u${user}:${'A'.repeat(27)}=` };
}

function dataOf({ chance, workload, tag }: Drawing): Uint8Array {
  const extra = chance.below(workload.dataBytes + 1);
  return encoder.encode(`${tag} ${'x'.repeat(extra)}`);
}

function createOf(drawing: Drawing): CreateOperation {
  const { chance, session } = drawing;
  const data = dataOf(drawing);
  const path = pathOf(drawing);
  const plain = { type: 'create', path, data, sequential: false, ...aclOf(drawing, 1) } as const;
  if (chance.happens(0.05)) return { ...plain, kind: 'container' };
  if (chance.happens(0.05)) return { ...plain, kind: 'ttl', ttlMs: chance.pick([500, 3000]) };
  if (chance.happens(0.1)) {
    return { ...plain, path: `${path}-`, kind: 'ephemeral', sequential: true };
  }
  const kind = session !== 0 && chance.happens(0.4) ? 'ephemeral' : 'persistent';
  // Decided by the data, so that no draw is added: older seeds still draw what they drew.
  const inheritAcl = plain.acl === undefined && data.length % 4 === 0;
  return {
    ...{ ...plain, kind, ...(chance.happens(0.2) && { parents: true }) },
    ...(inheritAcl && { inheritAcl }),
  };
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

function childrenOf(drawing: Drawing): ChildrenOperation {
  const { chance, workload } = drawing;
  const path = parentOf(drawing);
  const added = chance.pick(['stat', 'data', 'nothing', 'nothing', 'nothing'] as const);
  return {
    ...{ type: 'children', path, ...watchOf(drawing) },
    ...(added !== 'nothing' && { with: added }),
    ...(chance.happens(0.2) && { limit: chance.between(1, 3) }),
    ...(chance.happens(0.2) && { after: `n${chance.below(workload.names)}` }),
  };
}

function treeOf(drawing: Drawing): TreeOperation {
  const { chance } = drawing;
  const path = parentOf(drawing);
  if (chance.happens(0.3)) return { type: 'tree', path, count: true };
  return {
    ...{ type: 'tree', path },
    ...(chance.happens(0.3) && { depth: chance.below(3) }),
    ...(chance.happens(0.3) && { limit: chance.between(1, 5) }),
  };
}

function multiReadOf(drawing: Drawing): Operation {
  const { chance } = drawing;
  const operations = Array.from({ length: chance.between(1, 3) }, (): MultiReadMember => {
    switch (chance.below(4)) {
      case 0:
        return { type: 'children', path: parentOf(drawing) };
      case 1:
        return { type: 'acl', path: pathOf(drawing) };
      case 2:
        return { type: 'exists', path: pathOf(drawing) };
      default:
        return { type: 'get', path: pathOf(drawing) };
    }
  });
  return { type: 'multiRead', operations };
}

/** Mostly what the client has seen, so that it holds unless somebody else was there. */
function conditionOf({ chance, known }: Drawing, path: string): VersionCondition {
  if (chance.happens(0.5)) return undefined;
  const seen = known.get(path);
  if (seen === undefined) return [{ version: chance.below(3) }];
  return chance.happens(0.5) ? [seen] : [{ version: seen.version }];
}

function watchOf({ chance, workload }: Drawing): { readonly watch?: true } {
  return chance.happens(workload.watching) ? { watch: true } : {};
}

function aclOf(drawing: Drawing, share: number): { readonly acl?: Acl } {
  const { chance, workload } = drawing;
  return chance.happens(workload.acls * share) ? { acl: drawAcl(drawing) } : {};
}

/** For everybody, for one of the users, for whoever it is, or for some of each. */
function drawAcl({ chance, workload }: Drawing): Acl {
  const users = Math.max(1, workload.clients);
  const entries = [
    { scheme: 'world', id: 'anyone', perms: chance.happens(0.5) ? Perms.ALL : Perms.READ },
    { ...identityOf(chance.between(1, users)), perms: chance.between(1, Perms.ALL) },
    { scheme: 'auth', id: '', perms: Perms.ALL },
  ];
  const drawn = entries.filter(() => chance.happens(0.5));
  return drawn.length > 0 ? drawn : [{ scheme: 'world', id: 'anyone', perms: Perms.ALL }];
}
