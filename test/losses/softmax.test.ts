import { expect, it } from "vitest";
import { type Tensor2D, tf } from "../../src/core/tf.js";
import { softmaxCrossEntropy } from "../../src/losses/softmax.js";
import { expectTrueGradient } from "../finite-differences.js";
import { distance, formulaTensor, leaked, reference, taken } from "../formula.js";

type Extremes = { logits: number[][]; loss: number; gradient: number[] };
const { extremes } = reference<{ extremes: { softmax: Extremes } }>("heads.json");

it("is ln(classes) for each row where all logits are equal", () => {
  const { sum, count } = softmaxCrossEntropy(tf.fill([3, 8], 7) as Tensor2D, tf.tensor1d([0, 5, 7], "int32"));
  expect(count).toBe(3);
  expect(taken(sum)[0]).toBeCloseTo(3 * Math.log(8), 5);
});

it("equals torch's value and gradient up to logits of ±500", () => {
  const { logits, loss, gradient } = extremes.softmax;
  const labels = tf.tensor1d([0, 6], "int32");
  const { value, grad } = tf.valueAndGrad((x) => softmaxCrossEntropy(x as Tensor2D, labels).sum)(tf.tensor2d(logits));
  expect(taken(value)[0]! / loss).toBeCloseTo(1, 6);
  expect(distance(taken(grad), gradient)).toBeLessThan(1e-6);
});

it("has the gradient of its values", () => {
  const labels = tf.tensor1d([2, 0], "int32");
  expectTrueGradient((x) => softmaxCrossEntropy(x as Tensor2D, labels).sum, [formulaTensor("x", [2, 3])]);
});

it("leaves no tensors behind", async () => {
  const [x, labels] = [formulaTensor("x", [2, 3]) as Tensor2D, tf.tensor1d([1, 2], "int32")];
  expect(await leaked(() => tf.tidy(() => void tf.grad((given) => softmaxCrossEntropy(given as Tensor2D, labels).sum)(x)))).toBe(0);
});
