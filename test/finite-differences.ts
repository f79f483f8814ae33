import { expect } from "vitest";
import { type Tensor, tf } from "../src/core/tf.js";
import { noise, taken } from "./formula.js";

/**
 * Compares the gradient of a weighted sum of `f`'s values with central differences, by each of the inputs in turn.
 * @param tolerance Largest distance, in proportion to the largest slope where that is above 1.
 */
export function expectTrueGradient(f: (...inputs: Tensor[]) => Tensor, inputs: Tensor[], { step = 1e-2, tolerance = 5e-3 } = {}): void {
  const valuesAt = (given: Tensor[]): Float32Array => taken(tf.tidy(() => f(...given)));
  const weights = noise("weights", valuesAt(inputs).length);
  // Summed in f64, since the difference of two f32 sums has few digits left.
  const weighted = (given: Tensor[]): number => valuesAt(given).reduce((sum, value, i) => sum + value * weights[i]!, 0);
  const gradients = tf
    .tidy(() => {
      const dy = tf.tensor1d(Float32Array.from(weights));
      return tf.grads((...given: Tensor[]) => tf.sum(tf.mul(f(...given).reshape([-1]), dy)))(inputs);
    })
    .map(taken);
  inputs.forEach((input, which) => {
    const values = input.dataSync() as Float32Array;
    const differences = Array.from(values, (value, i) => {
      const at = (x: number): number =>
        tf.tidy(() => weighted(inputs.map((other, j) => (j === which ? tf.tensor(values.with(i, x), input.shape) : other))));
      return (at(value + step) - at(value - step)) / (2 * step);
    });
    const largest = Math.max(1, ...differences.map(Math.abs));
    differences.forEach((difference, i) => {
      const found = gradients[which]![i]!;
      expect(
        Math.abs(found - difference) / largest,
        `input ${which}, entry ${i}: gradient ${found}, difference ${difference}`,
      ).toBeLessThan(tolerance);
    });
  });
}
