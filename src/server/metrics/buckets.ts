/**
 * Histograms for hot paths: measuring is an array access, and the text of Prometheus is made when the page
 * of measurements is asked for. (The histogram of prom-client looks labels up by a text at each value.)
 */

/** Counts of values by upper bound, and their sum. */
export class BucketCounts {
  /** Upper bounds, ascending. */
  readonly #bounds: readonly number[];
  /** Values at or below each bound and above the one before; the last one is for those above all. */
  readonly #counts: Float64Array;
  #sum = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number): void {
    let bucket = 0;
    while (value > (this.#bounds[bucket] ?? Infinity)) bucket++;
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#sum += value;
  }

  get sum(): number {
    return this.#sum;
  }

  get count(): number {
    return this.#counts.reduce((total, count) => total + count, 0);
  }

  /** Pairs of bound and the number of values at or below it; the last bound is `+Inf`. */
  cumulative(): readonly (readonly [number | '+Inf', number])[] {
    let total = 0;
    return [...this.#counts].map((count, bucket) => {
      total += count;
      return [this.#bounds[bucket] ?? '+Inf', total] as const;
    });
  }
}

/** Label names and values; values must not hold quotes, backslashes or line ends. */
export type Labels = Readonly<Record<string, string>>;

export interface HistogramPage {
  readonly name: string;
  readonly help: string;
  readonly series: Iterable<readonly [Labels, BucketCounts]>;
}

/** The text of a histogram in Prometheus' exposition format 0.0.4. */
export function histogramText({ name, help, series }: HistogramPage): string {
  const lines = [`# HELP ${name} ${help}`, `# TYPE ${name} histogram`];
  for (const [labels, counts] of series) {
    for (const [bound, count] of counts.cumulative()) {
      lines.push(`${name}_bucket${labelText({ ...labels, le: String(bound) })} ${count}`);
    }
    lines.push(`${name}_sum${labelText(labels)} ${counts.sum}`);
    lines.push(`${name}_count${labelText(labels)} ${counts.count}`);
  }
  return `${lines.join('\n')}\n`;
}

export function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${value}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}
