import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { holm } from "../../src/eval/holm.js";
import { spearman, spearmanInterval } from "../../src/eval/spearman.js";
import { compareAll } from "../../src/eval/statistics.js";
import { noise, reference } from "../formula.js";
import { pairsOf } from "./pairs.js";

const oracle = reference<{
  sizes: { items: number };
  p: number[];
  holm: number[];
  spearman: number;
  spearmanInterval: [number, number];
}>("comparisons.json");

describe("Holm's correction", () => {
  it("is R's p.adjust", () => {
    holm(oracle.p).forEach((value, i) => {
      expect(value).toBeCloseTo(oracle.holm[i]!, 12);
    });
    expect(oracle.p).toHaveLength(12);
    expect(holm([])).toEqual([]);
    expect(holm([0.01, 0.04, 0.03])).toEqual([0.03, 0.06, 0.06]);
  });

  it("keeps the order, lowers nothing, and goes with its values", () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 20 }), (p) => {
        const adjusted = holm(p);
        for (const [i, value] of p.entries()) {
          expect(adjusted[i]!).toBeGreaterThanOrEqual(value);
          expect(adjusted[i]!).toBeLessThanOrEqual(Math.min(1, value * p.length));
          for (const [j, other] of p.entries()) if (value <= other) expect(adjusted[i]!).toBeLessThanOrEqual(adjusted[j]!);
        }
        expect(holm(p.toReversed())).toEqual(adjusted.toReversed());
      }),
    );
  });

  it("refuses what is no probability", () => {
    expect(() => holm([0.1, Number.NaN])).toThrow("holm: expected p-values from 0 to 1, got NaN");
    expect(() => holm([1.1])).toThrow("got 1.1");
  });
});

describe("Spearman's correlation", () => {
  const [x, y] = [noise("x", oracle.sizes.items), noise("y", oracle.sizes.items)];
  const a = Array.from(x, (value) => Math.floor(5 * value));
  const b = Array.from(x, (value, i) => Math.floor(3 * value + 4 * y[i]!));

  it("is scipy's, with its bootstrap interval", () => {
    expect(spearman(a, b)).toBeCloseTo(oracle.spearman, 12);
    const { mean, low, high } = spearmanInterval(a, b)!;
    expect(mean).toBe(spearman(a, b));
    expect(Math.abs(low - oracle.spearmanInterval[0])).toBeLessThan(0.02);
    expect(Math.abs(high - oracle.spearmanInterval[1])).toBeLessThan(0.02);
  });

  it("sees order only, and shares the rank of equals", () => {
    expect(spearman([1, 2, 3, 4], [1, 10, 100, 1000])).toBeCloseTo(1, 12);
    expect(spearman([1, 2, 3], [3, 2, 1])).toBeCloseTo(-1, 12);
    // Ranks 0, 1.5, 1.5, 3 and 0, 1, 2, 3.
    expect(spearman([1, 2, 2, 3], [1, 2, 3, 4])).toBeCloseTo(4.5 / Math.sqrt(4.5 * 5), 12);
  });

  it("is null where a side is constant or too short, and refuses what has no order", () => {
    expect(spearman([1, 1, 1], [1, 2, 3])).toBeNull();
    expect(spearmanInterval([1, 1, 1], [1, 2, 3])).toBeNull();
    expect(spearman([1, 2], [1, 2])).toBeNull();
    expect(() => spearman([1], [1, 2])).toThrow("expected lists of one length");
    expect(() => spearman([1, 2, Number.NaN], [1, 2, 3])).toThrow("spearman, first list[2]: expected a finite number, got NaN");
  });
});

describe("the verdicts", () => {
  const planned = (name: string, differences: ArrayLike<number>, lengths?: ArrayLike<number>) => {
    return { name, question: "Is it better?", metric: "EQ score", a: "DPO", b: "SFT", input: pairsOf(differences, lengths) };
  };
  const wide = noise("wide", 40);

  it("say what is shown, either way, and what is not at this n", () => {
    const [better, worse, neither, same] = compareAll([
      planned(
        "better",
        wide.map((value) => value + 1),
      ),
      planned(
        "worse",
        wide.map((value) => value - 1),
      ),
      planned("neither", wide.slice(0, 20)),
      planned("same", new Float64Array(20)),
    ]);
    expect([better, worse, neither, same].map((found) => found!.verdict)).toEqual(["supported", "contradicted", "not shown", "not shown"]);
    expect(better!.sentence).toMatch(
      /^Supported: on the EQ score DPO is above SFT by \d\.\d{3}, interval \[.*\] \(Holm p below 0\.001, n = 40, one seed\)\.$/,
    );
    expect(worse!.sentence).toMatch(/^Contradicted: on the EQ score DPO is below SFT by \d/);
    const limit = neither!.minimumDetectable.toFixed(3);
    expect(neither!.sentence).toMatch(
      /^Not shown at this n: on the EQ score DPO minus SFT is -?0\.\d{3} \[-0\.\d{3}, 0\.\d{3}\] \(Holm p = /,
    );
    expect(neither!.sentence).toContain(`n = 20, one seed); only a difference of ${limit} or more would be found in 4 of 5`);
    expect(same!.sentence).toContain("are the same on every item");
  });

  it("follow the corrected p, so that more comparisons show less", () => {
    const borderline = planned(
      "borderline",
      wide.map((value) => value + 0.23),
    );
    const noneElse = Array.from({ length: 12 }, (_, i) => planned(`nothing ${i}`, noise(`nothing ${i}`, 40)));
    const [alone] = compareAll([borderline]);
    const [among] = compareAll([borderline, ...noneElse]);
    expect(alone!.verdict).toBe("supported");
    expect(among!.p).toBe(alone!.p);
    expect(among!.holm).toBeGreaterThan(0.05);
    expect(among!.verdict).toBe("not shown");
  });

  it("say where nothing of a difference is left at equal length, and how far seeds spread", () => {
    const lengths = wide.map((value) => 10 + 10 * value);
    const longer = planned(
      "longer",
      lengths.map((length, i) => 0.1 * length + 0.1 * noise("rest", 40)[i]!),
      lengths,
    );
    const [found] = compareAll([
      { ...longer, input: longer.input.flatMap((pair) => [0, 1, 2].map((seed) => ({ ...pair, seed }))), digits: 1 },
    ]);
    expect(found!.verdict).toBe("supported");
    expect(found!.sentence).toMatch(
      /n = 40, 3 seeds, whose means spread by 0\.0\)\. At equal length it is -?0\.\d \[-?0\.\d, -?0\.\d\], which is no longer shown\.$/,
    );
  });

  it("say that one item cannot show anything", () => {
    const [one] = compareAll([planned("one", [2])]);
    expect(one!.sentence).toContain("so few independent items cannot show any difference");
  });
});
