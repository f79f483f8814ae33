import { expect, it } from "vitest";
import { type Tensor2D, tf } from "../../src/core/tf.js";
import { bceWithLogits } from "../../src/losses/bce.js";
import { expectTrueGradient } from "../finite-differences.js";
import { distance, formulaTensor, leaked, reference, taken } from "../formula.js";

type Extremes = { logits: number[][]; loss: number; gradient: number[] };
const { extremes } = reference<{ extremes: { bce: Extremes } }>("heads.json");

it("is ln 2 for each decision at logit 0, whatever the target", () => {
  const { sum, count } = bceWithLogits(tf.zeros([3, 4]) as Tensor2D, tf.tensor2d([1, 0, 0.5, 1, 0, 0, 0, 0, 1, 1, 1, 1], [3, 4]));
  expect(count).toBe(12);
  expect(taken(sum)[0]).toBeCloseTo(12 * Math.LN2, 5);
});

it("equals torch's value and gradient up to logits of ±500", () => {
  const { logits, loss, gradient } = extremes.bce;
  const targets = tf.tensor2d([new Array(8).fill(1), [1, 0, 1, 0, 1, 0, 1, 0]]);
  const { value, grad } = tf.valueAndGrad((x) => bceWithLogits(x as Tensor2D, targets).sum)(tf.tensor2d(logits));
  expect(taken(value)[0]! / loss).toBeCloseTo(1, 6);
  expect(distance(taken(grad), gradient)).toBeLessThan(1e-6);
});

it("has the gradient of its values", () => {
  const targets = tf.tensor2d([1, 0, 0.25, 1, 1, 0], [2, 3]);
  expectTrueGradient((x) => bceWithLogits(x as Tensor2D, targets).sum, [formulaTensor("x", [2, 3])]);
});

it("leaves no tensors behind", async () => {
  const [x, targets] = [formulaTensor("x", [2, 3]) as Tensor2D, tf.zeros([2, 3]) as Tensor2D];
  expect(await leaked(() => tf.tidy(() => void tf.grad((given) => bceWithLogits(given as Tensor2D, targets).sum)(x)))).toBe(0);
});
