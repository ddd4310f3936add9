/** A node whose process can open no more files goes on as long as it needs none, and says what it lacks. */
import { expect, it } from 'vitest';
import type { RequestMessage } from '../../../src/protocol/coordination.ts';
import { parsePath } from '../../../src/protocol/path.ts';
import { MemoryDisk } from '../../support/memory-disk.ts';
import type { DiskOperation } from '../../support/memory-disk.ts';
import { ManualReplica } from './manual-replica.ts';

const none = (): boolean => false;
/** Of all that takes a descriptor. */
const all = ({ kind }: DiskOperation): boolean =>
  ['open', 'create', 'list', 'syncDirectory'].includes(kind);
const nextFile = ({ kind, path }: DiskOperation): boolean =>
  kind === 'create' && path === 'log/spare';

const text =
  'the next file of the log cannot be opened, and the node ends when it needs it; this process may ' +
  'open no more files: raise the limit of open files (ulimit -n; LimitNOFILE in systemd), or keep ' +
  'more of them from clients (--limit filesReserved)';
const over = 'the next file of the log has been made';

/** Two of them are more than a file of the log. */
const bytes = 200_000;

function put(id: number): RequestMessage {
  const path = parsePath(`/a${id}`);
  const operation = { type: 'put', path, data: new Uint8Array(bytes) } as const;
  return { type: 'request', stream: 0, id, operation, caller: { identities: [] } };
}

interface Scene {
  readonly node: ManualReplica;
  /** Which opening fails, and how. */
  readonly state: { fails: (operation: DiskOperation) => boolean; code: string };
  /** Writes once. @returns how it was answered */
  readonly write: () => Promise<string | undefined>;
}

async function start(): Promise<Scene> {
  const state: Scene['state'] = { fails: none, code: 'EMFILE' };
  const disk = new MemoryDisk({
    fault: (operation) =>
      state.fails(operation) ? { type: 'error', code: state.code } : undefined,
  });
  const node = await ManualReplica.start({ disk });
  let id = 0;
  const write = async (): Promise<string | undefined> => {
    node.submit(put((id += 1)));
    await node.settle();
    return node.take()[0]?.type;
  };
  return { node, state, write };
}

it('takes no snapshot, says why, and takes the next one', async () => {
  const { node, state, write } = await start();
  expect(await write()).toBe('result');
  state.fails = all;
  const refused = node.replica.takeSnapshot().catch((error: unknown) => error);
  await node.settle();
  expect(await refused).toMatchObject({ code: 'QUOTAEXCEEDED' });
  expect(String(await refused)).toMatch(
    /node 1 cannot open a file for a snapshot: this process .*\(ulimit -n; .*; the log is kept/,
  );
  expect(node.fatal).toBeUndefined();
  state.fails = none;
  const taken = node.replica.takeSnapshot();
  await node.settle();
  expect(await taken).toMatchObject({ zxid: node.replica.status().appliedZxid });
});

it('says that the next file of its log is missing, refuses nothing, and makes it later', async () => {
  const { node, state, write } = await start();
  expect(await write()).toBe('result');
  state.fails = nextFile;
  // It begins a file, and that is the last one that has been made.
  expect(await write()).toBe('result');
  await node.pass(5000);
  expect(node.warnings).toEqual([text]);
  expect(node.replica.status().warnings).toEqual([]);
  state.fails = none;
  await node.pass(5000);
  expect(node.warnings).toEqual([text, over]);
  for (let count = 0; count < 4; count += 1) expect(await write()).toBe('result');
  expect(node.fatal).toBeUndefined();
});

it.each(['EMFILE', 'ENFILE'])('ends when its log needs the next file: %s', async (code) => {
  const { node, state, write } = await start();
  state.code = code;
  expect(await write()).toBe('result');
  state.fails = all;
  const answers: (string | undefined)[] = [];
  while (node.fatal === undefined && answers.length < 10) answers.push(await write());
  expect(answers.at(-1), 'what is not on the disk is not acknowledged').not.toBe('result');
  expect(node.fatal).toMatchObject({ code });
});
