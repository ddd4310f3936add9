/** The configuration of a node: one table of settings, three sources, one validated value. */
import { readFileSync } from 'node:fs';
import { resolveConfig } from './config.ts';
import type { ResolvedConfig } from './config.ts';
import { machineMemory } from './memory.ts';
import { readConfigFile, readEnvironment, readFlags } from './sources.ts';
import type { CommandFlags, SourceReading } from './sources.ts';

export { ConfigError } from './config.ts';
export type { Config, ResolvedConfig } from './config.ts';
export { configText, mistakesText, settingsHelp } from './show.ts';
export { clientUrlOf, isLoopbackAddress, urlOf } from './addresses.ts';
export { addressOf } from './members.ts';
export type { Member } from './members.ts';

export interface CommandLine {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface LoadedConfig {
  readonly flags: CommandFlags;
  /** @throws ConfigError with every mistake of all sources */
  readonly resolve: () => ResolvedConfig;
}

/** Reads flags, environment and file, in this order of precedence. */
export function loadConfig({ args, env }: CommandLine): LoadedConfig {
  const fromFlags = readFlags(args);
  const { flags } = fromFlags;
  return {
    flags,
    resolve: () => {
      const fromEnvironment = readEnvironment(env);
      const file = flags.config ?? env['ZOOGATE_CONFIG'];
      const readings: SourceReading[] = [fromFlags, fromEnvironment];
      if (file !== undefined) readings.push(readFileAt(file));
      return resolveConfig({
        sources: readings.map(({ source }) => source),
        mistakes: readings.flatMap(({ mistakes }) => mistakes),
        memory: machineMemory(),
      });
    },
  };
}

const unreadable: Readonly<Record<string, string>> = {
  ENOENT: ': there is no such file; look at --config or ZOOGATE_CONFIG',
  EISDIR: ': it is a directory; name the file in it',
  EACCES: ': this user may not read it',
};

/** A file that cannot be read is a mistake among the others. */
function readFileAt(file: string): SourceReading {
  try {
    return readConfigFile(file, readFileSync(file, 'utf8'));
  } catch (error) {
    const { code = String(error) } = error as NodeJS.ErrnoException;
    const hint = unreadable[code] ?? '';
    const mistake = { key: file, problem: `cannot be read (${code})${hint}` };
    return { source: { settings: new Map(), limits: new Map() }, mistakes: [mistake] };
  }
}
