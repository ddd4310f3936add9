/**
 * What must be true of a node, kept apart from it: every record that it put into the log, what the naive
 * model says is the state after it, which answers have left, and what they said. It is a history that only
 * grows; a crash cuts it where the disk was cut, and the node's next life goes on from there.
 */
import type { Limits } from '../../../src/protocol/limits.ts';
import type { Identity } from '../../../src/protocol/model.ts';
import type { WriteOperation } from '../../../src/protocol/operations.ts';
import type { StateMachine } from '../../../src/replica/state-machine.ts';
import { decodeTransaction } from '../../../src/tree/index.ts';
import type { Change, IdempotencyRecord } from '../../../src/tree/index.ts';
import type { LogRecord } from '../../../src/zab/types.ts';
import { Keys } from '../../simulation/checkers/keys.ts';
import { Model, Refusal } from '../../support/model.ts';
import type { ModelCaller, ModelNode } from '../../support/model.ts';
import { fail } from './fail.ts';

/** The model after one record. Never changed. */
export interface State {
  readonly nodes: ReadonlyMap<string, Readonly<ModelNode>>;
  readonly sessions: ReadonlySet<number>;
  readonly acls: readonly string[];
}

/** What the answer to a write must be. */
export type Expected =
  | { readonly zxid: number; readonly result: object }
  | { readonly zxid: number; readonly code: string; readonly failedIndex?: number };

export interface KeyedWrite {
  readonly key: string;
  readonly fingerprint: string;
  readonly operation: WriteOperation;
  readonly caller: ModelCaller;
  readonly zxid: number;
  readonly result: object;
}

export interface SessionGrant {
  readonly id: number;
  readonly secret: string;
  readonly timeoutMs: number;
}

/** How far a ledger had come at some moment: what was written later does not concern a crash then. */
export interface Mark {
  readonly records: number;
  readonly acknowledged: number;
  readonly grants: number;
}

export class Ledger {
  readonly limits: Limits;
  readonly superIdentity: Identity;
  /** By zxid - 1; handed to the disk, durable or not. */
  readonly records: LogRecord[] = [];
  /** By zxid, 0 = before the first; may be ahead of `records` by what is judged and not handed over. */
  readonly states: State[] = [];
  /**
   * Digest of the replicated state by zxid. Of a first life a second state machine works out all of them;
   * later ones note what they see of their own, since machines are dear.
   */
  readonly digests = new Map<number, string>();
  /** By zxid. */
  readonly keyed: KeyedWrite[] = [];
  /** Sessions whose creation was answered. */
  readonly grants: SessionGrant[] = [];
  /** The state that clients have been shown or told of. */
  acknowledged = 0;
  #model: Model;
  readonly #shadow: StateMachine | undefined;

