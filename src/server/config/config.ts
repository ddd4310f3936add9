/** From what the sources say to the one validated configuration of a node, or to all mistakes at once. */
import { InvariantError } from '../../protocol/assert.ts';
import { checkLimits, derivedLimits } from '../../protocol/limits.ts';
import type { Limits } from '../../protocol/limits.ts';
import { isLoopbackAddress } from './addresses.ts';
import { listedPort, membersOf, memberMistakes, memberWarnings } from './members.ts';
import type { Member } from './members.ts';
import { treeLimitsFor } from './memory.ts';
import type { MachineMemory } from './memory.ts';
import { flagOf, limitNames, limitSetting, settingNames, settings } from './settings.ts';
import type { AnySetting, LimitName, SettingName } from './settings.ts';
import { isList } from './sources.ts';
import type { Mistake } from './mistake.ts';
import type { Given, Source } from './sources.ts';
import { formatDuration, ValueError } from './values.ts';
import type { ValueKind } from './values.ts';

type Table = typeof settings;

type ValueOf<S> = S extends { readonly list: true }
  ? readonly string[]
  : S extends { readonly kind: ValueKind<infer T> }
    ? T
    : never;

/** Settings without which a node starts as well. */
type OptionalName = {
  [K in SettingName]: Table[K] extends
    { readonly default: unknown } | { readonly defaultText: string }
    ? never
    : K;
}[SettingName];

type Values = { readonly [K in Exclude<SettingName, OptionalName>]: ValueOf<Table[K]> } & {
  readonly [K in OptionalName]?: ValueOf<Table[K]>;
};

export interface Config extends Values {
  readonly limits: Limits;
  /** In the order of their ids, this node included; alone where none are given. */
  readonly members: readonly Member[];
}

/** Where each value comes from: `--port`, `ZOOGATE_PORT`, `port in zoogate.yaml`, or `default`. */
export interface Origins {
  readonly settings: ReadonlyMap<SettingName, string>;
  readonly limits: ReadonlyMap<LimitName, string>;
}

export interface ResolvedConfig {
  readonly config: Config;
  readonly origins: Origins;
  /** What may be meant so, but seldom is: whole sentences. */
  readonly warnings: readonly string[];
}

/** Everything that is wrong with a configuration. */
export class ConfigError extends Error {
  readonly mistakes: readonly Mistake[];

  constructor(mistakes: readonly Mistake[]) {
    super(mistakes.map(({ key, problem }) => `${key} ${problem}`).join('\n'));
    this.name = 'ConfigError';
    this.mistakes = mistakes;
  }
}

type Parsed = Readonly<Record<string, unknown>>;

export interface ConfigInputs {
  /** The first one that has a setting decides it. */
  readonly sources: readonly Source[];
  /** What is wrong with the sources themselves. */
  readonly mistakes: readonly Mistake[];
  readonly memory: MachineMemory;
}

/** @throws ConfigError with every mistake of every source, also in values that another source overrides */
export function resolveConfig({ sources, mistakes, memory }: ConfigInputs): ResolvedConfig {
  const found: Mistake[] = [...mistakes];
  const given = parseSettings(sources, found);
  const limits = parseLimits(sources, memory, found);
  const values = { ...defaultsFor(given.values), ...given.values, limits: limits.values };
  // The table and the type of its values have the same source, which the compiler cannot follow here.
  const config = values as unknown as Config;
  // What contradicts itself is only told of values that can be read.
  if (found.length === 0) {
    found.push(...contradictions(config, (name) => given.origins.get(name) ?? `--${flagOf(name)}`));
  }
  if (found.length > 0) throw new ConfigError(found);
  const { minSessionTimeout, maxSessionTimeout, defaultSessionTimeout } = config;
  const granted = Math.max(minSessionTimeout, Math.min(maxSessionTimeout, defaultSessionTimeout));
  return {
    config: { ...config, defaultSessionTimeout: granted, members: membersOf(config) },
    origins: { settings: given.origins, limits: limits.origins },
    warnings: memberWarnings(config),
  };
}

function parseSettings(
  sources: readonly Source[],
  mistakes: Mistake[],
): { values: Parsed; origins: Map<SettingName, string> } {
  const values: Record<string, unknown> = {};
  const origins = new Map<SettingName, string>();
  for (const name of settingNames) {
    for (const source of sources) {
      const given = source.settings.get(name);
      if (given === undefined) continue;
      const value = parseGiven(given, { kind: settings[name].kind, list: isList(name) }, mistakes);
      if (origins.has(name)) continue;
      origins.set(name, given.origin);
      values[name] = value;
    }
  }
  return { values, origins };
}

