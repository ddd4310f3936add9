/** The watches of one client, over all its streams: bounded, and exact whatever ends a watch or a stream. */
import { expect, it } from 'vitest';
import { parsePath } from '../../../src/protocol/path.ts';
import { ManualReplica } from './manual-replica.ts';

const path = (name: string) => parsePath(`/${name}`);

async function node(limits: object): Promise<{
  readonly replica: ManualReplica;
  readonly open: (stream: number, ...clients: string[]) => void;
  readonly watch: (stream: number, name: string, mode?: 'data' | 'persistent') => Promise<string>;
}> {
  const replica = await ManualReplica.start({ limits });
  return {
    replica,
    open: (stream, ...clients) => {
      replica.submit({ type: 'open', stream, identities: [], clients });
    },
    watch: async (stream, name, mode = 'persistent') => {
      const operation = { type: 'watch', path: path(name), mode } as const;
      replica.submit({ type: 'request', stream, id: 1, operation });
      await replica.settle();
      const answer = replica.take().find(({ type }) => type === 'result' || type === 'error');
      return answer?.type === 'error' ? `${answer.error.code} ${answer.error.detail}` : 'set';
    },
  };
}

const refused =
  'QUOTAEXCEEDED watch: this client has 2 watches, beyond the limit of 2 (limit watchesPerClientMax); remove some of them first';

it('streams of one client share its limit, those of others do not', async () => {
  const { replica, open, watch } = await node({ watchesPerClientMax: 2 });
  open(1, 'a');
  open(2, 'a', 'digest:x');
  open(3, 'b');
  expect(await watch(1, 'one')).toBe('set');
  expect(await watch(2, 'one')).toBe('set');
  expect(await watch(1, 'two')).toBe(refused);
  expect(await watch(2, 'two')).toBe(refused);
  expect(await watch(3, 'two')).toBe('set');
  expect(replica.replica.metrics()).toMatchObject({
    ...{ watches: 3, watchClients: 3, watchesRefused: 2 },
  });
});

it('an identity has one share, whatever its addresses', async () => {
  const { open, watch } = await node({ watchesPerClientMax: 2 });
  open(1, 'a', 'digest:x');
  open(2, 'b', 'digest:x');
  open(3, 'c', 'digest:x');
  expect(await watch(1, 'one')).toBe('set');
  expect(await watch(2, 'one')).toBe('set');
  expect(await watch(3, 'one')).toBe(refused);
});

it('a stream that ends gives all back at once, its room unswept or not', async () => {
  const { replica, open, watch } = await node({ watchesPerClientMax: 2 });
  for (const stream of [1, 2, 3]) {
    open(stream, 'a');
    expect(await watch(stream, 'one')).toBe('set');
    expect(await watch(stream, 'two')).toBe('set');
    replica.submit({ type: 'close', stream });
    expect(replica.replica.metrics()).toMatchObject({ watches: 0, watchClients: 0 });
  }
});

it('a watch that is used up or taken back is given back', async () => {
  const { replica, open, watch } = await node({ watchesPerClientMax: 1 });
  open(1, 'a');
  open(2, 'a');
  expect(await watch(1, 'one', 'data')).toBe('set');
  const put = { type: 'put', path: path('one'), data: new Uint8Array(0) } as const;
  replica.submit({
    ...{ type: 'request', stream: 0, id: 1, operation: put },
    caller: { identities: [] },
  });
  await replica.settle();
  replica.take();
  expect(replica.replica.metrics().watchClients).toBe(0);
  expect(await watch(2, 'one')).toBe('set');
  const unwatch = { type: 'unwatch', path: path('one') } as const;
  replica.submit({ type: 'request', stream: 2, id: 1, operation: unwatch });
  await replica.settle();
  replica.take();
  expect(replica.replica.metrics().watchClients).toBe(0);
  expect(await watch(1, 'two')).toBe('set');
});
