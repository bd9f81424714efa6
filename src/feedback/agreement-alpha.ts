/** How far apart two values are: not the same (`nominal`), or the square of their difference (`interval`). */
export type Metric = 'nominal' | 'interval';

/** What Krippendorff's alpha rests on. */
export interface Alpha {
  /** 1 is agreement, 0 what chance would give, below 0 is worse; null while there are no two values, or all are the same. */
  alpha: number | null;
  /** Units with two values or more. */
  units: number;
  /** Values of these units. */
  values: number;
  /** Pairs of values within a unit. */
  pairs: number;
}

export interface AlphaSum {
  /** Adds the values that one unit was given, one for each who judged it. */
  add(values: readonly number[]): void;
  result(): Alpha;
}

/**
 * Sums up Krippendorff's alpha, 1 − Dₒ / Dₑ, unit by unit, so that memory does not grow with them. With n values in units of two
 * or more, m of them in a unit, Dₒ is 1/n · Σ over units of Σ over ordered pairs of δ² / (m − 1), and Dₑ is 1/(n(n − 1)) ·
 * Σ over all ordered pairs of δ².
 *
 * Krippendorff, K. (2011): Computing Krippendorff's Alpha-Reliability, https://repository.upenn.edu/asc_papers/43
 */
export function createAlpha(metric: Metric): AlphaSum {
  const distance = metric === 'nominal' ? nominal() : interval();
  let observed = 0;
  let units = 0;
  let values = 0;
  let pairs = 0;
  return {
    add(given) {
      const count = given.length;
      if (count < 2) return;
      units += 1;
      values += count;
      pairs += (count * (count - 1)) / 2;
      const own = metric === 'nominal' ? nominal() : interval();
      for (const value of given) {
        own.add(value);
        distance.add(value);
      }
      observed += own.sum() / (count - 1);
    },
    result() {
      const expected = distance.sum() / (values - 1);
      return { alpha: expected > 0 ? 1 - observed / expected : null, units, values, pairs };
    },
  };
}

/** The sum of δ² over all ordered pairs of what was added. */
interface Distance {
  add(value: number): void;
  sum(): number;
}

function nominal(): Distance {
  const counts = new Map<number, number>();
  let all = 0;
  return {
    add(value) {
      counts.set(value, (counts.get(value) ?? 0) + 1);
      all += 1;
    },
    sum: () => all * all - [...counts.values()].reduce((same, count) => same + count * count, 0),
  };
}

/** By mean and squared deviations (Welford), because the sums of squares themselves would cancel each other out. */
function interval(): Distance {
  let count = 0;
  let mean = 0;
  let deviations = 0;
  return {
    add(value) {
      count += 1;
      const from = value - mean;
      mean += from / count;
      deviations += from * (value - mean);
    },
    sum: () => 2 * count * deviations,
  };
}
