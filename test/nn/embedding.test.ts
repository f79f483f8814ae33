import { afterEach, beforeEach, expect, it } from "vitest";
import { type Tensor, type Tensor2D, tf } from "../../src/core/tf.js";
import { embed, gatherRows } from "../../src/nn/embedding.js";
import { expectTrueGradient } from "../finite-differences.js";
import { distance, formulaTensor } from "../formula.js";

beforeEach(() => tf.engine().startScope());
afterEach(() => tf.engine().endScope());

it("adds up the gradients of a row that is picked more than once", () => {
  const indices = tf.tensor1d([2, 0, 2, 2], "int32");
  expectTrueGradient((table) => gatherRows(table as Tensor2D, indices), [formulaTensor("table", [4, 3])]);
  const slope = tf.grad((table: Tensor) => gatherRows(table as Tensor2D, indices))(formulaTensor("table", [4, 3]));
  expect(distance(slope.dataSync(), [1, 1, 1, 0, 0, 0, 3, 3, 3, 0, 0, 0])).toBe(0);
});

it("picks the rows of a frozen or trained table alike", () => {
  const table = formulaTensor("table", [4, 3]) as Tensor2D;
  const ids = tf.tensor2d(
    [
      [3, 1],
      [0, 3],
    ],
    [2, 2],
    "int32",
  );
  const trained = tf.variable(table);
  expect(embed(table, ids).shape).toEqual([2, 2, 3]);
  expect(distance(embed(trained as unknown as Tensor2D, ids).dataSync(), embed(table, ids).dataSync())).toBe(0);
  trained.dispose();
});
