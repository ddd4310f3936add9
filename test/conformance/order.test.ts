/**
 * One WebSocket is one ordered stream: pipelined requests take effect and are answered in order, refusals
 * among them, and an event stands before every answer that could show its change.
 */
import { expect, test } from 'vitest';
import type { Message } from '../support/websocket-client.ts';
import { seededRandom } from '../support/random.ts';
import type { Random } from '../support/random.ts';
import { line } from './checklist.ts';
import { describeOverWebSocket, describeThroughEveryDoor } from './doors.ts';
import { ask, connectTo, eventsIn } from './websocket-client.ts';

/** What a stream alone in its place must be told: znodes by name, one level deep. */
class Model {
  readonly #place: string;
  readonly #nodes = new Map<string, { data: string; version: number }>();

  constructor(place: string) {
    this.#place = place;
  }

  /** The answer to a message, as far as it does not depend on zxids and time. */
  answer(message: Message): object {
    const path = message['path'] as string;
    const name = path.slice(this.#place.length + 1);
    const node = this.#nodes.get(name);
    switch (message.type) {
      case 'create':
        if (node !== undefined) return { code: 'NODEEXISTS' };
        this.#nodes.set(name, { data: message['data'] as string, version: 0 });
        return { path, version: 0 };
      case 'children':
        return { children: [...this.#nodes.keys()].sort() };
      case 'exists':
        return node === undefined ? { code: 'NONODE' } : { path, version: node.version };
      default:
        return this.#onNode(message, name, node);
    }
  }

  #onNode(
    message: Message,
    name: string,
    node: { data: string; version: number } | undefined,
  ): object {
    if (node === undefined) return { code: 'NONODE' };
    const { type, version } = message as Message & { version?: number };
    if (version !== undefined && version !== node.version) return { code: 'BADVERSION' };
    switch (type) {
      case 'set':
        node.data = message['data'] as string;
        node.version++;
        return { path: message['path'], version: node.version };
      case 'delete':
        this.#nodes.delete(name);
        return {};
      default:
        return { path: message['path'], version: node.version, data: node.data };
    }
  }
}

function shownBy(message: Message, answer: Message | undefined): object {
  const { path, children, data, stat, problem } = answer as Message & {
    stat?: { version: number };
    problem?: { code: string };
  };
  if (problem !== undefined) return { code: problem.code };
  if (message.type === 'children') return { children };
  if (message.type === 'delete') return {};
  return { path, version: stat?.version, ...(data !== undefined && { data }) };
}

const types = ['create', 'create', 'set', 'set', 'delete', 'get', 'get', 'exists', 'children'];

function anyMessage(random: Random, place: string, step: number): Message {
  const type = types[Math.floor(random() * types.length)] ?? 'get';
  if (type === 'children') return { type, path: place };
  const path = `${place}/${'abcd'.charAt(Math.floor(random() * 4))}`;
  const conditional = (type === 'set' || type === 'delete') && random() < 0.5;
  return {
    ...{ type, path },
    ...((type === 'create' || type === 'set') && { data: String(step) }),
    ...(conditional && { version: Math.floor(random() * 3) }),
    ...((type === 'get' || type === 'exists') && random() < 0.2 && { consistency: 'linearizable' }),
  };
}

describeOverWebSocket('a pipelined stream', (door) => {
  test.each([1, 2, 3])(line(36, 'program %i'), async (seed) => {
    const { raw } = await door.client();
    const place = await door.fresh();
    const random = seededRandom(seed);
    const program = Array.from({ length: 600 }, (_, step) => anyMessage(random, place, step));
    const answers: Promise<Message[]>[] = [];
    for (let next = 0; next < program.length;) {
      const size = 1 + Math.floor(random() * 40);
      answers.push(raw.requests(program.slice(next, next + size)));
      next += size;
    }
    const model = new Model(place);
    const expected = program.map((message) => model.answer(message));
    const given = (await Promise.all(answers)).flat();
    expect(program.map((message, index) => shownBy(message, given[index]))).toEqual(expected);
    const answered = raw.received.filter(({ type }) => type === 'result' || type === 'error');
    expect(answered).toEqual(given);
    const zxids = given.map((answer) => answer['zxid'] as number);
    expect(zxids).toEqual([...zxids].sort((one, other) => one - other));
  });

  test('write, write, read: each sees what was before it', async () => {
    const { raw } = await door.client();
    const path = `${await door.fresh()}/a`;
    const answers = await raw.requests([
      { type: 'create', path, data: 'one' },
      { type: 'get', path },
      { type: 'set', path, data: 'two' },
      { type: 'set', path, data: 'three' },
      { type: 'get', path },
      { type: 'get', path, consistency: 'linearizable' },
      { type: 'delete', path },
      { type: 'exists', path },
    ]);
    const data = answers.map((answer) => answer['data']).filter((each) => each !== undefined);
    expect(data).toEqual(['one', 'three', 'three']);
    expect(answers.at(-1)?.type).toBe('error');
  });

  test('of all kinds of requests, answers come in the order of the requests', async () => {
    const { raw } = await door.client({ session: 'new' });
    const place = await door.fresh();
    const path = `${place}/a`;
    const messages: Message[] = [
      { type: 'sync' },
      { type: 'create', path, ephemeral: true },
      { type: 'whoami' },
      { type: 'nothing' },
      { type: 'get', path, consistency: 'linearizable' },
      { type: 'create', path: 'no path' },
      { type: 'multi', operations: [{ op: 'delete', path: `${place}/missing` }] },
      { type: 'ephemerals' },
      { type: 'watch', path, mode: 'persistent' },
      { type: 'setAcl', path, acl: [{ scheme: 'world', id: 'anyone', perms: 'cdrwa' }] },
      { type: 'auth', scheme: 'digest', credential: 'ann:secret' },
      { type: 'tree', path: place },
      { type: 'ping' },
      { type: 'unwatch', path },
      { type: 'multiRead', operations: [{ op: 'acl', path }] },
      { type: 'delete', path: place, recursive: true },
      { type: 'children', path: place },
    ];
    const given = await raw.requests(messages);
    const answered = raw.received.filter(({ type }) => type === 'result' || type === 'error');
    expect(answered).toEqual(given);
    expect(given.map(({ type }) => type)).toEqual(
      messages.map((_, index) => ([3, 5, 6, 16].includes(index) ? 'error' : 'result')),
    );
  });

  test(line(19), async () => {
    const { raw } = await door.client();
    const other = await door.client();
    const place = await door.fresh();
    await ask(raw, { type: 'watch', path: place, mode: 'persistent-recursive' });
    const writes = Array.from({ length: 100 }, (_, round) => {
      const path = `${place}/${round % 5}`;
      return round % 10 < 5 ? { type: 'put', path, data: String(round) } : { type: 'delete', path };
    });
    const reads = Array.from({ length: 200 }, () => ({ type: 'children', path: place }));
    // Its own writes, another's, and reads of what both change, all in flight together.
    const inFlight = [
      other.raw.requests(writes),
      raw.requests([...reads.slice(0, 50), ...writes.slice(0, 50), ...reads.slice(50)]),
      other.raw.requests(writes),
      ...reads.map((read) => raw.ask({ ...read, consistency: 'linearizable' })),
    ];
    await Promise.all(inFlight);
    await ask(raw, { type: 'ping' });
    const present = new Set<string>();
    let eventsAt = 0;
    for (const message of raw.received.slice(2)) {
      const zxid = message['zxid'] as number;
      expect(zxid).toBeGreaterThanOrEqual(eventsAt);
      if (message.type === 'events') {
        expect(zxid).toBeGreaterThan(eventsAt);
        eventsAt = zxid;
        for (const { type, path } of eventsIn(message)) {
          if (type === 'NodeCreated') present.add(path.slice(place.length + 1));
          if (type === 'NodeDeleted') present.delete(path.slice(place.length + 1));
        }
      }
      // What a listing shows is exactly what the events before it have told.
      if (Array.isArray(message['children'])) {
        expect(message['children']).toEqual([...present].sort());
      }
    }
    expect(eventsAt).toBeGreaterThan(0);
  });

  test('the server sends arrays only to a client that reads them', async () => {
    const place = await door.fresh();
    const pings = Array.from({ length: 20 }, () => ({ type: 'exists', path: place }));
    const plain = await connectTo(door.url);
    const batched = await connectTo(door.url, { batch: true });
    const answers = await Promise.all([plain.requests(pings), batched.requests(pings)]);
    expect(answers.flat().every(({ type }) => type === 'result')).toBe(true);
    expect(plain.frames.some((frame) => Array.isArray(frame))).toBe(false);
    expect(batched.frames.some((frame) => Array.isArray(frame))).toBe(true);
    for (const raw of [plain, batched]) raw.socket.terminate();
  });

  test('the event of an own write comes before its answer', async () => {
    const { raw } = await door.client();
    const place = await door.fresh();
    await ask(raw, { type: 'watch', path: place, mode: 'persistent' });
    const before = raw.received.length;
    await ask(raw, { type: 'set', path: place, data: 'x' });
    const types = raw.received.slice(before).map(({ type }) => type);
    expect(types.filter((type) => type !== 'bookmark')).toEqual(['events', 'result']);
  });

  test('a watch set by a read misses nothing that comes after what the read shows', async () => {
    const { raw } = await door.client();
    const writer = await door.client();
    const path = await door.fresh();
    for (let round = 0; round < 30; round++) {
      const write = writer.set(path, String(round));
      const read = await ask<{ data: string }>(raw, { type: 'get', path, watch: true });
      const { zxid } = await write;
      if (read.data === String(round)) {
        await ask(raw, { type: 'unwatch', path });
        continue;
      }
      expect(eventsIn(await raw.nextEvents())).toEqual([{ type: 'NodeDataChanged', path, zxid }]);
    }
  });

  test('a request that waits for a later state holds back those behind it', async () => {
    const { raw } = await door.client();
    const writer = await door.client();
    const place = await door.fresh();
    const { zxid } = await writer.sync();
    const waiting = raw.requests([
      { type: 'get', path: place, minZxid: zxid + 1 },
      { type: 'create', path: `${place}/behind` },
      { type: 'children', path: place },
    ]);
    await writer.get(place);
    expect((await writer.children(place)).children).toEqual([]);
    await writer.set(place, 'later');
    const [read, created, listed] = await waiting;
    expect(read).toMatchObject({ data: 'later' });
    expect(created?.['zxid']).toBeGreaterThan(zxid + 1);
    expect(listed).toMatchObject({ children: ['behind'] });
  });
});

describeThroughEveryDoor('what is not durable', (door) => {
  test('is not acknowledged, and no refusal speaks of it', async () => {
    const place = await door.fresh();
    const [one, other, third] = await Promise.all([door.client(), door.client(), door.client()]);
    door.hold();
    const settled: string[] = [];
    const note = (name: string, request: Promise<unknown>): Promise<unknown> =>
      request.then(
        (answer) => {
          settled.push(name);
          return answer;
        },
        (error: unknown) => {
          settled.push(name);
          return error;
        },
      );
    const first = note('created', one.create(`${place}/a`));
    for (let round = 0; round < 3; round++) await third.exists(place, { consistency: 'local' });
    const refusals = [
      note('exists', other.create(`${place}/a`)),
      note('not empty', other.delete(place)),
    ];
    for (let round = 0; round < 10; round++) {
      const { children } = await third.children(place, { consistency: 'local' });
      expect(children).toEqual([]);
    }
    expect(settled).toEqual([]);
    door.release();
    expect(await first).toMatchObject({ created: true });
    const [exists, notEmpty] = await Promise.all(refusals);
    expect([exists, notEmpty]).toMatchObject([{ code: 'NODEEXISTS' }, { code: 'NOTEMPTY' }]);
    expect((await third.children(place)).children).toEqual(['a']);
  });
});
