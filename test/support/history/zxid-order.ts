/**
 * Every write says its place in the one order, and every read the place it was answered from. So what was
 * committed, replayed in that order, must explain each answer exactly; and the order must agree with time.
 */
import { Findings } from './facts.ts';
import type { Change, LedgerEntry } from './facts.ts';
import { sequenceOf } from './models.ts';
import { describe, isLinearizable, isUncertain, isWrite } from './operation.ts';
import type {
  MemberRequest,
  Operation,
  Request,
  Result,
  SeenStat,
  WriteRequest,
} from './operation.ts';
import { parentOf } from './timeline.ts';
import type { NodeState, Timeline } from './timeline.ts';

/** What has become of the writes, for the checks that build on it. */
export interface Placement {
  /** The zxid of each write that is in the ledger, also of those whose client never learnt it. */
  readonly placed: ReadonlyMap<Operation, number>;
  /** Those of them whose transaction may as well be another's: deletions leave no text. */
  readonly guessed: ReadonlySet<Operation>;
  /** Transactions that nobody asked for: the ends of sessions, by session. */
  readonly sessionEnds: ReadonlyMap<number, number>;
}

/** Finds the request behind every transaction, and checks what each client was told of it. */
export class ZxidOrder {
  readonly #timeline: Timeline;
  readonly #findings: Findings;
  readonly #placed = new Map<Operation, number>();
  readonly #guessed = new Set<Operation>();
  readonly #byZxid = new Map<number, Operation>();
  readonly #sessionEnds = new Map<number, number>();
  /** The greatest zxid that had been answered to anybody when the operation was sent. */
  readonly #floors: ReadonlyMap<Operation, number>;

  constructor(timeline: Timeline, operations: readonly Operation[], findings: Findings) {
    this.#timeline = timeline;
    this.#findings = findings;
    this.#floors = floorsOf(operations);
    for (const operation of operations) this.#placeAnswered(operation);
    this.#placeUncertain(operations);
    for (const operation of operations) this.#check(operation);
  }

  get placement(): Placement {
    return { placed: this.#placed, guessed: this.#guessed, sessionEnds: this.#sessionEnds };
  }

  #placeAnswered(operation: Operation): void {
    const { request, answer } = operation;
    if (!isWrite(request) || answer?.outcome !== 'ok') return;
    const { zxid } = answer;
    if (zxid === undefined) {
      this.#findings.add('zxid', `a success without a zxid: ${describe(operation)}`);
      return;
    }
    const other = this.#byZxid.get(zxid);
    if (other !== undefined) {
      this.#findings.add('zxid', `one zxid: ${describe(operation)}, ${describe(other)}`);
      return;
    }
    this.#place(operation, zxid);
  }

