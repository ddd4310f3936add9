/** The run: good clients alone, then the same beside abusive ones, and the comparison. */
import { startChild } from '../bench/children.ts';
import type { RunningChild } from '../bench/children.ts';
import { residentOf } from '../bench/host.ts';
import { Cluster } from '../support/cluster.ts';
import { pause } from '../support/waiting.ts';
import type { AbuseInput } from './abuse.ts';
import { bigZnode } from './abusers.ts';
import type { GoodInput, GoodReport } from './good.ts';
import { abuseBytesMax } from './memory-bound.ts';
import type { SoakOptions } from './options.ts';

/** What one node may open: fewer than the idle sockets of the abusers. */
const descriptors = 1024;
/** How many times longer the good clients may wait beside abuse. */
const slowdownMax = 3;
const warmUpSeconds = 15;
const samplePaceMs = 500;

/** A stretch of time, measured from both sides. */
interface Stretch {
  readonly good: GoodReport;
  /** The largest resident memory of each node, bytes. */
  readonly residentMax: ReadonlyMap<number, number>;
}

export interface SoakReport {
  readonly lines: readonly string[];
  readonly violations: readonly string[];
}

export async function soak(options: SoakOptions): Promise<SoakReport> {
  const cluster = await Cluster.start({ voters: 3, descriptors });
  try {
    await furnish(cluster);
    return await compare(cluster, options);
  } catch (error) {
    return { lines: [], violations: [`${(error as Error).message}\n${cluster.tails(15)}`] };
  } finally {
    await cluster.stop();
  }
}

async function furnish(cluster: Cluster): Promise<void> {
  const { http } = cluster.node(1);
  for (const path of ['/good', '/abused', bigZnode]) {
    const body = path === bigZnode ? Buffer.alloc(1 << 20, 65) : '';
    const { status, text } = await http('PUT', `/znodes${path}`, { body });
    if (status !== 201) throw new Error(`PUT ${path}: ${status} ${text}`);
  }
}

async function compare(cluster: Cluster, options: SoakOptions): Promise<SoakReport> {
  const urls = cluster.ids.map((id) => cluster.node(id).url);
  const good = await startChild<GoodReport | 'begun'>('../soak/good.ts', {
    urls,
  } satisfies GoodInput);
  try {
    // The code is compiled and the pools are filled before anything is compared.
    await measure(cluster, good, warmUpSeconds);
    const before = await standing(cluster);
    const calm = await measure(cluster, good, options.calmMinutes * 60);
    const ports = cluster.ids.map((id) => cluster.node(id).running.port);
    const abuse = await startChild('../soak/abuse.ts', {
      ports,
      only: options.only,
    } satisfies AbuseInput);
    try {
      await eventLoopDelays(cluster);
      const abused = await measure(cluster, good, options.minutes * 60);
      const delays = await eventLoopDelays(cluster);
      return judge({ before, after: await standing(cluster), calm, abused, delays });
    } finally {
      await abuse.stop();
    }
  } finally {
    await good.stop();
  }
}

async function measure(
  cluster: Cluster,
  good: RunningChild<GoodReport | 'begun'>,
  seconds: number,
): Promise<Stretch> {
  const residentMax = new Map<number, number>();
  const endMs = performance.now() + seconds * 1000;
  while (performance.now() < endMs) {
    for (const id of cluster.ids) {
      const bytes = residentOf(cluster.node(id).running.pid);
      residentMax.set(id, Math.max(bytes, residentMax.get(id) ?? 0));
    }
    await pause(samplePaceMs);
  }
  return { good: (await good.next()) as GoodReport, residentMax };
}

/** Of each node since the last call: what tells a slow node from a busy machine. */
async function eventLoopDelays(cluster: Cluster): Promise<readonly string[]> {
  return Promise.all(
    cluster.ids.map(async (id) => {
      const { text } = await cluster.node(id).http('GET', '/metrics');
      const [p99, max] = ['p99', 'max'].map((what) => {
        const name = new RegExp(`^zoogate_event_loop_delay_${what}_seconds ([0-9.e-]+)$`, 'm');
        return Math.round(Number(name.exec(text)?.[1]) * 1000);
      });
      return `event loop of node ${id}: p99 ${p99} ms, longest ${max} ms`;
    }),
  );
}

/** Who leads in which epoch: the same before and after when nothing has been elected. */
async function standing(cluster: Cluster): Promise<string> {
  const leader = await cluster.newLeader();
  const { epoch } = await cluster.node(leader).status();
  return `node ${leader} in epoch ${epoch}`;
}

interface Comparison {
  readonly before: string;
  readonly after: string;
  readonly calm: Stretch;
  readonly abused: Stretch;
  readonly delays: readonly string[];
}

const mebibytes = (bytes: number): number => Math.round(bytes / (1 << 20));

function judge({ before, after, calm, abused, delays }: Comparison): SoakReport {
  const lines = [...delays];
  const violations: string[] = [];
  const claim = (holds: boolean, text: string): void => {
    lines.push(text);
    if (!holds) violations.push(text);
  };
  claim(calm.good.operations > 0, `operations alone: ${calm.good.operations}`);
  claim(abused.good.operations > 0, `operations beside abuse: ${abused.good.operations}`);
  claim(before === after, `leader before: ${before}; after: ${after}`);
  for (const what of ['readP99Ms', 'writeP99Ms'] as const) {
    const [alone, beside] = [calm.good[what], abused.good[what]];
    const text = `${what} alone ${alone.toFixed(1)}, beside abuse ${beside.toFixed(1)}`;
    claim(beside <= slowdownMax * alone, `${text} (at most ${slowdownMax} times)`);
  }
  for (const [id, bytes] of abused.residentMax) {
    const most = (calm.residentMax.get(id) ?? 0) + abuseBytesMax;
    const text = `memory of node ${id}: ${mebibytes(bytes)} MiB of at most ${mebibytes(most)}`;
    claim(bytes <= most, text);
  }
  for (const fault of [...calm.good.faults, ...abused.good.faults]) claim(false, fault);
  return { lines, violations };
}
