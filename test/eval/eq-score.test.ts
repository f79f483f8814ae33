import { describe, expect, it } from "vitest";
import { GO_EMOTIONS } from "../../src/data/go-emotions.js";
import { alignment, empathyMass, eqScore, LABEL_SETS, publishedScore, sigmoid, softmax } from "../../src/eval/eq-score.js";

const values = (given: Partial<Record<(typeof GO_EMOTIONS)[number], number>>): number[] => GO_EMOTIONS.map((label) => given[label] ?? 0);

describe("the EQ score", () => {
  it("takes as mass the share of the summed probabilities, whatever they sum to", () => {
    expect(empathyMass(values({ caring: 0.3, anger: 0.1 }), LABEL_SETS.supportive)).toBeCloseTo(0.75, 12);
    expect(empathyMass(values({ caring: 0.9, anger: 0.3 }), LABEL_SETS.supportive)).toBeCloseTo(0.75, 12);
    expect(empathyMass(new Array<number>(28).fill(0.5), LABEL_SETS.published)).toBeCloseTo(9 / 28, 12);
    expect(empathyMass(new Array<number>(28).fill(0), LABEL_SETS.caring)).toBe(0);
  });

  it("aligns by the cosine, and not at all without a reference", () => {
    const reading = values({ caring: 0.3, sadness: 0.4 });
    expect(alignment(reading, values({ caring: 3, sadness: 4 }))).toBeCloseTo(1, 12);
    expect(alignment(reading, values({ caring: 5 }))).toBeCloseTo(0.6, 12);
    expect(alignment(reading, values({ joy: 5 }))).toBe(0);
    expect(alignment(reading, values({}))).toBeNull();
    expect(alignment(values({}), values({ joy: 5 }))).toBe(0);
  });

  it("is mass + 0.3 × alignment, with another weight where one is given", () => {
    const reading = values({ caring: 0.3, anger: 0.1 });
    const reference = values({ caring: 3, anger: 1 });
    expect(eqScore(reading, reference)).toMatchObject({ mass: expect.closeTo(0.75, 12), eq: expect.closeTo(1.05, 12) });
    expect(eqScore(reading, reference, { weight: 0 }).eq).toBeCloseTo(0.75, 12);
    expect(eqScore(reading, reference, { labels: LABEL_SETS.published, weight: 1 }).eq).toBeCloseTo(1.75, 12);
    expect(eqScore(reading, values({}))).toMatchObject({ alignment: null, eq: expect.closeTo(0.75, 12) });
  });

  it("has shares of all labels that add up, and those of the set to the mass", () => {
    const reading = GO_EMOTIONS.map((_, i) => (i + 1) / 30);
    const { mass, perLabel } = eqScore(reading, values({}));
    const sum = (labels: readonly (typeof GO_EMOTIONS)[number][]) => labels.reduce((total, label) => total + perLabel[label], 0);
    expect(sum(GO_EMOTIONS)).toBeCloseTo(1, 12);
    expect(sum(LABEL_SETS.supportive)).toBeCloseTo(mass, 12);
  });

  it("refuses other numbers of labels", () => {
    expect(() => empathyMass([1, 2], LABEL_SETS.caring)).toThrow("EQ score: expected 28 values, one for each GoEmotions label, got 2");
  });
});

describe("the published formula", () => {
  it("is the softmax mass of its nine labels, with a tenth of each head's top probability on the prompt", () => {
    expect(publishedScore(new Array<number>(28).fill(3))).toBeCloseTo(9 / 28, 12);
    expect(publishedScore(new Array<number>(28).fill(3), [0.5, 0.2])).toBeCloseTo(9 / 28 + 0.07, 12);
  });

  it("stands on functions that large numbers do not break", () => {
    expect([...softmax([1000, 1000])]).toEqual([0.5, 0.5]);
    expect([...softmax([0, Math.log(3)])].map((p) => Number(p.toFixed(12)))).toEqual([0.25, 0.75]);
    expect([...sigmoid([0, 1000, -1000])]).toEqual([0.5, 1, 0]);
  });
});
