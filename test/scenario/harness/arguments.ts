/** What the arguments of commands stand for. */
import type { Scenario } from './commands.ts';
import type { Lane } from './network.ts';
import type { ScenarioNode } from './node.ts';
import type { WorldOptions } from './world.ts';
import { idOf } from './words.ts';

/** `A|B,C`: each of the left with each of the right. */
export function pairsOf({ world }: Scenario, text = ''): [ScenarioNode, ScenarioNode][] {
  const [left = [], right = []] = text.split('|').map((side) => side.split(','));
  return left.flatMap((a) =>
    right.map((b): [ScenarioNode, ScenarioNode] => [world.node(a), world.node(b)]),
  );
}

/** `A->B`, `A->B,C`, `A|B` (both directions) or `*` (all). */
export function lanesOf({ world }: Scenario, text = '*'): Lane[] {
  const { network } = world;
  if (text === '*') return [...network.lanes];
  const isBoth = text.includes('|');
  const [left = [], right = []] = text.split(isBoth ? '|' : '->').map((side) => side.split(','));
  return left.flatMap((a) =>
    right.flatMap((b) => {
      const there = network.lane(idOf(a), idOf(b));
      return isBoth ? [there, network.lane(idOf(b), idOf(a))] : [there];
    }),
  );
}

export function laneOf(scenario: Scenario, text: string | undefined): Lane {
  const [lane] = lanesOf(scenario, text);
  if (lane === undefined) throw new Error('a command wants a link, as A->B');
  return lane;
}

export function nodeOf({ world }: Scenario, name: string | undefined): ScenarioNode {
  return world.node(name ?? '');
}

/** `window=100` and the like; what is not said stays as in production. */
function settingsOf(args: readonly string[]): Map<string, number> {
  return new Map(
    args
      .filter((arg) => arg.includes('='))
      .map((arg) => {
        const [name = '', value] = arg.split('=');
        return [name, Number(value)];
      }),
  );
}

export function worldOptionsOf(args: readonly string[]): WorldOptions {
  const settings = settingsOf(args);
  const observersAt = args.indexOf('observers');
  const pick = (from: string, to: string): Record<string, number> => {
    const value = settings.get(from);
    return value === undefined ? {} : { [to]: value };
  };
  return {
    voters: Number(args[0]),
    observers: observersAt < 0 ? 0 : Number(args[observersAt + 1]),
    core: {
      timeouts: { ...pick('connect', 'connectMs'), ...pick('disk-stall', 'diskStallMs') },
      streams: { ...pick('window', 'windowBytes'), ...pick('batch', 'appendBytesMax') },
    },
  };
}
