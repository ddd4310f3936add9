/** What every case gets, and the server it measures. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { digestId } from '../crosscheck/identity.ts';
import { startZoogate, type RunningZoogate } from '../crosscheck/zoogate-server.ts';
import { runChild } from './children.ts';
import type { WebSocketLoad } from './loads/websocket.ts';
import type { Results } from './results.ts';
import type { Measurement } from './window.ts';

export interface BenchContext {
  readonly results: Results;
  /** On a real disk. */
  readonly folder: string;
  /** Of one measurement. */
  readonly seconds: number;
  /** Small numbers, for a look in passing. */
  readonly quick: boolean;
  /** Another built checkout, to measure beside this one. */
  readonly beside?: string;
}

export type Case = (context: BenchContext) => Promise<void>;

const superUser = { name: 'super', password: 'bench' };

export const superAuthorization = `Basic ${Buffer.from(
  `${superUser.name}:${superUser.password}`,
).toString('base64')}`;

export const websocketUrl = ({ port }: { readonly port: number }): string =>
  `ws://127.0.0.1:${port}/ws`;
export const httpUrl = ({ port }: { readonly port: number }, path: string): string =>
  `http://127.0.0.1:${port}${path}`;

let servers = 0;

/** A folder of the work folder that nobody else has. */
export async function freshFolder(context: BenchContext): Promise<string> {
  const folder = join(context.folder, `server-${++servers}`);
  await mkdir(folder, { recursive: true });
  return folder;
}

/** @param dataFolder an existing one; default a fresh one on the real disk */
export async function startServer(
  context: BenchContext,
  dataFolder?: string,
): Promise<RunningZoogate> {
  return startZoogate({
    dataFolder: dataFolder ?? (await freshFolder(context)),
    flags: ['--super-digest', digestId(superUser.name, superUser.password)],
    startTimeoutMs: 120_000,
  });
}

/** Runs `use` beside a server on fresh data. */
export async function withServer(
  context: BenchContext,
  use: (server: RunningZoogate) => Promise<void>,
): Promise<void> {
  const server = await startServer(context);
  try {
    await use(server);
  } finally {
    await server.stop();
  }
}

const keys = 1000;

/** The thousand znodes of 100 bytes that the loads read and write. */
export async function makeKeys(server: RunningZoogate): Promise<void> {
  const data = 'x'.repeat(100);
  await expectSuccess(fetch(httpUrl(server, '/znodes/bench'), { method: 'PUT' }));
  const operations = Array.from({ length: keys }, (_, key) => ({
    op: 'create',
    path: `/bench/k${key}`,
    data,
  }));
  await expectSuccess(
    fetch(httpUrl(server, '/multi'), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ operations }),
    }),
  );
}

const warmUpSeconds = 1;

/** Lets the server's code be compiled before anything is measured. */
export async function warmUp(server: RunningZoogate): Promise<void> {
  const shape = { connections: 16, outstanding: 32, arrays: true };
  const load: WebSocketLoad = {
    url: websocketUrl(server),
    serverPid: server.pid,
    seconds: warmUpSeconds,
    cases: [
      { operation: 'read', ...shape },
      { operation: 'write', ...shape },
    ],
  };
  await runChild<Measurement>('loads/websocket.ts', load);
}

export async function expectSuccess(asked: Promise<Response>): Promise<Response> {
  const response = await asked;
  if (!response.ok) throw new Error(`${response.url}: ${response.status} ${await response.text()}`);
  return response;
}
