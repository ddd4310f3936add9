/**
 * The log of the process: one JSON object a line on standard output, or lines for people on a terminal.
 * Secrets never reach it: headers are not logged at all, fields that hold secrets are replaced, and
 * whatever looks like a credential is taken out of each finished line.
 */
import { isatty } from 'node:tty';
import { pino } from 'pino';
import type { DestinationStream, Logger } from 'pino';
import type { LogFormat, LogLevel } from './config/settings.ts';

export type { Logger } from 'pino';

export interface LogSettings {
  readonly level: LogLevel;
  readonly format: LogFormat;
}

export interface ProcessLog {
  readonly logger: Logger;
  /** Writes what is buffered before it returns; for the last lines of a process. */
  readonly flush: () => void;
}

const STDOUT = 1;

/** A reader of the log that has stalled must not stall the node: beyond this, lines are dropped. */
const BUFFERED_CHARACTERS_MAX = 4 * 1024 * 1024;

const secretFields = [
  'authorization',
  'secret',
  'token',
  'password',
  'credential',
  'superDigest',
  'zk-session',
] as const;

/** Down to three levels, which is as deep as anything is logged. */
const redactedPaths = secretFields.flatMap((field) => {
  const name = `["${field}"]`;
  return [name, `*${name}`, `*.*${name}`];
});

/** Logs on standard output; `auto` is for people where that is a terminal. */
export async function openLog(settings: LogSettings): Promise<ProcessLog> {
  const pretty = settings.format === 'pretty' || (settings.format === 'auto' && isatty(STDOUT));
  if (pretty) {
    const { default: prettyStream } = await import('pino-pretty');
    const stream = prettyStream({
      ...{ destination: STDOUT, sync: true, singleLine: true, ignore: 'pid,hostname' },
    });
    return { logger: makeLogger(settings.level, stream), flush: () => undefined };
  }
  const destination = pino.destination({
    dest: STDOUT,
    sync: false,
    maxLength: BUFFERED_CHARACTERS_MAX,
  });
  return { logger: makeLogger(settings.level, destination), flush: () => destination.flushSync() };
}

/** A logger whose lines reach `stream` without secrets. */
export function makeLogger(level: LogLevel, stream: DestinationStream): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: redactedPaths, censor: '(hidden)' },
      serializers: { req: requestFields, err: pino.stdSerializers.err },
      hooks: { streamWrite: withoutSecrets },
    },
    stream,
  );
}

/** Of a request nothing but what it asked for and from where: no headers. */
function requestFields(request: {
  readonly method?: string;
  readonly url?: string;
  readonly ip?: string;
}): object {
  const { method, url, ip } = request;
  return { method, url, ip };
}

const secretPatterns: readonly (readonly [RegExp, string])[] = [
  // Credentials in a URL. No scheme is longer, and without a bound a long line is searched from every word.
  [/(\b[a-z][a-z0-9+.-]{0,30}:\/\/)[^\s/@"\\]+@/gi, '$1(hidden)@'],
  // The headers that carry them.
  [/\b(Basic|Bearer)\s+[A-Za-z0-9+/=._~-]{4,}/gi, '$1 (hidden)'],
  // A session's token: id, colon, 128 bits of base64url.
  [/\b([0-9]{1,16}):[A-Za-z0-9_-]{22}(?![A-Za-z0-9_-])/g, '$1:(hidden)'],
  // The hash of a digest identity: SHA-1 in base64.
  [/:[A-Za-z0-9+/]{27}=/g, ':(hidden)'],
];

/** A line of the log without what looks like a credential. */
export function withoutSecrets(line: string): string {
  let clean = line;
  for (const [pattern, replacement] of secretPatterns) clean = clean.replace(pattern, replacement);
  return clean;
}
