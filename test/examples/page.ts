/** Runs the steps of a page: its commands in one shell, its WebSockets side by side. */
import { WebSocket } from 'ws';
import { expect } from 'vitest';
import { matchesLines, matchesText } from './document.ts';
import type { ConsoleStep, Step, TerminalStep, WebSocketStep } from './document.ts';
import { Terminal } from './terminal.ts';
import type { Shell } from './shell.ts';

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

export interface PageOptions {
  readonly shell: Shell;
  /** Where the commands run. */
  readonly directory: string;
  readonly webSocketUrl: string;
  /** The documented addresses as those of the nodes that the test has. */
  readonly here: (text: string) => string;
}

export class Page {
  readonly #options: PageOptions;
  readonly #terminals = new Map<string, Terminal>();
  readonly #connections = new Map<string, Connection>();

  constructor(options: PageOptions) {
    this.#options = options;
  }

  /** @throws AssertionError where something else happens than the page says */
  async run(step: Step): Promise<void> {
    if (step.kind === 'console') await this.#runCommand(step);
    else if ('terminal' in step) await this.#runTerminal(step);
    else await this.#runFrame(step);
  }

  close(): void {
    for (const connection of this.#connections.values()) connection.cut();
    for (const terminal of this.#terminals.values()) terminal.signal('SIGKILL');
  }

  async #runCommand(step: ConsoleStep): Promise<void> {
    const { shell, here } = this.#options;
    const actual = await shell.run(here(step.command));
    const said = `README line ${step.line}: $ ${step.command}\n${actual.join('\n')}`;
    expect(matchesLines(step.output.map(here), actual), said).toBe(true);
  }

  async #runTerminal({ kind, line, terminal: name, text }: TerminalStep): Promise<void> {
    const { directory, here } = this.#options;
    if (kind === 'start') {
      this.#terminals.set(name, new Terminal(here(text), directory));
      return;
    }
    const terminal = this.#terminals.get(name);
    if (terminal === undefined) throw new Error(`README line ${line}: nothing runs in ${name}`);
    if (kind === 'interrupt') {
      terminal.signal('SIGINT');
      await terminal.ended();
    } else {
      await terminal.shows(here(text));
    }
  }

  async #runFrame(step: WebSocketStep): Promise<void> {
    let connection = this.#connections.get(step.connection);
    if (connection === undefined) {
      connection = await Connection.open(this.#options.webSocketUrl);
      this.#connections.set(step.connection, connection);
    }
    if (step.kind === 'send') connection.send(step.text);
    else if (step.kind === 'cut') connection.cut();
    else {
      const frame = await connection.next();
      const said = `README line ${step.line}, ${step.connection} received ${frame}`;
      expect(matchesText(step.text, frame), said).toBe(true);
    }
  }
}
