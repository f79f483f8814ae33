import { Random } from "../core/random.js";
import { checkInteger } from "../core/shapes.js";

/** A mean with the bounds of its 95 % interval. */
export type Interval = { mean: number; low: number; high: number };

export type BootstrapOptions = {
  seed?: number;
  /** Resamples. Default 2,000. */
  draws?: number;
};

/**
 * The mean of the values and its 95 % percentile bootstrap interval; `null` for no values. Equal seeds and counts draw equal rows, so an interval of
 * differences is a paired one.
 */
export function bootstrapMean(values: readonly number[], { seed = 0, draws = 2000 }: BootstrapOptions = {}): Interval | null {
  checkInteger("bootstrap draws", draws, 1);
  const n = values.length;
  if (n === 0) return null;
  const random = new Random(`${seed}/bootstrap`);
  const means = new Float64Array(draws);
  for (let draw = 0; draw < draws; draw++) {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += values[random.integer(n)]!;
    means[draw] = sum / n;
  }
  means.sort();
  return { mean: values.reduce((sum, value) => sum + value, 0) / n, low: quantile(means, 0.025), high: quantile(means, 0.975) };
}

/** Spearman's rank correlation, equal values with their mean rank; `null` where one side is constant or there are fewer than 3 pairs. */
export function spearman(a: readonly number[], b: readonly number[]): number | null {
  if (a.length !== b.length) throw new RangeError(`spearman: expected lists of one length, got ${a.length} and ${b.length}`);
  if (a.length < 3) return null;
  const [x, y] = [ranks(a), ranks(b)];
  const middle = (a.length - 1) / 2;
  let [product, xx, yy] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    product += (x[i]! - middle) * (y[i]! - middle);
    xx += (x[i]! - middle) ** 2;
    yy += (y[i]! - middle) ** 2;
  }
  return xx === 0 || yy === 0 ? null : product / Math.sqrt(xx * yy);
}

/** Linear between the sorted values, as numpy's default. */
function quantile(sorted: Float64Array, share: number): number {
  const place = share * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(place)]!, sorted[Math.ceil(place)]!];
  return low + (high - low) * (place - Math.floor(place));
}

/** Ranks from 0. */
function ranks(values: readonly number[]): Float64Array {
  const order = [...values.keys()].sort((i, j) => values[i]! - values[j]!);
  const result = new Float64Array(values.length);
  for (let start = 0; start < order.length; ) {
    let end = start;
    while (end + 1 < order.length && values[order[end + 1]!] === values[order[start]!]) end++;
    for (let i = start; i <= end; i++) result[order[i]!] = (start + end) / 2;
    start = end + 1;
  }
  return result;
}
