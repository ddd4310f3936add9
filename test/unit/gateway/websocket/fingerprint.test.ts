/** Each part of a message alone makes it another request under the same idempotency key. */
import { expect, it } from 'vitest';
import { websocketFingerprints } from '../fingerprints.ts';

const fingerprints = websocketFingerprints();

it.each(Object.entries(fingerprints.others))('another %s is another request', (_part, changed) => {
  expect(changed).not.toBe(fingerprints.original);
});

it('no two of them are the same', () => {
  const all = [fingerprints.original, ...Object.values(fingerprints.others)];
  expect(new Set(all).size).toBe(all.length);
});

it.each(Object.entries(fingerprints.same))('another %s is the same request', (_part, changed) => {
  expect(changed).toBe(fingerprints.original);
});
