import { describe, expect, it } from 'vitest';
import { defaultLimits } from '../../../src/protocol/limits.ts';
import type { WriteOperation } from '../../../src/protocol/operations.ts';
import { parsePath } from '../../../src/protocol/path.ts';
import { Prep, readChildren, Tree } from '../../../src/tree/index.ts';

const count = 1_000_000;
const data = new Uint8Array(100).fill(7);

/** Judges and applies, and keeps the times. */
class Writer {
  readonly tree = new Tree({ limits: defaultLimits });
  worstMs = 0;
  private readonly prep = new Prep({
    tree: this.tree,
    sessions: { has: () => true, size: 0 },
    limits: defaultLimits,
  });
  private readonly caller = { identities: [], session: 0 };

  write(operation: WriteOperation): void {
    const zxid = this.tree.appliedZxid + 1;
    const { transaction } = this.prep.judge({ operation, caller: this.caller, zxid, time: zxid });
    const startMs = performance.now();
    this.tree.apply(zxid, transaction);
    this.worstMs = Math.max(this.worstMs, performance.now() - startMs);
    this.prep.applied(zxid);
  }
}

function nameOf(index: number): string {
  return `node-${String((index * 7919) % count).padStart(10, '0')}`;
}

function say(what: string, startMs: number, operations = 1): void {
  const ms = performance.now() - startMs;
  const each = operations === 1 ? '' : `, ${((ms / operations) * 1000).toFixed(2)} µs each`;
  console.log(`${what}: ${ms.toFixed(1)} ms${each}`);
}

function memoryMb(): number {
  return process.memoryUsage().arrayBuffers / 1e6;
}

describe('a million znodes of 100 bytes below one parent', () => {
  it('take less than 320 MB, list their first page at once and come back from a snapshot', () => {
    const before = memoryMb();
    const writer = new Writer();
    const { tree } = writer;
    let startMs = performance.now();
    writer.write({ type: 'create', path: '/p', data, kind: 'persistent', sequential: false });
    for (let index = 0; index < count; index++) {
      const path = `/p/${nameOf(index)}`;
      writer.write({ type: 'create', path, data, kind: 'persistent', sequential: false });
    }
    say('judge and apply creates in no order', startMs, count);
    startMs = performance.now();
    for (let index = 0; index < 200_000; index++) {
      writer.write({ type: 'set', path: parsePath(`/p/${nameOf(index * 31)}`), data });
    }
    say('judge and apply sets', startMs, 200_000);
    console.log(`longest apply: ${writer.worstMs.toFixed(2)} ms (on an idle machine)`);
    const grownMb = memoryMb() - before;
    console.log(`memory of the tree: ${grownMb.toFixed(0)} MB`);
    expect(grownMb).toBeLessThan(320);

    startMs = performance.now();
    const page = readChildren(
      tree,
      { type: 'children', path: parsePath('/p'), limit: 100 },
      { identities: [], limits: defaultLimits },
    );
    say('first page of 100 children', startMs);
    expect(page.next).toBe('node-0000000099');

    startMs = performance.now();
    const chunks: Uint8Array[] = [];
    const snapshot = tree.beginSnapshot();
    for (let chunk = snapshot.next(65_536); chunk; chunk = snapshot.next(65_536)) {
      chunks.push(chunk);
    }
    say(`snapshot in ${String(chunks.length)} slices`, startMs);
    startMs = performance.now();
    const loaded = new Tree({ limits: defaultLimits });
    for (const chunk of chunks) loaded.loadChunk(chunk);
    expect(loaded.finishLoad({ zxid: tree.appliedZxid })).toEqual(tree.digest());
    say('load', startMs);
    expect(loaded.nodeCount).toBe(count + 5);
  });
});
