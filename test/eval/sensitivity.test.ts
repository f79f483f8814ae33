import { describe, expect, it } from "vitest";
import { clusteredSpearman, kendallTau, ranksDown } from "../../src/eval/correlations.js";
import type { GoEmotion } from "../../src/eval/emotion-map.js";
import { sensitivity } from "../../src/eval/sensitivity.js";
import { spearmanInterval } from "../../src/eval/spearman.js";
import { noise, reference } from "../formula.js";
import { madeUpRows } from "./made-up-rows.js";

const { cases } = reference<{ cases: { a: number[]; b: number[]; kendall: number; spearman: number }[] }>("correlations.json");

describe("rank correlations", () => {
  it("are scipy's, ties and all", () => {
    expect(cases).toHaveLength(5);
    for (const { a, b, kendall, spearman } of cases) {
      expect(kendallTau(a, b)).toBeCloseTo(kendall, 12);
      const clusters = a.map((_, i) => String(i % 3));
      expect(clusteredSpearman(a, b, clusters, { draws: 10 })!.mean).toBeCloseTo(spearman, 12);
    }
    expect(ranksDown([3, 9, 3, 1])).toEqual([2.5, 1, 2.5, 4]);
    expect(kendallTau([1, 1], [1, 2])).toBeNull();
    expect(clusteredSpearman([1, 1, 1], [1, 2, 3], ["a", "b", "c"])).toBeNull();
  });

  it("have intervals over the clusters: as wide as over values where each stands alone, wider where values are copies", () => {
    const [x, other] = [Array.from(noise("x", 60)), noise("y", 60)];
    const y = x.map((value, i) => value + other[i]!);
    const alone = clusteredSpearman(
      x,
      y,
      x.map((_, i) => String(i)),
    )!;
    const drawn = spearmanInterval(x, y)!;
    expect(alone.low).toBeCloseTo(drawn.low, 1);
    expect(alone.high).toBeCloseTo(drawn.high, 1);
    const copies = (values: readonly number[]) => values.slice(0, 20).flatMap((value) => [value, value, value]);
    const names = copies(x).map((_, i) => String(Math.floor(i / 3)));
    const clustered = clusteredSpearman(copies(x), copies(y), names)!;
    const careless = clusteredSpearman(
      copies(x),
      copies(y),
      names.map((_, i) => String(i)),
    )!;
    expect(clustered.high - clustered.low).toBeGreaterThan(1.4 * (careless.high - careless.low));
  });
});

describe("sensitivity", () => {
  const shares = (labels: Partial<Record<GoEmotion, number>>) => (row: ReturnType<typeof madeUpRows>[number]) => {
    const none = Object.fromEntries(Object.keys(row.perLabel).map((label) => [label, 0]));
    return { ...row, perLabel: { ...none, ...labels } as typeof row.perLabel, alignment: labels.joy ?? 0 };
  };
  const rows = [
    ...madeUpRows({ variant: "SFT", configuration: "A", eq: [0, 0] }).map(shares({ caring: 0.5, neutral: 0.2, joy: 0.1 })),
    ...madeUpRows({ variant: "SFT", configuration: "B", eq: [0, 0] }).map(shares({ sadness: 0.4, neutral: 0.6 })),
    ...madeUpRows({ variant: "DPO", configuration: "A", eq: [0, 0] }).map(shares({ sadness: 0.1, joy: 0.6 })),
  ];

  it("scores every label set with every weight, and says what becomes of the order", () => {
    const all = sensitivity(rows, { labelSet: "supportive", weight: 0.3 });
    expect(all).toHaveLength(3 * 3 * 3);
    const table = (labelSet: string, weight: number) => all.filter((row) => row.labelSet === labelSet && row.weight === weight);
    const scores = (labelSet: string, weight: number) => table(labelSet, weight).map(({ eq }) => Number(eq.toFixed(6)));
    expect(scores("supportive", 0.3)).toEqual([0.53, 0.4, 0.28]);
    expect(table("supportive", 0.3).map(({ rank, tau }) => [rank, tau])).toEqual([
      [1, 1],
      [2, 1],
      [3, 1],
    ]);
    expect(scores("supportive", 0)).toEqual([0.5, 0.4, 0.1]);
    expect(scores("published", 0)).toEqual([0.8, 0.6, 0.6]);
    expect(table("published", 0).map(({ rank }) => rank)).toEqual([1, 2.5, 2.5]);
    expect(scores("caring", 1)).toEqual([0.6, 0, 0.6]);
    expect(table("caring", 1)[0]!.tau).toBeCloseTo(0, 12);
  });

  it("tries the run's own weight too", () => {
    expect(new Set(sensitivity(rows, { labelSet: "caring", weight: 0.5 }).map(({ weight }) => weight))).toEqual(new Set([0, 0.3, 0.5, 1]));
  });
});
