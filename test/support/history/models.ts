/** Sequential models of one znode, and of one parent that numbers its children. */
import { impossible } from './linearizability.ts';
import type { Model, TimedCall } from './linearizability.ts';
import { isWrite } from './operation.ts';
import type { Operation, WriteRequest } from './operation.ts';

export interface Register {
  readonly data: string;
  readonly version: number;
}

/** Undefined = there is no such znode. */
export type RegisterState = Register | undefined;

type SingleWrite = Exclude<WriteRequest, { readonly type: 'multi' }>;

/** One znode that no session owns and that has no children. */
export const registerModel: Model<RegisterState, Operation> = {
  initial: undefined,
  key: (state) => (state === undefined ? '' : `${state.version} ${state.data}`),
  step(state, { request, answer }) {
    if (request.type === 'get') return readStep(state, answer?.result, answer?.code);
    if (!isWrite(request) || request.type === 'multi') return impossible;
    return answer?.outcome === 'refused'
      ? refusedStep(state, request, answer.code)
      : writeStep(state, request, answer?.result);
  },
};

function refusedStep(
  state: RegisterState,
  request: SingleWrite,
  code: string | undefined,
): RegisterState | typeof impossible {
  return refusalOf(state, request) === code ? state : impossible;
}

function writeStep(
  state: RegisterState,
  request: SingleWrite,
  told: Told,
): RegisterState | typeof impossible {
  if (refusalOf(state, request) !== undefined) return impossible;
  const next = written(state, request);
  if (told?.created !== undefined && told.created !== (state === undefined)) return impossible;
  if (told?.stat !== undefined && told.stat.version !== next?.version) return impossible;
  return next;
}

type Told = NonNullable<Operation['answer']>['result'];

function readStep(
  state: RegisterState,
  told: Told,
  code: string | undefined,
): RegisterState | typeof impossible {
  if (code === 'NONODE') return state === undefined ? state : impossible;
  const isSame = state?.data === told?.data && state?.version === told?.stat?.version;
  return state !== undefined && isSame ? state : impossible;
}

/** ZooKeeper's name of what is wrong with the write in that state; undefined = nothing. */
export function refusalOf(state: RegisterState, request: SingleWrite): string | undefined {
  if (request.type === 'put') return undefined;
  if (request.type === 'create') return state === undefined ? undefined : 'NODEEXISTS';
  if (state === undefined) return 'NONODE';
  const { version } = request;
  return version === undefined || version === state.version ? undefined : 'BADVERSION';
}

function written(state: RegisterState, request: SingleWrite): RegisterState {
  if (request.type === 'delete') return undefined;
  return { data: request.data, version: state === undefined ? 0 : state.version + 1 };
}

/** A parent below which nothing but sequential znodes is created: the number that the next one gets. */
export const sequenceModel: Model<number, Operation> = {
  initial: 0,
  key: String,
  step(next, { answer }) {
    if (answer?.outcome !== 'ok') return next + 1;
    return sequenceOf(answer.result?.path) === next ? next + 1 : impossible;
  },
};

/** The number at the end of a sequential znode's name. */
export function sequenceOf(path: string | undefined): number {
  return Number(path?.slice(-10));
}

/**
 * The operations of a run by the znode whose model explains them. Left out: what is not linearizable, what
 * says nothing, and the paths that ephemerals or transactions touch.
 */
export function partitions(operations: readonly Operation[]): {
  readonly registers: ReadonlyMap<string, readonly TimedCall<Operation>[]>;
  readonly sequences: ReadonlyMap<string, readonly TimedCall<Operation>[]>;
} {
  const registers = new Map<string, TimedCall<Operation>[]>();
  const sequences = new Map<string, TimedCall<Operation>[]>();
  const mixed = new Set<string>();
  for (const operation of operations) {
    const { request } = operation;
    if (request.type === 'sync' || request.type === 'children') continue;
    if (request.type === 'multi') {
      for (const { path } of request.members) mixed.add(path);
      continue;
    }
    if (request.type === 'create' && request.sequential === true) {
      const parent = request.path.slice(0, request.path.lastIndexOf('/'));
      push(sequences, parent, operation);
      continue;
    }
    if (request.type === 'create' && request.ephemeral === true) mixed.add(request.path);
    push(registers, request.path, operation);
  }
  for (const path of mixed) registers.delete(path);
  for (const [path, calls] of registers) registers.set(path, withTwins(calls));
  for (const [path, calls] of sequences) sequences.set(path, withTwins(calls));
  // Children that were numbered are made under names that nobody asked for: their lives cannot be told here.
  for (const path of [...registers.keys()]) {
    if (sequences.has(path.slice(0, path.lastIndexOf('/')))) registers.delete(path);
  }
  return { registers, sequences };
}

function push(calls: Map<string, TimedCall<Operation>[]>, key: string, operation: Operation): void {
  const timed = timedCall(operation);
  if (timed === undefined) return;
  const list = calls.get(key);
  if (list === undefined) calls.set(key, [timed]);
  else list.push(timed);
}

/** Unknown writes of which nobody has ever read the text differ in nothing that anybody could tell. */
function withTwins(calls: readonly TimedCall<Operation>[]): TimedCall<Operation>[] {
  const read = new Set(calls.map(({ call }) => call.answer?.result?.data));
  return calls.map((timed) => {
    const { request } = timed.call;
    if (timed.returnedMs !== Infinity || request.type === 'multi' || !isWrite(request))
      return timed;
    const version = 'version' in request ? (request.version ?? '') : '';
    const isRead = request.type !== 'delete' && read.has(request.data);
    return isRead ? timed : { ...timed, twin: `${request.type} ${version}` };
  });
}

function timedCall(operation: Operation): TimedCall<Operation> | undefined {
  const { request, answer, invokedMs } = operation;
  if (answer?.outcome === 'not-applied') return undefined;
  if (isWrite(request)) {
    const isKnown = answer !== undefined && answer.outcome !== 'unknown';
    // A refusal of what cannot be numbered says nothing of the numbers.
    const isNumbered = request.type === 'create' && request.sequential === true;
    if (isNumbered && answer?.outcome === 'refused') return undefined;
    return { call: operation, invokedMs, returnedMs: isKnown ? answer.returnedMs : Infinity };
  }
  if (answer === undefined || answer.outcome === 'unknown') return undefined;
  if (request.type === 'get' && !request.linearizable) return undefined;
  return { call: operation, invokedMs, returnedMs: answer.returnedMs };
}
