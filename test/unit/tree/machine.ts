/** Runs a program against Prep and Tree and against the model at once, with apply lagging behind. */
import { expect } from 'vitest';
import { CoordinationError } from '../../../src/protocol/errors.ts';
import type { Acl, Stat, ZnodePath } from '../../../src/protocol/model.ts';
import type { WriteOperation } from '../../../src/protocol/operations.ts';
import {
  decodeTransaction,
  encodeTransaction,
  Prep,
  Tree,
  type TreeSnapshot,
} from '../../../src/tree/index.ts';
import { Model, Refusal } from '../../support/model.ts';
import { root, smallLimits, type Step } from './program.ts';

/** Everything that can be seen of a znode. */
export interface Seen {
  readonly stat: Stat;
  readonly data: readonly number[];
  readonly acl: Acl;
}

export function dump(tree: Tree): Map<string, Seen> {
  const seen = new Map<string, Seen>();
  const pending: number[] = [tree.find('/')];
  for (let id = pending.pop(); id !== undefined; id = pending.pop()) {
    const path = tree.path(id);
    expect(tree.find(path)).toBe(id);
    seen.set(path, {
      stat: tree.stat(id),
      data: [...tree.data(id)],
      acl: tree.acl(tree.aclOf(id)),
    });
    const names: string[] = [];
    const cursor = tree.children(id);
    for (let child = cursor.next(); child !== 0; child = cursor.next()) {
      names.push(tree.name(child));
      pending.push(child);
    }
    expect(names).toEqual([...names].sort());
    expect(names.length).toBe(tree.numChildren(id));
  }
  return seen;
}

function dumpModel(model: Model): Map<string, Seen> {
  return new Map(
    [...model.nodes].map(([path, node]) => [
      path,
      { stat: model.stat(path), data: [...node.data], acl: node.acl },
    ]),
  );
}

interface RunningSnapshot {
  readonly snapshot: TreeSnapshot;
  readonly expected: Map<string, Seen>;
  readonly digest: { readonly high: number; readonly low: number };
  readonly aclCount: number;
  readonly byteCount: number;
  readonly chunks: Uint8Array[];
}

export class Machine {
  readonly tree = new Tree({ limits: smallLimits });
  readonly model = new Model(smallLimits, root);
  /** Snapshots that were finished and proved exact. */
  snapshotsTaken = 0;
  private readonly sessions = new Set<number>();
  private readonly prep = new Prep({
    tree: this.tree,
    sessions: this.sessions,
    limits: smallLimits,
    superIdentity: root,
  });
  private readonly waiting: { readonly zxid: number; readonly bytes: Uint8Array }[] = [];
  private readonly opened: number[] = [0];
  private zxid = 0;
  private running: RunningSnapshot | undefined;

  step(step: Step): void {
    if (step.type === 'apply') {
      for (let left = step.count; left > 0; left--) this.applyOne();
    } else if (step.type === 'snapshot') this.snapshotSlice(step.bytes);
    else this.write(step);
  }

  applyAll(): void {
    while (this.waiting.length > 0) this.applyOne();
  }

  finishSnapshot(): void {
    while (this.running !== undefined) this.snapshotSlice(50);
  }

  /** The tree is what the model is, and all of its own accounts agree with one another. */
  checkState(): void {
    const { tree, model } = this;
    const seen = dump(tree);
    expect(seen).toEqual(dumpModel(model));
    expect(tree.nodeCount).toBe(model.nodes.size);
    expect(tree.aclCount).toBe(model.acls.length);
    for (const session of this.opened) {
      if (session === 0) continue;
      expect(tree.ephemeralsOf(session)).toEqual(model.ephemerals(session));
      expect(tree.ephemeralCount(session)).toBe(model.ephemerals(session).length);
    }
    for (const path of seen.keys()) {
      const below = [...seen.keys()].filter((key) => key !== path && isBelow(key, path));
      expect(tree.descendants(tree.find(path))).toBe(below.length);
    }
  }

