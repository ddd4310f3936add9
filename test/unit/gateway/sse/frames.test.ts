/** Frames of event streams: the text is the same whoever reads it, and data is turned into bytes once. */
import { describe, expect, it } from 'vitest';
import type { EventsAnswer, StreamEvent } from '../../../../src/gateway/coordinator.ts';
import { eventsFrame, eventsFrom, stateFrame } from '../../../../src/gateway/sse/frames.ts';
import type { Frames } from '../../../../src/gateway/sse/frames.ts';
import type { Stat } from '../../../../src/protocol/model.ts';
import { parsePath } from '../../../../src/protocol/path.ts';

const path = parsePath('/a');
const stat = { czxid: 3, mzxid: 7, version: 1, dataLength: 5000 } as Stat;
const large = Buffer.alloc(5000, 'x');
const event = (data: Uint8Array): StreamEvent => ({ type: 'NodeDataChanged', path, stat, data });
const answerOf = (...events: StreamEvent[]): EventsAnswer => {
  return { type: 'events', stream: 1, zxid: 7, events };
};
const textOf = (frames: Frames): string => Buffer.concat(frames).toString();

function frameText(id: string, data: string, encoding: string): string {
  const body = JSON.stringify({ type: 'NodeDataChanged', path, zxid: 7, stat, data, encoding });
  return `id: ${id}\nevent: NodeDataChanged\ndata: ${body}\n\n`;
}

describe.each(['utf8', 'base64'] as const)('an event with data as %s', (encoding) => {
  it.each([
    ['little', Buffer.from('x')],
    ['much', large],
    ['none', Buffer.alloc(0)],
  ])('is one message: %s', (_name, data) => {
    const text = frameText('7.0', data.toString(encoding), encoding);
    expect(textOf(eventsFrame(answerOf(event(data)), encoding))).toBe(text);
  });

  it('is made once for all streams that get the same', () => {
    const answer = answerOf(event(large));
    const again = eventsFrame({ ...answer, stream: 2 }, encoding);
    expect(again).toBe(eventsFrame(answer, encoding));
  });

  it('shares its data with streams that count it otherwise', () => {
    const [small, much] = [event(Buffer.from('s')), event(large)];
    const one = eventsFrom(answerOf(much), 0, encoding);
    const other = eventsFrom(answerOf(small, much, small), 0, encoding);
    expect(other[1]).toBe(one[1]);
    const short = small.data === undefined ? '' : Buffer.from(small.data).toString(encoding);
    expect(textOf(other)).toBe(
      frameText('7.0', short, encoding) +
        frameText('7.1', large.toString(encoding), encoding) +
        frameText('7.2', short, encoding),
    );
  });
});

describe('the state that a stream begins with', () => {
  const state = (data: Uint8Array, encoding?: 'base64') => {
    const initial = { path, stat, data };
    return stateFrame({ initial, zxid: 9, resume: 8, with: 'data', encoding });
  };

  it.each([Buffer.from('x'), large])('is one message', (data) => {
    const body = { path, zxid: 9, exists: true, stat, data: data.toString(), encoding: 'utf8' };
    expect(textOf(state(data))).toBe(`id: 8\nevent: state\ndata: ${JSON.stringify(body)}\n\n`);
  });

  it('shares its data with the next stream, in the same encoding', () => {
    expect(state(large)[1]).toBe(state(large)[1]);
    expect(textOf(state(large, 'base64'))).toContain(large.toString('base64'));
  });
});
