import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Random } from "../../src/core/random.js";
import { type PairedResult, pairedComparison } from "../../src/eval/paired.js";
import { noise, reference } from "../formula.js";
import { experiment, pairsOf } from "./pairs.js";

type Reference = {
  sizes: { items: number; few: number; cluster: number; seeds: number };
  mean: number;
  interval: [number, number];
  clustered: [number, number];
  clusteredDetectable: number;
  twoLevels: [number, number];
  seedSpread: number;
  signFlips: number;
  fewSignFlips: number[];
  clusterSignFlips: number;
  itemSpread: number;
  minimumDetectable: number;
  intercept: number;
  interceptInterval: [number, number];
};

const oracle = reference<Reference>("comparisons.json");
const { items, few, cluster, seeds } = oracle.sizes;
const a = noise("a", items);
const b = noise("b", items);
const lengths = noise("lengths", items).map((value) => Math.floor(20 * value) + 3);
const differences = a.map((value, i) => value - (0.6 * value + 0.5 * b[i]! - 0.15) + 0.01 * lengths[i]!);
const input = pairsOf(differences, lengths);

/** Quantiles of 10,000 draws stray by some .03 standard errors; here is room for .24. */
function near({ low, high }: { low: number; high: number }, [from, to]: [number, number]): void {
  const room = 0.06 * (to - from);
  expect(Math.abs(low - from)).toBeLessThan(room);
  expect(Math.abs(high - to)).toBeLessThan(room);
}

describe("beside scipy, a paired comparison", () => {
  it("has its bootstrap interval, sign-flip p, spread and detectable difference", () => {
    const found = pairedComparison(input);
    expect(found.difference.mean).toBeCloseTo(oracle.mean, 12);
    near(found.difference, oracle.interval);
    expect(Math.abs(found.signFlipP - oracle.signFlips)).toBeLessThan(0.002);
    expect(found.itemSpread).toBeCloseTo(oracle.itemSpread, 12);
    expect(found.minimumDetectable).toBeCloseTo(oracle.minimumDetectable, 12);
    expect([found.n, found.seeds, found.seedSpread]).toEqual([items, 1, null]);
  });

  it("goes through all patterns of signs where they are few", () => {
    oracle.fewSignFlips.forEach((p, part) => {
      expect(pairedComparison(pairsOf(differences.slice(part * few, (part + 1) * few))).signFlipP).toBeCloseTo(p, 12);
    });
    expect(oracle.fewSignFlips).toHaveLength(items / few);
  });

  it("draws and flips whole clusters", () => {
    const shared = noise("clusters", items / cluster);
    const clustered = input.map((pair, i) => {
      const group = Math.floor(i / cluster);
      return { ...pair, a: pair.a + 0.6 * shared[group]!, cluster: `d${group}` };
    });
    const found = pairedComparison(clustered);
    near(found.difference, oracle.clustered);
    expect(found.minimumDetectable).toBeCloseTo(oracle.clusteredDetectable, 12);
    expect(pairedComparison(clustered.map(({ cluster: _, ...pair }) => pair)).minimumDetectable).toBeLessThan(
      0.8 * found.minimumDetectable,
    );
    const [sums, first] = [few * cluster, clustered.slice(0, few * cluster)];
    expect(first).toHaveLength(sums);
    expect(pairedComparison(first).signFlipP).toBeCloseTo(oracle.clusterSignFlips, 12);
  });

  it("draws seeds too", () => {
    const [shift, rest] = [noise("seeds", seeds), noise("rest", items * seeds)];
    const table = input.flatMap((pair, item) =>
      Array.from(shift, (value, seed) => ({ ...pair, seed, a: pair.a + 0.3 * value + 0.2 * rest[item * seeds + seed]! })),
    );
    const found = pairedComparison(table);
    near(found.difference, oracle.twoLevels);
    expect(found.seedSpread).toBeCloseTo(oracle.seedSpread, 12);
  });

  it("has its intercept at equal length", () => {
    const { lengthControlled } = pairedComparison(input);
    expect(lengthControlled!.mean).toBeCloseTo(oracle.intercept, 12);
    near(lengthControlled!, oracle.interceptInterval);
  });
});

