import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CONFIGURATIONS, chooseCandidate, configurationsOf, strategyFit } from "../../src/eval/steering.js";

describe("steering", () => {
  const scores = { mass: [0.2, 0.9, 0.5, 0.6], fit: [0.1, 0.2, 0.6, 0.55], random: [0.1, 0.2, 0.2, 0.1] };

  it("chooses the first candidate, the best by mass, by fit, by both, and by a head that knows nothing", () => {
    // Both, each from 0 to 1: mass 0, 1, .43, .57; fit 0, .2, 1, .9.
    expect(CONFIGURATIONS.map((name) => chooseCandidate(name, scores))).toEqual([0, 1, 2, 3, 1]);
  });

  it("takes the first of equals", () => {
    const equal = { mass: [0.4, 0.4], fit: [0.3, 0.3], random: [0.2, 0.2] };
    expect(CONFIGURATIONS.map((name) => chooseCandidate(name, equal))).toEqual([0, 0, 0, 0, 0]);
    expect(chooseCandidate("Emotion + Strategy (Full)", { mass: [0, 1, 0], fit: [0, 0, 1], random: [0, 0, 0] })).toBe(1);
    expect(chooseCandidate("Emotion Head Only", { mass: [0.1, 0.7, 0.7], fit: null, random: [0, 0, 0] })).toBe(1);
  });

  it("answers with the first candidate where no head chooses, whatever the heads say", () => {
    const unit = fc.double({ min: 0, max: 1, noNaN: true });
    const candidates = fc.array(fc.tuple(unit, unit, unit), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(candidates, (all) => {
        const given = { mass: all.map(([mass]) => mass), fit: all.map(([, fit]) => fit), random: all.map(([, , random]) => random) };
        expect(chooseCandidate("No Heads (Baseline)", given)).toBe(0);
        expect(given.mass[chooseCandidate("Emotion Head Only", given)]).toBe(Math.max(...given.mass));
        expect(given.random[chooseCandidate("Random Head", given)]).toBe(Math.max(...given.random));
      }),
    );
  });

  it("lets the other head decide where one sees no difference", () => {
    const given = { mass: [0.4, 0.4, 0.4], fit: [0.1, 0.1, 0.2], random: [0, 0, 0] };
    expect(chooseCandidate("Emotion + Strategy (Full)", given)).toBe(2);
  });

  it("has three configurations without strategy heads", () => {
    const without = { mass: [1], fit: null, random: [1] };
    expect(configurationsOf(without)).toEqual(["No Heads (Baseline)", "Emotion Head Only", "Random Head"]);
    expect(configurationsOf(scores)).toEqual(CONFIGURATIONS);
    expect(() => chooseCandidate("Strategy Head Only", without)).toThrow("expected one without the strategy head");
  });

  it("fits by the probability that the wanted strategy is realised", () => {
    expect(strategyFit([0.5, 0.5], [0.2, 0.8])).toBeCloseTo(0.5, 12);
    expect(strategyFit([0.9, 0.1], [1, 0])).toBeCloseTo(0.9, 12);
    expect(() => strategyFit([1], [1, 0])).toThrow("strategyFit: expected 1 strategies of both heads, got 2");
  });
});
