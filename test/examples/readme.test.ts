/** The README, executed exactly as it is written, from its first command to its last, against one node. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startServer } from '../support/server-process.ts';
import type { ServerProcess } from '../support/server-process.ts';
import { blocksOf, matchesLines, matchesText, stepsOf } from './document.ts';
import type { ConsoleStep, WebSocketStep } from './document.ts';
import { Shell } from './shell.ts';

const page = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
const documentedAddress = '127.0.0.1:8181';
const FRAME_TIMEOUT_MS = 20_000;

/** One named connection of the page; frames wait here until the page comes to them. */
class Connection {
  readonly #socket: WebSocket;
  readonly #frames: string[] = [];
  #arrived: () => void = () => undefined;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data: Buffer) => {
      this.#frames.push(data.toString());
      this.#arrived();
    });
  }

  static async open(url: string): Promise<Connection> {
    const socket = new WebSocket(url);
    const connection = new Connection(socket);
    await new Promise((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
    });
    return connection;
  }

  send(text: string): void {
    this.#socket.send(text);
  }

  /** The next frame that is not a bookmark: those come by the clock. */
  async next(): Promise<string> {
    for (;;) {
      const frame = this.#frames.shift();
      if (frame?.startsWith('{"type":"bookmark"') === true) continue;
      if (frame !== undefined) return frame;
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error('no frame in time')), FRAME_TIMEOUT_MS);
        this.#arrived = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  cut(): void {
    this.#socket.terminate();
  }
}

describe('the README', () => {
  const directory = mkdtempSync(join(tmpdir(), 'zoogate-readme-'));
  const connections = new Map<string, Connection>();
  let node: ServerProcess;
  let shell: Shell;

  beforeAll(async () => {
    node = await startServer();
    shell = new Shell(directory);
  });

  afterAll(async () => {
    shell.close();
    for (const connection of connections.values()) connection.cut();
    await node.stop();
    rmSync(directory, { recursive: true });
  });

  function here(text: string): string {
    return text.replaceAll(documentedAddress, new URL(node.url).host);
  }

  async function runCommand(step: ConsoleStep): Promise<void> {
    const actual = await shell.run(here(step.command));
    const shown = step.output.map(here);
    const said = `README line ${step.line}: $ ${step.command}\n${actual.join('\n')}`;
    expect(matchesLines(shown, actual), said).toBe(true);
  }

  async function runFrame(step: WebSocketStep): Promise<void> {
    let connection = connections.get(step.connection);
    if (connection === undefined) {
      connection = await Connection.open(node.wsUrl);
      connections.set(step.connection, connection);
    }
    if (step.kind === 'send') connection.send(step.text);
    else if (step.kind === 'cut') connection.cut();
    else {
      const frame = await connection.next();
      const said = `README line ${step.line}, ${step.connection} received ${frame}`;
      expect(matchesText(step.text, frame), said).toBe(true);
    }
  }

  it('shows what happens', { timeout: 120_000 }, async () => {
    const steps = stepsOf(page);
    expect(steps.length).toBeGreaterThan(40);
    for (const step of steps) {
      if (step.kind === 'console') await runCommand(step);
      else await runFrame(step);
    }
  });

  it('has no block that is neither executed nor the two commands and the scripts of the project', () => {
    const { scripts } = JSON.parse(
      readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
    ) as { scripts: Record<string, string> };
    for (const { language, lines, line } of blocksOf(page)) {
      if (language === 'console' || language === 'websocket') continue;
      expect(language, `README line ${line}`).toBe('sh');
      for (const command of lines) {
        const script = /^npm (?:run )?(\S+)/.exec(command)?.[1];
        expect(Object.keys(scripts), `README: ${command}`).toContain(script);
      }
    }
  });
});
