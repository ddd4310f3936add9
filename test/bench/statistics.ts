/** Quantiles and medians of samples. */

/** @param fraction 0.5 for the median; @returns NaN without samples */
export function quantile(samples: readonly number[], fraction: number): number {
  const sorted = Float64Array.from(samples).sort();
  const index = Math.min(sorted.length - 1, Math.floor(sorted.length * fraction));
  return sorted[index] ?? Number.NaN;
}

export const median = (samples: readonly number[]): number => quantile(samples, 0.5);

/** At most so many significant digits that a reader can take in. */
export function rounded(value: number): number {
  return Number(value.toPrecision(value >= 1000 ? 4 : 3));
}
