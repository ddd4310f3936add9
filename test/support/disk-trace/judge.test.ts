/** The judge of a trace finds what is wrong with it, and says how much there was to judge. */
import { Buffer } from 'node:buffer';
import { crc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { encodeMessage } from '../../../src/transport/codec.ts';
import { channels, frameHeaderBytes } from '../../../src/transport/frames.ts';
import { encodeHello, protocolVersion } from '../../../src/transport/hello.ts';
import type { Hello } from '../../../src/transport/hello.ts';
import { Books } from './books.ts';
import type { TraceEvent } from './events.ts';
import { judge } from './judge.ts';
import type { Verdict } from './judge.ts';

const CREATE = 0o100;
const EIO = 5;
const EINTR = 4;

/** A trace written call by call; each call has ended before the next begins, unless it is left open. */
class Script {
  readonly events: TraceEvent[] = [];
  #calls = 0;
  #files = 10;

  open(path: string): number {
    this.#files += 1;
    this.#call({ operation: 'open', paths: [path], offset: CREATE, fd: this.#files });
    return this.#files;
  }

  write(fd: number, text: string, offset = 0): this {
    const data = Buffer.from(text);
    return this.#call({ operation: 'write', fd, offset, result: data.length, data });
  }

  sync(fd: number, error = 0): this {
    return this.#call({ operation: 'sync', fd, error });
  }

  /** @returns what ends it */
  beginSync(fd: number): () => void {
    this.sync(fd);
    const end = this.events.pop();
    return () => {
      if (end !== undefined) this.events.push(end);
    };
  }

  directory(path: string): this {
    return this.#call({ operation: 'mkdir', paths: [path] }).syncNames(parentOf(path));
  }

  syncNames(path: string): this {
    this.#files += 1;
    this.#call({ operation: 'open', paths: [path], fd: this.#files });
    return this.sync(this.#files);
  }

  rename(from: string, to: string): this {
    return this.#call({ operation: 'rename', paths: [from, to] });
  }

  remove(path: string): this {
    return this.#call({ operation: 'unlink', paths: [path] });
  }

  /** A file whose bytes and name are certain. */
  file(path: string, text: string): number {
    const fd = this.open(path);
    this.write(fd, text).sync(fd).syncNames(parentOf(path));
    return fd;
  }

  acknowledge(path: string): this {
    const data = Buffer.from(`HTTP/1.1 201 Created\r\nA: b\r\n\r\n{"path":"${path}","zxid":3}`);
    return this.send(data);
  }

  send(data: Uint8Array, taken = data.length): this {
    this.#call({ operation: 'send', data, result: taken });
    // The ports of the connection, at the beginning.
    const begin = this.events.at(-2);
    if (begin !== undefined) this.events.splice(-2, 1, { ...begin, offset: 1, result: 2 });
    return this;
  }

  #call(fields: Partial<TraceEvent> & Pick<TraceEvent, 'operation'>): this {
    const event: TraceEvent = {
      ...{ phase: 'begin', process: 1, id: (this.#calls += 1), fd: -1, offset: 0, result: 0 },
      ...{ error: 0, isFault: false, paths: [''], data: new Uint8Array() },
      ...fields,
    };
    this.events.push(event, { ...event, phase: 'end' });
    return this;
  }
}

const parentOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')));

const log = 'node/log/0000000000000001.log';
const nextLog = 'node/log/0000000000000009.log';
const snapshot = 'node/snapshots/0000000000000008.snapshot';

function node(): Script {
  return new Script().directory('node').directory('node/log').directory('node/snapshots');
}

function verdictOf({ events }: Script): Verdict {
  return judge(events, { quorum: 1 });
}

describe('an acknowledged write', () => {
  test('is right when its bytes and its name were synced before', () => {
    const script = node();
    script.file(log, '/a');
    const fd = script.file(nextLog, '/b');
    script.acknowledge('/b').write(fd, '/c', 2).sync(fd).acknowledge('/c');
    const verdict = verdictOf(script);
    expect(verdict.findings).toEqual([]);
    expect(verdict.acknowledged).toEqual(['/b', '/c']);
    expect(verdict.seen.syncs).toBeGreaterThan(3);
  });

  test.each<[string, (script: Script, fd: number) => unknown]>([
    ['is not synced at all', (script, fd) => script.write(fd, '/b')],
    ['is not written at all', (script, fd) => script.sync(fd)],
    ['is synced before it is written', (script, fd) => script.sync(fd).write(fd, '/b')],
    ['is half of it written', (script, fd) => script.write(fd, '/').sync(fd)],
    [
      'is written while the sync is under way',
      (script, fd) => {
        const end = script.beginSync(fd);
        script.write(fd, '/b');
        end();
      },
    ],
    ['is still being synced', (script, fd) => script.write(fd, '/b').beginSync(fd)],
    ['could not be synced', (script, fd) => script.write(fd, '/b').sync(fd, EIO)],
    ['is synced again after that', (script, fd) => script.write(fd, '/b').sync(fd, EIO).sync(fd)],
  ])('is found when it %s', (_what, act) => {
    const script = node();
    const fd = script.file(log, 'head');
    act(script, fd);
    expect(verdictOf(script.acknowledge('/b')).findings).toEqual([
      '/b is acknowledged, and certain in 0 directories, not 1',
    ]);
  });

  test('is right when a sync that was interrupted has been done after all', () => {
    const script = node();
    const fd = script.file(log, 'head');
    script.write(fd, '/b').sync(fd, EINTR).acknowledge('/b').sync(fd).acknowledge('/b');
    expect(verdictOf(script).findings).toHaveLength(1);
  });

  test('is right when it is written again after a sync that failed', () => {
    const script = node();
    const fd = script.file(log, 'head');
    script.write(fd, '/b').sync(fd, EIO).write(fd, '/b').sync(fd).acknowledge('/b');
    expect(verdictOf(script).findings).toEqual([]);
  });

  test('is found when the name of its file is not synced, or that of a directory above', () => {
    const renamed = node();
    const fd = renamed.file('node/log/spare', '');
    renamed.write(fd, '/b').sync(fd).rename('node/log/spare', log).acknowledge('/b');
    expect(verdictOf(renamed).findings).toHaveLength(1);
    expect(verdictOf(renamed.syncNames('node/log').acknowledge('/b')).findings).toHaveLength(1);

    const unsynced = new Script();
    unsynced.directory('node').directory('node/log');
    // The sync of the directory in which the node's own has its name: an open and a sync.
    unsynced.events.splice(2, 4);
    unsynced.file(log, '/b');
    expect(verdictOf(unsynced.acknowledge('/b')).findings).toHaveLength(1);
  });

  test('is certain on as many nodes as a quorum has', () => {
    const script = node().directory('other').directory('other/log');
    script.file(log, '/b');
    script.acknowledge('/b');
    expect(judge(script.events, { quorum: 2 }).findings).toEqual([
      '/b is acknowledged, and certain in 1 directories, not 2',
    ]);
    script.file(log.replace('node', 'other'), '/c');
    script.file(nextLog, '/c');
    expect(judge(script.acknowledge('/c').events, { quorum: 2 }).findings).toHaveLength(1);
  });

  test('is a thing that a trace without any says nothing of', () => {
    const { acknowledged, findings, seen } = verdictOf(new Script());
    expect({ acknowledged, findings }).toEqual({ acknowledged: [], findings: [] });
    expect(Object.values(seen)).toEqual([0, 0, 0, 0, 0]);
  });
});

describe('a file that is put in its place', () => {
  test('holds what is synced', () => {
    const script = node();
    script.write(script.open('node/promise.a.tmp'), 'text');
    script.rename('node/promise.a.tmp', 'node/promise.a');
    const { findings, seen } = verdictOf(script);
    expect(findings).toEqual([
      'node/promise.a.tmp becomes node/promise.a before what it holds is certain',
    ]);
    expect(seen.replacements).toBe(1);
  });
});

describe('a file of the log that is removed', () => {
  test('is in a snapshot that is certain to be there', () => {
    const script = node();
    script.file(log, '/a');
    script.file(nextLog, '/b');
    script.write(script.open(snapshot), 'state');
    const early = verdictOf(script).seen.removals;
    expect(early).toBe(0);
    script.remove(log);
    expect(verdictOf(script).findings).toEqual([
      `${log} is removed, and no snapshot of 8 or later is certain`,
    ]);
  });

  test('may be when there is one, and is gone for good before the next goes', () => {
    const script = node();
    script.file(log, '/a');
    script.file('node/log/0000000000000005.log', '/b');
    script.file(nextLog, '/c');
    script.file(snapshot, 'state');
    script.remove(log);
    expect(verdictOf(script)).toMatchObject({ findings: [], seen: { removals: 1 } });
    script.remove('node/log/0000000000000005.log');
    expect(verdictOf(script).findings).toEqual([
      'node/log/0000000000000005.log is removed while it is not certain that those before it are gone',
    ]);
  });

  test('is not the only snapshot', () => {
    const script = node();
    script.file(snapshot, 'state');
    expect(verdictOf(script.remove(snapshot)).findings).toEqual([
      `${snapshot} is removed, and no later snapshot is certain`,
    ]);
  });
});

/** A frame as it leaves. */
function framed(channel: number, head: Buffer): Buffer {
  const payload = head.subarray(frameHeaderBytes);
  head.writeUInt32LE(payload.length, 0);
  head[4] = channel;
  head.writeUInt32LE(crc32(payload, channel), 5);
  return head;
}

const hello: Hello = {
  ...{ id: 1, to: 2, incarnation: 'life', boot: 'b', clusterId: undefined, url: undefined },
  ...{ featureLevel: 1, role: 'voter', members: '1=voter 2=voter' },
};
const helloFrame = (): Buffer => framed(channels.hello, encodeHello(hello, protocolVersion));

function promiseFrame(epoch: number): Buffer {
  const message = { type: 'LEADERINFO', tenure: 1, epoch, incarnation: 'life' } as const;
  return framed(
    channels.zab,
    encodeMessage({ ...message, clusterId: undefined, voter: true }).head,
  );
}

function twin(script: Script, name: string, value: object): Script {
  const text = `00000000 ${JSON.stringify({ generation: 1, value })}\n`;
  for (const suffix of ['.a', '.b']) script.file(`node/${name}${suffix}`, text);
  return script;
}

describe('what is said to another node', () => {
  test('rests on an identity and a promise that are certain', () => {
    const script = twin(node(), 'identity', { incarnation: 'life' });
    const stream = Buffer.concat([helloFrame(), promiseFrame(3)]);
    twin(script, 'promise', { epoch: 3 });
    // The kernel takes a part of it, and the rest is sent again.
    script.send(stream, 50).send(stream.subarray(50));
    expect(verdictOf(script)).toMatchObject({ findings: [], seen: { hellos: 1, promises: 1 } });
  });

  test('is found when it does not', () => {
    const script = twin(node(), 'promise', { epoch: 2 }).send(helloFrame()).send(promiseFrame(3));
    const finding = 'LEADERINFO of epoch 3 is sent, and its promise is not certain';
    const said = '{"incarnation":"life"} is said to another node, and its identity is not certain';
    expect(verdictOf(script).findings).toEqual([said, said, finding, finding]);
  });
});

describe('the book of what is certain', () => {
  test('holds the bytes that were synced, whatever was written over them since', () => {
    const script = node();
    const fd = script.file(log, 'abcdef');
    script.write(fd, 'XY', 1).sync(fd).write(fd, 'longer than before', 0);
    const books = new Books();
    for (const event of script.events) books.take(event);
    const file = books.certainFiles().get(log);
    expect(Buffer.from(file?.content() ?? []).toString()).toBe('aXYdef');
    expect(Buffer.from(file?.content('seen') ?? []).toString()).toBe('longer than before');
    expect(file?.isSynced).toBe(false);
  });

  test('still has a name whose removal is not synced', () => {
    const script = node();
    script.file(log, 'a');
    const filesOf = (): string[] => {
      const books = new Books();
      for (const event of script.events) books.take(event);
      return [...books.certainFiles().keys()];
    };
    script.remove(log);
    expect(filesOf()).toEqual([log]);
    script.syncNames('node/log');
    expect(filesOf()).toEqual([]);
  });
});