  #place(operation: Operation, zxid: number): void {
    this.#byZxid.set(zxid, operation);
    this.#placed.set(operation, zxid);
  }

  /** Whose are the transactions that no answer names? Each is one uncertain write's, or a session's end. */
  #placeUncertain(operations: readonly Operation[]): void {
    const byData = new Map<string, Operation>();
    const deletions: Operation[] = [];
    for (const operation of operations) {
      if (!isWrite(operation.request)) continue;
      const texts = textsOf(operation.request);
      for (const text of texts) byData.set(text, operation);
      if (texts.length === 0 && isUncertain(operation)) deletions.push(operation);
    }
    for (const entry of this.#timeline.entries) {
      if (this.#byZxid.has(entry.zxid)) continue;
      const text = entry.changes.find(({ data }) => data !== undefined && data !== '')?.data;
      const operation = text === undefined ? this.#deletionOf(entry, deletions) : byData.get(text);
      if (operation !== undefined) this.#placeLate(operation, entry);
      else if (!this.#isSessionEnd(entry)) {
        this.#findings.add('zxid', `nobody has asked for ${show(entry)}`);
      }
    }
  }

  #placeLate(operation: Operation, entry: LedgerEntry): void {
    const { zxid } = entry;
    const known = this.#placed.get(operation);
    if (known !== undefined) {
      this.#findings.add('once', `at ${known} and again at ${zxid}: ${describe(operation)}`);
      return;
    }
    if (!isUncertain(operation)) {
      this.#findings.add('not applied', `in the ledger at ${zxid}: ${describe(operation)}`);
    }
    this.#place(operation, zxid);
  }

  /** An uncertain deletion that can have made this entry, and has not been taken for another's. */
  #deletionOf(
    { zxid, changes }: LedgerEntry,
    deletions: readonly Operation[],
  ): Operation | undefined {
    const fits = (operation: Operation): boolean => {
      const { request } = operation;
      if ((this.#floors.get(operation) ?? 0) >= zxid) return false;
      const members = isWrite(request) ? membersOf(request) : [];
      const deleted = members.filter(({ type }) => type === 'delete');
      return (
        deleted.length === changes.length &&
        deleted.every((member, index) => member.path === changes[index]?.path) &&
        members.every((member) => isMet(this.#timeline.at(member.path, zxid - 1), member))
      );
    };
    const fitting = deletions.filter(fits);
    const found = fitting.find((operation) => !this.#placed.has(operation));
    if (found !== undefined && fitting.length > 1) this.#guessed.add(found);
    return found;
  }

  /** All ephemerals of one session, and nothing else, in one transaction. */
  #isSessionEnd({ zxid, changes }: LedgerEntry): boolean {
    const [first] = changes;
    if (first === undefined || changes.some(({ type }) => type !== 'NodeDeleted')) return false;
    const owner = this.#timeline.at(first.path, zxid - 1)?.owner ?? 0;
    if (owner === 0) return false;
    const gone = changes.map(({ path }) => path).sort();
    const owned = [...this.#timeline.ephemeralsOf(owner, zxid - 1)].sort();
    if (gone.join() !== owned.join()) return false;
    if (this.#sessionEnds.has(owner)) {
      this.#findings.add('session', `${owner} ends again at ${zxid}`);
    }
    this.#sessionEnds.set(owner, zxid);
    return true;
  }

  #check(operation: Operation): void {
    const { request, answer } = operation;
    const floor = this.#floors.get(operation) ?? 0;
    const zxid = this.#placed.get(operation);
    if (isWrite(request) && zxid !== undefined) {
      if (zxid <= floor) {
        this.#findings.add('real time', `not after ${floor}: ${describe(operation)} is ${zxid}`);
      }
      this.#checkEffect(operation, request, zxid);
      return;
    }
    if (answer?.zxid === undefined) return;
    if (answer.outcome !== 'ok' && answer.outcome !== 'refused') return;
    if (isLinearizable(request) && answer.zxid < floor) {
      this.#findings.add('real time', `older than ${floor}: ${describe(operation)}`);
    }
    if (answer.outcome === 'refused' && isWrite(request)) this.#checkRefusal(operation, request);
    else this.#checkRead(operation, request);
  }

  #checkEffect(operation: Operation, request: WriteRequest, zxid: number): void {
    const expected = this.#effect(operation, request, zxid);
    const actual = this.#timeline.entry(zxid)?.changes ?? [];
    if (JSON.stringify(expected) !== JSON.stringify(actual.map(essence))) {
      const told = show({ zxid, changes: actual });
      this.#findings.add('effect', `${describe(operation)} has made ${told}`);
      return;
    }
    for (const member of membersOf(request)) {
      if (member.type === 'create' && member.sequential === true) continue;
      // Within a transaction a member is judged by what those before it have left.
      const isFirst = membersOf(request).find(({ path }) => path === member.path) === member;
      if (isFirst && !isMet(this.#timeline.at(member.path, zxid - 1), member)) {
        this.#findings.add('condition', `did not hold before ${zxid}: ${describe(operation)}`);
      }
    }
    this.#checkStat(operation, request, zxid);
  }

  #checkStat({ answer, ...operation }: Operation, request: WriteRequest, zxid: number): void {
    if (request.type === 'multi' || answer?.result?.stat === undefined) return;
    const { path = request.path, stat } = answer.result;
    const state = this.#timeline.at(path, zxid);
    if (state === undefined || !isSameStat(state, stat)) {
      const told = describe({ ...operation, answer });
      this.#findings.add(
        'stat',
        `${told} told ${JSON.stringify(stat)} of ${JSON.stringify(state)}`,
      );
    }
  }

  /** What the ledger must hold at the write's zxid. */
  #effect(operation: Operation, request: WriteRequest, zxid: number): readonly object[] {
    const changes: object[] = [];
    for (const member of membersOf(request)) {
      const { type, path } = member;
      if (type === 'check') continue;
      if (type === 'delete') {
        changes.push({ type: 'NodeDeleted', path });
        continue;
      }
      const isSequential = type === 'create' && member.sequential === true;
      const isThere = request.type === 'put' && this.#timeline.at(path, zxid - 1) !== undefined;
      const name = isSequential ? this.#numbered(operation, path, zxid) : path;
      const change = type === 'create' && !isThere ? 'NodeCreated' : 'NodeDataChanged';
      changes.push({ type: change, path: name, data: member.data });
    }
    return changes;
  }

  /** The name that the parent's count gives, which is the one that the client was told. */
  #numbered(operation: Operation, path: string, zxid: number): string {
    const count = this.#timeline.at(parentOf(path), zxid - 1)?.everCreated ?? 0;
    const told = operation.answer?.result?.path;
    if (told !== undefined && sequenceOf(told) !== count) {
      this.#findings.add('sequence', `${describe(operation)} is ${told}, and must be ${count}`);
    }
    return `${path}${String(count).padStart(10, '0')}`;
  }

  #checkRefusal(operation: Operation, request: WriteRequest): void {
    const { answer } = operation;
    const zxid = answer?.zxid ?? 0;
    const codes = refusalsAt(this.#timeline, request, zxid);
    if (!codes.has(answer?.code ?? '')) {
      const might = [...codes].join(' or ') || 'accepted';
      this.#findings.add('refusal', `${describe(operation)} would have been ${might}`);
    }
  }

  #checkRead(operation: Operation, request: Request): void {
    if (request.type !== 'get' && request.type !== 'children') return;
    const { code, result, zxid = 0 } = operation.answer ?? {};
    const state = this.#timeline.at(request.path, zxid);
    const isRight =
      code === undefined && state !== undefined && result !== undefined
        ? this.#isRead(operation, state, result)
        : code === 'NONODE' && state === undefined;
    if (isRight) return;
    const is = `${JSON.stringify(result)}, and there was ${JSON.stringify(state)}`;
    this.#findings.add('read', `${describe(operation)} is ${is}`);
  }

  #isRead({ request, answer }: Operation, state: NodeState, result: Result): boolean {
    if (result.stat !== undefined && !isSameStat(state, result.stat)) return false;
    if (request.type === 'get') return result.data === state.data;
    if (request.type !== 'children') return false;
    const names = this.#timeline.childrenAt(request.path, answer?.zxid ?? 0);
    return names.join() === [...(result.children ?? [])].sort().join();
  }
}

