/** What replicas say to one another arrives as it was said, and nothing else arrives at all. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { errorCodes } from '../../../src/protocol/errors.ts';
import { decodeFrame, encodeFrame, PeerFormatError } from '../../../src/replica/peer-codec.ts';
import type {
  LeaderMessage,
  LearnerMessage,
  PeerFrame,
} from '../../../src/replica/peer-messages.ts';
import type { MultiMember, WriteOperation } from '../../../src/protocol/operations.ts';
import { parsePath } from '../../../src/protocol/path.ts';

const whole = fc.maxSafeNat();
const positive = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
const text = fc.string({ unit: 'binary', maxLength: 12 });
const data = fc.uint8Array({ maxLength: 40 });
const path = fc
  .array(fc.stringMatching(/^[a-zé漢][a-z0-9.-]{0,5}$/), { minLength: 1, maxLength: 3 })
  .map((names) => parsePath(`/${names.join('/')}`));
const acl = fc.array(fc.record({ scheme: text, id: text, perms: fc.nat(31) }), { maxLength: 2 });
const version = fc.integer();
const condition = fc.oneof(
  fc.constant('exists' as const),
  fc.array(fc.record({ version, czxid: whole }, { requiredKeys: ['version'] }), { maxLength: 3 }),
);

/** A record whose fields named by `optional` may be absent. */
function record<T>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }, optional: (keyof T)[] = []) {
  const requiredKeys = (Object.keys(fields) as (keyof T)[]).filter(
    (key) => !optional.includes(key),
  );
  return fc.record(fields, { requiredKeys }) as fc.Arbitrary<T>;
}

const create = record(
  {
    ...{ type: fc.constant('create' as const), path, data, sequential: fc.boolean() },
    kind: fc.constantFrom('persistent', 'ephemeral', 'container', 'ttl'),
    ...{ ttlMs: whole, parents: fc.boolean(), acl },
  },
  ['ttlMs', 'parents', 'acl'],
);
const set = record({ type: fc.constant('set' as const), path, data, condition }, ['condition']);
const remove = record(
  { type: fc.constant('delete' as const), path, condition, recursive: fc.boolean() },
  ['condition', 'recursive'],
);
const check = record(
  { type: fc.constant('check' as const), path, condition, exists: fc.boolean() },
  ['condition', 'exists'],
);
const operation = fc.oneof(
  create,
  set,
  remove,
  record({ type: fc.constant('put' as const), path, data, parents: fc.boolean(), acl }, [
    'parents',
    'acl',
  ]),
  record({ type: fc.constant('setAcl' as const), path, acl, condition }, ['condition']),
  record({
    type: fc.constant('multi' as const),
    operations: fc.array(fc.oneof(create, set, remove, check), { maxLength: 4 }),
  }),
  record({
    type: fc.constant('createSession' as const),
    timeoutMs: positive,
    secretHash: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  }),
  record({ type: fc.constant('closeSession' as const), session: positive }),
) as fc.Arbitrary<WriteOperation>;

const generation = positive;
const digest = fc.stringMatching(/^[0-9a-f]{32}$/);
const mark = record({ zxid: whole, digest });
const id = positive;
const session = positive;
const message = <T extends string>(type: T) => fc.constant(type);

const learnerMessage = fc.oneof(
  record(
    {
      ...{ type: message('write'), id, session: whole, generation, operation },
      identities: fc.array(record({ scheme: text, id: text }), { maxLength: 2 }),
      idempotency: record({ key: text, fingerprint: text }),
      acks: fc.oneof(fc.constant('all' as const), positive),
      attaches: fc.constant(true as const),
    },
    ['generation', 'idempotency', 'acks', 'attaches'],
  ),
  record({ type: message('barrier'), id }),
  record({ type: message('attach'), id, session, timeoutMs: positive }),
  record({ type: message('life'), id, session, touch: fc.boolean() }),
  record({
    type: message('register'),
    sessions: fc.array(record({ session, generation, timeoutMs: positive }), { maxLength: 3 }),
  }),
  record({ type: message('detach'), session, generation }),
  record(
    {
      ...{ type: message('touch'), number: positive, now: mark, mark },
      sessions: fc.array(fc.tuple(session, whole), { maxLength: 3 }),
    },
    ['now', 'mark'],
  ),
) as fc.Arbitrary<LearnerMessage>;

