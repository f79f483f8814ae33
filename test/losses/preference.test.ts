import { describe, expect, it } from "vitest";
import { type Tensor1D, tf } from "../../src/core/tf.js";
import { type PreferenceLoss, preferenceLoss, preferenceOptions } from "../../src/losses/preference.js";
import { leaked } from "../formula.js";

/** Loss and slope by the chosen reply's log-probability, pair by pair, at margins given in nats. */
function at(margins: number[], options: PreferenceLoss): { loss: number[]; slope: number[]; rejectedSlope: number[] } {
  return tf.tidy(() => {
    const rejected = tf.tensor1d(margins.map(() => -40));
    const reference = { chosen: tf.tensor1d(margins.map(() => -25)), rejected: tf.tensor1d(margins.map(() => -38)) };
    const chosen = tf.tensor1d(margins.map((margin) => margin - 27));
    const f = (c: Tensor1D, r: Tensor1D) => tf.sum(preferenceLoss({ chosen: c, rejected: r }, reference, options));
    const [slope, rejectedSlope] = tf.grads(f as never)([chosen, rejected]);
    const loss = preferenceLoss({ chosen, rejected }, reference, options);
    return { loss: [...loss.dataSync()], slope: [...slope!.dataSync()], rejectedSlope: [...rejectedSlope!.dataSync()] };
  });
}

const sigma = (x: number) => 1 / (1 + Math.exp(-x));
const near = (values: number[], wanted: number[], digits = 5) =>
  wanted.forEach((value, i) => void expect(values[i]).toBeCloseTo(value, digits));

describe("a preference loss", () => {
  it("is ln 2 at margin 0 for sigmoid and its smoothed forms, with slope −β/2, less where labels are smoothed", () => {
    for (const [options, slope] of [
      [{}, -0.05],
      [{ beta: 0.4 }, -0.2],
      [{ labelSmoothing: 0.2 }, -0.05 * 0.6],
      [{ kind: "robust", labelSmoothing: 0.2 }, -0.05 / 0.6],
    ] as [PreferenceLoss, number][]) {
      const found = at([0], options);
      near(found.loss, [Math.LN2]);
      near(found.slope, [slope]);
    }
  });

  it("has the values of its formula", () => {
    const margins = [-7, -1, 0.5, 3, 20];
    near(
      at(margins, { beta: 0.3 }).loss,
      margins.map((h) => -Math.log(sigma(0.3 * h))),
    );
    near(
      at(margins, { beta: 0.3, labelSmoothing: 0.1 }).loss,
      margins.map((h) => -0.9 * Math.log(sigma(0.3 * h)) - 0.1 * Math.log(sigma(-0.3 * h))),
    );
    near(
      at(margins, { kind: "robust", beta: 0.3, labelSmoothing: 0.1 }).loss,
      margins.map((h) => (-0.9 * Math.log(sigma(0.3 * h)) + 0.1 * Math.log(sigma(-0.3 * h))) / 0.8),
    );
    near(
      at(margins, { kind: "ipo", beta: 0.25 }).loss,
      margins.map((h) => (h - 2) ** 2),
      3,
    );
    near(
      at(margins, { kind: "hinge", beta: 0.25 }).loss,
      margins.map((h) => Math.max(0, 1 - 0.25 * h)),
    );
  });

  it.each([
    { kind: "sigmoid" },
    { kind: "sigmoid", labelSmoothing: 0.3 },
    { kind: "robust", labelSmoothing: 0.3 },
    { kind: "hinge" },
    { kind: "ipo" },
  ] as const)("is finite at margins of ±500 and beyond, its slope too, which is opposite for the rejected reply (%j)", (options) => {
    const margins = [-5000, -500, -1, 0, 1, 500, 5000];
    const { loss, slope, rejectedSlope } = at(margins, { ...options, beta: 1 });
    for (const values of [loss, slope, rejectedSlope]) expect(values.every(Number.isFinite)).toBe(true);
    near(
      rejectedSlope,
      slope.map((value) => -value),
    );
    if (options.kind !== "ipo" && !("labelSmoothing" in options)) near([slope[1]!, slope[5]!], [-1, 0]);
  });

  it("refuses what cannot be, and fills in the rest", () => {
    expect(preferenceOptions({})).toEqual({ kind: "sigmoid", beta: 0.1, labelSmoothing: 0 });
    expect(() => preferenceOptions({ beta: 0 })).toThrow("beta: expected a number, at least");
    expect(() => preferenceOptions({ labelSmoothing: 0.5 })).toThrow("labelSmoothing: expected a number from 0 to 0.499, got 0.5");
    expect(() => preferenceOptions({ kind: "ipo", labelSmoothing: 0.1 })).toThrow('labelSmoothing: expected 0 for the loss "ipo", got 0.1');
    expect(() => preferenceOptions({ kind: "kto" as never })).toThrow(
      'preference loss: expected "sigmoid", "robust", "ipo" or "hinge", got "kto"',
    );
  });

  it("leaves nothing behind", async () => {
    expect(await leaked(() => at([1, 2], { labelSmoothing: 0.1 }))).toBe(0);
  });
});
