import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Tensor, tf } from "../../src/core/tf.js";
import { dropout } from "../../src/nn/dropout.js";
import { distance } from "../formula.js";

beforeEach(() => tf.engine().startScope());
afterEach(() => tf.engine().endScope());

const ones = () => tf.ones([40, 250]);

describe("dropout", () => {
  it("depends on the seed alone", () => {
    const values = dropout(ones(), 0.3, 7).dataSync();
    expect(distance(dropout(ones(), 0.3, 7).dataSync(), values)).toBe(0);
    expect(distance(dropout(ones(), 0.3, 8).dataSync(), values)).toBeGreaterThan(1);
    expect(distance(dropout(ones(), 0.3, 2 ** 32 - 1).dataSync(), values)).toBeGreaterThan(1);
  });

  it("keeps the mean: what stays is scaled up", () => {
    for (const rate of [0.05, 0.5, 0.9]) {
      const values = dropout(ones(), rate, 3).dataSync();
      const kept = values.filter((value) => value !== 0);
      expect(
        distance(
          kept,
          kept.map(() => 1 / (1 - rate)),
        ),
      ).toBeLessThan(1e-5);
      // Four standard deviations of a share among 10,000.
      expect(Math.abs(kept.length / values.length - (1 - rate))).toBeLessThan(4 * Math.sqrt((rate * (1 - rate)) / values.length));
    }
  });

  it("lets gradients through where values went through", () => {
    const slope = tf.grad((x: Tensor) => dropout(x, 0.4, 11))(ones());
    expect(distance(slope.dataSync(), dropout(ones(), 0.4, 11).dataSync())).toBe(0);
  });

  it("is the input itself at rate 0", () => {
    const x = ones();
    expect(dropout(x, 0, 1)).toBe(x);
  });
});
