/** What must hold of a node that has just started, whatever its last life ended by. */
import type { ZnodePath } from '../../../src/protocol/model.ts';
import type {
  AclResult,
  EphemeralsResult,
  MultiReadResult,
  Result,
  SessionInfoResult,
  TreeResult,
} from '../../../src/protocol/operations.ts';
import { Model } from '../../support/model.ts';
import { fail, same } from './fail.ts';
import type { State } from './ledger.ts';
import type { Answer, Life } from './life.ts';
import { tickMs } from './settings.ts';

/** The state is the one of its zxid, to the last field; sessions, answers and events go on where they were. */
export async function examine(life: Life): Promise<void> {
  await checkAll(life, 'just started');
}

/** The same of a node that has been used, and whose sessions may be near their end. */
export async function examineLater(life: Life): Promise<void> {
  await checkAll(life, 'used');
}

type Age = 'just started' | 'used';

async function checkAll(life: Life, age: Age): Promise<void> {
  await life.settle();
  const { ledger } = life;
  same(life.applied, ledger.last, 'the applied zxid after the start');
  await checkTree(life);
  await checkSessions(life, age);
  await checkRetries(life);
  await checkResume(life);
}

/** Every znode with its data, ACL and stat, and none besides. */
export async function checkTree(life: Life): Promise<void> {
  const listing = await life.ask({ type: 'tree', path: '/' as ZnodePath, limit: 10_000 });
  const { nodes } = resultOf(listing) as TreeResult;
  const operations = nodes.flatMap(
    ({ path }) => [{ type: 'get', path } as const, { type: 'acl', path } as const] as const,
  );
  const read = resultOf(await life.ask({ type: 'multiRead', operations })) as MultiReadResult;
  const seen = new Map<string, object>();
  for (const one of read.results) {
    if (!('result' in one)) return fail(`${one.path} is listed and cannot be read: ${one.code}`);
    const { path, stat } = one.result;
    const part =
      'data' in one.result
        ? { data: [...one.result.data] }
        : { acl: (one.result as AclResult).acl };
    seen.set(path, { ...seen.get(path), stat, ...part });
  }
  const model = modelOf(life, life.ledger.present);
  const expected = new Map<string, object>();
  for (const [path, { data, acl }] of model.nodes) {
    expected.set(path, { stat: model.stat(path), data: [...data], acl });
  }
  for (const path of new Set([...seen.keys(), ...expected.keys()])) {
    same(seen.get(path), expected.get(path), `${path} at ${life.applied}`);
  }
}

/** I-20: an ephemeral's owner is a live session; every session that was granted is alive or told to be gone. */
async function checkSessions(life: Life, age: Age): Promise<void> {
  const { ledger } = life;
  const model = modelOf(life, ledger.present);
  for (const [path, { owner }] of model.nodes) {
    if (owner !== 0 && !model.sessions.has(owner))
      fail(`${path} belongs to ${owner}, which is gone`);
  }
  same(life.replica.metrics().sessions, model.sessions.size, 'the number of sessions');
  for (const session of ledger.grants) {
    const { id, timeoutMs } = session;
    const info = await life.ask({ type: 'sessionInfo', session: id });
    const who = await life.ask({ type: 'whoami' }, { identities: [], session });
    if (!model.sessions.has(id)) {
      same([codeOf(info), codeOf(who)], ['SESSIONEXPIRED', 'SESSIONEXPIRED'], `session ${id}`);
      continue;
    }
    same(codeOf(who), 'OK', `the token of session ${id}`);
    const { ephemerals, expiresInMs } = resultOf(info) as SessionInfoResult;
    const owned = await life.ask({ type: 'ephemerals', session: id });
    const { paths } = resultOf(owned) as EphemeralsResult;
    same([...paths].sort(), model.ephemerals(id), `the ephemerals of session ${id}`);
    same(ephemerals, paths.length, `the number of ephemerals of session ${id}`);
    if (age === 'just started' && expiresInMs < timeoutMs - tickMs) {
      fail(`session ${id} starts with ${expiresInMs} ms to live`);
    }
  }
}

/** A remembered answer is given again, and nothing is written for it. */
async function checkRetries(life: Life): Promise<void> {
  const keys = new Set(life.ledger.keyed.slice(-12).map(({ key }) => key));
  for (const key of keys) life.retry(key);
  const before = life.ledger.records.length;
  await life.settle();
  same(life.unanswered, 0, 'retries without an answer');
  same(life.ledger.records.length, before, 'records after retries');
}

/** The ring reaches back as far as it should, and tells what was told before the crash. */
async function checkResume(life: Life): Promise<void> {
  const { ringOldestZxid, appliedZxid } = life.replica.metrics();
  const due = Math.max(0, appliedZxid - life.ledger.limits.ringTransactionsMax);
  if (ringOldestZxid > due) fail(`events can be resumed from ${ringOldestZxid}, not from ${due}`);
  const middle = Math.floor((ringOldestZxid + appliedZxid) / 2);
  for (const from of new Set([ringOldestZxid, middle])) {
    await life.watch('persistent-recursive', '/' as ZnodePath, from);
    await life.watch('persistent', '/q' as ZnodePath, from);
  }
  await life.settled();
}

/** The model as it was; its nodes are shared and must not be changed. */
function modelOf({ ledger }: Life, { nodes, sessions }: State): Model {
  const model = new Model(ledger.limits, ledger.superIdentity);
  model.nodes = new Map(nodes);
  model.sessions = new Set(sessions);
  return model;
}

export function codeOf(answer: Answer): string {
  return answer.type === 'error' ? answer.error.code : 'OK';
}

function resultOf(answer: Answer): Result {
  if (answer.type === 'error') return fail(`${answer.error.code}: ${answer.error.detail}`);
  return answer.result;
}