/** A `put` counts as what it turns out to be. */
function membersOf(request: WriteRequest): readonly MemberRequest[] {
  if (request.type === 'multi') return request.members;
  return request.type === 'put' ? [{ ...request, type: 'create' }] : [request];
}

function textsOf(request: WriteRequest): readonly string[] {
  return membersOf(request).flatMap((member) =>
    member.type === 'create' || member.type === 'set' ? [member.data] : [],
  );
}

function isMet(state: NodeState | undefined, member: MemberRequest): boolean {
  if (member.type === 'create') return true;
  if (state === undefined) return false;
  return member.version === undefined || member.version === state.version;
}

/** Every code with which the write could be refused behind the transaction `zxid`. */
export function refusalsAt(
  timeline: Timeline,
  request: WriteRequest,
  zxid: number,
): ReadonlySet<string> {
  return new Set(membersOf(request).flatMap((member) => refusals(timeline, member, zxid)));
}

/** Every way in which the member could be refused at that place. */
function refusals(timeline: Timeline, member: MemberRequest, zxid: number): readonly string[] {
  const { path } = member;
  const state = timeline.at(path, zxid);
  if (member.type === 'create') {
    const parent = timeline.at(parentOf(path), zxid);
    if (parent === undefined) return ['NONODE'];
    if (parent.owner !== 0) return ['NOCHILDRENFOREPHEMERALS', 'NODEEXISTS'];
    return state === undefined || member.sequential === true ? [] : ['NODEEXISTS'];
  }
  if (state === undefined) return ['NONODE'];
  if (!isMet(state, member)) return ['BADVERSION'];
  return member.type === 'delete' && state.numChildren > 0 ? ['NOTEMPTY'] : [];
}

function isSameStat(state: NodeState, stat: SeenStat): boolean {
  return (
    stat.czxid === state.czxid &&
    stat.mzxid === state.mzxid &&
    stat.version === state.version &&
    stat.ephemeralOwner === state.owner &&
    stat.numChildren === state.numChildren
  );
}

function essence({ type, path, data }: Change): object {
  return type === 'NodeDeleted' ? { type, path } : { type, path, data };
}

function show({ zxid, changes }: LedgerEntry): string {
  return `${zxid} ${JSON.stringify(changes.slice(0, 4))}`;
}

/** For each operation the greatest zxid of any answer that had come before it was sent. */
function floorsOf(operations: readonly Operation[]): ReadonlyMap<Operation, number> {
  const answered = operations
    .flatMap(({ answer }) => {
      const counts = answer?.outcome === 'ok' || answer?.outcome === 'refused';
      return counts ? [{ atMs: answer.returnedMs, zxid: answer.zxid ?? 0 }] : [];
    })
    .sort((a, b) => a.atMs - b.atMs);
  const invoked = [...operations].sort((a, b) => a.invokedMs - b.invokedMs);
  const floors = new Map<Operation, number>();
  let next = 0;
  let floor = 0;
  for (const operation of invoked) {
    for (; (answered[next]?.atMs ?? Infinity) < operation.invokedMs; next += 1) {
      floor = Math.max(floor, answered[next]?.zxid ?? 0);
    }
    floors.set(operation, floor);
  }
  return floors;
}
