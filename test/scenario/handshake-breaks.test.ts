/**
 * A new leader takes over while one record on two disks must stay, and another one on one disk may stay or
 * go. The connection breaks, or one end loses its power, at every single delivery of that handshake in turn,
 * and in the end everything that was committed is there. ZooKeeper's handshake has lost data in many of
 * these places (the classes of ZOOKEEPER-3911, 4643 and 5094).
 */
import { expect, test } from 'vitest';
import { Scenario } from './harness/commands.ts';
import { nameOf } from './harness/words.ts';

type Break = 'link' | 'sender' | 'receiver';

/** A has committed x1 with B alone, and has x2 for itself, when it loses its power; then it comes back. */
const before = [
  'cluster 3',
  'hold A->C',
  'propose A x1',
  'stabilize',
  'hold A->B',
  'propose A x2',
  'stabilize',
  'crash A power',
  'hold *',
  'restart A',
];

/** @returns false when the handshake was over before delivery `at` */
function play(at: number, what: Break): { readonly isReached: boolean; failures: string[] } {
  const scenario = new Scenario();
  for (const line of before) scenario.run(line);
  const { world } = scenario;
  let deliveries = 0;
  for (let tick = 0; tick < 60; tick++) {
    scenario.run('tick 1');
    for (const lane of world.network.lanes) {
      while (lane.queue.length > 0) {
        deliveries += 1;
        if (deliveries === at) {
          const [from, to] = [nameOf(lane.from), nameOf(lane.to)];
          if (what === 'link') scenario.run(`drop ${from}|${to}`);
          else scenario.run(`crash ${what === 'sender' ? from : to} power`);
          scenario.run('run 100');
          scenario.run('end-check');
          scenario.run('expect has C x1');
          return { isReached: true, failures: scenario.failures };
        }
        scenario.run(`deliver ${nameOf(lane.from)}->${nameOf(lane.to)} 1`);
        scenario.run('stabilize');
      }
    }
    if (world.isSettled()) break;
  }
  return { isReached: false, failures: scenario.failures };
}

test.each(['link', 'sender', 'receiver'] as const)(
  'nothing is lost when a break of the %s meets any delivery',
  (what) => {
    let at = 1;
    for (; at < 500; at++) {
      const { isReached, failures } = play(at, what);
      expect([at, failures]).toEqual([at, []]);
      if (!isReached) break;
    }
    expect(at).toBeGreaterThan(20);
    expect(at).toBeLessThan(500);
  },
);
