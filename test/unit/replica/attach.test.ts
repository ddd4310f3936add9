/** Attaching to a session: who owns it when several ask at once, and what a refused attach leaves behind. */
import { describe, expect, it } from 'vitest';
import type { CoordinatorAnswer, SessionCredential } from '../../../src/protocol/coordination.ts';
import type { AttachOperation, Operation } from '../../../src/protocol/operations.ts';
import { parsePath } from '../../../src/protocol/path.ts';
import { MemoryDisk } from '../../support/memory-disk.ts';
import { ManualReplica } from './manual-replica.ts';

type Session = AttachOperation['session'];

function attach(session: Session, fields: Partial<AttachOperation> = {}): AttachOperation {
  return { type: 'attach', session, identities: [], watches: [], ...fields };
}

function open(node: ManualReplica, ...streams: number[]): void {
  node.submit(...streams.map((stream) => ({ type: 'open', stream, identities: [] }) as const));
}

function request(node: ManualReplica, stream: number, operation: Operation, id = 1): void {
  node.submit({ type: 'request', stream, id, operation });
}

async function newSession(node: ManualReplica): Promise<SessionCredential> {
  node.submit({
    ...{ type: 'request', stream: 0, id: 1, operation: { type: 'newSession' } },
    caller: { identities: [] },
  });
  await node.settle();
  const [answer] = node.take();
  if (answer?.type !== 'result') throw new Error('no session');
  const { id, secret } = answer.result as { id: number; secret: string };
  return { id, secret };
}

/** What a stream was told, in few words. */
function told(answers: readonly CoordinatorAnswer[], stream: number): string[] {
  return answers
    .filter((answer) => answer.stream === stream)
    .map((answer) => {
      if (answer.type === 'error') return answer.error.code;
      return answer.type === 'session' ? answer.state : answer.type;
    });
}

describe('two connections that resume one session in the same turn', () => {
  it('leave it to the newer one, and the older is told moved', async () => {
    const node = await ManualReplica.start();
    const credential = await newSession(node);
    open(node, 1, 2);
    request(node, 1, attach(credential));
    request(node, 2, attach(credential));
    await node.settle();
    const answers = node.take();
    expect(told(answers, 1)).toEqual(['result', 'moved']);
    expect(told(answers, 2)).toEqual(['result']);
    request(node, 1, { type: 'ping' }, 2);
    request(node, 2, { type: 'whoami' }, 2);
    await node.settle();
    expect(told(node.take(), 2)).toEqual(['result']);
  });

  it('are told the zxids of their own records, in the order in which they asked', async () => {
    const node = await ManualReplica.start();
    const credential = await newSession(node);
    open(node, 1, 2);
    request(node, 1, attach(credential));
    request(node, 2, attach(credential));
    await node.settle();
    const zxids = node.take().flatMap((answer) => (answer.type === 'result' ? answer.zxid : []));
    expect(zxids).toEqual([credential.id + 1, credential.id + 2]);
    expect(node.replica.status().appliedZxid).toBe(credential.id + 2);
  });

  it('do not keep the session from ending with the newer one', async () => {
    const node = await ManualReplica.start();
    const credential = await newSession(node);
    open(node, 1, 2);
    request(node, 1, attach(credential));
    request(node, 2, attach(credential));
    await node.settle();
    request(node, 2, { type: 'endSession' }, 2);
    await node.settle();
    expect(told(node.take(), 2)).toEqual(['result', 'result']);
    expect(node.replica.metrics().sessions).toBe(0);
  });

  it('leave it to a newer one that closes before it is connected, and to nobody after that', async () => {
    const node = await ManualReplica.start();
    const credential = await newSession(node);
    open(node, 1, 2, 3);
    request(node, 1, attach(credential));
    request(node, 2, attach(credential));
    node.submit({ type: 'close', stream: 2 });
    await node.settle();
    expect(told(node.take(), 1)).toEqual(['result', 'moved']);
    request(node, 3, attach(credential));
    await node.settle();
    expect(told(node.take(), 3)).toEqual(['result']);
  });
});

describe('a connection of the leader that another one has taken the session from', () => {
  it('has no write taken from the moment in which the other asks', async () => {
    const node = await ManualReplica.start();
    const credential = await newSession(node);
    open(node, 1, 2);
    request(node, 1, attach(credential));
    await node.settle();
    const put = { type: 'put', data: new Uint8Array(0) } as const;
    request(node, 1, { ...put, path: parsePath('/before') }, 2);
    request(node, 2, attach(credential));
    node.take();
    request(node, 1, { ...put, path: parsePath('/after') }, 3);
    expect(told(node.take(), 1), 'what it has in the log is decided without it').toEqual(['moved']);
    await node.settle();
    const answers = node.take();
    expect(told(answers, 1)).toEqual([]);
    expect(answers).toMatchObject([{ stream: 2, type: 'result', zxid: credential.id + 3 }]);
    for (const path of ['/before', '/after'] as const) {
      request(node, 2, { type: 'exists', path: parsePath(path) }, 2);
    }
    expect(told(node.take(), 2)).toEqual(['result', 'NONODE']);
  });
});