function parseGiven(
  { texts, origin }: Given,
  how: { kind: { readonly parse: (text: string) => unknown }; list: boolean },
  mistakes: Mistake[],
): unknown {
  try {
    const parsed = texts.map((text) => how.kind.parse(text));
    return how.list ? parsed : parsed[0];
  } catch (error) {
    if (!(error instanceof ValueError)) throw error;
    mistakes.push({ key: origin, problem: error.message });
    return undefined;
  }
}

function parseLimits(
  sources: readonly Source[],
  memory: MachineMemory,
  mistakes: Mistake[],
): { values: Parsed; origins: Map<LimitName, string> } {
  const fromMemory: Parsed = treeLimitsFor(memory);
  const values: Record<string, unknown> = {};
  const origins = new Map<LimitName, string>();
  for (const name of limitNames) {
    const { kind, default: usual } = limitSetting(name);
    values[name] = usual ?? fromMemory[name];
    for (const source of sources) {
      const given = source.limits.get(name);
      if (given === undefined) continue;
      const value = parseGiven(given, { kind, list: false }, mistakes);
      if (origins.has(name)) continue;
      origins.set(name, given.origin);
      values[name] = value;
    }
  }
  for (const name of limitNames) {
    const derived = derivedLimits[name];
    // Where a value cannot be read, all of them are only reported.
    if (derived !== undefined && !origins.has(name))
      values[name] = derived.value(values as unknown as Limits);
  }
  return { values, origins };
}

/** Of the table, and of those settings whose default follows from another. */
function defaultsFor(given: Parsed): Parsed {
  const defaults: Record<string, unknown> = {};
  for (const name of settingNames) {
    const setting: AnySetting = settings[name];
    if (setting.default !== undefined) defaults[name] = setting.default;
  }
  const id = Number(given['id'] ?? settings.id.default);
  const tickMs = Number(given['tickMs'] ?? settings.tickMs.default);
  const peerTimeout = Number(given['peerTimeout'] ?? settings.peerTimeout.default);
  const listed = [given['member'], given['observer']].flatMap((texts) => (texts ?? []) as string[]);
  return {
    ...defaults,
    dataDir: `./data/${id}`,
    port: 8180 + id,
    peerPort: listedPort(id, listed) ?? 8280 + id,
    peerPing: Math.floor(peerTimeout / 10),
    minSessionTimeout: 2 * tickMs,
  };
}

/** Values that are well-formed one by one, and cannot hold together. */
function contradictions(config: Config, keyOf: (name: SettingName) => string): Mistake[] {
  const { minSessionTimeout, maxSessionTimeout, limits } = config;
  const mistakes = [
    ...listening(config, keyOf),
    ...memberMistakes(config, keyOf),
    ...failureDetection(config, keyOf),
  ];
  if (minSessionTimeout > maxSessionTimeout) {
    mistakes.push({
      key: keyOf('minSessionTimeout'),
      problem:
        `is ${formatDuration(minSessionTimeout)} (by default 2 ticks), more than ` +
        `--max-session-timeout, which is ${formatDuration(maxSessionTimeout)}`,
    });
  }
  try {
    checkLimits(limits);
  } catch (error) {
    if (!(error instanceof InvariantError)) throw error;
    mistakes.push({ key: '--limit', problem: error.message.replace(/^limits: /, '') });
  }
  return mistakes;
}

function listening(config: Config, keyOf: (name: SettingName) => string): Mistake[] {
  if (config.insecureListen) return [];
  return (['host', 'peerHost'] as const)
    .filter((name) => !isLoopbackAddress(config[name]))
    .map((name) => ({
      key: keyOf(name),
      problem:
        `is ${config[name]}, which other machines can reach, but there is neither TLS nor ` +
        'authentication: whoever reaches it could read and write everything. Listen on 127.0.0.1, ' +
        'or, on a network that you trust, add --insecure-listen',
    }));
}

/** A lost packet or two must not look like a lost member. */
const PINGS_LEAST = 3;

function failureDetection(config: Config, keyOf: (name: SettingName) => string): Mistake[] {
  const { peerPing, peerTimeout, peerConnectTimeout } = config;
  const mistakes: Mistake[] = [];
  if (peerPing * PINGS_LEAST > peerTimeout) {
    const problem =
      `is ${formatDuration(peerPing)}, more than a third of --peer-timeout, which is ` +
      formatDuration(peerTimeout);
    mistakes.push({ key: keyOf('peerPing'), problem });
  }
  if (peerConnectTimeout < peerTimeout) {
    const problem =
      `is ${formatDuration(peerConnectTimeout)}, less than --peer-timeout, which is ` +
      formatDuration(peerTimeout);
    mistakes.push({ key: keyOf('peerConnectTimeout'), problem });
  }
  return mistakes;
}
