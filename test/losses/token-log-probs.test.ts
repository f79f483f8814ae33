import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Tensor, type Tensor1D, type Tensor2D, tf } from "../../src/core/tf.js";
import { tokenLogProbs } from "../../src/losses/token-log-probs.js";
import { expectTrueGradient } from "../finite-differences.js";
import { distance, formulaTensor } from "../formula.js";

beforeEach(() => tf.engine().startScope());
afterEach(() => tf.engine().endScope());

const ROWS = 7;
const hidden = () => formulaTensor("hidden", [ROWS, 4]).mul(4) as Tensor2D;
const head = () => formulaTensor("head", [11, 4]).mul(4) as Tensor2D;
const targets = () => tf.tensor1d([0, 10, 3, 3, 5, 9, 1], "int32") as Tensor1D;

/** The same in f64, straight from the definition. */
function plainLogProbs(x: Tensor2D, w: Tensor2D, ids: Tensor1D): number[] {
  const [xs, ws] = [x.arraySync(), w.arraySync()];
  return Array.from(ids.dataSync(), (id, row) => {
    const logits = ws.map((weights) => weights.reduce((sum, weight, i) => sum + weight * xs[row]![i]!, 0));
    const most = Math.max(...logits);
    return logits[id]! - most - Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - most), 0));
  });
}

describe("tokenLogProbs", () => {
  it.each([1, 3, 7, 256])("is the logarithm of the softmax at the target (chunks of %s)", (chunk) => {
    expect(
      distance(tokenLogProbs(hidden(), head(), targets(), { chunk }).dataSync(), plainLogProbs(hidden(), head(), targets())),
    ).toBeLessThan(1e-5);
  });

  it.each([2, 256])("has the gradient of the hidden states (chunks of %s)", (chunk) => {
    const [fixed, ids] = [head(), targets()];
    expectTrueGradient((x) => tokenLogProbs(x as Tensor2D, fixed, ids, { chunk }), [hidden()]);
  });

  it.each([2, 256])("has the gradient of a trained head (chunks of %s)", (chunk) => {
    const [x, ids] = [hidden(), targets()];
    const trained = tf.variable(head());
    const weights = formulaTensor("dy", [ROWS]);
    const sum = () => tf.sum(tf.mul(tokenLogProbs(x, trained as unknown as Tensor2D, ids, { chunk }), weights));
    const [gradient] = Object.values(tf.variableGrads(sum as never, [trained]).grads) as [Tensor];
    const values = head().dataSync();
    const differences = Array.from(values, (value, i) => {
      const at = (entry: number) =>
        plainLogProbs(x, tf.tensor2d(values.with(i, entry), [11, 4]), ids).reduce(
          (total, logProb, row) => total + logProb * weights.dataSync()[row]!,
          0,
        );
      return (at(value + 1e-3) - at(value - 1e-3)) / 2e-3;
    });
    expect(distance(gradient.dataSync(), differences)).toBeLessThan(1e-3);
    trained.dispose();
  });

  it("stays finite at logits of ±500 and ±10,000", () => {
    for (const size of [500, 10_000]) {
      const x = tf.tensor2d([[1], [-1], [1]]);
      const w = tf.tensor2d([[size], [-size], [0]]);
      const ids = tf.tensor1d([0, 0, 1], "int32");
      expect(distance(tokenLogProbs(x, w, ids).dataSync(), [0, -2 * size, -2 * size])).toBeLessThan(1e-3);
      // Slope by x: Σ (target − softmax)·w.
      const slope = tf
        .grad((x: Tensor) => tokenLogProbs(x as Tensor2D, w, ids))(x)
        .dataSync();
      expect(distance(slope, [0, 2 * size, -2 * size])).toBeLessThan(1e-2);
    }
  });

  it("gives no row for none, and refuses hidden states with a time axis", () => {
    expect(tokenLogProbs(tf.zeros([0, 4]), head(), tf.tensor1d([], "int32")).shape).toEqual([0]);
    expect(() => tokenLogProbs(tf.zeros([1, 2, 4]) as never, head(), targets())).toThrow(
      "tokenLogProbs hidden: expected shape [rows, hidden], got [1, 2, 4]",
    );
  });

  it("leaves nothing behind but its result and gradients", () => {
    const [x, w, ids] = [hidden(), head(), targets()];
    const before = tf.memory().numTensors;
    tokenLogProbs(x, w, ids, { chunk: 2 }).dispose();
    tf.grad((x: Tensor) => tokenLogProbs(x as Tensor2D, w, ids, { chunk: 2 }))(x).dispose();
    expect(tf.memory().numTensors).toBe(before);
  });
});
