import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TimerWheel } from '../../../../src/gateway/websocket/wheel.ts';
import type { WheelEntry } from '../../../../src/gateway/websocket/wheel.ts';

class Entry implements WheelEntry {
  dueTick = 0;
  previousEntry: WheelEntry | undefined = undefined;
  nextEntry: WheelEntry | undefined = undefined;
  readonly fired: number[] = [];
}

function makeWheel(onDue: (entry: Entry) => void = () => undefined) {
  const wheel: TimerWheel<Entry> = new TimerWheel<Entry>({
    tickMs: 50,
    onDue: (entry) => {
      entry.fired.push(wheel.now);
      onDue(entry);
    },
  });
  return wheel;
}

describe('the timer wheel', () => {
  it('tells an entry once, when it is due, rounded down to ticks and never at once', () => {
    const wheel = makeWheel();
    const [soon, later, far] = [new Entry(), new Entry(), new Entry()];
    wheel.schedule(soon, 1);
    wheel.schedule(later, 174);
    wheel.schedule(far, 50 * 5000);
    wheel.advance(6000);
    expect([soon.fired, later.fired, far.fired]).toEqual([[1], [3], [5000]]);
  });

  it('keeps the last date of an entry, and none that is cancelled', () => {
    const wheel = makeWheel();
    const [moved, cancelled] = [new Entry(), new Entry()];
    wheel.schedule(moved, 100);
    wheel.schedule(moved, 300);
    wheel.schedule(cancelled, 100);
    wheel.cancel(cancelled);
    wheel.cancel(cancelled);
    wheel.advance(20);
    expect([moved.fired, cancelled.fired]).toEqual([[6], []]);
  });

  it('lets an entry be rescheduled, and others be cancelled, while it is told', () => {
    const other = new Entry();
    const entry = new Entry();
    const wheel = makeWheel((due) => {
      if (due !== entry) return;
      wheel.cancel(other);
      if (entry.fired.length < 3) wheel.schedule(entry, 50);
    });
    wheel.schedule(other, 50);
    wheel.schedule(entry, 50);
    wheel.advance(10);
    expect(entry.fired).toEqual([1, 2, 3]);
    expect(other.fired).toEqual([]);
  });

  it('does not go back', () => {
    expect(() => makeWheel().advance(-1)).toThrow(/go back/);
  });

  it('agrees with a list of dates, whatever is scheduled and cancelled', () => {
    const step = fc.oneof(
      fc.record({
        kind: fc.constant('schedule'),
        entry: fc.nat(4),
        ticks: fc.integer({ min: 1, max: 1300 }),
      }),
      fc.record({ kind: fc.constant('cancel'), entry: fc.nat(4), ticks: fc.constant(0) }),
      fc.record({ kind: fc.constant('advance'), entry: fc.constant(0), ticks: fc.nat(700) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const entries = Array.from({ length: 5 }, () => new Entry());
        const dates = new Map<Entry, number>();
        const expected = new Map<Entry, number[]>(entries.map((entry) => [entry, []]));
        const wheel = makeWheel();
        for (const { kind, entry: index, ticks } of steps) {
          const entry = entries[index] ?? new Entry();
          if (kind === 'schedule') {
            wheel.schedule(entry, ticks * 50);
            dates.set(entry, wheel.now + ticks);
          } else if (kind === 'cancel') {
            wheel.cancel(entry);
            dates.delete(entry);
          } else {
            const end = wheel.now + ticks;
            wheel.advance(ticks);
            for (const [due, date] of dates) {
              if (date > end) continue;
              expected.get(due)?.push(date);
              dates.delete(due);
            }
          }
        }
        for (const entry of entries) expect(entry.fired).toEqual(expected.get(entry));
      }),
    );
  });
});
