/** The processes of an ensemble: started once, their output told apart, stopped together. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { endsWithParentVariable } from '../parent.ts';
import type { PlannedNode } from './plan.ts';

export interface NodeExit {
  readonly node: PlannedNode;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface NodesOptions {
  /** What `node` runs: the executable of the product. */
  readonly executable: string;
  readonly serveArgs: readonly string[];
  /** A line of a node's output, with its mark before it. */
  readonly print: (line: string) => void;
  readonly onExit: (exit: NodeExit) => void;
}

export class Nodes {
  readonly #children = new Map<number, ChildProcess>();
  readonly #options: NodesOptions;
  #whenEmpty: (() => void)[] = [];

  constructor(nodes: readonly PlannedNode[], options: NodesOptions) {
    this.#options = options;
    for (const node of nodes) this.#start(node);
  }

  get running(): number {
    return this.#children.size;
  }

  /** The process of a node; undefined once it has ended. */
  processId(id: number): number | undefined {
    return this.#children.get(id)?.pid;
  }

  signal(signal: NodeJS.Signals): void {
    for (const child of this.#children.values()) child.kill(signal);
  }

  /** Resolves when the last one has ended. */
  ended(): Promise<void> {
    if (this.#children.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenEmpty.push(resolve));
  }

  #start(node: PlannedNode): void {
    const { executable, serveArgs, print, onExit } = this.#options;
    const args = ['serve', '--config', node.settingsFile, '--log-format', 'pretty', ...serveArgs];
    const child = spawn(process.execPath, [executable, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      // Nodes of an ensemble that was killed would hold its ports and its data.
      env: { ...withoutSettings(process.env), [endsWithParentVariable]: '1' },
    });
    this.#children.set(node.id, child);
    for (const output of [child.stdout, child.stderr]) {
      createInterface({ input: output }).on('line', (line) => print(`${node.id} | ${line}`));
    }
    child.once('error', (error) => print(`${node.id} | it cannot be started: ${error.message}`));
    // `close`, unlike `exit`, comes after the last of the output, and after an error too.
    child.once('close', (code, signal) => {
      this.#children.delete(node.id);
      onExit({ node, code, signal });
      if (this.#children.size > 0) return;
      for (const resolve of this.#whenEmpty) resolve();
      this.#whenEmpty = [];
    });
  }
}

/** What the environment says of one node must not be said of all. */
function withoutSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('ZOOGATE_')));
}
