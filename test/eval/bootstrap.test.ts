import { describe, expect, it } from "vitest";
import { Random } from "../../src/core/random.js";
import { bootstrapMean, eachDraw } from "../../src/eval/bootstrap.js";

describe("the bootstrap", () => {
  it("comes near the textbook interval of a mean", () => {
    const random = new Random(1);
    const values = Array.from({ length: 400 }, () => random.normal());
    const { mean, low, high } = bootstrapMean(values)!;
    const average = values.reduce((sum, value) => sum + value, 0) / 400;
    const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - average) ** 2, 0) / 399);
    expect(mean).toBeCloseTo(average, 12);
    expect(low).toBeCloseTo(average - (1.96 * deviation) / 20, 1.9);
    expect(high).toBeCloseTo(average + (1.96 * deviation) / 20, 1.9);
  });

  it("is seeded, and gives what there is for one value or none", () => {
    const values = [1, 5, 2, 8];
    expect(bootstrapMean(values, { seed: 3 })).toEqual(bootstrapMean(values, { seed: 3 }));
    expect(bootstrapMean(values, { seed: 3, draws: 50 })).not.toEqual(bootstrapMean(values, { seed: 4, draws: 50 }));
    expect(bootstrapMean([2])).toEqual({ mean: 2, low: 2, high: 2 });
    expect(bootstrapMean([])).toBeNull();
    expect(() => bootstrapMean([1, Number.NaN])).toThrow("bootstrap values[1]: expected a finite number, got NaN");
  });

  it("draws whole clusters, whose values are alike", () => {
    const random = new Random(2);
    const values = Array.from({ length: 100 }, () => random.normal()).flatMap((value) => [value, value, value, value]);
    const clusters = values.map((_, i) => `dialogue ${Math.floor(i / 4)}`);
    const width = ({ low, high }: { low: number; high: number }) => high - low;
    // Four copies of everything tell nothing new.
    expect(width(bootstrapMean(values, { clusters })!) / width(bootstrapMean(values)!)).toBeCloseTo(2, 0.7);
    expect(() => bootstrapMean([1, 2], { clusters: ["a"] })).toThrow("bootstrap clusters: expected one for each of 2 values, got 1");
  });

  it("draws the same rows whether it keeps them or not, also while another drawing is under way", () => {
    const counts = (units: number, draws: number, then = () => {}): string[] => {
      const all: string[] = [];
      eachDraw(units, { seed: 5, draws }, (drawn) => {
        all.push(drawn.join(""));
        then();
      });
      return all;
    };
    const rows = counts(9, 50);
    expect(rows).toHaveLength(50);
    expect(counts(9, 50, () => counts(3, 2))).toEqual(rows);
    // Too many to be kept: the first are the same.
    const streamed: string[] = [];
    eachDraw(9, { seed: 5, draws: 500_000 }, (drawn) => {
      if (streamed.length < 50) streamed.push(drawn.join(""));
    });
    expect(streamed).toEqual(rows);
  });
});
