/** Three nodes of the built Zoogate. */
import { readFileSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { memberIds, type Recipe, type RetryingWriter } from '../ensemble.ts';
import { HttpClient } from '../http.ts';
import { freePort } from '../../../support/free-port.ts';

const entry = fileURLToPath(new URL('../../../../dist/server/main.js', import.meta.url));
const value = 'x'.repeat(100);
const keys = 1000;
/** Beyond the longest answer of a node that has lost its leader. */
const writeTimeoutMs = 1000;

export async function zoogateRecipe(parentFolder: string): Promise<Recipe> {
  const peerPorts = new Map<number, number>();
  for (const id of memberIds) peerPorts.set(id, await freePort());
  const members = memberIds.flatMap((id) => [
    '--member',
    `${id}=127.0.0.1:${String(peerPorts.get(id))}`,
  ]);
  const folderOf = (id: number): string => join(parentFolder, `zoogate-${id}`);
  const portFile = (id: number): string => join(folderOf(id), 'http.port');
  const port = (id: number): number => Number(readFileSync(portFile(id), 'utf8'));
  const client = new HttpClient();
  return {
    system: 'Zoogate',
    startTimeoutMs: 60_000,
    port,
    prepare: async (id) => {
      await mkdir(folderOf(id), { recursive: true });
      await rm(portFile(id), { force: true });
    },
    program: (id) => ({
      command: process.execPath,
      folder: folderOf(id),
      args: [
        ...[entry, 'serve', '--id', String(id), '--port', '0', '--data-dir', folderOf(id)],
        ...['--log-level', 'warn', ...members],
      ],
    }),
    isUp: async (id) =>
      (await client.ask({ port: port(id), path: '/health/ready' })).status === 200,
    leads: async (id) => {
      const { text } = await client.ask({ port: port(id), path: '/ensemble' });
      const { leader, self } = JSON.parse(text) as { leader: number | null; self: number };
      return leader === self;
    },
    fill: async (id) => {
      await client.succeed({ port: port(id), path: '/znodes/bench', method: 'PUT' });
      for (let key = 0; key < keys; key++) {
        const path = `/znodes/bench/k${key}`;
        await client.succeed({ port: port(id), path, method: 'PUT', body: value });
      }
    },
    writer: (id) => writerOn(() => port(id)),
    mark: async (id, body) => {
      await client.succeed({ port: port(id), path: '/znodes/bench/mark', method: 'PUT', body });
    },
    readMark: async (id) => {
      const path = '/znodes/bench/mark?consistency=local';
      const { status, text } = await client.ask({ port: port(id), path });
      return status === 200 ? text : undefined;
    },
  };
}

/** Resending a PUT of the same data is harmless, so no more than the answer is asked for. */
function writerOn(port: () => number): RetryingWriter {
  const client = new HttpClient();
  return {
    write: async () => {
      const asked = { path: '/znodes/bench/k1', method: 'PUT', body: value };
      try {
        return (
          (await client.ask({ ...asked, port: port(), timeoutMs: writeTimeoutMs })).status < 300
        );
      } catch {
        return false;
      }
    },
    close: () => client.close(),
  };
}
