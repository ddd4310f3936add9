/** What a node may answer without a leader. */
import { describe, expect, it } from 'vitest';
import { Availability } from '../../../src/replica/availability.ts';

function starting(readOnlyMode: boolean): Availability {
  return new Availability({ graceMs: 300, readOnlyMode, nowMs: 1000 });
}

describe('the availability of a node', () => {
  it('waits for a leader for the grace, then says that there is none', () => {
    const availability = starting(false);
    expect(availability.tick(1299)).toBe(false);
    expect(availability.state).toBe('waiting');
    expect(availability.tick(1300)).toBe(true);
    expect(availability.state).toBe('lost');
    expect(availability.tick(9999), 'told once').toBe(false);
  });

  it('is read-only instead where the operator allows it', () => {
    const availability = starting(true);
    availability.tick(1300);
    expect(availability.state).toBe('readOnly');
  });

  it('waits again when a leader is lost, not when there was none', () => {
    const availability = starting(false);
    availability.served();
    availability.lost(5000);
    expect(availability.state).toBe('waiting');
    expect(availability.tick(5299)).toBe(false);
    availability.tick(5300);
    availability.lost(6000);
    expect(availability.state, 'an attempt to lead or follow that failed').toBe('lost');
    availability.served();
    expect(availability.state).toBe('serving');
  });
});
