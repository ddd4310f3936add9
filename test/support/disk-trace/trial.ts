/** One run of a node with a fault of its disk, and what is wrong with what it did. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { startServer } from '../server-process.ts';
import type { ServerProcess } from '../server-process.ts';
import { pause, until, within } from '../waiting.ts';
import type { TraceEvent } from './events.ts';
import { judge } from './judge.ts';
import { TracedPlace } from './preload.ts';
import type { Fault } from './preload.ts';
import { certainCopy, missingFrom, smallArgs, writeMarked } from './run.ts';

export interface TrialOptions {
  readonly fault?: Fault;
  /** Instead of the built executable. */
  readonly program?: string;
  readonly writes: number;
}

export interface Trial {
  /** What is wrong, one sentence each. */
  readonly findings: readonly string[];
  readonly acknowledged: readonly string[];
  /** A call was tampered with: there was an N-th one. */
  readonly isDue: boolean;
  /** It ended by itself, at the start or later. */
  readonly hasEnded: boolean;
  /** Of the calls that the fault is for. */
  readonly events: readonly TraceEvent[];
}

/** While a call hangs, so long to see whether an answer comes all the same. */
const SILENCE_MS = 300;

/** In this time a node that has broken off its connections has ended. */
const END_MS = 20_000;

/** Statuses with which a node ends by itself: it cannot start, or its disk has failed. */
const ownEnds = [1, 70];

/**
 * The node goes on rightly or ends itself and says why, acknowledges nothing that is not certain, and what is
 * synced, and nothing else, has all that it acknowledged.
 */
export async function tryOnce({ fault, program, writes }: TrialOptions): Promise<Trial> {
  const place = new TracedPlace();
  const dataDir = place.dataDir();
  const starting = startServer({
    ...{ dataDir, env: place.environment(fault), args: smallArgs },
    ...(program !== undefined && { program }),
  });
  const outcome = starting.then((server) => use(server, writes)).catch(endOf);
  if (fault?.kind === 'hang') await whileItHangs(place, outcome);
  const { findings: complaints, hasEnded } = await outcome;
  const events = place.events();
  const { findings, acknowledged } = judge(events, { quorum: 1 });
  return {
    findings: [...complaints, ...findings, ...(await lossesOf(events, acknowledged))],
    isDue: events.some(({ isFault }) => isFault),
    ...{ acknowledged, hasEnded, events },
  };
}

interface End {
  readonly findings: readonly string[];
  readonly hasEnded: boolean;
}

/** Until all is written or the node has ended. */
async function use(server: ServerProcess, writes: number): Promise<End> {
  const ended = server.exited.then(() => true);
  const done = writeMarked(server.url, { count: writes, clients: 2, largeBytes: 600_000 }).then(
    () => false,
    (error: unknown) => within(`the end of a node that ${String(error)}`, END_MS, ended),
  );
  if (!(await Promise.race([ended, done]))) {
    const { code, signal } = await server.stop();
    if (code === 0) return { findings: [], hasEnded: false };
    if (code === null || !ownEnds.includes(code)) {
      return { findings: [`asked to stop it ended with ${code ?? signal ?? ''}`], hasEnded: true };
    }
  }
  const { code, signal } = await server.exited;
  // A line that was being written when the node ended comes after its last words.
  const lines = server.stdout().trim().split('\n');
  const last = lines.find((line) => line.includes('"level":"fatal"')) ?? lines.at(-1) ?? '';
  const saysWhy = code === 70 && last.includes('"level":"fatal"') && /\bE[A-Z]{2,}/.test(last);
  const text = `it ended with ${code ?? signal ?? ''}, and its last words are ${last}`;
  return { findings: saysWhy ? [] : [text], hasEnded: true };
}

/** It has not come to serve. */
function endOf(error: unknown): End {
  const { message } = error as Error;
  const saysWhy = /ended \((1|70)\)/.test(message) && /\bE[A-Z]{2,}/.test(message);
  return { findings: saysWhy ? [] : [`it does not start: ${message}`], hasEnded: true };
}

/** A moment in which an answer that rests on the hanging call could come, then the disk goes on. */
async function whileItHangs(place: TracedPlace, outcome: Promise<End>): Promise<void> {
  const over = outcome.then(() => true);
  const hanging = until('the call that hangs', () => {
    return place.events().some(({ isFault }) => isFault) || undefined;
  });
  await Promise.race([over, hanging.catch(() => true)]);
  await Promise.race([over, pause(SILENCE_MS)]);
  place.release();
}

/** Starts a node on a copy of what was synced, and nothing else. */
async function lossesOf(
  events: readonly TraceEvent[],
  acknowledged: readonly string[],
): Promise<readonly string[]> {
  const copy = certainCopy(events);
  const [name] = readdirSync(copy);
  if (name === undefined) return acknowledged.length > 0 ? ['nothing is left'] : [];
  try {
    const missing = await missingFrom(join(copy, name), acknowledged);
    return missing.map((path) => `${path} is acknowledged, and lost with the power`);
  } catch (error) {
    return [`no node starts on what is synced: ${(error as Error).message}`];
  }
}
