import { describe, expect, it } from "vitest";
import { Random } from "../../src/core/random.js";
import { chooseToken, filterLogits, logProbOf, type Sampling } from "../../src/generate/sampling.js";
import { distance, reference } from "../formula.js";

type Filtered = { options: Partial<Sampling>; values: (number | null)[] };
const { logits, seen, filtered } = reference<{ logits: number[]; seen: number[]; filtered: Filtered[] }>("generation.json");
const plain: Sampling = { temperature: 1, topK: null, topP: 1, repetitionPenalty: 1 };

describe("filters", () => {
  it("have values of transformers for 14 settings on 300 logits", () => {
    expect(filtered).toHaveLength(14);
    expect(logits).toHaveLength(300);
  });

  it.each(filtered)("equal transformers' logits processors: $options", ({ options, values }) => {
    const row = Float32Array.from(logits);
    filterLogits(row, new Set(seen), { ...plain, ...options });
    const wanted = values.map((value) => value ?? Number.NEGATIVE_INFINITY);
    expect([...row.keys()].filter((i) => Number.isFinite(row[i]))).toEqual([...wanted.keys()].filter((i) => Number.isFinite(wanted[i])));
    expect(distance(row.filter(Number.isFinite), wanted.filter(Number.isFinite))).toBeLessThan(1e-5);
  });

  it("keep all tokens that tie with the k-th, and one at the least", () => {
    expect(kept([1, 2, 2, 2, 0], { topK: 2 })).toEqual([1, 2, 3]);
    expect(kept([0, 0, 0, 0], { topP: 1e-9 })).toEqual([0]);
    expect(kept([5, 1, 1], { topK: 1, topP: 0.01 })).toEqual([0]);
  });

  it("find the nucleus in a large flat vocabulary and in a very sharp one", () => {
    const flat = kept(new Array<number>(50_000).fill(0), { topP: 0.5 });
    expect(Math.abs(flat.length - 25_000)).toBeLessThan(2);
    const tail = Array.from({ length: 50_000 }, (_, i) => (i === 7 ? 40 : 0));
    expect(kept(tail, { topP: 0.99999 })).toEqual([7]);
  });

  it("refuse logits that are not numbers", () => {
    expect(() => kept([Number.NaN, 1], {})).toThrow("logits: expected finite numbers, got NaN");
    expect(() => kept([1, Number.NaN], {})).toThrow("logits: expected finite numbers, got NaN");
    expect(() => kept([1, Number.POSITIVE_INFINITY], {})).toThrow("logits: expected finite numbers, got Infinity");
  });
});

describe("chooseToken", () => {
  it("takes the first of the largest logits at temperature 0, whatever top-k and top-p say", () => {
    const sampling = { temperature: 0, topK: 1, topP: 0.1, repetitionPenalty: 1 };
    expect(chooseToken(Float32Array.of(1, 3, 3, 2), [], sampling, new Random(0))).toBe(1);
    expect(chooseToken(Float32Array.of(1, 3, 2.9, 2), [1], { ...sampling, repetitionPenalty: 1.2 }, new Random(0))).toBe(2);
  });

  it.each([
    ["all of it", plain],
    ["temperature 0.7, top-k 6, top-p 0.95", { ...plain, temperature: 0.7, topK: 6, topP: 0.95 }],
  ] as const)("draws from the distribution (chi-square, 20,000 draws): %s", (_, sampling) => {
    const row = [2, 1.5, 1, 0.5, 0, -0.5, -1, 1.2];
    const filteredRow = Float32Array.from(row);
    filterLogits(filteredRow, [], sampling);
    const weights = Array.from(filteredRow, Math.exp);
    const total = weights.reduce((a, b) => a + b);
    const counts = new Array<number>(row.length).fill(0);
    const random = new Random(5);
    const draws = 20_000;
    for (let i = 0; i < draws; i++) counts[chooseToken(Float32Array.from(row), [], sampling, random)]!++;
    let chi = 0;
    for (const [i, weight] of weights.entries()) {
      const wanted = (weight / total) * draws;
      if (wanted === 0) expect(counts[i]).toBe(0);
      else chi += (counts[i]! - wanted) ** 2 / wanted;
    }
    // The 99.9 % quantile for 7 degrees of freedom.
    expect(chi).toBeLessThan(24.32);
  });
});

it("logProbOf is the log of the softmax", () => {
  expect(logProbOf(Float32Array.of(0, Math.log(3)), 1)).toBeCloseTo(Math.log(0.75), 6);
  expect(logProbOf(Float32Array.of(1000, -1000), 1)).toBeCloseTo(-2000, 6);
});

function kept(row: number[], options: Partial<Sampling>): number[] {
  const values = Float32Array.from(row);
  filterLogits(values, [], { ...plain, ...options });
  return [...values.keys()].filter((i) => values[i] !== Number.NEGATIVE_INFINITY);
}
