import { eachDraw, type Interval, percentileInterval } from "./bootstrap.js";
import type { PairedOptions } from "./paired.js";

/**
 * Spearman's rank correlation with a 95 % percentile bootstrap interval for values that come in clusters, such as all answers to a question: whole clusters
 * are drawn, and keep the ranks that they have among all values. `null` where a side is constant or there are fewer than 3 values.
 */
export function clusteredSpearman(
  x: readonly number[],
  y: readonly number[],
  clusters: readonly string[],
  options: PairedOptions = {},
): Interval | null {
  const [a, b] = [ranksDown(x), ranksDown(y)];
  const place = new Map([...new Set(clusters)].map((cluster, i) => [cluster, i]));
  /** Of each cluster n, Σa, Σb, Σaa, Σbb and Σab. */
  const sums = Array.from(place, () => new Float64Array(6));
  const middle = (x.length + 1) / 2;
  clusters.forEach((cluster, i) => {
    const [u, v] = [a[i]! - middle, b[i]! - middle];
    const own = sums[place.get(cluster)!]!;
    [1, u, v, u * u, v * v, u * v].forEach((value, j) => {
      own[j]! += value;
    });
  });
  const correlation = (counts: ArrayLike<number>): number | null => {
    const total = new Float64Array(6);
    for (let i = 0; i < sums.length; i++) for (let j = 0; j < 6; j++) total[j]! += counts[i]! * sums[i]![j]!;
    const [n, u, v, uu, vv, uv] = total as unknown as [number, number, number, number, number, number];
    const [du, dv] = [uu - (u * u) / n, vv - (v * v) / n];
    return n < 3 || du <= 1e-9 || dv <= 1e-9 ? null : (uv - (u * v) / n) / Math.sqrt(du * dv);
  };
  const whole = correlation(new Uint8Array(sums.length).fill(1));
  if (whole === null) return null;
  const values: number[] = [];
  eachDraw(sums.length, options, (counts) => {
    const value = correlation(counts);
    if (value !== null) values.push(value);
  });
  return percentileInterval(whole, values);
}

/**
 * Kendall's tau-b: pairs in the same order minus pairs in the other, over the root of the pairs that each side orders (Kendall 1945). `null` where a side
 * orders none.
 */
export function kendallTau(a: readonly number[], b: readonly number[]): number | null {
  let [sum, inA, inB] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    for (let j = 0; j < i; j++) {
      const [x, y] = [Math.sign(a[i]! - a[j]!), Math.sign(b[i]! - b[j]!)];
      sum += x * y;
      inA += x * x;
      inB += y * y;
    }
  }
  return inA === 0 || inB === 0 ? null : sum / Math.sqrt(inA * inB);
}

/** From 1 for the largest; equal values share their mean rank. */
export function ranksDown(values: readonly number[]): number[] {
  const order = [...values.keys()].sort((i, j) => values[j]! - values[i]!);
  const ranks = new Array<number>(values.length);
  for (let start = 0; start < order.length; ) {
    let end = start;
    while (end + 1 < order.length && values[order[end + 1]!] === values[order[start]!]) end++;
    for (let i = start; i <= end; i++) ranks[order[i]!] = (start + end) / 2 + 1;
    start = end + 1;
  }
  return ranks;
}
