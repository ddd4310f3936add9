import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  allocateHead,
  channels,
  FrameError,
  frameHeaderBytes,
  FrameParser,
  FrameQueue,
} from '../../../src/transport/frames.ts';
import type { Channel, Frame } from '../../../src/transport/frames.ts';

interface Sent {
  readonly channel: Channel;
  readonly head: Uint8Array;
  readonly tail: readonly Uint8Array[];
}

function headOf(bytes: Uint8Array): Buffer {
  const head = allocateHead(bytes.length);
  head.set(bytes, frameHeaderBytes);
  return head;
}

function streamOf(frames: readonly Sent[]): Buffer {
  const queue = new FrameQueue();
  for (const { channel, head, tail } of frames) queue.add(channel, headOf(head), tail);
  const expected = queue.bytes;
  const stream = Buffer.concat(queue.take());
  expect(stream.length).toBe(expected);
  expect(queue.bytes).toBe(0);
  return stream;
}

const payloadOf = ({ head, tail }: Sent): string => Buffer.concat([head, ...tail]).toString('hex');

const seen = ({ channel, payload }: Frame): string =>
  `${channel} ${Buffer.from(payload).toString('hex')}`;

/** Each piece in memory of its own, as a socket gives it. */
function parse(pieces: readonly Uint8Array[], bytesMax = 10_000_000): string[] {
  const parser = new FrameParser(bytesMax);
  const frames: string[] = [];
  for (const piece of pieces) {
    parser.push(Buffer.from(piece));
    for (let frame = parser.next(); frame !== undefined; frame = parser.next()) {
      frames.push(seen(frame));
    }
  }
  return frames;
}

const bytes = (maxLength: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ maxLength });
const someFrames = fc.array(
  fc.record({
    channel: fc.constantFrom(...Object.values(channels)),
    head: bytes(40),
    tail: fc.array(bytes(60), { maxLength: 3 }),
  }),
  { maxLength: 6 },
);

const two: readonly Sent[] = [
  { channel: channels.zab, head: Buffer.from('first'), tail: [Buffer.from(' and its tail')] },
  { channel: channels.replica, head: Buffer.from(''), tail: [Buffer.from('second')] },
];

describe('frames', () => {
  it('come out as they went in, however the stream is cut', () => {
    fc.assert(
      fc.property(someFrames, fc.array(fc.nat(300)), (frames, cuts) => {
        const stream = streamOf(frames);
        const ends = [...cuts, stream.length].sort((a, b) => a - b);
        const pieces = ends.map((end, index) => stream.subarray(ends[index - 1] ?? 0, end));
        const expected = frames.map((frame) => `${frame.channel} ${payloadOf(frame)}`);
        expect(parse(pieces)).toEqual(expected);
      }),
    );
  });

  it('come out of two pieces cut at every byte', () => {
    const stream = streamOf(two);
    const expected = two.map((frame) => `${frame.channel} ${payloadOf(frame)}`);
    for (let cut = 0; cut <= stream.length; cut++) {
      expect(parse([stream.subarray(0, cut), stream.subarray(cut)])).toEqual(expected);
    }
  });

  it('come out byte by byte', () => {
    const stream = streamOf(two);
    const pieces = Array.from(stream, (byte) => Uint8Array.of(byte));
    expect(parse(pieces)).toHaveLength(2);
  });

  it('show any single wrong bit, in whatever place', () => {
    const stream = streamOf([{ channel: channels.zab, head: Buffer.from('payload'), tail: [] }]);
    for (let bit = 0; bit < stream.length * 8; bit++) {
      const spoilt = Buffer.from(stream);
      spoilt[bit >> 3] = (spoilt[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      let frames: string[] = [];
      try {
        frames = parse([spoilt], 1000);
      } catch (error) {
        expect(error).toBeInstanceOf(FrameError);
      }
      expect(frames, `bit ${bit}`).toEqual([]);
    }
  });

  it('are refused by their header when they are too long, before their payload comes', () => {
    const header = streamOf([{ channel: channels.zab, head: Buffer.alloc(101), tail: [] }]);
    const parser = new FrameParser(100);
    parser.push(header.subarray(0, frameHeaderBytes));
    expect(() => parser.next()).toThrow('a frame of 101 bytes exceeds the limit of 100');
  });

  it('are taken up to the limit itself', () => {
    const stream = streamOf([{ channel: channels.zab, head: Buffer.alloc(100), tail: [] }]);
    expect(parse([stream], 100)).toHaveLength(1);
  });

  it('with an unknown channel are refused', () => {
    const stream = streamOf(two);
    stream[4] = 77;
    expect(() => parse([stream])).toThrow('unknown channel 77');
  });

  it('take no more memory than has come, whatever the header announces', () => {
    const header = Buffer.alloc(frameHeaderBytes);
    header.writeUInt32LE(1_000_000_000);
    header[4] = channels.zab;
    const before = process.memoryUsage().arrayBuffers;
    const parsers = Array.from({ length: 10 }, () => new FrameParser(2_000_000_000));
    for (const parser of parsers) {
      parser.push(Buffer.concat([header, Buffer.alloc(10)]));
      expect(parser.next()).toBeUndefined();
    }
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(20 * 1024 * 1024);
  });

  it('of many pieces are copied in time that grows with their length', () => {
    const payload = Buffer.alloc(20_000_000, 7);
    const stream = streamOf([
      { channel: channels.replica, head: Buffer.alloc(0), tail: [payload] },
    ]);
    const parser = new FrameParser(30_000_000);
    let frame: Frame | undefined;
    for (let at = 0; at < stream.length; at += 1000) {
      parser.push(stream.subarray(at, at + 1000));
      frame = parser.next();
    }
    expect(frame !== undefined && Buffer.compare(frame.payload, payload)).toBe(0);
  });

  it('leave in one piece where they lie behind one another in memory', () => {
    const queue = new FrameQueue();
    for (let index = 0; index < 20; index++) queue.add(channels.zab, headOf(Buffer.from('abc')));
    expect(queue.take().length).toBeLessThanOrEqual(2);
    const records = Buffer.alloc(30_000);
    const parts = Array.from({ length: 30 }, (_, index) =>
      records.subarray(index * 1000, index * 1000 + 1000),
    );
    queue.add(channels.zab, headOf(Buffer.from('abc')), parts);
    expect(queue.take()).toHaveLength(2);
  });
});
