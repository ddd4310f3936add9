/** Three members of etcd with its own timings, through its JSON gateway. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { memberIds, type Recipe, type RetryingWriter } from '../ensemble.ts';
import { HttpClient } from '../http.ts';
import { freePort } from '../../../support/free-port.ts';

const keys = 1000;
const writeTimeoutMs = 1000;
const base64 = (text: string): string => Buffer.from(text).toString('base64');
const value = base64('x'.repeat(100));

export const putBody = (key: string, data = value): string =>
  JSON.stringify({ key: base64(key), value: data });
export const rangeBody = (key: string, serializable = false): string =>
  JSON.stringify({ key: base64(key), ...(serializable && { serializable }) });

/** What is missing on this machine to run etcd, or undefined. */
export function etcdMissing(): string | undefined {
  return spawnSync('etcd', ['--version']).error === undefined
    ? undefined
    : 'no etcd on the path (Debian package etcd-server)';
}

interface Ports {
  readonly client: number;
  readonly peer: number;
}

export async function etcdRecipe(parentFolder: string): Promise<Recipe> {
  const ports = new Map<number, Ports>();
  for (const id of memberIds) {
    ports.set(id, { client: await freePort(), peer: await freePort() });
  }
  const portsOf = (id: number): Ports => ports.get(id) ?? { client: 0, peer: 0 };
  const port = (id: number): number => portsOf(id).client;
  const folderOf = (id: number): string => join(parentFolder, `etcd-${id}`);
  const client = new HttpClient();
  const post = (id: number, path: string, body: string) =>
    client.succeed({ port: port(id), path, method: 'POST', body });
  return {
    system: 'etcd',
    startTimeoutMs: 60_000,
    port,
    prepare: async (id) => {
      await mkdir(folderOf(id), { recursive: true });
    },
    program: (id) => ({
      command: 'etcd',
      folder: folderOf(id),
      args: programArguments(id, folderOf(id), portsOf),
    }),
    isUp: async (id) => {
      const { text } = await client.ask({ port: port(id), path: '/health' });
      return text.includes('"true"');
    },
    leads: async (id) => {
      const { text } = await post(id, '/v3/maintenance/status', '{}');
      const status = JSON.parse(text) as { leader?: string; header: { member_id: string } };
      return status.leader === status.header.member_id;
    },
    fill: async (id) => {
      for (let key = 0; key < keys; key++) await post(id, '/v3/kv/put', putBody(`/bench/k${key}`));
    },
    writer: (id) => writerOn(port(id)),
    mark: async (id, data) => {
      await post(id, '/v3/kv/put', putBody('/bench/mark', base64(data)));
    },
    readMark: async (id) => {
      const { text } = await post(id, '/v3/kv/range', rangeBody('/bench/mark', true));
      const { kvs } = JSON.parse(text) as { kvs?: readonly { value: string }[] };
      return kvs?.[0] === undefined ? undefined : Buffer.from(kvs[0].value, 'base64').toString();
    },
  };
}

function programArguments(id: number, folder: string, ports: (id: number) => Ports): string[] {
  const url = (port: number): string => `http://127.0.0.1:${port}`;
  const { client, peer } = ports(id);
  const data = join(folder, 'data');
  return [
    ...['--name', `m${id}`, '--data-dir', data, '--log-level', 'warn', '--logger', 'zap'],
    ...['--listen-client-urls', url(client), '--advertise-client-urls', url(client)],
    ...['--listen-peer-urls', url(peer), '--initial-advertise-peer-urls', url(peer)],
    ...['--initial-cluster', memberIds.map((one) => `m${one}=${url(ports(one).peer)}`).join(',')],
    ...['--initial-cluster-state', existsSync(join(data, 'member')) ? 'existing' : 'new'],
    ...['--initial-cluster-token', 'bench', '--quota-backend-bytes', '6442450944'],
  ];
}

function writerOn(port: number): RetryingWriter {
  const client = new HttpClient();
  const body = putBody('/bench/k1');
  return {
    write: async () => {
      const asked = { port, path: '/v3/kv/put', method: 'POST', body, timeoutMs: writeTimeoutMs };
      try {
        return (await client.ask(asked)).status === 200;
      } catch {
        return false;
      }
    },
    close: () => client.close(),
  };
}