describe('a nearly full disk', () => {
  it('refuses growth, and lets everybody come back to a session', async () => {
    const room = { capacityBytes: 64 * 1024 * 1024 };
    const disk = new MemoryDisk(room);
    const node = await ManualReplica.start({ disk });
    const credential = await newSession(node);
    room.capacityBytes -= (await disk.freeBytes()) - 100 * 1024;
    await node.pass(6000);
    open(node, 1);
    request(node, 1, attach(credential));
    request(node, 1, { type: 'put', path: parsePath('/a'), data: new Uint8Array(0) }, 2);
    await node.settle();
    expect(told(node.take(), 1)).toEqual(['result', 'QUOTAEXCEEDED']);
  });
});

describe('a session that ends while a connection resumes it', () => {
  it('is an error to that connection', async () => {
    const node = await ManualReplica.start();
    const credential = await newSession(node);
    open(node, 1);
    node.submit(
      {
        ...{ type: 'request', stream: 0, id: 2, caller: { identities: [] } },
        operation: { type: 'closeSession', session: credential.id },
      },
      { type: 'request', stream: 1, id: 1, operation: attach(credential) },
    );
    await node.settle();
    expect(told(node.take(), 1)).toEqual(['SESSIONEXPIRED']);
  });
});

describe('a one-shot watch that is resumed beside a persistent one', () => {
  it('is compared with what there is, not used up by what is replayed', async () => {
    const node = await ManualReplica.start();
    const path = parsePath('/lock');
    const write = async (operation: Operation): Promise<number> => {
      node.submit({
        ...{ type: 'request', stream: 0, id: 1, operation },
        caller: { identities: [] },
      });
      await node.settle();
      return node.replica.status().appliedZxid;
    };
    const put = { type: 'put', path, data: new Uint8Array(0) } as const;
    const resumeFrom = node.replica.status().appliedZxid;
    const created = await write(put);
    const deleted = await write({ type: 'delete', path });
    node.take();
    open(node, 1);
    const root = parsePath('/');
    const watches = [
      { path, mode: 'exists' as const },
      { path: root, mode: 'persistent' as const },
    ];
    request(node, 1, attach('none', { watches, resumeFrom }));
    await node.settle();
    const again = await write(put);
    const events = node
      .take()
      .flatMap((answer) => (answer.type === 'events' ? [answer] : []))
      .map(({ zxid, events: all }) => [zxid, ...all.map((event) => event.type)]);
    expect(events).toEqual([
      [created, 'NodeChildrenChanged'],
      [deleted, 'NodeChildrenChanged'],
      [again, 'NodeCreated', 'NodeChildrenChanged'],
    ]);
  });
});

describe('an attach with more watches than there may be', () => {
  const watches = ['/a', '/b', '/c'].map((text) => ({
    path: parsePath(text),
    mode: 'persistent' as const,
  }));

  it.each([{ watchesPerStreamMax: 2 }, { watchesPerClientMax: 2 }, { watchesMax: 2 }])(
    'is refused by %o',
    async (limits) => {
      const node = await ManualReplica.start({ limits });
      node.submit({ type: 'open', stream: 1, identities: [], clients: ['a'] });
      request(node, 1, attach('new', { watches }));
      await node.settle();
      expect(told(node.take(), 1)).toEqual(['QUOTAEXCEEDED']);
      expect(node.replica.metrics()).toMatchObject({ sessions: 0, watches: 0 });
      expect(node.fatal).toBeUndefined();
    },
  );

  it('is refused where another has taken the room meanwhile', async () => {
    const node = await ManualReplica.start({ limits: { watchesMax: 4 } });
    open(node, 1, 2);
    request(node, 1, attach('new', { watches }));
    request(node, 2, attach('new', { watches }));
    await node.settle();
    const answers = node.take();
    expect([...told(answers, 1), ...told(answers, 2)].sort()).toEqual(['QUOTAEXCEEDED', 'result']);
    expect(node.replica.metrics().watches).toBe(3);
  });

  it('leaves its session to nobody, where another has taken the room meanwhile', async () => {
    const node = await ManualReplica.start({ limits: { watchesMax: 4 } });
    const credential = await newSession(node);
    open(node, 1, 2);
    request(node, 1, attach('new', { watches }));
    request(node, 2, attach(credential, { watches }));
    await node.settle();
    const answers = node.take();
    expect([...told(answers, 1), ...told(answers, 2)]).toEqual(['result', 'QUOTAEXCEEDED']);
    node.submit({ type: 'close', stream: 2 });
    open(node, 3);
    request(node, 3, { type: 'sessionInfo', session: credential.id });
    await node.settle();
    expect(node.take()).toMatchObject([{ result: { connected: false } }]);
  });
});
