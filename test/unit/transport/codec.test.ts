import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeMessage, encodeMessage, encodePayload } from '../../../src/transport/codec.ts';
import { FormatError } from '../../../src/transport/fields.ts';
import { frameHeaderBytes } from '../../../src/transport/frames.ts';
import { encodeRecord } from '../../../src/zab/index.ts';
import type { AppendMessage, LogRecord, ZabMessage } from '../../../src/zab/index.ts';

function wire(message: ZabMessage): Buffer {
  const { head, tail } = encodeMessage(message);
  return Buffer.concat([head.subarray(frameHeaderBytes), ...tail]);
}

/** Records compare by what they say: their payload is a view. */
function plain(message: ZabMessage): unknown {
  const shown = (_key: string, value: unknown): unknown =>
    value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value;
  if (message.type !== 'APPEND') return JSON.parse(JSON.stringify(message, shown));
  const records = message.records.map(({ epoch, zxid, kind, chain, bytes, payload }) => ({
    ...{ epoch, zxid, kind, chain, bytes, payload },
  }));
  return JSON.parse(JSON.stringify({ ...message, records }, shown));
}

const count = fc.oneof(fc.nat(), fc.maxSafeNat(), fc.constant(2 ** 32), fc.constant(2 ** 53 - 1));
const uint32 = fc.nat(0xffff_ffff);
/** Epochs, zxids and rounds: what follows them can be told too. */
const counted = fc.oneof(
  fc.nat(),
  fc.maxSafeNat().map((n) => n % (2 ** 52 + 1)),
  fc.constant(2 ** 52),
);
const nodeId = fc.oneof(fc.nat(255), fc.nat(0xffff_ffff));
const featureLevel = fc.integer({ min: 1, max: 0xffff });
const position = fc.record({ epoch: counted, zxid: counted });
const name = fc.string({ maxLength: 128, unit: 'grapheme' }).map((text) => text.slice(0, 128));
const maybe = <T>(one: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(one, { nil: undefined });
const payload = fc.uint8Array({ maxLength: 3000 });

const records: fc.Arbitrary<readonly LogRecord[]> = fc.array(
  fc
    .record({
      epoch: counted,
      zxid: counted,
      previousChain: uint32,
      payload,
      isEpoch: fc.boolean(),
    })
    .map(({ isEpoch, payload: bytes, ...head }) =>
      encodeRecord({ ...head, kind: isEpoch ? 'epoch' : 'txn' }, bytes, crc32),
    ),
  { maxLength: 6 },
);

const type = <const T extends ZabMessage['type']>(value: T): fc.Arbitrary<T> => fc.constant(value);
const tenure = count;
const round = counted;
const committed = position;
const epochStarts = fc.array(position, { maxLength: 5 });

/** Every type of message; a new one does not compile without its line here. */
const everyType = {
  VOTE: fc.record({
    ...{ type: type('VOTE'), round, candidate: nodeId, key: position, epoch: counted },
    state: fc.constantFrom('looking', 'following', 'leading', 'observing'),
    leader: maybe(nodeId),
  }),
  FOLLOWERINFO: fc.record({
    ...{ type: type('FOLLOWERINFO'), tenure, featureLevel, recovering: fc.boolean() },
    ...{ clusterId: maybe(name), last: position },
    promise: maybe(fc.record({ epoch: counted, leader: nodeId, incarnation: name })),
  }),
  LEADERINFO: fc.record({
    ...{ type: type('LEADERINFO'), tenure, epoch: counted, incarnation: name },
    ...{ clusterId: maybe(name), voter: fc.boolean() },
  }),
  ACKEPOCH: fc.record({
    ...{ type: type('ACKEPOCH'), tenure, epoch: counted, counted: fc.boolean() },
    ...{ last: position, chain: uint32, committed, epochStarts },
  }),
  APPEND: fc.record({
    ...{ type: type('APPEND'), tenure, previous: position, previousChain: uint32 },
    ...{ records, committed, round },
  }),
  ACK: fc.record({ type: type('ACK'), tenure, position, round }),
  PING: fc.record({ type: type('PING'), tenure, round, committed }),
  PONG: fc.record({ type: type('PONG'), tenure, round }),
  SNAPSHOT: fc.record({
    ...{ type: type('SNAPSHOT'), tenure, transfer: count, index: count, position },
    ...{ chain: uint32, epochStarts, bytes: payload, last: fc.boolean(), totalBytes: count },
  }),
  SNAPSHOTACK: fc.record({ type: type('SNAPSHOTACK'), tenure, transfer: count, index: count }),
  HANDOFF: fc.record({ type: type('HANDOFF'), tenure, to: nodeId, round }),
  REFUSE: fc.record({ type: type('REFUSE'), tenure, reason: name }),
} satisfies { [T in ZabMessage['type']]: fc.Arbitrary<Extract<ZabMessage, { type: T }>> };

const someMessage = fc.oneof(...Object.values<fc.Arbitrary<ZabMessage>>(everyType));

describe('messages as bytes', () => {
  it.each(Object.entries<fc.Arbitrary<ZabMessage>>(everyType))('%s comes back whole', (_, one) => {
    fc.assert(
      fc.property(one, (message) => {
        expect(plain(decodeMessage(wire(message)))).toEqual(plain(message));
      }),
    );
  });

  it('that are cut short anywhere are refused, never read beyond their end', () => {
    fc.assert(
      fc.property(someMessage, fc.nat(), (message, cut) => {
        const bytes = wire(message);
        const part = bytes.subarray(0, cut % bytes.length);
        // The bytes of a snapshot go on to the end, wherever that is: the frame's checksum guards them.
        if (message.type === 'SNAPSHOT') return;
        expect(() => decodeMessage(part)).toThrow(FormatError);
      }),
    );
  });

  it('with anything left over are refused', () => {
    fc.assert(
      fc.property(someMessage, (message) => {
        if (message.type === 'SNAPSHOT') return;
        expect(() => decodeMessage(Buffer.concat([wire(message), Buffer.alloc(1)]))).toThrow(
          FormatError,
        );
      }),
    );
  });

  it('of any bytes at all are a message or refused, nothing else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(6), (bytes, code) => {
        const given = Buffer.concat([Uint8Array.of(code), bytes]);
        try {
          expect(decodeMessage(given)).toHaveProperty('type');
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('with one byte spoilt are a message or refused, nothing else', () => {
    fc.assert(
      fc.property(someMessage, fc.nat(), fc.nat(255), (message, at, value) => {
        const bytes = wire(message);
        bytes[at % bytes.length] = value;
        try {
          expect(decodeMessage(bytes)).toHaveProperty('type');
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it.each([
    ['no JSON', '{"type"', 'no JSON'],
    ['no object', '[1]', 'no type that is known'],
    ['an unknown type', '{"type":"FOO"}', 'no type that is known'],
    ['a type with a layout of its own', '{"type":"PONG","tenure":1,"round":1}', 'no type'],
    ['an unknown field', '{"type":"HANDOFF","tenure":1,"to":2,"round":3,"x":1}', 'unknown field x'],
    ['a missing field', '{"type":"HANDOFF","tenure":1,"to":2}', 'HANDOFF.round is no integer'],
    ['a fraction', '{"type":"HANDOFF","tenure":1,"to":2,"round":3.5}', 'HANDOFF.round is no'],
    ['a negative number', '{"type":"HANDOFF","tenure":-1,"to":2,"round":3}', 'HANDOFF.tenure'],
    ['a long text', `{"type":"REFUSE","tenure":1,"reason":"${'x'.repeat(2049)}"}`, 'longer than'],
    ['a prototype', '{"type":"REFUSE","tenure":1,"reason":"","__proto__":{}}', '__proto__'],
  ])('refuse JSON with %s', (_, json, problem) => {
    const bytes = Buffer.concat([Uint8Array.of(0), Buffer.from(json)]);
    expect(() => decodeMessage(bytes)).toThrow(problem);
  });

  it('refuse JSON of more than 16 levels by its brackets, before it is parsed', () => {
    const nested = (levels: number): Buffer => Buffer.from(`\0${'['.repeat(levels)}`);
    expect(() => decodeMessage(nested(16))).toThrow('is no JSON');
    expect(() => decodeMessage(nested(17))).toThrow('a message nests deeper than any message does');
    const inText = `\0{"type":"REFUSE","tenure":1,"reason":"${'['.repeat(17)}"}`;
    expect(decodeMessage(Buffer.from(inText))).toMatchObject({ type: 'REFUSE' });
  });

  it.each([
    ['a lone continuation', [0x80]],
    ['an overlong slash', [0xc0, 0xaf]],
    ['half of a pair', [0xed, 0xa0, 0x80]],
    ['a sequence that is cut off', [0xe2, 0x82]],
  ])('refuse JSON that is no UTF-8: %s', (_, bytes) => {
    const wired = (reason: readonly number[]): Buffer => {
      const start = Buffer.from('\0{"type":"REFUSE","tenure":1,"reason":"');
      return Buffer.concat([start, Buffer.from(reason), Buffer.from('"}')]);
    };
    expect(decodeMessage(wired([0xe2, 0x82, 0xac]))).toMatchObject({ reason: '€' });
    expect(() => decodeMessage(wired(bytes))).toThrow('a message is no JSON');
  });

  const spoken = {
    FOLLOWERINFO: {
      ...{ tenure: 1, featureLevel: 1, recovering: false, last: { epoch: 1, zxid: 1 } },
      promise: { epoch: 1, leader: 1, incarnation: 'x' },
    },
    VOTE: {
      round: 1,
      candidate: 1,
      key: { epoch: 1, zxid: 1 },
      state: 'looking',
      epoch: 1,
      leader: 1,
    },
    LEADERINFO: { tenure: 1, epoch: 1, incarnation: 'x', voter: true },
    ACKEPOCH: {
      ...{ tenure: 1, epoch: 1, counted: true, last: { epoch: 1, zxid: 1 }, chain: 1 },
      ...{ committed: { epoch: 1, zxid: 1 }, epochStarts: [{ epoch: 1, zxid: 1 }] },
    },
    HANDOFF: { tenure: 1, to: 1, round: 1 },
  } as const;
  const tooMuch: readonly (readonly [keyof typeof spoken, path: string, value: number])[] = [
    ['FOLLOWERINFO', 'promise.epoch', 2 ** 52 + 1],
    ['FOLLOWERINFO', 'promise.epoch', Number.MAX_SAFE_INTEGER],
    ['FOLLOWERINFO', 'promise.leader', 2 ** 32],
    ['FOLLOWERINFO', 'featureLevel', 0],
    ['FOLLOWERINFO', 'featureLevel', 65_536],
    ['FOLLOWERINFO', 'last.zxid', 2 ** 52 + 1],
    ['VOTE', 'round', 2 ** 52 + 1],
    ['VOTE', 'candidate', 2 ** 32],
    ['VOTE', 'leader', 2 ** 32],
    ['VOTE', 'epoch', 2 ** 52 + 1],
    ['VOTE', 'key.epoch', 2 ** 52 + 1],
    ['LEADERINFO', 'epoch', 2 ** 52 + 1],
    ['ACKEPOCH', 'committed.zxid', 2 ** 52 + 1],
    ['ACKEPOCH', 'last.epoch', 2 ** 52 + 1],
    ['ACKEPOCH', 'epochStarts.0.epoch', 2 ** 52 + 1],
    ['HANDOFF', 'round', 2 ** 52 + 1],
    ['HANDOFF', 'to', 2 ** 32],
  ];
  it.each(tooMuch)(
    'refuse a %s whose %s is %d: it can be answered by nothing',
    (name, path, value) => {
      const message = JSON.parse(JSON.stringify({ type: name, ...spoken[name] })) as object;
      const decode = () => {
        return decodeMessage(
          Buffer.concat([Uint8Array.of(0), Buffer.from(JSON.stringify(message))]),
        );
      };
      expect(decode()).toMatchObject({ type: name });
      const names = path.split('.');
      let at = message as Record<string, object>;
      for (const step of names.slice(0, -1)) at = at[step] as Record<string, object>;
      Object.assign(at, { [names.at(-1) ?? '']: value });
      const field = `${name}.${path.replace('.0.', '[0].')} is`;
      expect(decode).toThrow(field);
    },
  );

  it('refuse positions and rounds beyond 2^52 in every layout', () => {
    const fine = { epoch: 1, zxid: 1 };
    const record = encodeRecord(
      { epoch: 1, zxid: 2 ** 52 + 1, kind: 'txn', previousChain: 0 },
      new Uint8Array(1),
      crc32,
    );
    const append: AppendMessage = {
      ...{ type: 'APPEND', tenure: 1, previous: fine, previousChain: 0, records: [] },
      ...{ committed: fine, round: 1 },
    };
    const far = { epoch: 1, zxid: 2 ** 52 + 1 };
    const messages: readonly ZabMessage[] = [
      { ...append, records: [record] },
      { ...append, previous: far },
      { ...append, committed: far },
      { ...append, round: 2 ** 52 + 1 },
      { type: 'ACK', tenure: 1, position: far, round: 1 },
      { type: 'ACK', tenure: 1, position: fine, round: 2 ** 52 + 1 },
      { type: 'PING', tenure: 1, round: 2 ** 52 + 1, committed: fine },
      { type: 'PING', tenure: 1, round: 1, committed: far },
      { type: 'PONG', tenure: 1, round: 2 ** 52 + 1 },
      {
        ...{ type: 'SNAPSHOT', tenure: 1, transfer: 1, index: 0, position: far, chain: 0 },
        ...{ epochStarts: [], bytes: new Uint8Array(1), last: true, totalBytes: 1 },
      },
    ];
    for (const message of messages) expect(() => decodeMessage(wire(message))).toThrow('2^52');
    expect(() => decodeMessage(wire(append))).not.toThrow();
  });

  it('send the bytes of long records as they are, and give views on what was received', () => {
    const record = encodeRecord(
      { epoch: 1, zxid: 2, kind: 'txn', previousChain: 0 },
      new Uint8Array(10_000),
      crc32,
    );
    const message: ZabMessage = {
      ...{ type: 'APPEND', tenure: 1, previous: { epoch: 1, zxid: 1 }, previousChain: 0 },
      ...{ records: [record], committed: { epoch: 1, zxid: 1 }, round: 1 },
    };
    const { tail } = encodeMessage(message);
    expect(tail[0]).toBe(record.bytes);
    const received = wire(message);
    const decoded = decodeMessage(received);
    const bytes = decoded.type === 'APPEND' ? decoded.records[0]?.bytes : undefined;
    expect(bytes?.buffer).toBe(received.buffer);
    expect(bytes?.length).toBe(record.bytes.length);
    // `slice` of a Buffer would share memory, and the pure layers rely on a copy.
    expect(Buffer.isBuffer(bytes)).toBe(false);
  });

  it('carry payloads of any length unchanged', () => {
    for (const length of [0, 1, 4096, 4097, 100_000]) {
      const bytes = new Uint8Array(length).fill(9);
      const { head, tail } = encodePayload(bytes);
      const whole = Buffer.concat([head.subarray(frameHeaderBytes), ...tail]);
      expect(Buffer.compare(whole, bytes)).toBe(0);
    }
  });
});