const stat = record(
  {
    ...{ czxid: whole, mzxid: whole, pzxid: whole, ctime: whole, mtime: whole },
    ...{ version, cversion: version, aversion: version, ephemeralOwner: whole },
    ...{ dataLength: whole, numChildren: whole, ttlMs: whole },
    kind: fc.constantFrom('persistent', 'ephemeral', 'container', 'ttl'),
  },
  ['ttlMs'],
);
const result = fc.oneof(
  record({ path, created: fc.boolean(), sequence: whole, stat }, ['sequence']),
  record({
    results: fc.array(
      record(
        { op: fc.constantFrom('create', 'set', 'delete', 'check'), path, stat, sequence: whole },
        ['stat', 'sequence'],
      ),
      { maxLength: 3 },
    ),
  }),
  fc.constant({}),
);
const code = fc.constantFrom(...errorCodes);
const error = record(
  {
    ...{ code, detail: text, path: text, retryable: fc.boolean(), failedIndex: whole },
    outcome: fc.constantFrom('not-applied', 'applied', 'unknown'),
    results: fc.array(record({ op: text, path: text, code: fc.oneof(fc.constant('OK'), code) }), {
      maxLength: 2,
    }),
    current: record({ version, czxid: whole }),
    ...{ oldestZxid: whole, currentZxid: whole, retryAfterMs: whole, parentMissing: fc.boolean() },
  },
  [
    ...(['path', 'retryable', 'failedIndex', 'outcome', 'results', 'current'] as const),
    ...(['oldestZxid', 'currentZxid', 'retryAfterMs', 'parentMissing'] as const),
  ],
);
const zxid = whole;
const leaderMessage = fc.oneof(
  record(
    {
      ...{ type: message('proposed'), id, zxid: positive, result },
      awaitsAcks: fc.constant(true as const),
    },
    ['awaitsAcks'],
  ),
  record({ type: message('refused'), id, zxid, error }),
  record({ type: message('answered'), id, zxid: positive, confirmed: positive, result }),
  record({
    ...{ type: message('acked'), id },
    outcome: fc.constantFrom('confirmed', 'unreachable', 'timeout'),
  }),
  record({ type: message('passed'), id, zxid }),
  record({ type: message('void'), id }),
  record({ type: message('lives'), id, zxid, expiresInMs: whole, connected: fc.boolean() }),
  record({ type: message('moved'), id, session, generation }, ['id']),
  record({
    ...{ type: message('touched'), number: positive, committed: zxid },
    gone: fc.array(session, { maxLength: 2 }),
    shorter: fc.array(fc.tuple(session, positive), { maxLength: 2 }),
    members: fc.array(
      record({
        ...{ id: positive, zxid },
        state: fc.constantFrom('leading', 'following', 'observing', 'down'),
      }),
      { maxLength: 3 },
    ),
  }),
  record({ type: message('mismatch'), zxid, digest }),
) as fc.Arbitrary<LeaderMessage>;

const frame: fc.Arbitrary<PeerFrame> = record<PeerFrame>({
  ...{ epoch: positive, applied: whole },
  messages: fc.array(fc.oneof(learnerMessage, leaderMessage), { maxLength: 6 }),
});

/** Views of the frame's bytes compare as what they hold. */
function plain(value: PeerFrame): unknown {
  return JSON.parse(
    JSON.stringify(value, (_key, field: unknown) =>
      field instanceof Uint8Array ? [...field] : field,
    ),
  );
}

describe('frames between replicas', () => {
  it('arrive as they were sent, whatever stands around them in memory', () => {
    fc.assert(
      fc.property(frame, fc.nat(20), (sent, before) => {
        const bytes = encodeFrame(sent);
        const memory = new Uint8Array(bytes.length + before + 7).fill(0x5a);
        memory.set(bytes, before);
        const received = decodeFrame(memory.subarray(before, before + bytes.length));
        expect(plain(received)).toEqual(plain(sent));
      }),
    );
  });

  it('are refused when they are cut anywhere', () => {
    fc.assert(
      fc.property(frame, fc.double({ min: 0, max: 1, noNaN: true }), (sent, where) => {
        const bytes = encodeFrame(sent);
        const cut = bytes.subarray(0, Math.floor(where * (bytes.length - 1)));
        expect(() => decodeFrame(cut)).toThrow(PeerFormatError);
      }),
    );
  });

  it('are refused when bytes are left over', () => {
    const bytes = encodeFrame({ epoch: 1, applied: 0, messages: [{ type: 'barrier', id: 1 }] });
    expect(() => decodeFrame(Uint8Array.of(...bytes, 0))).toThrow('left over');
  });

  it('give a frame or a PeerFormatError for any bytes at all', () => {
    fc.assert(
      fc.property(frame, fc.array(fc.tuple(fc.nat(), fc.nat(255))), (sent, spoils) => {
        const bytes = encodeFrame(sent);
        for (const [at, value] of spoils) bytes[at % bytes.length] = value;
        try {
          expect(decodeFrame(bytes).messages).toBeInstanceOf(Array);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(PeerFormatError);
        }
      }),
    );
  });
});

