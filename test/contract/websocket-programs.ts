/**
 * Conversations over a WebSocket, made out of the schemas of its messages: well-formed ones and spoilt
 * ones. Each is an array of frames; the first says `connect`, mostly.
 */
import fc from 'fast-check';
import { requestSchema, requestTypes } from '../../src/protocol/websocket/client.ts';
import type { RequestType } from '../../src/protocol/websocket/client.ts';
import { fromSchema, spoil } from './from-schema.ts';
import type { Hints } from './from-schema.ts';

/** What is sent; bytes go as a binary frame. */
export type Frame = string | Uint8Array;

const paths = ['/', '/a', '/b', '/a/b', '/a/b/c', '/e', '/q-', '/zookeeper', '/zookeeper/config'];
const path = fc.oneof(
  { weight: 20, arbitrary: fc.constantFrom(...paths) },
  { weight: 1, arbitrary: fc.constantFrom('', 'a', '/a/', '/a//b', '/./a', '/\u0000', '//') },
);
const openAcl = [{ scheme: 'world', id: 'anyone', perms: 'cdrwa' }];

const hints: Hints = {
  ZnodePath: path,
  data: fc.constantFrom('', 'x', 'aGk=', 'é', 'x'.repeat(40)),
  acl: fc.oneof(
    { weight: 6, arbitrary: fc.constant(openAcl) },
    fc.constantFrom<unknown[]>([{ scheme: 'auth', id: '', perms: 'cdrwa' }], [], [{}]),
  ),
  Version: fc.constantFrom(0, 1, -1, 2),
  minZxid: fc.constantFrom(0, 1, 5),
  resumeFrom: fc.constantFrom(0, 1, 3),
  ifMatch: fc.constantFrom('0', '1', '0.2', '*', '"0"'),
  ttlMs: fc.constantFrom(1000, 60_000),
  acks: fc.constantFrom<unknown[]>(1, 'all', 2),
  idempotencyKey: fc.constantFrom('k1', 'k2', 'k3'),
  scheme: fc.constantFrom('digest', 'digest', 'digest', 'world', 'bearer'),
  credential: fc.constantFrom('ann:secret', 'bob:secret', 'ann'),
  timeoutMs: fc.constantFrom(100, 1000, 10_000),
  session: fc.constantFrom('new', 'new', 'new', '1:AAAAAAAAAAAAAAAAAAAAAA', 'rubbish'),
  watches: fc.array(
    fc.record({ path, mode: fc.constantFrom('data', 'exists', 'children', 'persistent') }),
    { maxLength: 3 },
  ),
};

/** Such as end a conversation come seldom. */
const weights: Partial<Record<RequestType, number>> = { close: 1, auth: 2, connect: 0 };

const wellFormed = fc.oneof(
  ...requestTypes.map((type) => ({
    weight: weights[type] ?? 6,
    arbitrary: fromSchema(requestSchema(type), hints),
  })),
) as fc.Arbitrary<object>;

const connect = fromSchema(requestSchema('connect'), {
  ...hints,
  minZxid: fc.constantFrom(0, 1),
}) as fc.Arbitrary<object>;

/** Numbers the messages as a client would, unless their id has been spoilt. */
function numbered(message: unknown, id: number): unknown {
  const isNumbered = typeof message === 'object' && message !== null && 'id' in message;
  if (!isNumbered || !Number.isSafeInteger(message.id)) return message;
  return { ...message, id };
}

const message = fc.oneof(
  { weight: 12, arbitrary: wellFormed },
  { weight: 4, arbitrary: wellFormed.chain(spoil) },
  { weight: 1, arbitrary: wellFormed.chain(spoil).chain(spoil) },
);

const brokenTexts = [
  '',
  '{',
  'null',
  '5',
  '"x"',
  '[[',
  '{"type":"ping","id":900003',
  '{"id":1e400}',
];
const nested = `${'['.repeat(3000)}${']'.repeat(3000)}`;
const broken: fc.Arbitrary<Frame> = fc.oneof(
  fc.constantFrom<Frame[]>(...brokenTexts, nested, '[]', '{"type":"ping","id":900001,"id":900002}'),
  fc.uint8Array({ maxLength: 20 }),
  fc.string({ maxLength: 30 }),
  fc.tuple(wellFormed, fc.nat()).map(([value, cut]) => {
    const text = JSON.stringify(value);
    return text.slice(0, cut % text.length);
  }),
);

/** A frame that is no JSON mostly ends the conversation, so it comes late and seldom. */
export const conversation: fc.Arbitrary<readonly Frame[]> = fc
  .record({
    begin: fc.oneof(
      { weight: 20, arbitrary: connect },
      { weight: 1, arbitrary: connect.chain(spoil) },
      { weight: 1, arbitrary: wellFormed },
    ),
    frames: fc.array(
      fc.oneof(
        { weight: 4, arbitrary: message.map((one) => [one]) },
        { weight: 1, arbitrary: fc.array(message, { maxLength: 5 }) },
      ),
      { maxLength: 12 },
    ),
    arrays: fc.boolean(),
    end: fc.option(broken, { nil: undefined, freq: 5 }),
  })
  .map(({ begin, frames, arrays, end }) => {
    let id = 0;
    const number = (one: unknown): unknown => numbered(one, (id += 1));
    const first = JSON.stringify(number(begin));
    const rest = frames.map((messages) => {
      const all = messages.map(number);
      return JSON.stringify(arrays || all.length !== 1 ? all : all[0]);
    });
    return [first, ...rest, ...(end === undefined ? [] : [end])];
  });
