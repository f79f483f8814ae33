import { expected } from "../core/errors.js";
import { type BootstrapOptions, checkFinite, eachDraw, type Interval, percentileInterval } from "./bootstrap.js";

/** Spearman's rank correlation, equal values with their mean rank; `null` where one side is constant or there are fewer than 3 pairs. */
export function spearman(a: readonly number[], b: readonly number[]): number | null {
  if (a.length !== b.length) throw new RangeError(expected("spearman", "lists of one length", `${a.length} and ${b.length}`));
  checkFinite("spearman, first list", a);
  checkFinite("spearman, second list", b);
  return a.length < 3 ? null : rankCorrelation(ties(a), ties(b), new Uint16Array(a.length).fill(1));
}

/**
 * Spearman's correlation with its 95 % percentile bootstrap interval: pairs are drawn and ranked anew. Draws in which a side is constant have no
 * correlation and are left out; `null` where all of the pairs have none.
 */
export function spearmanInterval(
  a: readonly number[],
  b: readonly number[],
  options: Pick<BootstrapOptions, "seed" | "draws"> = {},
): Interval | null {
  const mean = spearman(a, b);
  if (mean === null) return null;
  const values: number[] = [];
  const [x, y] = [ties(a), ties(b)];
  eachDraw(a.length, options, (counts) => {
    const value = rankCorrelation(x, y, counts);
    if (value !== null) values.push(value);
  });
  return percentileInterval(mean, values);
}

/** Places of equal values together, the smallest value's first. */
function ties(values: readonly number[]): number[][] {
  const groups = new Map<number, number[]>();
  values.forEach((value, place) => {
    const group = groups.get(value);
    if (group) group.push(place);
    else groups.set(value, [place]);
  });
  return [...groups].sort(([one], [other]) => one - other).map(([, places]) => places);
}

/** Of pairs that count as often as `counts` says. */
function rankCorrelation(a: readonly number[][], b: readonly number[][], counts: Uint16Array): number | null {
  const [x, y] = [ranks(a, counts), ranks(b, counts)];
  const middle = (counts.reduce((sum, count) => sum + count, 0) - 1) / 2;
  let [product, xx, yy] = [0, 0, 0];
  for (let i = 0; i < counts.length; i++) {
    product += counts[i]! * (x[i]! - middle) * (y[i]! - middle);
    xx += counts[i]! * (x[i]! - middle) ** 2;
    yy += counts[i]! * (y[i]! - middle) ** 2;
  }
  return xx === 0 || yy === 0 ? null : product / Math.sqrt(xx * yy);
}

/** Ranks from 0. */
function ranks(groups: readonly number[][], counts: Uint16Array): Float64Array {
  const result = new Float64Array(counts.length);
  let before = 0;
  for (const places of groups) {
    let drawn = 0;
    for (const place of places) drawn += counts[place]!;
    for (const place of places) result[place] = before + (drawn - 1) / 2;
    before += drawn;
  }
  return result;
}
