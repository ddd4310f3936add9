/** The three places where settings are given, each read into the same form; nothing is judged here but names. */
import { parseArgs } from 'node:util';
import { parseDocument } from 'yaml';
import { didYouMean, nearest } from '../../protocol/nearest.ts';
import type { Mistake } from './mistake.ts';
import {
  flagOf,
  limitNames,
  limitVariableOf,
  settingNames,
  settings,
  variableOf,
} from './settings.ts';
import type { AnySetting, LimitName, SettingName } from './settings.ts';

/** A setting's value as somebody wrote it. */
export interface Given {
  /** One text, or any number of them where the setting is a list. */
  readonly texts: readonly string[];
  /** What the operator wrote it as: `--port`, `ZOOGATE_PORT`, `port in zoogate.yaml`. */
  readonly origin: string;
}

export interface Source {
  readonly settings: ReadonlyMap<SettingName, Given>;
  readonly limits: ReadonlyMap<LimitName, Given>;
}

export interface SourceReading {
  readonly source: Source;
  readonly mistakes: readonly Mistake[];
}

/** Flags of the command that are no settings. */
export interface CommandFlags {
  readonly help: boolean;
  readonly printConfig: boolean;
  readonly config: string | undefined;
}

const byFlag = new Map(settingNames.map((name) => [flagOf(name), name]));
const byVariable = new Map(settingNames.map((name) => [variableOf(name), name]));
const limitByVariable = new Map(limitNames.map((name) => [limitVariableOf(name), name]));

/** Collects what one source says, and what is wrong with it. */
class Collector implements SourceReading {
  readonly source = {
    settings: new Map<SettingName, Given>(),
    limits: new Map<LimitName, Given>(),
  };
  readonly mistakes: Mistake[] = [];

  mistake(key: string, problem: string): void {
    this.mistakes.push({ key, problem });
  }

  setting(name: SettingName, given: Given): void {
    const before = this.source.settings.get(name);
    if (before === undefined) {
      this.source.settings.set(name, given);
    } else if (isList(name)) {
      const texts = [...before.texts, ...given.texts];
      this.source.settings.set(name, { ...given, texts });
    } else {
      this.mistake(given.origin, 'is given twice');
    }
  }

  limit(name: string, given: Given): void {
    const known = limitNames.find((candidate) => candidate === name);
    if (known === undefined) {
      const meant = didYouMean(name, limitNames);
      this.mistake(given.origin, `is not a limit${meant || `; ${whereLimitsAre}`}`);
    } else if (this.source.limits.has(known)) {
      this.mistake(given.origin, 'is given twice');
    } else {
      this.source.limits.set(known, given);
    }
  }
}

const commandOptions = {
  help: { type: 'boolean', short: 'h' },
  'print-config': { type: 'boolean' },
  config: { type: 'string' },
  limit: { type: 'string' },
} as const;

