/** The configuration as text for people: the help page of `serve`, and `--print-config`. */
import type { ResolvedConfig } from './config.ts';
import {
  flagOf,
  limitNames,
  limitSetting,
  settingGroups,
  settingNames,
  settings,
  variableOf,
} from './settings.ts';
import type { AnySetting, SettingGroup, SettingName } from './settings.ts';

const LINE_WIDTH = 96;
const INDENT = 6;

/** Every flag with its meaning, default and environment variable. */
export function settingsHelp(): string {
  const groups = Object.entries(settingGroups) as [SettingGroup, string][];
  const sections = groups.map(([group, title]) => {
    const entries = settingNames.filter((name) => settings[name].group === group).map(settingHelp);
    return `${title}:\n${entries.join('\n')}`;
  });
  return [...sections, limitsHelp()].join('\n\n');
}

function settingHelp(name: SettingName): string {
  const setting: AnySetting = settings[name];
  const { kind, description } = setting;
  const head = `  --${flagOf(name)}${kind.placeholder === '' ? '' : ` ${kind.placeholder}`}`;
  const notes = [...defaultNotes(setting), variableOf(name)];
  if ('list' in setting) notes.unshift('repeatable');
  return `${head}\n${wrap(`${description} [${notes.join('; ')}]`)}`;
}

function defaultNotes(setting: AnySetting): string[] {
  if ('list' in setting) return [];
  const { default: usual, defaultText } = setting;
  if (defaultText !== undefined) return [`default ${defaultText}`];
  if (usual === undefined || usual === false) return [];
  return [`default ${formatted(setting, usual)}`];
}

function limitsHelp(): string {
  const text =
    'Sets a limit; a request beyond one is refused with a clear error. ' +
    '[repeatable; ZOOGATE_LIMIT_…, such as ZOOGATE_LIMIT_ZNODE_DATA_BYTES_MAX; `limit:` in a file] ' +
    'Clients get connectionsMax connections, or fewer where the process may open fewer files than that and filesReserved together.';
  const rows = limitNames.map((name) => {
    const setting = limitSetting(name);
    const usual =
      setting.default === undefined
        ? (setting.defaultText ?? '')
        : setting.kind.format(setting.default);
    return `      ${name.padEnd(27)} ${usual}`;
  });
  return `Limits:\n  --limit NAME=VALUE\n${wrap(text)}\n${rows.join('\n')}`;
}

/**
 * The configuration in force as a YAML file that says where each value comes from. Secrets are hidden.
 */
export function configText({ config, origins, warnings }: ResolvedConfig): string {
  const rows = settingNames.flatMap((name) => {
    const value: unknown = config[name];
    if (value === undefined) return [];
    return [row(flagOf(name), shown(name, value), origins.settings.get(name))];
  });
  const limits = limitNames.map((name) => {
    const text = limitSetting(name).kind.format(config.limits[name]);
    return row(`  ${name}`, text, origins.limits.get(name));
  });
  const notes = warnings.map((warning) => `# Warning: ${warning}`);
  return [...notes, ...rows, 'limit:', ...limits, ''].join('\n');
}

function row(key: string, value: string, origin: string | undefined): string {
  return `${`${key}: ${value}`.padEnd(44)} # ${origin ?? 'default'}`;
}

function shown(name: SettingName, value: unknown): string {
  const setting: AnySetting = settings[name];
  if ('secret' in setting) return '(hidden)';
  if (Array.isArray(value)) return JSON.stringify(value);
  const text = formatted(setting, value);
  return typeof value === 'string' ? JSON.stringify(text) : text;
}

/** The kind of a setting formats the values of this very setting; the union hides that they fit. */
function formatted(setting: AnySetting, value: unknown): string {
  const format = setting.kind.format as (value: unknown) => string;
  return format(value);
}

function wrap(text: string): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && INDENT + line.length + 1 + word.length > LINE_WIDTH) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line].map((each) => ' '.repeat(INDENT) + each).join('\n');
}

/**
 * One line a mistake, for standard error.
 * @param command whose help lists what there is
 */
export function mistakesText(
  mistakes: readonly { key: string; problem: string }[],
  command: string,
): string {
  const lines = mistakes.map(({ key, problem }) => `  ${key} ${problem}`);
  const count = lines.length === 1 ? 'a mistake' : `${lines.length} mistakes`;
  const help = `\`zoogate help ${command}\` shows what there is.`;
  return `zoogate: the configuration has ${count}:\n${lines.join('\n')}\n${help}\n`;
}
