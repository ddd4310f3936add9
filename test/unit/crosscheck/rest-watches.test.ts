import { describe, expect, it } from 'vitest';
import type { SentEvent } from '../../crosscheck/rest-client.ts';
import { RestWatches, type WatchMode } from '../../crosscheck/rest-watches.ts';

const changed = (zxid: number): SentEvent => ({ type: 'NodeDataChanged', path: '@/a', zxid });
const shown = { type: 'NodeDataChanged', path: '@/a' };

/** Opens a watch and gives what its stream would tell. */
async function open(watches: RestWatches, path: string, mode: WatchMode) {
  let tell: (event: SentEvent) => void = () => undefined;
  let ended = false;
  await watches.add({ path, mode }, async (listener) => {
    tell = listener;
    return { end: () => (ended = true) };
  });
  return { tell: (event: SentEvent) => tell(event), hasEnded: () => ended };
}

describe('the event streams of one session', () => {
  it('count an event once that several of them tell', async () => {
    const watches = new RestWatches();
    const lasting = await open(watches, '@', 'persistent-recursive');
    const once = await open(watches, '@/a', 'data');
    once.tell(changed(1));
    lasting.tell(changed(1));
    expect(watches.collect([shown])).toEqual([shown]);
    expect(once.hasEnded()).toBe(true);
    expect(lasting.hasEnded()).toBe(false);
  });

  it('count an event twice that one of them tells twice', async () => {
    const watches = new RestWatches();
    const lasting = await open(watches, '@', 'persistent-recursive');
    lasting.tell(changed(1));
    lasting.tell(changed(1));
    expect(watches.collect([shown, shown])).toEqual([shown, shown]);
  });

  it('take no notice of a one-shot watch that tells later what was told', async () => {
    const watches = new RestWatches();
    const lasting = await open(watches, '@', 'persistent-recursive');
    const once = await open(watches, '@/a', 'data');
    lasting.tell(changed(1));
    expect(watches.collect([shown])).toEqual([shown]);
    once.tell(changed(1));
    expect(watches.collect([])).toEqual([]);
    expect(once.hasEnded()).toBe(true);
  });

  it('show what comes unexpected, and what a lasting one lacks', async () => {
    const watches = new RestWatches();
    const lasting = await open(watches, '@', 'persistent-recursive');
    const other = await open(watches, '@/a', 'persistent');
    lasting.tell(changed(1));
    expect(watches.has([shown])).toBe(false);
    expect(watches.collect([shown])).toEqual([
      shown,
      { type: 'no NodeDataChanged on the stream of persistent', path: '@/a' },
    ]);
    other.tell(changed(2));
    expect(watches.has([])).toBe(true);
    expect(watches.collect([])).toEqual([shown]);
  });

  it('wait for an event that nobody has told', async () => {
    const watches = new RestWatches();
    const once = await open(watches, '@/a', 'exists');
    expect(watches.has([shown])).toBe(false);
    once.tell(changed(1));
    expect(watches.has([shown])).toBe(true);
  });
});