/** Reads the flags of `zoogate serve`. */
export function readFlags(
  args: readonly string[],
): SourceReading & { readonly flags: CommandFlags } {
  const settingOptions = Object.fromEntries(
    settingNames.map(
      (name) => [flagOf(name), { type: isSwitch(name) ? 'boolean' : 'string' }] as const,
    ),
  );
  const { tokens } = parseArgs({
    args: [...args],
    options: { ...settingOptions, ...commandOptions },
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const collector = new Collector();
  const flags = { help: false, printConfig: false, config: undefined as string | undefined };
  let misread = false;
  let bundle: number | undefined;
  for (const token of tokens) {
    const whole = args[token.index] ?? '';
    if (token.kind === 'option' && /^-[A-Za-z]{2}/.test(whole)) {
      // `-port`: each letter of it is a token.
      if (token.index !== bundle) readBundle(collector, whole);
      bundle = token.index;
      misread = true;
    } else if (token.kind === 'positional') {
      // Behind a flag that nobody knows stands its value; one mistake is enough for both.
      if (!misread) collector.mistake(token.value, 'is not expected here');
      misread = false;
    } else if (token.kind === 'option') {
      const { name } = token;
      const known = collector.mistakes.length;
      if (name === 'help') flags.help = true;
      else if (name === 'print-config') flags.printConfig = true;
      else readFlag(collector, token);
      if (name === 'config' && hasValue(token)) {
        if (flags.config !== undefined) collector.mistake(token.rawName, 'is given twice');
        flags.config = token.value;
      }
      misread = collector.mistakes.length > known && !hasValue(token);
    }
  }
  const { source, mistakes } = collector;
  return { source, mistakes, flags };
}

/** What is written with one dash, or with one letter where that is no flag. */
function readBundle(collector: Collector, whole: string): void {
  const [name = ''] = whole.slice(1).split('=', 1);
  const flags = knownFlags();
  const meant = flags.includes(name) ? `; did you mean --${name}?` : didYouMean(name, flags, '--');
  collector.mistake(`-${name}`, `is not a setting: they begin with two dashes${meant}`);
}

function knownFlags(): readonly string[] {
  return [...byFlag.keys(), ...Object.keys(commandOptions)];
}

interface Flag {
  readonly name: string;
  readonly rawName: string;
  readonly value?: string | undefined;
  readonly inlineValue?: boolean | undefined;
}

function readFlag(collector: Collector, flag: Flag): void {
  const { name, rawName } = flag;
  const setting = byFlag.get(name);
  if (setting !== undefined && isSwitch(setting)) {
    collector.setting(setting, { texts: [flag.value ?? 'true'], origin: rawName });
    return;
  }
  if (setting === undefined && name !== 'config' && name !== 'limit') {
    collector.mistake(rawName, `is not a setting${meantBy(flag)}`);
    return;
  }
  if (!hasValue(flag)) {
    collector.mistake(rawName, 'needs a value');
    return;
  }
  if (setting !== undefined) collector.setting(setting, { texts: [flag.value], origin: rawName });
  else if (name === 'limit') readLimitFlag(collector, flag.value);
}

/** Of a single letter, the first flag that begins with it may be meant: `-p` is `--port`. */
function meantBy({ name, rawName }: Flag): string {
  const flags = knownFlags();
  if (rawName.startsWith('--')) return didYouMean(name, flags, '--');
  const first = flags.find((flag) => flag.startsWith(name));
  return first === undefined
    ? ': they begin with two dashes'
    : `: they begin with two dashes; did you mean --${first}?`;
}

const whereLimitsAre = '`zoogate help serve` lists all names and defaults';

function readLimitFlag(collector: Collector, text: string): void {
  const equals = text.indexOf('=');
  if (equals < 1) {
    const known = limitNames.find((name) => name === text);
    const form =
      known === undefined
        ? `must be NAME=VALUE, such as znodeDataBytesMax=4MiB, not ${JSON.stringify(text.slice(0, 40))}`
        : `must be ${known}=VALUE`;
    collector.mistake('--limit', `${form}; ${whereLimitsAre}`);
    return;
  }
  const name = text.slice(0, equals);
  collector.limit(name, { texts: [text.slice(equals + 1)], origin: `--limit ${name}` });
}

/** What looks like the next flag is none, unless it was written behind an equals sign. */
function hasValue(flag: Flag): flag is Flag & { readonly value: string } {
  if (flag.value === undefined) return false;
  return flag.inlineValue === true || !/^--?[a-z]/.test(flag.value);
}

/**
 * Reads the variables `ZOOGATE_…`. Others of this beginning may belong to a client, or to Kubernetes, which
 * describes each service of a namespace in the environment of each container; so an unknown one is
 * a mistake only where it is nearly a known one.
 */
export function readEnvironment(env: Readonly<Record<string, string | undefined>>): SourceReading {
  const collector = new Collector();
  const known = [...byVariable.keys(), ...limitByVariable.keys()];
  for (const [variable, value] of Object.entries(env)) {
    if (value === undefined || !variable.startsWith('ZOOGATE_')) continue;
    const setting = byVariable.get(variable);
    const limit = limitByVariable.get(variable);
    if (setting !== undefined) {
      if (isServiceLink(setting, value)) continue;
      const texts = isList(setting) ? splitList(value) : [value];
      collector.setting(setting, { texts, origin: variable });
    } else if (limit !== undefined) {
      collector.limit(limit, { texts: [value], origin: variable });
    } else {
      const near = nearest(variable, known, 2);
      if (near !== undefined)
        collector.mistake(variable, `is not a setting; did you mean ${near}?`);
    }
  }
  return collector;
}

/** The variables that Kubernetes sets for services called `zoogate` and `zoogate-peer`: `tcp://10.0.0.1:8181`. */
function isServiceLink(setting: SettingName, value: string): boolean {
  return (setting === 'port' || setting === 'peerPort') && value.startsWith('tcp://');
}

function splitList(value: string): readonly string[] {
  return value
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

/** Reads the text of a YAML or JSON file, whose keys are the flags without their dashes. */
export function readConfigFile(file: string, content: string): SourceReading {
  const collector = new Collector();
  const document = parseDocument(content, { uniqueKeys: true });
  for (const { message } of document.errors) {
    const [problem = message] = message.split('\n', 1);
    collector.mistake(file, problem);
  }
  if (collector.mistakes.length > 0) return collector;
  const values: unknown = document.toJS({ maxAliasCount: 100 });
  if (values === null || values === undefined) return collector;
  if (!isMapping(values)) {
    collector.mistake(file, 'must be a mapping of settings to values');
    return collector;
  }
  for (const [key, value] of Object.entries(values)) readFileEntry(collector, { file, key, value });
  return collector;
}

function readFileEntry(
  collector: Collector,
  { file, key, value }: { file: string; key: string; value: unknown },
): void {
  const origin = `${key} in ${file}`;
  const setting = byFlag.get(key);
  if (setting !== undefined) {
    const texts = scalarTexts(value, isList(setting));
    if (texts !== undefined) collector.setting(setting, { texts, origin });
    else
      collector.mistake(origin, `must be one value${isList(setting) ? ' or a list of them' : ''}`);
    return;
  }
  if (key !== 'limit') {
    collector.mistake(origin, `is not a setting${didYouMean(key, [...byFlag.keys(), 'limit'])}`);
    return;
  }
  if (!isMapping(value)) {
    collector.mistake(origin, 'must be a mapping of limits to values');
    return;
  }
  for (const [name, limit] of Object.entries(value)) {
    const texts = scalarTexts(limit, false);
    const limitOrigin = `limit.${name} in ${file}`;
    if (texts === undefined) collector.mistake(limitOrigin, 'must be one value');
    else collector.limit(name, { texts, origin: limitOrigin });
  }
}

function scalarTexts(value: unknown, list: boolean): readonly string[] | undefined {
  if (list && Array.isArray(value)) {
    const texts = value.map((item: unknown) => scalarTexts(item, false));
    return texts.includes(undefined) ? undefined : texts.flatMap((text) => text ?? []);
  }
  const isScalar = ['string', 'number', 'boolean', 'bigint'].includes(typeof value);
  return isScalar ? [String(value)] : undefined;
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isList(name: SettingName): boolean {
  const setting: AnySetting = settings[name];
  return 'list' in setting;
}

function isSwitch(name: SettingName): boolean {
  return settings[name].kind.placeholder === '';
}