/** A frame as JSON alone, for what the encoder would never make. */
function raw(messages: unknown[], rest: Record<string, unknown> = {}): Uint8Array {
  const json = Buffer.from(JSON.stringify({ epoch: 1, applied: 0, messages, ...rest }));
  const bytes = Buffer.alloc(4 + json.length);
  bytes.writeUInt32LE(json.length);
  json.copy(bytes, 4);
  return bytes;
}

const write = { type: 'write', id: 1, session: 0, identities: [] };

describe('what no replica may send', () => {
  it.each([
    ['another type', raw([{ type: 'shutdown' }])],
    ['a field too many', raw([{ type: 'barrier', id: 1, more: 1 }])],
    ['a number that is none', raw([{ type: 'barrier', id: 1.5 }])],
    ['a number beyond 2^53', raw([{ type: 'barrier', id: 2 ** 60 }])],
    ['no epoch', raw([], { epoch: undefined })],
    ['no list of messages', raw([], { messages: {} })],
    ['a bad path', raw([{ ...write, operation: { type: 'delete', path: 'a//b' } }])],
    [
      'a bad path in a multi',
      raw([{ ...write, operation: { type: 'multi', operations: [{ type: 'check', path: '' }] } }]),
    ],
    ['the housekeeper’s work', raw([{ ...write, operation: { type: 'reap', path: '/a' } }])],
    [
      'data that is not there',
      raw([{ ...write, operation: { type: 'set', path: '/a', data: 5 } }]),
    ],
    [
      'a hash of another length',
      raw([{ ...write, operation: { type: 'createSession', timeoutMs: 1, secretHash: 31 } }]),
    ],
  ])('%s', (_what, bytes) => {
    expect(() => decodeFrame(bytes)).toThrow(PeerFormatError);
  });

  const framed = (json: Uint8Array): Uint8Array => {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(json.length);
    return Buffer.concat([length, json]);
  };

  it('JSON of more than 32 levels, which is refused before it is parsed', () => {
    const nested = (levels: number): Uint8Array => framed(Buffer.from('['.repeat(levels)));
    const tooDeep = 'replica frame: its JSON nests too deep';
    expect(() => decodeFrame(nested(32))).toThrow(PeerFormatError);
    expect(() => decodeFrame(nested(32))).not.toThrow(tooDeep);
    expect(() => decodeFrame(nested(33))).toThrow(tooDeep);
  });

  it.each([
    ['a lone continuation', [0x80]],
    ['an overlong slash', [0xc0, 0xaf]],
    ['half of a pair', [0xed, 0xa0, 0x80]],
    ['a sequence that is cut off', [0xe2, 0x82]],
  ])('a path that is no UTF-8: %s', (_what, bytes) => {
    const marked = JSON.stringify({
      ...{ epoch: 1, applied: 0 },
      messages: [{ ...write, operation: { type: 'delete', path: '/a?' } }],
    });
    const [before = '', after = ''] = marked.split('?');
    const withPath = (name: readonly number[]): Uint8Array =>
      framed(Buffer.concat([Buffer.from(before), Buffer.from(name), Buffer.from(after)]));
    expect(decodeFrame(withPath([0xe2, 0x82, 0xac])).messages).toMatchObject([
      { operation: { path: '/a€' } },
    ]);
    expect(() => decodeFrame(withPath(bytes))).toThrow('replica frame: its JSON is no UTF-8');
  });

  it('a prefix is a path only of a sequential create', () => {
    const made = (sequential: boolean): Uint8Array =>
      raw([
        {
          ...write,
          operation: { type: 'create', path: '/q/', data: 0, kind: 'persistent', sequential },
        },
      ]);
    expect(() => decodeFrame(made(false))).toThrow(PeerFormatError);
    expect(decodeFrame(made(true)).messages).toHaveLength(1);
  });

  it('keeps the members of a multi and their data apart', () => {
    const a = parsePath('/a');
    const operations: MultiMember[] = [
      { type: 'set', path: a, data: Uint8Array.of(1, 2) },
      { type: 'delete', path: a },
      { type: 'set', path: a, data: Uint8Array.of(3) },
    ];
    const sent: PeerFrame = {
      ...{ epoch: 1, applied: 0 },
      messages: [
        {
          type: 'write',
          id: 1,
          session: 0,
          identities: [],
          operation: { type: 'multi', operations },
        },
      ],
    };
    expect(plain(decodeFrame(encodeFrame(sent)))).toEqual(plain(sent));
  });
});