  constructor(limits: Limits, superIdentity: Identity, shadow?: StateMachine) {
    this.limits = limits;
    this.superIdentity = superIdentity;
    this.#model = new Model(limits, superIdentity);
    this.#shadow = shadow;
    this.states.push(stateOf(this.#model));
  }

  get mark(): Mark {
    const { records, acknowledged, grants } = this;
    return { records: records.length, acknowledged, grants: grants.length };
  }

  /** The zxid of the last record that has been judged. */
  get last(): number {
    return this.states.length - 1;
  }

  state(zxid: number): State {
    return this.states[zxid] ?? fail(`there is no state at ${zxid}`);
  }

  get present(): State {
    return this.state(this.last);
  }

  /** The same history up to `zxid`, to be gone on with; what clients were told beyond it is gone. */
  cutAfter(zxid: number, mark: Mark): Ledger {
    const cut = new Ledger(this.limits, this.superIdentity);
    cut.records.push(...this.records.slice(0, zxid));
    for (const [at, digest] of this.digests) if (at <= zxid) cut.digests.set(at, digest);
    cut.states.length = 0;
    cut.states.push(...this.states.slice(0, zxid + 1));
    cut.keyed.push(...this.keyed.filter((write) => write.zxid <= zxid));
    cut.grants.push(...this.grants.slice(0, mark.grants));
    cut.acknowledged = mark.acknowledged;
    cut.#model = this.#modelAt(zxid);
    return cut;
  }

  /** Judges a write as of now; its effect counts for the next one. */
  judge(operation: WriteOperation, caller: ModelCaller, time: number): Expected {
    const zxid = this.last + 1;
    try {
      const result = this.#model.run(operation, caller, { zxid, time }) as object;
      this.states.push(stateOf(this.#model));
      return { zxid, result };
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const { failedIndex } = error.extra as { failedIndex?: number };
      const refused = { zxid: this.last, code: error.code };
      return failedIndex === undefined ? refused : { ...refused, failedIndex };
    }
  }

  /** The node hands a record to its disk: what was judged, or something of its own accord. */
  append(record: LogRecord): void {
    if (record.zxid !== this.records.length + 1) {
      fail(`record ${record.zxid} is appended after ${this.records.length}`);
    }
    if (record.zxid > this.last) this.#appendUnasked(record);
    this.records.push(record);
    if (this.#shadow === undefined) return;
    this.#shadow.apply(record, undefined);
    this.digests.set(record.zxid, this.#shadow.digest());
  }

  /** The node says what it holds; it must be what was said of this zxid before. */
  digestSeen(zxid: number, digest: string): void {
    const known = this.digests.get(zxid);
    if (known !== undefined && known !== digest) {
      fail(`the digest at ${zxid} is ${digest}, and was ${known}`);
    }
    this.digests.set(zxid, digest);
  }

  /** What a retry of a remembered write is answered, when the node has applied everything up to `applied`. */
  remembered(key: string, applied: number): KeyedWrite | undefined {
    const keys = new Keys(this.limits);
    let last: KeyedWrite | undefined;
    let inFlight: KeyedWrite | undefined;
    for (const write of this.keyed) {
      const isOfKey = write.key === key;
      if (write.zxid <= applied) {
        keys.used(write.zxid, this.#idempotencyAt(write.zxid));
        if (isOfKey) last = write;
      } else if (isOfKey) inFlight = write;
    }
    return last !== undefined && keys.isRemembered(last.zxid, applied) ? last : inFlight;
  }

  /** The changes of a record; none of an epoch's. */
  changesAt(zxid: number): readonly Change[] {
    const record = this.records[zxid - 1] ?? fail(`there is no record ${zxid}`);
    return record.kind === 'epoch' ? [] : decodeTransaction(record.payload).changes;
  }

  #idempotencyAt(zxid: number): IdempotencyRecord {
    const { payload } = this.records[zxid - 1] ?? fail(`there is no record ${zxid}`);
    return decodeTransaction(payload).idempotency ?? fail(`record ${zxid} has no idempotency key`);
  }

  #appendUnasked(record: LogRecord): void {
    if (record.kind === 'epoch') {
      this.states.push(this.present);
      return;
    }
    const { changes, time } = decodeTransaction(record.payload);
    const operation = this.#housekeeping(changes);
    const expected = this.judge(operation, { identities: [], session: 0 }, time);
    if ('code' in expected) fail(`the node did by itself what is refused: ${expected.code}`);
  }

  /** The operation of the node's own that has these changes. */
  #housekeeping(changes: readonly Change[]): WriteOperation {
    const [first] = changes;
    if (first?.type === 'closeSession') return { type: 'closeSession', session: first.session };
    if (first?.type !== 'delete' || changes.length > 1) return fail('an unknown deed of the node');
    const node = this.present.nodes.get(first.path) ?? fail(`${first.path} is reaped and missing`);
    return { type: 'reap', path: first.path, czxid: node.czxid, mzxid: node.mzxid };
  }

  #modelAt(zxid: number): Model {
    const { nodes, sessions, acls } = this.state(zxid);
    const model = new Model(this.limits, this.superIdentity);
    model.nodes = new Map([...nodes].map(([path, node]) => [path, { ...node }]));
    model.sessions = new Set(sessions);
    model.acls = [...acls];
    return model;
  }
}

function stateOf({ nodes, sessions, acls }: Model): State {
  return {
    nodes: new Map([...nodes].map(([path, node]) => [path, { ...node }])),
    sessions: new Set(sessions),
    acls: [...acls],
  };
}
