/** Three servers of one kind, as the cases see them. */
import { setTimeout as delay } from 'node:timers/promises';
import { ServerProcess } from './process.ts';
import type { Program } from './process.ts';

export type System = 'Zoogate' | 'ZooKeeper' | 'etcd';

export const memberIds = [1, 2, 3] as const;

/** One client with one write at a time, which finds its way back by itself. */
export interface RetryingWriter {
  /** True once the write is acknowledged, false when that is not known or will not be. */
  write(): Promise<boolean>;
  close(): void;
}

/** What differs from system to system. */
export interface Recipe {
  readonly system: System;
  readonly startTimeoutMs: number;
  program(id: number): Program;
  /** Before the process of a member starts. */
  prepare?(id: number): Promise<void>;
  /** Client port of a member that runs. */
  port(id: number): number;
  /** True once the member serves clients. */
  isUp(id: number): Promise<boolean>;
  /** True for a member that leads and says so itself. */
  leads(id: number): Promise<boolean>;
  /** Makes the keys that the loads use. */
  fill(id: number): Promise<void>;
  writer(id: number): RetryingWriter;
  /** Writes `/bench/mark` on a member. */
  mark(id: number, value: string): Promise<void>;
  /** What the member itself has of `/bench/mark`, without asking others. */
  readMark(id: number): Promise<string | undefined>;
}

const leaderTimeoutMs = 30_000;

export class Ensemble {
  readonly recipe: Recipe;
  readonly #processes = new Map<number, ServerProcess>();

  private constructor(recipe: Recipe) {
    this.recipe = recipe;
  }

  /** All three serve when it resolves. */
  static async start(recipe: Recipe): Promise<Ensemble> {
    const ensemble = new Ensemble(recipe);
    try {
      await Promise.all(memberIds.map((id) => ensemble.startMember(id)));
      await recipe.fill(await ensemble.leader());
    } catch (error) {
      await ensemble.stop();
      throw error;
    }
    return ensemble;
  }

  get system(): System {
    return this.recipe.system;
  }

  get pids(): readonly number[] {
    return [...this.#processes.values()].map(({ pid }) => pid);
  }

  get ports(): readonly number[] {
    return memberIds.map((id) => this.recipe.port(id));
  }

  port(id: number): number {
    return this.recipe.port(id);
  }

  /** Starts the process and returns at once. */
  async launch(id: number): Promise<ServerProcess> {
    const { recipe } = this;
    await recipe.prepare?.(id);
    const child = new ServerProcess(`${recipe.system} ${id}`, recipe.program(id));
    this.#processes.set(id, child);
    return child;
  }

  /** Resolves when the member serves. */
  async startMember(id: number): Promise<void> {
    const { recipe } = this;
    const child = await this.launch(id);
    await child.waitUntil(() => recipe.isUp(id).catch(() => false), recipe.startTimeoutMs);
  }

  process(id: number): ServerProcess {
    const found = this.#processes.get(id);
    if (found === undefined) throw new Error(`${this.system} ${id} was not started`);
    return found;
  }

  /** The member that leads. @throws Error when there is none for long */
  async leader(): Promise<number> {
    const deadline = performance.now() + leaderTimeoutMs;
    for (;;) {
      for (const id of memberIds) {
        if (this.process(id).hasEnded) continue;
        if (await this.recipe.leads(id).catch(() => false)) return id;
      }
      if (performance.now() > deadline) throw new Error(`${this.system} has no leader`);
      await delay(20);
    }
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#processes.values()].map((child) => child.stop()));
  }
}

/** A member that is not `id`. */
export const otherThan = (id: number): number => (id % memberIds.length) + 1;
