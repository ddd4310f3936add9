import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { httpClient } from '../../../support/http-client.ts';
import type { Http } from '../../../support/http-client.ts';
import { startMemoryNode } from '../../../support/memory-node.ts';
import type { MemoryNode } from '../../../support/memory-node.ts';

/** `super:test`, as ZooKeeper's documentation has it. */
const superIdentity = { scheme: 'digest', id: 'super:D/InIHSb7yEEbrWz8b9l71RjZJU=' };
const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;
const superHeaders = { Authorization: basic('super:test') };

let node: MemoryNode;
let http: Http;

beforeAll(async () => {
  node = await startMemoryNode({ superIdentity });
  http = httpClient(node.url);
});

afterAll(async () => {
  expect(node.errors).toEqual([]);
  await node.close();
});

interface NewSession {
  readonly id: number;
  readonly secret: string;
  readonly token: string;
  readonly timeoutMs: number;
  readonly heartbeatMs: number;
}

async function open(body: object = {}): Promise<NewSession> {
  const answer = await http('POST', '/sessions', { body });
  expect(answer.status).toBe(201);
  return answer.json() as unknown as NewSession;
}

const holding = ({ token }: NewSession) => ({ 'Zk-Session': token });

describe('POST /sessions', () => {
  it('needs no body, and gives a token', async () => {
    const answer = await http('POST', '/sessions');
    expect(answer.status).toBe(201);
    const session = answer.json() as unknown as NewSession;
    expect(session).toEqual({
      id: Number(answer.headers['zk-zxid']),
      secret: expect.stringMatching(/^[A-Za-z0-9_-]{22}$/) as string,
      token: `${session.id}:${session.secret}`,
      timeoutMs: 10_000,
      heartbeatMs: 3333,
    });
    expect(answer.headers.location).toBe(`/sessions/${session.id}`);
  });

  it.each([
    [{ timeoutMs: 1 }, 4000],
    [{ timeoutMs: 30_000 }, 30_000],
    [{ timeoutMs: 10_000_000 }, 600_000],
  ])('%j is clamped to %i', async (body, timeoutMs) => {
    expect(await open(body)).toMatchObject({ timeoutMs });
  });

  it.each([{ timeoutMs: 0 }, { timeoutMs: 2 ** 63 }, { timeoutMs: '5s' }, { timeout: 5 }])(
    '%j is refused',
    async (body) => {
      const answer = await http('POST', '/sessions', { body });
      expect(answer.problem()).toMatchObject({ status: 400, code: 'BADARGUMENTS' });
    },
  );
});

describe('a request that reads no znode', () => {
  it.each([
    ['POST', '/sessions'],
    ['GET', '/ensemble'],
    ['POST', '/admin/snapshots'],
  ])('%s %s is answered from the zxid that it names, or a later one', async (method, path) => {
    const now = Number((await http('GET', '/whoami')).headers['zk-zxid']);
    const headers = { ...superHeaders, 'Zk-Min-Zxid': now + 1 };
    const waiting = http(method, path, { headers });
    expect(Number((await http('PUT', '/znodes/any')).headers['zk-zxid'])).toBe(now + 1);
    const answer = await waiting;
    expect([200, 201]).toContain(answer.status);
    expect(Number(answer.headers['zk-zxid'])).toBe(path === '/sessions' ? now + 2 : now + 1);
    const unreadable = await http(method, path, { headers: { 'Zk-Min-Zxid': 'x' } });
    expect(unreadable.problem()).toMatchObject({ status: 400, code: 'BADARGUMENTS' });
  });
});

