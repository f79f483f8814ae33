import { describe, expect, it } from "vitest";
import { Random } from "../../src/core/random.js";
import { bootstrapMean, spearman } from "../../src/eval/bootstrap.js";

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
  });
});

describe("Spearman's correlation", () => {
  it("sees order only, and shares the rank of equals", () => {
    expect(spearman([1, 2, 3, 4], [1, 10, 100, 1000])).toBeCloseTo(1, 12);
    expect(spearman([1, 2, 3], [3, 2, 1])).toBeCloseTo(-1, 12);
    // Ranks 0, 1.5, 1.5, 3 and 0, 1, 2, 3.
    expect(spearman([1, 2, 2, 3], [1, 2, 3, 4])).toBeCloseTo(4.5 / Math.sqrt(4.5 * 5), 12);
  });

  it("is null where a side is constant or too short", () => {
    expect(spearman([1, 1, 1], [1, 2, 3])).toBeNull();
    expect(spearman([1, 2], [1, 2])).toBeNull();
    expect(() => spearman([1], [1, 2])).toThrow("expected lists of one length");
  });
});
