import { describe, expect, it } from "vitest";
import { CONFIGURATIONS, chooseCandidate, configurationsOf, strategyFit } from "../../src/eval/steering.js";

describe("steering", () => {
  const scores = { mass: [0.2, 0.9, 0.5, 0.6], fit: [0.1, 0.2, 0.6, 0.55] };

  it("chooses the first candidate, the best by mass, by fit, and by both", () => {
    // Both, each from 0 to 1: mass 0, 1, .43, .57; fit 0, .2, 1, .9.
    expect(CONFIGURATIONS.map((name) => chooseCandidate(name, scores))).toEqual([0, 1, 2, 3]);
  });

  it("takes the first of equals", () => {
    expect(CONFIGURATIONS.map((name) => chooseCandidate(name, { mass: [0.4, 0.4], fit: [0.3, 0.3] }))).toEqual([0, 0, 0, 0]);
    expect(chooseCandidate("Emotion + Strategy (Full)", { mass: [0, 1, 0], fit: [0, 0, 1] })).toBe(1);
    expect(chooseCandidate("Emotion Head Only", { mass: [0.1, 0.7, 0.7], fit: null })).toBe(1);
  });

  it("lets the other head decide where one sees no difference", () => {
    expect(chooseCandidate("Emotion + Strategy (Full)", { mass: [0.4, 0.4, 0.4], fit: [0.1, 0.1, 0.2] })).toBe(2);
  });

  it("has two configurations without strategy heads", () => {
    expect(configurationsOf({ mass: [1], fit: null })).toEqual(["No Heads (Baseline)", "Emotion Head Only"]);
    expect(configurationsOf(scores)).toEqual(CONFIGURATIONS);
    expect(() => chooseCandidate("Strategy Head Only", { mass: [1], fit: null })).toThrow("expected one without the strategy head");
  });

  it("fits by the probability that the wanted strategy is realised", () => {
    expect(strategyFit([0.5, 0.5], [0.2, 0.8])).toBeCloseTo(0.5, 12);
    expect(strategyFit([0.9, 0.1], [1, 0])).toBeCloseTo(0.9, 12);
    expect(() => strategyFit([1], [1, 0])).toThrow("strategyFit: expected 1 strategies of both heads, got 2");
  });
});
