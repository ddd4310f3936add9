/**
 * How many HTTP requests were answered, by route, method and status, and how long they took. Counting is
 * a look into two maps and a few array accesses; labels are only made when the page is asked for.
 */
import type { FastifyInstance } from 'fastify';
import { BucketCounts, histogramText, labelText } from './buckets.ts';

const STATUS_MAX = 599;

/** Seconds. */
const durationBounds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5] as const;

/** The route of requests that match none: never the path itself, of which there are endlessly many. */
const NO_ROUTE = 'none';

class Tally {
  readonly labels: { readonly route: string; readonly method: string };
  readonly statuses = new Float64Array(STATUS_MAX + 1);
  readonly seconds = new BucketCounts(durationBounds);

  constructor(route: string, method: string) {
    this.labels = { route, method };
  }

  count(status: number, elapsedMs: number): void {
    this.statuses[status] = (this.statuses[status] ?? 0) + 1;
    this.seconds.observe(elapsedMs / 1000);
  }
}

export class RequestCounts {
  readonly #byRoute = new Map<string, Map<string, Tally>>();

  /** Counts every answer of `app` from its start on, also those to requests that match no route. */
  attach(app: FastifyInstance): void {
    app.addHook('onResponse', (request, reply, done) => {
      const route = request.routeOptions.url ?? NO_ROUTE;
      this.#tallyOf(route, request.method).count(reply.statusCode, reply.elapsedTime);
      done();
    });
  }

  /** In Prometheus' exposition format. */
  text(): string {
    const tallies = [...this.#byRoute.values()].flatMap((byMethod) => [...byMethod.values()]);
    const name = 'zoogate_http_requests_total';
    const lines = [
      `# HELP ${name} HTTP requests answered, by route, method and status`,
      `# TYPE ${name} counter`,
    ];
    for (const { labels, statuses } of tallies) {
      statuses.forEach((count, status) => {
        if (count === 0) return;
        lines.push(`${name}${labelText({ ...labels, status: String(status) })} ${count}`);
      });
    }
    const durations = histogramText({
      name: 'zoogate_http_request_duration_seconds',
      help: 'From the arrival of a request to the end of its answer, by route and method',
      series: tallies.map(({ labels, seconds }) => [labels, seconds]),
    });
    return `${lines.join('\n')}\n\n${durations}`;
  }

  #tallyOf(route: string, method: string): Tally {
    let byMethod = this.#byRoute.get(route);
    if (byMethod === undefined) {
      byMethod = new Map();
      this.#byRoute.set(route, byMethod);
    }
    let tally = byMethod.get(method);
    if (tally === undefined) {
      tally = new Tally(route, method);
      byMethod.set(method, tally);
    }
    return tally;
  }
}