describe('a session', () => {
  it('owns ephemeral znodes, which go with it', async () => {
    const session = await open();
    const headers = holding(session);
    const created = await http('PUT', '/znodes/mine?ephemeral', { headers });
    expect(created.json()).toMatchObject({
      stat: { ephemeralOwner: session.id, kind: 'ephemeral' },
    });
    const list = await http('GET', `/sessions/${session.id}/ephemerals`, { headers });
    expect(list.json()).toEqual({ paths: ['/mine'] });
    const ended = await http('DELETE', `/sessions/${session.id}`, { headers });
    expect(ended).toMatchObject({ status: 204, text: '' });
    expect((await http('GET', '/znodes/mine')).status).toBe(404);
    const gone = await http('GET', '/znodes', { headers });
    expect(gone.problem()).toMatchObject({ status: 410, code: 'SESSIONEXPIRED' });
  });

  it('tells of itself', async () => {
    const session = await open({ timeoutMs: 20_000 });
    const headers = holding(session);
    const answer = await http('GET', `/sessions/${session.id}`, { headers });
    const { expiresInMs, ...rest } = answer.json() as { expiresInMs: number };
    expect(rest).toEqual({ id: session.id, timeoutMs: 20_000, ephemerals: 0, connected: false });
    expect(expiresInMs).toBeGreaterThan(19_000);
    expect(expiresInMs).toBeLessThanOrEqual(20_000 + 2000);
  });

  it('is kept alive by a heartbeat and by any other request, which say how long', async () => {
    const session = await open();
    const headers = holding(session);
    const requests = [
      ['POST', `/sessions/${session.id}/heartbeat`],
      ['GET', '/znodes'],
      ['GET', '/whoami'],
      ['PUT', '/znodes/kept'],
      ['GET', '/ensemble'],
      ['GET', '/znodes/missing'],
    ] as const;
    for (const [method, path] of requests) {
      const answer = await http(method, path, { headers });
      const left = Number(answer.headers['zk-session-expires-in']);
      expect(left, path).toBeGreaterThan(9000);
      expect(left, path).toBeLessThanOrEqual(12_000);
    }
  });

  it('is no business of others, unless they have super rights', async () => {
    const session = await open();
    const other = await open();
    const requests = [
      ['GET', `/sessions/${session.id}`],
      ['GET', `/sessions/${session.id}/ephemerals`],
      ['POST', `/sessions/${session.id}/heartbeat`],
      ['DELETE', `/sessions/${session.id}`],
    ] as const;
    for (const [method, path] of requests) {
      const none = await http(method, path);
      expect(none.problem()).toMatchObject({ status: 400, code: 'SESSIONREQUIRED' });
      const foreign = await http(method, path, { headers: holding(other) });
      expect(foreign.problem()).toMatchObject({ status: 403, code: 'NOAUTH' });
      const basicAlone = await http(method, path, { headers: { Authorization: basic('a:b') } });
      expect(basicAlone.status).toBe(400);
      const allowed = await http(method, path, { headers: superHeaders });
      expect([200, 204]).toContain(allowed.status);
    }
  });

  it('of another is not shown to a token that is no good itself', async () => {
    const session = await open();
    const headers = { 'Zk-Session': `${session.id}:wrong` };
    const answer = await http('GET', `/sessions/${(await open()).id}`, { headers });
    expect(answer.problem()).toMatchObject({ status: 401, code: 'AUTHFAILED' });
  });

  it('a token implies that its holder has seen its id', async () => {
    const session = await open();
    const answer = await http('GET', '/znodes?consistency=local', { headers: holding(session) });
    expect(Number(answer.headers['zk-zxid'])).toBeGreaterThanOrEqual(session.id);
  });

  it.each([
    ['rubbish', 401],
    ['0:AAAAAAAAAAAAAAAAAAAAAA', 401],
    ['999999:AAAAAAAAAAAAAAAAAAAAAA', 401],
    ['live:wrong', 401],
    ['1:AAAAAAAAAAAAAAAAAAAAAA', 410],
  ])('the token %s is %i', async (token, status) => {
    const { id } = await open();
    const headers = { 'Zk-Session': token.replace('live', String(id)) };
    for (const path of ['/znodes', '/whoami', '/ensemble', '/watch/a']) {
      const answer = await http('GET', path, { headers });
      expect(answer.problem()).toMatchObject({
        ...{ status, code: status === 401 ? 'AUTHFAILED' : 'SESSIONEXPIRED' },
      });
      if (status === 401) expect(answer.headers['www-authenticate']).toMatch(/^Basic realm=/);
    }
  });

  it('an id that is no number is a bad argument', async () => {
    const answer = await http('GET', '/sessions/abc', { headers: holding(await open()) });
    expect(answer.problem()).toMatchObject({ status: 400, code: 'BADARGUMENTS' });
  });
});

