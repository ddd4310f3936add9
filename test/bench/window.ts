/** What every load reports about the time in which it was measured. */
import { busyOfHost, cpuOf, cpuWithChildren } from './host.ts';
import { quantile, rounded } from './statistics.ts';

export interface Measurement {
  readonly opsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly serverCpuUs: number;
  /** CPU that neither the server nor the load used, percent of one core: neighbours on the machine. */
  readonly foreignPercent: number;
  readonly errors: number;
}

/** Milliseconds, where the load has reckoned them itself. */
export interface Quantiles {
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** From its making to `finish`: CPU of server, load and host over one stretch of time. */
export class Window {
  readonly #serverPids: readonly number[];
  readonly #begun = performance.now();
  readonly #server: number;
  readonly #own = cpuWithChildren();
  readonly #host = busyOfHost();

  /** @param serverPids the processes that are one server together */
  constructor(serverPids: number | readonly number[]) {
    this.#serverPids = [serverPids].flat();
    this.#server = this.#serverCpu();
  }

  finish(
    operations: number,
    latencies: readonly number[] | Quantiles,
    errors: number,
  ): Measurement {
    const seconds = (performance.now() - this.#begun) / 1000;
    const server = this.#serverCpu() - this.#server;
    const own = cpuWithChildren() - this.#own;
    const foreign = busyOfHost() - this.#host - server - own;
    const { p50Ms, p99Ms } = 'p50Ms' in latencies ? latencies : quantilesOf(latencies);
    return {
      opsPerSecond: Math.round(operations / seconds),
      p50Ms: rounded(p50Ms),
      p99Ms: rounded(p99Ms),
      serverCpuUs: rounded(server / operations),
      foreignPercent: Math.max(0, Math.round(foreign / seconds / 1e4)),
      errors,
    };
  }

  #serverCpu(): number {
    return this.#serverPids.reduce((sum, pid) => sum + cpuOf(pid), 0);
  }
}

function quantilesOf(latenciesMs: readonly number[]): Quantiles {
  return { p50Ms: quantile(latenciesMs, 0.5), p99Ms: quantile(latenciesMs, 0.99) };
}
