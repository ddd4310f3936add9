/**
 * What happens by itself, and so cannot be part of a random program: sessions that expire, containers and
 * TTL znodes that go. Each scenario runs on both systems; both must come to the same events and state.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { Comparator, type Difference } from './compare.ts';
import { noEvents, type Observation, type ObservedEvent, type Target } from './observation.ts';
import type { CreateMember, Slot, Step } from './program.ts';

/** Short enough to wait for, on both systems. */
export const directedTimings = {
  tickMs: 200,
  containerCheckMs: 200,
  /** Of the first session; the second one lives through. */
  shortSessionMs: 1000,
} as const;

interface Scenario {
  readonly name: string;
  readonly steps: readonly Step[];
  /** Session 0 falls silent after the steps. */
  readonly abandons?: boolean;
  /** Events that session 1 must be told of, all since the start. */
  readonly awaited: readonly ObservedEvent[];
  /** How long nothing further may happen. */
  readonly quietMs: number;
  readonly after: readonly Step[];
}

const waitMaxMs = 15_000;

const create = (
  slot: Slot,
  path: string,
  fields: Partial<Pick<CreateMember, 'kind' | 'ttlMs'>> = {},
): Step & CreateMember => ({
  type: 'create',
  slot,
  path,
  data: '',
  kind: 'persistent',
  sequential: false,
  ...fields,
});
const atOnce = (slot: Slot, members: readonly CreateMember[]): Step => ({
  type: 'multi',
  slot,
  members,
});
const remove = (slot: Slot, path: string): Step => ({ type: 'delete', slot, path, version: -1 });
const look = (path: string): Step => ({ type: 'exists', slot: 1, path, watch: false });
const watchAll: Step = { type: 'watch', slot: 1, path: '@', mode: 'persistent-recursive' };
const event = (type: 'Created' | 'Deleted', path: string): ObservedEvent => ({
  type: `Node${type}`,
  path,
});

const scenarios: readonly Scenario[] = [
  {
    name: 'a container goes once its last child is gone',
    steps: [
      watchAll,
      create(1, '@/c', { kind: 'container' }),
      create(1, '@/c/x'),
      remove(1, '@/c/x'),
    ],
    awaited: [
      event('Created', '@/c'),
      event('Created', '@/c/x'),
      event('Deleted', '@/c/x'),
      event('Deleted', '@/c'),
    ],
    quietMs: 0,
    after: [look('@/c'), look('@')],
  },
  {
    name: 'a container that never had a child stays',
    steps: [watchAll, create(1, '@/c', { kind: 'container' })],
    awaited: [event('Created', '@/c')],
    quietMs: 5 * directedTimings.containerCheckMs,
    after: [look('@/c')],
  },
  {
    name: 'a TTL znode goes when its time is over, one with a child stays',
    steps: [
      watchAll,
      // At once, so that no pause between them lets the one go before it has its child.
      atOnce(1, [create(1, '@/kept', { kind: 'ttl', ttlMs: 100 }), create(1, '@/kept/x')]),
      create(1, '@/short', { kind: 'ttl', ttlMs: 100 }),
    ],
    awaited: [
      event('Created', '@/kept'),
      event('Created', '@/kept/x'),
      event('Created', '@/short'),
      event('Deleted', '@/short'),
    ],
    quietMs: 3 * directedTimings.containerCheckMs,
    after: [look('@/short'), look('@/kept'), look('@')],
  },
  {
    name: 'ephemerals go with a session that falls silent',
    steps: [
      watchAll,
      create(0, '@/e', { kind: 'ephemeral' }),
      create(0, '@/p'),
      create(1, '@/other', { kind: 'ephemeral' }),
    ],
    abandons: true,
    awaited: [
      event('Created', '@/e'),
      event('Created', '@/p'),
      event('Created', '@/other'),
      event('Deleted', '@/e'),
    ],
    quietMs: 0,
    after: [look('@/e'), look('@/p'), look('@/other'), look('@')],
  },
];

interface Outcome {
  readonly observations: readonly Observation[];
  readonly events: readonly ObservedEvent[];
}

async function play(target: Target, scenario: Scenario, base: string): Promise<Outcome> {
  const observations: Observation[] = [];
  const events: ObservedEvent[] = [];
  const take = async (): Promise<void> => {
    const [, told] = await target.collect(noEvents);
    events.push(...told);
  };
  await target.begin(base);
  try {
    for (const step of scenario.steps) observations.push(await target.execute(step));
    if (scenario.abandons === true) await target.abandon(0);
    const deadline = performance.now() + waitMaxMs;
    while (events.length < scenario.awaited.length && performance.now() < deadline) {
      await delay(20);
      await take();
    }
    await delay(scenario.quietMs);
    for (const step of scenario.after) observations.push(await target.execute(step));
    await take();
    return { observations, events };
  } finally {
    await target.finish();
  }
}

/** @returns what differs, by the name of the scenario */
export async function runDirected(
  expected: Target,
  actual: Target,
): Promise<Map<string, readonly Difference[]>> {
  const found = new Map<string, readonly Difference[]>();
  for (const [index, scenario] of scenarios.entries()) {
    const base = `/directed-${performance.timeOrigin}-${index}-${actual.ordersEvents ? 'a' : 'b'}`;
    const [left, right] = await Promise.all([
      play(expected, scenario, base),
      play(actual, scenario, base),
    ]);
    const comparator = new Comparator();
    const slot = { slot: 1, as: 'bag' } as const;
    const differences = [
      ...left.observations.flatMap((observation, at) =>
        comparator.observations(
          withoutSession(observation),
          withoutSession(right.observations[at] ?? { code: Number.NaN }),
        ),
      ),
      ...comparator.events(scenario.awaited, left.events, slot),
      ...comparator.events(scenario.awaited, right.events, slot),
      ...comparator.order(),
    ];
    if (differences.length > 0) found.set(scenario.name, differences);
    else console.log(`  same: ${scenario.name}`);
  }
  return found;
}

/** The pairing of sessions is not looked at here. */
function withoutSession(observation: Observation): Observation {
  const { stat } = observation;
  return stat === undefined
    ? observation
    : { ...observation, stat: { ...stat, ephemeralOwner: '0' } };
}
