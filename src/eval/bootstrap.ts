import { expected } from "../core/errors.js";
import { Random } from "../core/random.js";
import { checkInteger } from "../core/shapes.js";

/** A mean, or another statistic, with the bounds of its 95 % interval. */
export type Interval = { mean: number; low: number; high: number };

export type BootstrapOptions = {
  seed?: number;
  /** Resamples. Default 10,000. */
  draws?: number;
  /** The group of each value, such as the dialogue that it is of. Then whole groups are drawn, since values of one group are alike. */
  clusters?: readonly string[] | undefined;
};

/** Up to this many counts are kept for the next interval of the same size. */
const KEPT_COUNTS = 1 << 22;

/**
 * The mean of the values and its 95 % percentile bootstrap interval; `null` for no values. Equal seeds and counts draw equal rows, so an interval of
 * differences is a paired one.
 * @throws RangeError for a value that is not finite.
 */
export function bootstrapMean(values: readonly number[], { clusters, ...options }: BootstrapOptions = {}): Interval | null {
  checkFinite("bootstrap values", values);
  if (clusters && clusters.length !== values.length) {
    throw new RangeError(expected("bootstrap clusters", `one for each of ${values.length} values`, clusters.length));
  }
  const groups = clusters ? [...new Map(clusters.map((name) => [name, 0])).keys()] : [];
  const place = new Map(groups.map((name, group) => [name, group]));
  const units = clusters ? groups.length : values.length;
  const [sums, sizes] = [new Float64Array(units), new Float64Array(units)];
  values.forEach((value, i) => {
    const unit = clusters ? place.get(clusters[i]!)! : i;
    sums[unit]! += value;
    sizes[unit]! += 1;
  });
  const means: number[] = [];
  eachDraw(units, options, (counts) => {
    means.push(weighted(sums, counts) / weighted(sizes, counts));
  });
  return values.length === 0 ? null : percentileInterval(values.reduce((sum, value) => sum + value, 0) / values.length, means);
}

/** The interval between the 2.5 % and the 97.5 % quantile of a statistic's values under resampling. */
export function percentileInterval(mean: number, resampled: readonly number[]): Interval {
  const sorted = Float64Array.from(resampled).sort();
  return { mean, low: quantile(sorted, 0.025), high: quantile(sorted, 0.975) };
}

/** Draws `units` of `units` with replacement, again and again, and says how often each was drawn. `counts` is to be read at once and not kept. */
export function eachDraw(
  units: number,
  { seed = 0, draws = 10_000 }: Pick<BootstrapOptions, "seed" | "draws">,
  visit: (counts: Uint16Array) => void,
): void {
  checkInteger("bootstrap draws", draws, 1);
  if (units === 0) return;
  const key = `${seed}/${units}/${draws}`;
  if (kept.key !== key) {
    const random = new Random(`${seed}/bootstrap`);
    const keeps = units * draws <= KEPT_COUNTS;
    const counts = new Uint16Array(keeps ? units * draws : units);
    for (let draw = 0; draw < draws; draw++) {
      const own = keeps ? counts.subarray(draw * units, (draw + 1) * units) : counts.fill(0);
      for (let i = 0; i < units; i++) own[random.integer(units)]! += 1;
      if (!keeps) visit(own);
    }
    if (!keeps) return;
    kept = { key, counts };
  }
  // A visitor may itself draw, which would put other counts in their place.
  const { counts } = kept;
  for (let draw = 0; draw < draws; draw++) visit(counts.subarray(draw * units, (draw + 1) * units));
}

/** The last counts: a table asks for many intervals of one size. */
let kept = { key: "", counts: new Uint16Array(0) };

export function checkFinite(thing: string, values: readonly number[]): void {
  const wrong = values.findIndex((value) => !Number.isFinite(value));
  if (wrong >= 0) throw new RangeError(expected(`${thing}[${wrong}]`, "a finite number", values[wrong]));
}

function weighted(values: Float64Array, counts: Uint16Array): number {
  let sum = 0;
  for (let i = 0; i < counts.length; i++) sum += values[i]! * counts[i]!;
  return sum;
}

/** Linear between the sorted values, as numpy's default. */
function quantile(sorted: Float64Array, share: number): number {
  const place = share * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(place)]!, sorted[Math.ceil(place)]!];
  return low + (high - low) * (place - Math.floor(place));
}
