import { expected } from "../core/errors.js";

/** The scores that two systems reach on the same items; a row for each item and training seed. */
export type PairedInput = {
  /** The item, such as a question. */
  id: string;
  /** What items share that are not independent of each other, such as their dialogue. Default: each item stands alone. */
  cluster?: string;
  /** The training seed of the systems. With several, each item is wanted under each seed. */
  seed?: number;
  a: number;
  b: number;
  /** Lengths of what was scored, in tokens. */
  lengthA: number;
  lengthB: number;
}[];

/** Differences a - b as a table. */
export type PairedDesign = {
  items: number;
  clusters: number;
  seeds: number;
  /** `[items]`, the number of the item's cluster, from 0. */
  clusterOf: Int32Array;
  /** `[items, seeds]`, of the scores and of the lengths. */
  differences: Float64Array;
  lengths: Float64Array;
};

/** @throws RangeError for no pairs, values that are not finite, an item twice under one seed or missing under another, or in two clusters. */
export function pairedDesign(input: PairedInput): PairedDesign {
  if (input.length === 0) throw new RangeError(expected("paired comparison", "at least one pair of scores", 0));
  // Sorted, so that the order of the rows does not matter.
  const ids = [...new Set(input.map(({ id }) => id))].sort();
  const seeds = [...new Set(input.map(({ seed }) => seed ?? null))].sort((x, y) => (x ?? -1) - (y ?? -1));
  const [row, column] = [placeOf(ids), placeOf(seeds)];
  const clusters = new Map<string, string>();
  const [differences, lengths] = [tableOf(ids, seeds), tableOf(ids, seeds)];
  for (const pair of input) {
    const at = `paired comparison, item ${pair.id}${pair.seed === undefined ? "" : `, seed ${pair.seed}`}`;
    for (const field of ["a", "b", "lengthA", "lengthB"] as const) {
      if (Number.isFinite(pair[field])) continue;
      throw new RangeError(expected(`${at}, ${field}`, "a finite number", pair[field], "Count an unusable answer by a rule, such as 0"));
    }
    const place = row.get(pair.id)! * seeds.length + column.get(pair.seed ?? null)!;
    if (!Number.isNaN(differences[place]!)) throw new RangeError(expected(at, "one pair of scores", "two"));
    differences[place] = pair.a - pair.b;
    lengths[place] = pair.lengthA - pair.lengthB;
    const cluster = pair.cluster === undefined ? `item ${pair.id}` : `cluster ${pair.cluster}`;
    const before = clusters.get(pair.id) ?? cluster;
    if (before !== cluster) throw new RangeError(expected(at, `the same cluster under every seed (${before})`, cluster));
    clusters.set(pair.id, cluster);
  }
  const missing = differences.findIndex(Number.isNaN);
  if (missing >= 0) {
    const [id, seed] = [ids[Math.floor(missing / seeds.length)]!, seeds[missing % seeds.length]];
    throw new RangeError(
      expected("paired comparison", `every item under each of ${seeds.length} seeds`, `none of ${id} under seed ${seed}`),
    );
  }
  const cluster = placeOf([...new Set(ids.map((id) => clusters.get(id)!))]);
  const clusterOf = Int32Array.from(ids, (id) => cluster.get(clusters.get(id)!)!);
  return { items: ids.length, clusters: cluster.size, seeds: seeds.length, clusterOf, differences, lengths };
}

/** `[items]`: the mean of each item over the seeds, each counted as often as `counts` says. `table`: `[items, seeds]`. */
export function overSeeds(table: Float64Array, counts: ArrayLike<number>): Float64Array {
  const seeds = counts.length;
  let total = 0;
  for (let seed = 0; seed < seeds; seed++) total += counts[seed]!;
  const means = new Float64Array(table.length / seeds);
  for (let item = 0; item < means.length; item++) {
    let sum = 0;
    for (let seed = 0; seed < seeds; seed++) sum += table[item * seeds + seed]! * counts[seed]!;
    means[item] = sum / total;
  }
  return means;
}

const placeOf = <T>(names: readonly T[]): Map<T, number> => new Map(names.map((name, place) => [name, place]));

const tableOf = (ids: readonly unknown[], seeds: readonly unknown[]): Float64Array =>
  new Float64Array(ids.length * seeds.length).fill(Number.NaN);
