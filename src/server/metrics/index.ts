/** The page of measurements: `GET /metrics`, in the text format of Prometheus. */
import process from 'node:process';
import type { FastifyInstance } from 'fastify';
import { Counter, Gauge, Registry } from 'prom-client';
import type { MemberStatus } from '../../protocol/coordination.ts';
import { histogramText } from './buckets.ts';
import { EventLoopMonitor } from './event-loop.ts';
import { RequestCounts } from './requests.ts';
import { counterRows, gaugeRows } from './rows.ts';
import type { MeasuredParts, Reading, ReadRow, Row } from './rows.ts';

export { MeasuredDisk } from './measured-disk.ts';

const roles: readonly MemberStatus['state'][] = ['leading', 'following', 'observing', 'looking'];

export class Metrics {
  readonly #requests = new RequestCounts();
  readonly #registry = new Registry();
  readonly #eventLoop = new EventLoopMonitor();
  readonly #parts: MeasuredParts;
  readonly #setters: ((reading: Reading) => void)[] = [];

  constructor(parts: MeasuredParts) {
    this.#parts = parts;
    for (const row of gaugeRows) this.#addGauge(row);
    for (const row of counterRows) this.#addCounter(row);
    this.#addRole();
    this.#addLearners();
    const { version } = parts;
    const labels = { version, node: process.version };
    this.#gauge({ name: 'build_info', help: 'Always 1' }, Object.keys(labels)).set(labels, 1);
  }

  /** Counts the requests of `app`, and serves the page there. */
  attach(app: FastifyInstance): void {
    this.#requests.attach(app);
    app.get('/metrics', async (_request, reply) => {
      reply.type(Registry.PROMETHEUS_CONTENT_TYPE).header('Cache-Control', 'no-store');
      return this.text();
    });
  }

  async text(): Promise<string> {
    const reading: Reading = {
      replica: this.#parts.replica(),
      status: this.#parts.status(),
      memory: process.memoryUsage(),
      cpu: process.cpuUsage(),
      delay: this.#eventLoop.take(),
      parts: this.#parts,
    };
    for (const set of this.#setters) set(reading);
    const syncs = histogramText({
      name: 'zoogate_log_sync_duration_seconds',
      help: 'From handing a batch of records to the disk until it is durable; one batch is one fsync',
      series: [[{}, this.#parts.logWrites.seconds]],
    });
    return [await this.#registry.metrics(), syncs, this.#requests.text()].join('\n');
  }

  stop(): void {
    this.#eventLoop.stop();
  }

  #addGauge(row: ReadRow): void {
    const gauge = this.#gauge(row);
    this.#setters.push((reading) => gauge.set(row.read(reading)));
  }

  #addCounter({ name, help, read }: ReadRow): void {
    const counter = new Counter({ name: `zoogate_${name}`, help, registers: [this.#registry] });
    this.#setters.push((reading) => {
      counter.reset();
      counter.inc(read(reading));
    });
  }

  /** One series a role, of which one is 1: a role that is gone must not stay on the page. */
  #addRole(): void {
    const row = { name: 'role', help: '1 for the role of this node in its ensemble' };
    const gauge = this.#gauge(row, ['role']);
    this.#setters.push(({ status }) => {
      const own = status.members.find(({ id }) => id === status.server)?.state;
      for (const role of roles) gauge.set({ role }, role === own ? 1 : 0);
    });
  }

  /** Only the leader knows it of all. */
  #addLearners(): void {
    const row = {
      name: 'member_lag_transactions',
      help: 'On the leader: transactions that a member is behind its commit point',
    };
    const gauge = this.#gauge(row, ['member']);
    this.#setters.push(({ status }) => {
      gauge.reset();
      if (status.leader !== status.server) return;
      for (const { id, lag } of status.members) gauge.set({ member: String(id) }, lag);
    });
  }

  #gauge({ name, help }: Row, labelNames: readonly string[] = []): Gauge {
    return new Gauge({ name: `zoogate_${name}`, help, labelNames, registers: [this.#registry] });
  }
}
