import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Tensor, type Tensor1D, tf, type Variable } from "../../src/core/tf.js";
import { layerNorm, rmsNorm } from "../../src/nn/norm.js";
import { expectTrueGradient } from "../finite-differences.js";
import { distance, formulaTensor } from "../formula.js";

beforeEach(() => tf.engine().startScope());
afterEach(() => tf.engine().endScope());

const HIDDEN = 6;
const gamma = (): Tensor1D => formulaTensor("gamma.weight", [HIDDEN]) as Tensor1D;
const beta = (): Tensor1D => formulaTensor("beta.bias", [HIDDEN]) as Tensor1D;
type Norm = { name: string; weights: number; norm: (x: Tensor, weights: Tensor1D[]) => Tensor };
const norms: Norm[] = [
  { name: "layerNorm", weights: 2, norm: (x, [g, b]) => layerNorm(x, g!, b!, 1e-5) },
  { name: "rmsNorm", weights: 1, norm: (x, [g]) => rmsNorm(x, g!, 1e-5) },
];

describe.each(norms)("$name", ({ norm, weights }) => {
  it("has the gradient of its input", () => {
    const frozen = [gamma(), beta()];
    expectTrueGradient((x) => norm(x!, frozen), [formulaTensor("x", [2, 3, HIDDEN]).mul(10)]);
  });

  it("has the gradient of its input at entries of ±500", () => {
    const frozen = [gamma(), beta()];
    expectTrueGradient((x) => norm(x!, frozen), [tf.tensor2d([[500, -500, 3, 0, 250, -1]])], { step: 0.5, tolerance: 1e-3 });
  });

  it("has the gradients of its weights where they are trained", () => {
    const x = formulaTensor("x", [2, 3, HIDDEN]);
    const dy = formulaTensor("dy", [2, 3, HIDDEN]);
    const value = (given: Tensor1D[]): Tensor => tf.sum(tf.mul(norm(x, given), dy));
    const trained = [gamma(), beta()].slice(0, weights).map((weight) => tf.variable(weight) as Variable);
    const gradients = Object.values(tf.variableGrads(() => value(trained as Tensor[] as Tensor1D[]) as never, trained).grads);
    expect(gradients).toHaveLength(weights);
    // The norm is linear in its weights: the slope of each is the value where it is 1 and all others are 0.
    gradients.forEach((gradient, which) => {
      const slopes = Array.from({ length: HIDDEN }, (_, i) => {
        const given = [0, 1].map((w) =>
          tf
            .buffer(
              [HIDDEN],
              "float32",
              Float32Array.from({ length: HIDDEN }, (_, j) => (w === which && j === i ? 1 : 0)),
            )
            .toTensor(),
        );
        return value(given as Tensor1D[]).dataSync()[0]!;
      });
      expect(distance(gradient.dataSync(), slopes)).toBeLessThan(1e-5);
    });
    tf.dispose(trained);
  });

  it("gives its output a mean square of 1 and stays finite for rows of zeros and of equal entries", () => {
    const ones = [tf.ones([HIDDEN]), tf.zeros([HIDDEN])] as Tensor1D[];
    expect(tf.mean(tf.square(norm(formulaTensor("x", [1, HIDDEN]), ones))).dataSync()[0]).toBeCloseTo(1, 2);
    const frozen = [gamma(), beta()];
    for (const row of [
      [0, 0, 0, 0, 0, 0],
      [500, 500, 500, 500, 500, 500],
      [1e15, 1, 1, 1, 1, 1],
    ]) {
      const slope = tf.grad((x: Tensor) => norm(x, frozen))(tf.tensor2d([row]));
      expect([...norm(tf.tensor2d([row]), frozen).dataSync(), ...slope.dataSync()].every(Number.isFinite)).toBe(true);
    }
  });
});
