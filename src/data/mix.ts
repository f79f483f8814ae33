import { expected } from "../core/errors.js";
import { Random } from "../core/random.js";
import { checkInteger } from "../core/shapes.js";

export type MixOptions = {
  /** Items in each source. */
  sizes: Record<string, number>;
  /**
   * 1: in proportion to size; larger: more even; Infinity: all sources alike. T5 used 2; an exponent α is 1/α (the published run: 1/0.7).
   */
  temperature: number;
  /** Sizes above this count as this, in items. */
  cap?: number;
  /** How often one item may be seen at most; what a small source cannot take goes to the others. A whole number. */
  maxRepeats?: number;
  /** Items to draw in all. */
  total: number;
};

export type MixShares = {
  /** min(size, cap)^(1/T), normalised: before `maxRepeats`. */
  wanted: Record<string, number>;
  /** After `maxRepeats`: what is drawn in the long run. Sums to 1. */
  shares: Record<string, number>;
  /** Share × total, not rounded. */
  expected: Record<string, number>;
};

export type Mixture = MixShares & {
  /** Whole items by source; sums to `total` exactly (largest remainders). */
  drawn: Record<string, number>;
  /** Drawn / size: how often a source is gone through. */
  epochs: Record<string, number>;
  /** How often the most-seen item of a source is seen. */
  repeats: Record<string, number>;
  /** What to train on, in order; `index` counts the items of its source from 0. */
  picks: { source: string; index: number }[];
};

/**
 * Mixes sources by temperature: p_i ∝ min(n_i, cap)^(1/T) (Raffel et al. 2020, section 3.5.2). Within a source no item comes again before
 * all have been seen; the order of each epoch and of the sources is drawn from `seed`, each source on its own, so that adding one leaves
 * the others' order as it is.
 * @throws RangeError where the sources, seen `maxRepeats` times, do not give `total` items.
 */
export function mixture(options: MixOptions & { seed: number }): Mixture {
  const { sizes, maxRepeats, total } = options;
  checkInteger("total", total, 0);
  const planned = mixShares(options);
  const drawn = rounded(planned.expected, total, limits(sizes, maxRepeats));
  const perSource = (value: (name: string) => number) => Object.fromEntries(Object.keys(sizes).map((name) => [name, value(name)]));
  const random = new Random(options.seed);
  const queues = Object.fromEntries(Object.keys(sizes).map((name) => [name, epochsOf(sizes[name]!, drawn[name]!, random.fork(name))]));
  const order = random.fork("order").shuffled(Object.keys(sizes).flatMap((name) => new Array<string>(drawn[name]!).fill(name)));
  const next = perSource(() => 0);
  return {
    ...planned,
    drawn,
    epochs: perSource((name) => (sizes[name] ? drawn[name]! / sizes[name] : 0)),
    repeats: perSource((name) => (sizes[name] ? Math.ceil(drawn[name]! / sizes[name]) : 0)),
    picks: order.map((source) => ({ source, index: queues[source]![next[source]!++]! })),
  };
}

/** The shares alone, without drawing: what a slider over the temperature shows. @throws RangeError as `mixture` does. */
export function mixShares({ sizes, temperature, cap = Number.POSITIVE_INFINITY, maxRepeats, total }: MixOptions): MixShares {
  const names = Object.keys(sizes);
  for (const name of names) checkInteger(`sizes.${name}`, sizes[name]!, 0);
  if (!(temperature > 0)) throw new RangeError(expected("temperature", "a number above 0, or Infinity", temperature));
  if (!(cap >= 1)) throw new RangeError(expected("cap", "at least 1 item", cap));
  if (maxRepeats !== undefined) checkInteger("maxRepeats", maxRepeats, 1);
  if (!names.some((name) => sizes[name]! > 0)) throw new RangeError(expected("sizes", "at least one source that is not empty", sizes));

  const capped = names.map((name) => Math.min(sizes[name]!, cap));
  const largest = Math.log(Math.max(...capped));
  // In logarithms, so that a very low temperature does not overflow.
  const weights = capped.map((size) => (size > 0 ? Math.exp((Math.log(size) - largest) / temperature) : 0));
  const sum = weights.reduce((a, b) => a + b, 0);
  const wanted = Object.fromEntries(names.map((name, i) => [name, weights[i]! / sum]));

  const limit = limits(sizes, maxRepeats);
  const room = names.reduce((a, name) => a + limit[name]!, 0);
  if (total > room) {
    const remedy = "Draw fewer, or allow more repeats";
    throw new RangeError(expected("total", `at most ${room} items (every source seen ${maxRepeats} times)`, total, remedy));
  }
  const amounts = withinLimits(wanted, limit, total);
  const shares = total > 0 ? Object.fromEntries(names.map((name) => [name, amounts[name]! / total])) : wanted;
  return { wanted, shares, expected: amounts };
}

const limits = (sizes: Record<string, number>, maxRepeats = Number.POSITIVE_INFINITY): Record<string, number> =>
  Object.fromEntries(Object.entries(sizes).map(([name, size]) => [name, size > 0 ? size * maxRepeats : 0]));

/** Gives each source its share of `total`, and what exceeds a limit to the others in proportion to theirs, until all fit. */
function withinLimits(share: Record<string, number>, limit: Record<string, number>, total: number): Record<string, number> {
  const amounts: Record<string, number> = {};
  let open = Object.keys(share);
  let left = total;
  for (;;) {
    // A share too small for a number (a very low temperature) still takes what the others cannot.
    const sum = open.reduce((a, name) => a + share[name]!, 0);
    const part = (name: string) =>
      sum > 0 ? share[name]! / sum : limit[name]! > 0 ? 1 / open.filter((other) => limit[other]! > 0).length : 0;
    const full = open.filter((name) => part(name) * left > limit[name]!);
    if (full.length === 0) {
      for (const name of open) amounts[name] = part(name) * left;
      return Object.fromEntries(Object.keys(share).map((name) => [name, amounts[name]!]));
    }
    for (const name of full) {
      amounts[name] = limit[name]!;
      left -= limit[name]!;
    }
    open = open.filter((name) => !full.includes(name));
  }
}

/** Whole numbers that sum to `total`: rounded down, then the largest remainders up, first come first where alike, none above its limit. */
function rounded(amounts: Record<string, number>, total: number, limit: Record<string, number>): Record<string, number> {
  const result = Object.fromEntries(Object.entries(amounts).map(([name, amount]) => [name, Math.floor(amount + 1e-9)]));
  let left = total - Object.values(result).reduce((a, b) => a + b, 0);
  const byRemainder = Object.keys(amounts).sort((a, b) => amounts[b]! - result[b]! - (amounts[a]! - result[a]!));
  while (left > 0) {
    for (const name of byRemainder) {
      if (left > 0 && result[name]! < limit[name]!) {
        result[name]!++;
        left--;
      }
    }
  }
  return result;
}

/** The indices of `count` draws from `size` items, epoch by epoch, each epoch in an order of its own. */
function epochsOf(size: number, count: number, random: Random): number[] {
  const queue: number[] = [];
  const items = [...Array(size).keys()];
  while (queue.length < count) {
    for (const index of random.shuffled(items)) queue.push(index);
  }
  queue.length = count;
  return queue;
}
