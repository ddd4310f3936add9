import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ZnodePath } from '../../../src/protocol/model.ts';
import {
  decodeTransaction,
  encodeTransaction,
  type Change,
  type Transaction,
} from '../../../src/tree/index.ts';

const wide = fc.maxSafeNat();
const int32 = fc.integer({ min: -2_147_483_648, max: 2_147_483_647 });
const aclId = fc.nat();
const data = fc.uint8Array({ maxLength: 300 });
const name = fc.string({ minLength: 1, maxLength: 12, unit: 'grapheme' });
const path = fc
  .array(fc.oneof(fc.constantFrom('app', 'n-0000000001'), name), { minLength: 1, maxLength: 4 })
  .map((parts) => `/${parts.join('/')}` as ZnodePath);
const kind = fc.constantFrom(...(['persistent', 'ephemeral', 'container', 'ttl'] as const));
const acl = fc.array(
  fc.record({ scheme: name, id: name, perms: fc.integer({ min: 1, max: 31 }) }),
  { maxLength: 4 },
);

const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ type: fc.constant('defineAcl' as const), id: aclId, acl }),
  fc.record({
    type: fc.constant('create' as const),
    path,
    data,
    kind,
    ephemeralOwner: wide,
    ttlMs: wide,
    acl: aclId,
    parentAcl: aclId,
    parentCversion: wide,
  }),
  fc.record({
    type: fc.constant('set' as const),
    path,
    data,
    version: int32,
    acl: aclId,
    czxid: wide,
    ctime: wide,
    pzxid: wide,
    cversion: fc.maxSafeInteger(),
    aversion: int32,
    numChildren: fc.nat(),
    kind,
    ephemeralOwner: wide,
    ttlMs: wide,
  }),
  fc.record({ type: fc.constant('delete' as const), path, acl: aclId, parentAcl: aclId }),
  fc.record({ type: fc.constant('setAcl' as const), path, acl: aclId, aversion: int32 }),
  fc.record({ type: fc.constant('createSession' as const), timeoutMs: wide, secretHash: data }),
  fc.record({ type: fc.constant('attachSession' as const), session: wide, timeoutMs: wide }),
  fc.record({ type: fc.constant('closeSession' as const), session: wide }),
);

const transaction: fc.Arbitrary<Transaction> = fc.record(
  {
    time: wide,
    session: wide,
    changes: fc.array(change, { maxLength: 5 }),
    idempotency: fc.record({ key: name, owner: name, fingerprint: name, result: data }),
  },
  { requiredKeys: ['time', 'session', 'changes'] },
);

/** Views of common memory compare by content only. */
function plain(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_key, item: unknown) =>
      item instanceof Uint8Array ? { bytes: [...item] } : Object.is(item, -0) ? 0 : item,
    ),
  );
}

describe('the codec of transactions', () => {
  it('gives back what it was given', () => {
    fc.assert(
      fc.property(transaction, (given) => {
        expect(plain(decodeTransaction(encodeTransaction(given)))).toEqual(plain(given));
      }),
      { numRuns: 500 },
    );
  });

  it('keeps texts that are long, not ASCII, or start with a byte order mark', () => {
    const paths = [
      '/é',
      '/\ufeffa',
      `/${'x'.repeat(5000)}`,
      `/${'é'.repeat(200)}`,
      `/${'日'.repeat(90)}a`,
    ];
    const changes = paths.map((text) => ({
      type: 'delete' as const,
      path: text as ZnodePath,
      acl: 0,
      parentAcl: 0,
    }));
    const decoded = decodeTransaction(encodeTransaction({ time: 0, session: 0, changes }));
    expect(decoded.changes).toEqual(changes);
  });

  it('keeps a megabyte of data, and small ones after it', () => {
    const big = new Uint8Array(1024 * 1024).map((_, index) => index);
    for (const bytes of [big, new Uint8Array([1, 2])]) {
      const given: Transaction = {
        time: 1,
        session: 0,
        changes: [{ type: 'createSession', timeoutMs: 1, secretHash: bytes }],
      };
      const [decoded] = decodeTransaction(encodeTransaction(given)).changes;
      expect(decoded?.type === 'createSession' && Buffer.compare(decoded.secretHash, bytes)).toBe(
        0,
      );
    }
  });

  it('gives an Error for any bytes that it did not make', () => {
    fc.assert(
      fc.property(transaction, fc.nat(), fc.integer({ min: 1, max: 255 }), (given, at, flip) => {
        const bytes = encodeTransaction(given);
        for (const broken of [bytes.subarray(0, at % bytes.length), flipped(bytes, at, flip)]) {
          try {
            decodeTransaction(broken);
          } catch (error) {
            expect((error as Error).message).toMatch(/^transaction: malformed at byte/);
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  it.each<[string, readonly number[]]>([
    ['nothing', []],
    ['an unknown format', [9, 0, 0, 0, 0]],
    ['the format of an earlier version', [1, 0, 0, 0, 0]],
    ['an unknown change', [2, 0, 0, 1, 99]],
    ['bytes behind the end', [2, 0, 0, 0, 0, 0]],
    ['a number without an end', [2, ...Array.from({ length: 12 }, () => 0xff)]],
    ['a number beyond 2^53', [2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0, 0, 0]],
    ['a length beyond the end', [2, 0, 0, 1, 4, 100, 47]],
    ['a path without a slash', [2, 0, 0, 1, 4, 1, 65, 0, 0, 0]],
    ['a path that is no UTF-8', [2, 0, 0, 1, 4, 2, 47, 0xff, 0, 0, 0]],
    ['an unknown kind', [2, 0, 0, 1, 2, 2, 47, 65, 0, 7, 0, 0, 0, 0, 0, 0]],
  ])('refuses %s', (_what, bytes) => {
    expect(() => decodeTransaction(Uint8Array.from(bytes))).toThrow(/^transaction: malformed/);
  });
});

function flipped(bytes: Uint8Array, at: number, flip: number): Uint8Array {
  const copy = bytes.slice();
  const index = at % copy.length;
  copy[index] = (copy[index] ?? 0) ^ flip;
  return copy;
}
