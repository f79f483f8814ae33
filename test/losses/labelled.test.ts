import { expect, it } from "vitest";
import { type Tensor2D, type Tensor3D, tf } from "../../src/core/tf.js";
import { crossEntropySum, labelLogProbs, labelledRows, labelledTensors } from "../../src/losses/labelled.js";
import { distance, formulaTensor, leaked } from "../formula.js";

const batch = {
  batch: 2,
  time: 5,
  ids: Int32Array.from([4, 5, 6, 7, 0, 1, 2, 3, 4, 5]),
  segments: Int32Array.from([1, 1, 1, 1, 0, 1, 1, 2, 2, 2]),
  targets: Uint8Array.from([1, 0, 1, 1, 1, 1, 1, 1, 0, 1]),
};

it("pairs each target with the row before it, and leaves out the first of a row or segment and padding", () => {
  const { rows, labels } = labelledRows(batch);
  expect([...rows]).toEqual([1, 2, 5, 8]);
  expect([...labels]).toEqual([6, 7, 2, 5]);
});

it("is ln(vocabulary) for each target where all logits are equal", () => {
  const loss = tf.tidy(
    () =>
      crossEntropySum(
        tf.zeros([2, 5, 3]) as Tensor3D,
        formulaTensor("head", [8, 3]) as Tensor2D,
        labelledTensors(labelledRows(batch)),
      ).dataSync()[0]!,
  );
  expect(loss).toBeCloseTo(4 * Math.log(8), 5);
});

it("is the negated sum of the labels' log-probabilities, and frees what it makes", async () => {
  const lost = await leaked(() =>
    tf.tidy(() => {
      const { rows, labels, weights } = labelledTensors(labelledRows(batch), 3);
      const [hidden, head] = [formulaTensor("hidden", [2, 5, 3]) as Tensor3D, formulaTensor("head", [8, 3]) as Tensor2D];
      const logProbs = labelLogProbs(hidden, head, rows, labels).dataSync() as Float32Array;
      expect(logProbs).toHaveLength(6); // two of them fill up
      expect([...weights.dataSync()]).toEqual([1, 1, 1, 1, 0, 0]);
      const all = tf.logSoftmax(tf.matMul(hidden.reshape([10, 3]), head, false, true)).arraySync() as number[][];
      expect(distance(logProbs.subarray(0, 4), [all[1]![6]!, all[2]![7]!, all[5]![2]!, all[8]![5]!])).toBeLessThan(1e-6);
      expect(crossEntropySum(hidden, head, { rows, labels, weights }).dataSync()[0]).toBeCloseTo(
        -logProbs.subarray(0, 4).reduce((a, b) => a + b),
        5,
      );
    }),
  );
  expect(lost).toBe(0);
});

it("is 0 without a single target", () => {
  const loss = tf.tidy(
    () =>
      crossEntropySum(
        tf.zeros([2, 5, 3]) as Tensor3D,
        tf.zeros([8, 3]),
        labelledTensors(labelledRows({ ...batch, targets: new Uint8Array(10) })),
      ).dataSync()[0]!,
  );
  expect(Math.abs(loss)).toBe(0);
});
