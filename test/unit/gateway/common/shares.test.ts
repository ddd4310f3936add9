/** The ledger of what clients hold of what belongs to all. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clientOf, clientsOf } from '../../../../src/gateway/common/clients.ts';
import { defaultLimits } from '../../../../src/protocol/limits.ts';
import { Share } from '../../../../src/gateway/common/shares.ts';

const share = (max: number, clientMax: number): Share =>
  new Share({
    limits: { ...defaultLimits, streamsMax: max, streamsPerClientMax: clientMax },
    ...{ what: 'open streams', max: 'streamsMax', clientMax: 'streamsPerClientMax' },
  });

describe('one client', () => {
  it.each([
    ['10.0.0.1', '10.0.0.1'],
    ['::ffff:10.0.0.1', '10.0.0.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:0DB8:0001:0002::9', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['no:address', 'no:address'],
    [undefined, 'unknown'],
  ])('at %s is %s', (address, client) => {
    expect(clientOf(address)).toBe(client);
  });

  it('is its address, and each identity that it proves', () => {
    const identities = [
      { scheme: 'ip', id: '10.0.0.1' },
      { scheme: 'super', id: '' },
      { scheme: 'digest', id: 'ann:hash' },
    ];
    expect(clientsOf(identities)).toEqual(['10.0.0.1', 'digest:ann:hash']);
  });
});

describe('a share', () => {
  it('is refused with its limit and both numbers', () => {
    const streams = share(3, 2);
    expect(streams.take(['a'])).toBeUndefined();
    expect(streams.take(['a'])).toBeUndefined();
    expect(streams.take(['a'])).toMatchObject({
      code: 'THROTTLEDOP',
      message:
        'a has 2 open streams, the limit of one client is 2 (limit streamsPerClientMax); end some of them first',
    });
    expect(streams.take(['b'])).toBeUndefined();
    expect(streams.take(['c'])?.message).toBe(
      'this node has 3 open streams, the limit is 3 (limit streamsMax); repeat the request later, or ask another node',
    );
    expect(streams.refused).toBe(2);
  });

  it('is one for an identity at many addresses, whose hash is not told', () => {
    const streams = share(9, 1);
    expect(streams.take(['a', 'digest:ann:hash'])).toBeUndefined();
    const refusal = streams.take(['b', 'digest:ann:hash']);
    expect(refusal?.message).toContain('this identity has 1');
    // What is refused takes nothing, of the address neither.
    expect(streams.heldBy('b')).toBe(0);
    expect(streams.take(['b'])).toBeUndefined();
  });

  it('is exact, and forgets who holds nothing', () => {
    const clients = fc.subarray(['a', 'b', 'digest:c'], { minLength: 1 });
    const steps = fc.array(fc.record({ clients, amount: fc.integer({ min: 1, max: 5 }) }));
    fc.assert(
      fc.property(steps, (taken) => {
        const bytes = share(20, 12);
        const held = taken.filter((step) => bytes.take(step.clients, step.amount) === undefined);
        expect(bytes.total).toBe(held.reduce((sum, { amount }) => sum + amount, 0));
        for (const client of ['a', 'b', 'digest:c']) {
          const own = held.filter((step) => step.clients.includes(client));
          expect(bytes.heldBy(client)).toBe(own.reduce((sum, { amount }) => sum + amount, 0));
          expect(bytes.heldBy(client)).toBeLessThanOrEqual(12);
        }
        for (const step of held) bytes.give(step.clients, step.amount);
        expect([bytes.total, bytes.clients]).toEqual([0, 0]);
      }),
    );
  });
});