describe('identities', () => {
  it('are told by whoami', async () => {
    const plain = await http('GET', '/whoami');
    expect(plain.json()).toEqual({ identities: [{ scheme: 'ip', id: '127.0.0.1' }] });
    const session = await open();
    const headers = { ...holding(session), Authorization: basic('super:test') };
    const known = await http('GET', '/whoami', { headers });
    expect(known.json()).toMatchObject({ session: session.id });
    expect(known.json()['identities']).toContainEqual(superIdentity);
  });

  it.each(['Bearer abc', 'Basic !', 'Nonsense'])(
    '%s is not authenticated',
    async (authorization) => {
      const answer = await http('GET', '/znodes', { headers: { Authorization: authorization } });
      expect(answer.problem()).toMatchObject({ status: 401, code: 'AUTHFAILED' });
      expect(answer.headers['www-authenticate']).toBe('Basic realm="zoogate", charset="UTF-8"');
    },
  );

  it('are judged after the session', async () => {
    const session = await open();
    await http('DELETE', `/sessions/${session.id}`, { headers: holding(session) });
    const headers = { ...holding(session), Authorization: 'Bearer abc' };
    const answer = await http('GET', '/znodes', { headers });
    expect(answer.problem()).toMatchObject({ status: 410, code: 'SESSIONEXPIRED' });
  });

  it('decide what an ACL lets through', async () => {
    const headers = { 'Zk-Acl': 'auth::cdrwa', Authorization: basic('ann:pw') };
    await http('PUT', '/znodes/private', { body: 'x', headers });
    const denied = await http('GET', '/znodes/private');
    expect(denied.problem()).toMatchObject({ status: 403, code: 'NOAUTH', path: '/private' });
    const { Authorization } = headers;
    expect((await http('GET', '/znodes/private', { headers: { Authorization } })).text).toBe('x');
    expect((await http('GET', '/znodes/private', { headers: superHeaders })).text).toBe('x');
    const conflict = await http('PUT', '/znodes/private', { headers: { 'If-Match': '"7"' } });
    expect(conflict.headers).not.toHaveProperty('etag');
  });
});

describe('super rights', () => {
  it('are needed for snapshots', async () => {
    const denied = await http('POST', '/admin/snapshots');
    expect(denied.problem()).toMatchObject({ status: 403, code: 'NOAUTH' });
    const taken = await http('POST', '/admin/snapshots', { headers: superHeaders });
    expect(taken.status).toBe(201);
    const { zxid, bytes } = taken.json() as { zxid: number; bytes: number };
    expect(taken.headers.location).toBe(`/admin/snapshots/${zxid}`);
    const there = await http('GET', `/admin/snapshots/${zxid}`, { headers: superHeaders });
    expect(there.status).toBe(200);
    expect(there.headers['content-type']).toBe('application/octet-stream');
    expect(there.bytes.length).toBeGreaterThan(0);
    expect(bytes).toBeGreaterThan(0);
    const head = await http('HEAD', `/admin/snapshots/${zxid}`, { headers: superHeaders });
    expect(head).toMatchObject({ status: 200, text: '' });
    const missing = await http('GET', '/admin/snapshots/999999', { headers: superHeaders });
    expect(missing.problem()).toMatchObject({ status: 404, code: 'NOTFOUND' });
    expect((await http('GET', `/admin/snapshots/${zxid}`)).status).toBe(403);
  });

  it('nobody has them where none were given', async () => {
    const bare = await startMemoryNode();
    const answer = await httpClient(bare.url)('POST', '/admin/snapshots', {
      headers: superHeaders,
    });
    expect(answer.problem().detail).toContain('without --super-digest nobody has them');
    await bare.close();
  });

  it('nobody needs them to see the ensemble', async () => {
    const answer = await http('GET', '/ensemble');
    expect(answer.json()).toMatchObject({
      ...{ epoch: 1, leader: 1, readOnly: false, self: 1, configZxid: 1 },
      members: [{ id: 1, role: 'participant', state: 'leading', lag: 0 }],
    });
    expect(answer.headers['zk-server']).toBe('1');
  });
});