describe("a paired comparison", () => {
  const options = { draws: 400 };
  const scores = fc.array(fc.double({ min: -10, max: 10, noNaN: true }), { minLength: 2, maxLength: 25 });

  it("does not depend on the order of the rows", () => {
    fc.assert(
      fc.property(scores, fc.integer(), (values, seed) => {
        const rows = values.flatMap((value, i) => [1, 2].map((s) => ({ ...pairsOf([value * s])[0]!, id: `q${i}`, seed: s })));
        expect(pairedComparison(new Random(seed).shuffled(rows), options)).toEqual(pairedComparison(rows, options));
      }),
      { numRuns: 40 },
    );
  });

  it("has its mean within the interval, and turns round when the two change places", () => {
    fc.assert(
      fc.property(scores, (values) => {
        const [one, other] = [values, values.map((value) => -value)].map((own) => pairedComparison(pairsOf(own), options));
        const { mean, low, high } = one!.difference;
        expect(low).toBeLessThanOrEqual(high);
        expect(low).toBeGreaterThanOrEqual(Math.min(...values) - 1e-9);
        expect(high).toBeLessThanOrEqual(Math.max(...values) + 1e-9);
        expect(mean).toBeGreaterThanOrEqual(low - 1e-9);
        expect(mean).toBeLessThanOrEqual(high + 1e-9);
        expect(other!.difference.mean).toBeCloseTo(-mean, 9);
        expect(other!.difference.low).toBeCloseTo(-high, 9);
        expect(other!.signFlipP).toBe(one!.signFlipP);
        expect(one!.p).toBeGreaterThan(0);
        expect(one!.p).toBeLessThanOrEqual(1);
      }),
      { numRuns: 60 },
    );
  });

  it("is the same for clusters of one item as without", () => {
    const alone = input.map((pair) => ({ ...pair, cluster: pair.id }));
    expect(pairedComparison(alone, options)).toEqual(pairedComparison(input, options));
  });

  it("knows nothing from one item or one cluster, and is sure of what never varies", () => {
    const one = pairedComparison(pairsOf([3]));
    expect(one).toMatchObject({ n: 1, p: 1, itemSpread: 0, minimumDetectable: Number.POSITIVE_INFINITY, lengthControlled: null });
    expect(one.difference).toEqual({ mean: 3, low: 3, high: 3 });
    const cluster = pairedComparison(pairsOf([1, 2, 3]).map((pair) => ({ ...pair, cluster: "d" })));
    expect(cluster).toMatchObject({ p: 1, minimumDetectable: Number.POSITIVE_INFINITY });
    const equal = pairedComparison(pairsOf(new Array<number>(20).fill(0.25)));
    expect(equal).toMatchObject({ difference: { mean: 0.25, low: 0.25, high: 0.25 }, itemSpread: 0, minimumDetectable: 0 });
    expect(equal.p).toBeLessThan(0.001);
    expect(pairedComparison(pairsOf([0, 0, 0, 0])).p).toBe(1);
  });

  it("cannot tell the difference at equal length where lengths differ alike everywhere", () => {
    const values = [1, 2, 3, 4];
    expect(pairedComparison(pairsOf(values, [5, 5, 5, 5]), options).lengthControlled).toBeNull();
    // Score = length: nothing is left at equal length.
    const { lengthControlled } = pairedComparison(pairsOf(values, values), options);
    expect(lengthControlled!.mean).toBeCloseTo(0, 12);
    expect(lengthControlled!.high).toBeCloseTo(0, 12);
  });

  it.each<[string, Parameters<typeof pairedComparison>[0], string]>([
    ["no rows", [], "expected at least one pair of scores, got 0"],
    ["NaN", pairsOf([1, Number.NaN]), "item q1, a: expected a finite number, got NaN"],
    ["an infinite length", pairsOf([1], [Number.POSITIVE_INFINITY]), "item q0, lengthA: expected a finite number, got Infinity"],
    ["an item twice", [...pairsOf([1, 2]), ...pairsOf([3])], 'item q0: expected one pair of scores, got "two"'],
    [
      "an item without one of the seeds",
      [...pairsOf([1, 2]).map((pair) => ({ ...pair, seed: 0 })), { ...pairsOf([1])[0]!, seed: 1 }],
      'expected every item under each of 2 seeds, got "none of q1 under seed 1"',
    ],
    [
      "an item in two clusters",
      [0, 1].map((seed) => ({ ...pairsOf([1])[0]!, seed, cluster: `d${seed}` })),
      'expected the same cluster under every seed (cluster d0), got "cluster d1"',
    ],
  ])("refuses %s", (_, rows, message) => expect(() => pairedComparison(rows)).toThrow(message));
});

describe("in drawn experiments", () => {
  const options = { draws: 400 };
  const shares = (runs: number, about: Parameters<typeof experiment>[1], counts: (result: PairedResult) => boolean): number => {
    const random = new Random(`${JSON.stringify(about)}`);
    let counted = 0;
    for (let run = 0; run < runs; run++) if (counts(pairedComparison(experiment(random, about), { ...options, seed: run }))) counted++;
    return counted / runs;
  };

  it("without an effect p is spread evenly", () => {
    const random = new Random(7);
    const tenths = new Array<number>(10).fill(0);
    for (let run = 0; run < 1000; run++) {
      const { signFlipP } = pairedComparison(experiment(random, { items: 20, seeds: 1 }), { ...options, seed: run });
      tenths[Math.min(9, Math.floor(signFlipP * 10))]! += 1;
    }
    // A tenth of 1,000 has a standard deviation of 9.5.
    expect(Math.min(...tenths)).toBeGreaterThan(65);
    expect(Math.max(...tenths)).toBeLessThan(135);
  });

  it("without an effect few are called significant, also where seeds differ", () => {
    const significant = ({ p, difference }: PairedResult) => p < 0.05 && (difference.low > 0 || difference.high < 0);
    expect(shares(600, { items: 24, seeds: 1 }, significant)).toBeLessThan(0.08);
    expect(shares(600, { items: 24, seeds: 3, seedSpread: 0.2 }, significant)).toBeLessThan(0.08);
    // What averaging over the seeds would do, were its p taken.
    expect(shares(600, { items: 24, seeds: 3, seedSpread: 0.4 }, ({ signFlipP }) => signFlipP < 0.05)).toBeGreaterThan(0.1);
    expect(shares(600, { items: 24, seeds: 3, seedSpread: 0.4 }, significant)).toBeLessThan(0.1);
  });

  it("the minimum detectable difference is found about 4 times in 5", () => {
    const items = 60;
    const effect = (2.8016 * Math.SQRT2) / Math.sqrt(items);
    const found = shares(500, { items, seeds: 1, effect }, ({ p }) => p < 0.05);
    expect(found).toBeGreaterThan(0.73);
    expect(found).toBeLessThan(0.87);
    const mean = new Random(3);
    const detectable = Array.from({ length: 200 }, () => pairedComparison(experiment(mean, { items, seeds: 1 }), { draws: 1 }));
    expect(detectable.reduce((sum, { minimumDetectable }) => sum + minimumDetectable, 0) / 200).toBeCloseTo(effect, 1.5);
  });
});
