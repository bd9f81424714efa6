/** A mean over seeds with the interval that holds it in 95 of 100 such benches, if figures of seeds are normally spread. */
export interface Interval {
  mean: number;
  low: number;
  high: number;
  n: number;
}

/** The 0.975 quantiles of Student's t for 1 to 30 degrees of freedom; from any table of it. */
const t975 = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131, 2.12, 2.11,
  2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048, 2.045, 2.042,
];

/** Mean and 95 % interval by Student's t. One value has no interval: low and high are the mean. NaN for none. */
export function intervalOf(values: readonly number[]): Interval {
  const n = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  if (n < 2) return { mean, low: mean, high: mean, n };
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1);
  const half = (t975[n - 2] ?? 1.96) * Math.sqrt(variance / n);
  return { mean, low: mean - half, high: mean + half, n };
}

/** `91.2 % (88.0 to 94.4)`, of shares in [0, 1]. */
export function inPercent({ mean, low, high }: Interval): string {
  const percent = (value: number) => (100 * value).toFixed(1);
  return `${percent(mean)} % (${percent(low)} to ${percent(high)})`;
}

/**
 * How many times the gain of a peer ours is, of both gains' means. null where the peer gained nothing: any gain of ours is
 * more than any multiple of that.
 */
export function gainRatio(ours: readonly number[], peer: readonly number[]): number | null {
  const [mine, theirs] = [intervalOf(ours).mean, intervalOf(peer).mean];
  return theirs > 0 ? mine / theirs : null;
}

/** The share of a gain that is lost: 0 where the other gains as much or more. NaN where there was no gain to lose. */
export function lostShare(gain: number, other: number): number {
  return gain > 0 ? Math.max(0, (gain - other) / gain) : Number.NaN;
}
