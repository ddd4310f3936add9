/**
 * Every setting of a node, as data: from this table come the flags, the environment variables, the keys
 * of the configuration file, the help text and `--print-config`.
 */
import { defaultLimits, derivedLimits } from '../../protocol/limits.ts';
import type { Limits } from '../../protocol/limits.ts';
import { idRange, memberKind } from './members.ts';
import { byteSize, duration, integer, matching, onOff, oneOf, text } from './values.ts';
import type { ValueKind } from './values.ts';

export interface Setting<T> {
  readonly kind: ValueKind<T>;
  /** Absent = without it the node starts as well, or `defaultText` says where its value comes from. */
  readonly default?: T;
  /** Says in words what the default is, where it depends on something else. */
  readonly defaultText?: string;
  readonly description: string;
  /** Never shown again. */
  readonly secret?: true;
  readonly group: SettingGroup;
}

/** A setting that is given any number of times; a higher source replaces the whole list of a lower one. */
export interface ListSetting {
  readonly kind: ValueKind<string>;
  readonly list: true;
  readonly default: readonly string[];
  readonly description: string;
  readonly group: SettingGroup;
}

export type AnySetting =
  | Setting<number>
  | Setting<boolean>
  | Setting<string>
  | Setting<LogLevel>
  | Setting<LogFormat>
  | Setting<ReadConsistency>
  | ListSetting;

export const settingGroups = {
  node: 'The node',
  doors: 'Who may call, and how',
  members: 'The ensemble',
  sessions: 'Sessions and the time of znodes',
  storage: 'Storage',
  log: 'Logging',
} as const;

export type SettingGroup = keyof typeof settingGroups;

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];
export type LogFormat = 'auto' | 'json' | 'pretty';
export type ReadConsistency = 'linearizable' | 'local';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const DAY = 24 * 60 * MINUTE;
const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;

const port = integer({ min: 0, max: 65_535 });
const anyTime = { min: 1, max: 3650 * DAY };

