/** Which nodes there will be, and where: their settings as files, from which each can be started alone too. */
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { lockDirectory } from '../../storage/directory-lock.ts';
import { DirectoryInUseError } from '../../storage/errors.ts';
import { prepareDataDirectory } from '../data-directory.ts';
import { dataDirectoryError, StartError } from '../start-error.ts';
import type { EnsembleOptions } from './options.ts';

export interface PlannedNode {
  readonly id: number;
  readonly role: 'participant' | 'observer';
  readonly port: number;
  readonly peerPort: number;
  readonly url: string;
  readonly dataDir: string;
  /** A file for `zoogate serve --config`. */
  readonly settingsFile: string;
}

const HOST = '127.0.0.1';

export function planNodes(options: EnsembleOptions): readonly PlannedNode[] {
  const { nodes, observers, dataDir, portBase, peerPortBase } = options;
  return Array.from({ length: nodes + observers }, (_, index) => {
    const id = index + 1;
    const port = portBase + id;
    return {
      ...{ id, port, peerPort: peerPortBase + id, url: `http://${HOST}:${port}` },
      role: id <= nodes ? 'participant' : 'observer',
      dataDir: join(dataDir, String(id)),
      settingsFile: join(dataDir, `${id}.yaml`),
    };
  });
}

interface Settings {
  readonly id: number;
  readonly port: number;
  readonly 'data-dir': string;
  readonly member: readonly string[];
  readonly observer: readonly string[];
}

function settingsOf(node: PlannedNode, nodes: readonly PlannedNode[]): Settings {
  const listed = (role: PlannedNode['role']): string[] =>
    nodes
      .filter((each) => each.role === role)
      .map(({ id, peerPort }) => `${id}=${HOST}:${peerPort}`);
  return {
    ...{ id: node.id, port: node.port, 'data-dir': node.dataDir },
    ...{ member: listed('participant'), observer: listed('observer') },
  };
}

/**
 * Writes the settings of each node.
 * @throws StartError where the data is that of an ensemble of other members, which these would not be
 */
export async function writeSettings(dataDir: string, nodes: readonly PlannedNode[]): Promise<void> {
  await prepareDataDirectory(dataDir);
  for (const node of nodes) {
    const settings = settingsOf(node, nodes);
    const before = await readMembers(node.settingsFile);
    const now = memberIds(settings);
    if (before !== undefined && before !== now) {
      throw new StartError(
        `${dataDir} holds an ensemble of ${before}, and this one has ${now}. Start it with as many ` +
          'nodes and observers as before, or choose another --data-dir',
      );
    }
    const title = `# Node ${node.id} of \`zoogate ensemble\`, for \`zoogate serve --config\`.\n`;
    try {
      await writeFile(node.settingsFile, title + stringify(settings));
    } catch (error) {
      throw dataDirectoryError(error, dataDir);
    }
  }
}

async function readMembers(file: string): Promise<string | undefined> {
  try {
    return memberIds(parse(await readFile(file, 'utf8')) as Settings);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    throw new StartError(
      `${file} is not a file of settings that zoogate ensemble has written (${message}). ` +
        'Move it away, or choose another --data-dir',
      error,
    );
  }
}

/** `the members 1, 2, 3 and the observers 4`. */
function memberIds({ member, observer }: Settings): string {
  const ids = (texts: readonly string[]): string =>
    texts.map((text) => text.split('=', 1)[0]).join(', ');
  const members = `the members ${ids(member)}`;
  return observer.length === 0 ? members : `${members} and the observers ${ids(observer)}`;
}

/** @throws StartError naming every port that somebody else has */
export async function requireFreePorts(nodes: readonly PlannedNode[]): Promise<void> {
  const problems: string[] = [];
  for (const { id, port, peerPort } of nodes) {
    for (const [number, what, flag] of [
      [port, 'the clients', '--port-base'],
      [peerPort, 'the peers', '--peer-port-base'],
    ] as const) {
      const code = await listenProblem(number);
      if (code !== undefined) {
        problems.push(
          `  port ${number} for ${what} of node ${id} (${code}); ${flag} chooses others`,
        );
      }
    }
  }
  if (problems.length === 0) return;
  throw new StartError(
    `these ports of ${HOST} cannot be had; does an ensemble run already?\n${problems.join('\n')}`,
  );
}

/** @throws StartError where a process has the data of a node: its settings are that process's too */
export async function requireFreeDirectories(nodes: readonly PlannedNode[]): Promise<void> {
  for (const { id, dataDir } of nodes) {
    if (!existsSync(dataDir)) continue;
    try {
      const lock = await lockDirectory(dataDir);
      await lock.release();
    } catch (error) {
      if (!(error instanceof DirectoryInUseError)) throw error;
      throw new StartError(
        `node ${id} of this ensemble runs already: data directory ${dataDir} is in use by ` +
          `${error.holder}. Stop it, or choose another --data-dir for a second ensemble`,
      );
    }
  }
}

function listenProblem(port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ port, host: HOST, exclusive: true }, () => {
      server.close(() => resolve(undefined));
    });
  });
}