  private write(step: Extract<Step, { readonly type: 'write' }>): void {
    const zxid = this.zxid + 1;
    const time = 1000 + zxid * 10;
    const operation = this.resolve(step.operation);
    const session = this.opened[step.session % this.opened.length] ?? 0;
    const caller = { identities: step.identities, session };
    const expected = outcome(() => this.model.run(operation, caller, { zxid, time }));
    const actual = outcome(() => {
      const { transaction, result } = this.prep.judge({ operation, caller, zxid, time });
      this.waiting.push({ zxid, bytes: encodeTransaction(transaction) });
      return result;
    });
    expect(actual).toEqual(expected);
    if ('refused' in actual) return;
    this.zxid = zxid;
    if (operation.type === 'createSession') this.opened.push(zxid);
  }

  /** A program cannot know session ids, nor the zxids of what it would reap. */
  private resolve(operation: WriteOperation): WriteOperation {
    if (operation.type === 'closeSession' || operation.type === 'attachSession') {
      return { ...operation, session: this.opened[operation.session] ?? 999 };
    }
    if (operation.type !== 'reap') return operation;
    const node = this.model.nodes.get(operation.path);
    const czxid = operation.czxid <= 7 ? (node?.czxid ?? 1) : operation.czxid;
    const mzxid = operation.mzxid <= 7 ? (node?.mzxid ?? 1) : operation.mzxid;
    return { ...operation, czxid, mzxid };
  }

  private applyOne(): void {
    const next = this.waiting.shift();
    if (next === undefined) return;
    const transaction = decodeTransaction(next.bytes);
    this.tree.apply(next.zxid, transaction);
    for (const change of transaction.changes) {
      if (change.type === 'createSession') this.sessions.add(next.zxid);
      if (change.type === 'closeSession') this.sessions.delete(change.session);
    }
    this.prep.applied(next.zxid);
  }

  private snapshotSlice(bytes: number): void {
    if (this.running === undefined) {
      const expected = dump(this.tree);
      const digest = this.tree.digest();
      const { aclCount, byteCount } = this.tree;
      const snapshot = this.tree.beginSnapshot();
      this.running = { snapshot, expected, digest, aclCount, byteCount, chunks: [] };
      return;
    }
    const chunk = this.running.snapshot.next(bytes);
    if (chunk !== undefined) {
      this.running.chunks.push(chunk);
      return;
    }
    const { snapshot, expected, digest, chunks, aclCount, byteCount } = this.running;
    this.running = undefined;
    this.snapshotsTaken += 1;
    const loaded = new Tree({ limits: smallLimits });
    for (const part of chunks) loaded.loadChunk(part);
    expect(loaded.finishLoad({ zxid: snapshot.zxid })).toEqual(digest);
    expect(dump(loaded)).toEqual(expected);
    expect(loaded.nodeCount).toBe(expected.size);
    expect({ aclCount: loaded.aclCount, byteCount: loaded.byteCount }).toEqual({
      aclCount,
      byteCount,
    });
  }
}

function isBelow(path: string, ancestor: string): boolean {
  return path.startsWith(ancestor === '/' ? '/' : (`${ancestor}/` as ZnodePath));
}

type Outcome = { readonly done: unknown } | { readonly refused: unknown };

/** A refusal's code and those fields that the model knows too. */
function outcome(action: () => unknown): Outcome {
  try {
    return { done: action() };
  } catch (error) {
    if (error instanceof Refusal) return { refused: { code: error.code, ...pick(error.extra) } };
    if (!(error instanceof CoordinationError)) throw error;
    return { refused: { code: error.code, ...pick({ ...error.fields }) } };
  }
}

function pick(fields: Record<string, unknown>): Record<string, unknown> {
  const { parentMissing, failedIndex, results, current } = fields;
  return { parentMissing, failedIndex, results, current };
}
