/** Every kind of write goes to the leader and comes back, whatever it holds. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { WriteOperation } from '../../../../src/protocol/operations.ts';
import { parsePath } from '../../../../src/protocol/path.ts';
import { InProcessEnsemble } from '../../../support/in-process-ensemble.ts';

let ensemble: InProcessEnsemble;

beforeAll(async () => {
  ensemble = await InProcessEnsemble.start({ observers: [4] });
});
afterAll(() => ensemble.stop());

const path = parsePath('/a');
const data = new TextEncoder().encode('data');
const kind = { kind: 'persistent', sequential: false } as const;
const acl = [{ scheme: 'world', id: 'anyone', perms: 31 }];

const writes: readonly WriteOperation[] = [
  { type: 'create', path, data, ...kind },
  { type: 'create', path: parsePath('/a/b/c'), data, ...kind, parents: true, acl },
  { type: 'create', path: parsePath('/a/s-'), data, kind: 'persistent', sequential: true },
  {
    type: 'create',
    path: parsePath('/a/ttl'),
    data,
    kind: 'ttl',
    ttlMs: 100_000,
    sequential: false,
  },
  { type: 'create', path: parsePath('/a/box'), data, kind: 'container', sequential: false },
  { type: 'set', path, data, condition: [{ version: 0 }] },
  { type: 'put', path, data },
  { type: 'put', path: parsePath('/p/q'), data, parents: true, acl },
  { type: 'setAcl', path, acl, condition: [{ version: 0 }] },
  {
    type: 'multi',
    operations: [
      { type: 'check', path },
      { type: 'create', path: parsePath('/m'), data, ...kind },
      { type: 'set', path: parsePath('/m'), data },
      { type: 'check', path: parsePath('/n'), exists: false },
      { type: 'delete', path: parsePath('/m') },
    ],
  },
  { type: 'multi', operations: [] },
  { type: 'delete', path: parsePath('/p/q'), condition: 'exists' },
  { type: 'delete', path, recursive: true },
];

it.each(['follower', 'observer'] as const)('through a %s', async (role) => {
  const node =
    role === 'observer'
      ? ensemble.node(4)
      : ensemble.learners.find(({ id }) => ensemble.voters.includes(id));
  if (node === undefined) throw new Error(`there is no ${role}`);
  for (const operation of writes) {
    const answer = await node.request(operation);
    expect(answer, JSON.stringify(operation)).toMatchObject({ type: 'result' });
  }
  expect(node.log.join()).not.toContain('warning');
});
