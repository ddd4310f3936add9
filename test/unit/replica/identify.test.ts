import { describe, expect, it } from 'vitest';
import { Stream } from '../../../src/replica/stream.ts';

const ip = { scheme: 'ip', id: '127.0.0.1' };
const ann = { scheme: 'digest', id: 'ann:AAAA' };
const bob = { scheme: 'digest', id: 'bob:BBBB' };

describe('the identities of a stream', () => {
  it('accumulate, each once, however often and together they are given', () => {
    const stream = new Stream(1, [ip]);
    expect(stream.identify([ann, ann, ip])).toEqual([ip, ann]);
    expect(stream.identify([ann, bob])).toEqual([ip, ann, bob]);
    expect(stream.caller).toEqual({ identities: [ip, ann, bob], session: 0 });
    expect(stream.reader.caller).toBe(stream.caller);
  });
});
