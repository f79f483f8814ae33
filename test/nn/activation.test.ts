import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Tensor, tf } from "../../src/core/tf.js";
import { activation } from "../../src/nn/activation.js";
import { expectTrueGradient } from "../finite-differences.js";
import { distance, formulaTensor, reference } from "../formula.js";

beforeEach(() => tf.engine().startScope());
afterEach(() => tf.engine().endScope());

const { points, cases } = reference<{ points: number[]; cases: Record<string, { values: number[]; slopes: number[] }> }>(
  "activations.json",
);

describe.each(Object.entries(cases))("%s", (name, { values, slopes }) => {
  it("has torch's values and slopes from -500 to 500", () => {
    expect(points).toHaveLength(14);
    const x = tf.tensor1d(points);
    expect(distance(activation(name)(x).dataSync(), values)).toBeLessThan(2e-5);
    const wanted = name === "relu" ? slopes.map((slope, i) => (points[i] === 0 ? 0 : slope)) : slopes;
    expect(
      distance(
        tf
          .grad((x: Tensor) => activation(name)(x))(x)
          .dataSync(),
        wanted,
      ),
    ).toBeLessThan(2e-5);
  });

  it("has the slope of finite differences", () => {
    // Away from 0, where ReLU has a corner.
    expectTrueGradient((x) => activation(name)(x!), [tf.add(formulaTensor("x", [4, 5]).mul(8), 0.05)]);
  });
});

it("has two names for each of two, and refuses others", () => {
  const x = tf.tensor1d([-1, 2]);
  expect(distance(activation("gelu_pytorch_tanh")(x).dataSync(), activation("gelu_new")(x).dataSync())).toBe(0);
  expect(distance(activation("swish")(x).dataSync(), activation("silu")(x).dataSync())).toBe(0);
  expect(() => activation("mish")).toThrow('activation: expected "gelu_new", "gelu_pytorch_tanh", "gelu", "silu" or "relu", got "mish"');
});