/** Names are the keys of the configuration; `flagOf` and `variableOf` make the others from them. */
export const settings = {
  id: {
    group: 'node',
    kind: integer(idRange),
    default: 1,
    description: "This node's number in its ensemble.",
  },
  dataDir: {
    group: 'node',
    kind: text('DIR'),
    defaultText: './data/<id>',
    description: 'Where the log and the snapshots are. One process at a time may use it.',
  },
  host: {
    group: 'node',
    kind: text('ADDRESS'),
    default: '127.0.0.1',
    description: 'Address on which clients are served.',
  },
  port: {
    group: 'node',
    kind: port,
    defaultText: '8180 + <id>',
    description:
      'Port on which clients are served; 0 takes any free one. It is logged and written to <data-dir>/http.port.',
  },
  insecureListen: {
    group: 'node',
    kind: onOff(),
    default: false,
    description:
      'Listen beyond this machine although there is neither TLS nor authentication: whoever reaches the port may read and write.',
  },
  shutdownTimeout: {
    group: 'node',
    kind: duration({ min: 100, max: 10 * MINUTE }),
    default: 10 * SECOND,
    description:
      'Time for an orderly stop, after which the process ends with status 1, or by SIGKILL where its disk hangs.',
  },
  allowedHost: {
    group: 'doors',
    kind: matching({
      placeholder: 'NAME',
      pattern: /^[A-Za-z0-9.:_-]+$/,
      form: 'must be a host name without a port',
    }),
    list: true,
    default: [],
    description: 'A further name by which clients on this machine may call it (the Host header).',
  },
  allowedOrigin: {
    group: 'doors',
    kind: matching({
      placeholder: 'ORIGIN',
      pattern: /^(?:\*|https?:\/\/[^\s/?#@]+)$/i,
      form: 'must be an origin such as https://app.example, or *',
    }),
    list: true,
    default: [],
    description: 'An origin whose pages may call from a browser, beside the node itself.',
  },
  trustProxy: {
    group: 'doors',
    kind: onOff(),
    default: false,
    description:
      "Take a client's address from the end of X-Forwarded-For. Only behind a proxy that adds it there.",
  },
  restConsistency: {
    group: 'doors',
    kind: oneOf(['linearizable', 'local']),
    default: 'linearizable',
    description: 'How a REST read is answered that does not say it.',
  },
  readOnlyMode: {
    group: 'doors',
    kind: onOff(),
    default: false,
    description: 'Answer local reads also while there is no quorum.',
  },
  superDigest: {
    group: 'doors',
    kind: matching({
      placeholder: 'USER:HASH',
      pattern: /^[^:\s]+:[A-Za-z0-9+/]{27}=$/,
      form: 'must be user:HASH, where HASH is base64(sha1("user:password"))',
    }),
    secret: true,
    description:
      'The identity that passes every ACL. Without it nobody does. `zoogate hash-password` makes the value. Better in the environment or in a file than as an argument, which all users of the machine can read.',
  },
  member: {
    group: 'members',
    kind: memberKind,
    list: true,
    default: [],
    description:
      'A member with a vote: its id and where the others reach it. The same list on every node, itself included; without one the node is an ensemble of its own.',
  },
  observer: {
    group: 'members',
    kind: memberKind,
    list: true,
    default: [],
    description: 'A member without a vote: it serves clients, and makes no write slower.',
  },
  peerHost: {
    group: 'members',
    kind: text('ADDRESS'),
    default: '127.0.0.1',
    description: 'Address on which the other members are served.',
  },
  peerPort: {
    group: 'members',
    kind: port,
    defaultText: 'that of this node in --member or --observer, else 8280 + <id>',
    description: 'Port on which the other members are served.',
  },
  clientUrl: {
    group: 'members',
    kind: matching({
      placeholder: 'URL',
      pattern: /^https?:\/\/(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?$/,
      form: 'must be a URL without a path, such as http://node1.example:8181',
    }),
    description:
      'Where clients reach this node, as GET /ensemble tells it on every node; made of --host and --port where it is not given, or of its host in --member where --host is every address.',
  },
  peerTimeout: {
    group: 'members',
    kind: duration({ min: 100, max: MINUTE }),
    default: SECOND,
    description:
      'Silence after which a leader gives a follower up, and a follower its leader; without its quorum a leader stops serving, and one whose disk is silent for as long hands over.',
  },
  peerPing: {
    group: 'members',
    kind: duration({ min: 10, max: 20 * SECOND }),
    defaultText: 'a tenth of --peer-timeout',
    description: 'Pause after which a leader sends a sign of life where it sends nothing else.',
  },
  peerConnectTimeout: {
    group: 'members',
    kind: duration({ min: 500, max: 10 * MINUTE }),
    default: 20 * SECOND,
    description: 'Time for a new leader to gather a quorum, before the next election.',
  },
  tickMs: {
    group: 'sessions',
    kind: duration({ min: 10, max: MINUTE }),
    default: 2 * SECOND,
    description: 'Unit of session expiry: a session ends at most one tick after its timeout.',
  },
  minSessionTimeout: {
    group: 'sessions',
    kind: duration(anyTime),
    defaultText: '2 ticks',
    description: 'The shortest session timeout that is granted.',
  },
  maxSessionTimeout: {
    group: 'sessions',
    kind: duration(anyTime),
    default: 10 * MINUTE,
    description: 'The longest session timeout that is granted.',
  },
  defaultSessionTimeout: {
    group: 'sessions',
    kind: duration(anyTime),
    default: 10 * SECOND,
    description: 'The session timeout where none is asked, within the two above.',
  },
  containerCheckMs: {
    group: 'sessions',
    kind: duration({ min: 10, max: DAY }),
    default: MINUTE,
    description: 'Pace of the search for empty containers and expired TTL znodes.',
  },
  containerNeverUsedMs: {
    group: 'sessions',
    kind: duration({ min: 0, max: 3650 * DAY }),
    default: 5 * MINUTE,
    description: 'A container that never had a child goes after this time; 0 = never.',
  },
  snapshotEvery: {
    group: 'storage',
    kind: integer({ min: 2, max: 1_000_000_000 }),
    default: 100_000,
    description: 'A snapshot is begun after half to all of so many transactions.',
  },
  snapshotsRetained: {
    group: 'storage',
    kind: integer({ min: 1, max: 1000 }),
    default: 3,
    description: 'Snapshots that are kept, with the log from the oldest of them.',
  },
  segmentSize: {
    group: 'storage',
    kind: byteSize({ min: MIB, max: GIB }),
    default: 64 * MIB,
    description: 'Size to which a file of the log is preallocated.',
  },
  logLevel: {
    group: 'log',
    kind: oneOf(logLevels),
    default: 'info',
    description: 'What is logged; debug logs every request.',
  },
  logFormat: {
    group: 'log',
    kind: oneOf(['auto', 'json', 'pretty']),
    default: 'auto',
    description: 'One JSON object a line, or lines for people; auto = pretty on a terminal.',
  },
} as const satisfies Readonly<Record<string, AnySetting>>;

export type SettingName = keyof typeof settings;

/** In the table's order. */
export const settingNames = Object.keys(settings) as readonly SettingName[];

export type LimitName = keyof Limits;

export const limitNames = Object.keys(defaultLimits) as readonly LimitName[];

/** Limits whose default is made from the memory of the machine. */
const limitsFromMemory: readonly LimitName[] = ['treeBytesMax', 'treeNodesMax'];

/** The greatest array index that columns of 32-bit numbers can hold; no count goes beyond. */
const COUNT_MAX = 2 ** 31 - 1;

/** A limit as a setting: what it measures follows from its name. */
export function limitSetting(name: LimitName): Setting<number> {
  const kind = limitKind(name);
  const description = describeLimit(name);
  const common = { group: 'doors', kind, description } as const;
  if (limitsFromMemory.includes(name)) {
    return { ...common, defaultText: 'from the memory of the machine' };
  }
  const derived = derivedLimits[name];
  if (derived !== undefined) return { ...common, defaultText: derived.text };
  return { ...common, default: defaultLimits[name] };
}

function limitKind(name: LimitName): ValueKind<number> {
  if (name.endsWith('Ms')) return duration({ min: 1, max: DAY });
  if (name.includes('Bytes')) return byteSize({ min: 1, max: 1024 * GIB });
  return integer({ min: 1, max: COUNT_MAX });
}

/** `znodeDataBytesMax` → `znode data bytes max`. */
function describeLimit(name: LimitName): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

/** `dataDir` → `data-dir`: without dashes before it also the key in a file. */
export function flagOf(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** `dataDir` → `ZOOGATE_DATA_DIR`. */
export function variableOf(name: string): string {
  return `ZOOGATE_${flagOf(name).replaceAll('-', '_').toUpperCase()}`;
}

/** `znodeDataBytesMax` → `ZOOGATE_LIMIT_ZNODE_DATA_BYTES_MAX`. */
export function limitVariableOf(name: LimitName): string {
  return variableOf(`limit-${name}`);
}
