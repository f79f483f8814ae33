import { expect, it } from "vitest";
import { compile } from "../../src/core/compile/compile.js";
import { isNative } from "../../src/core/engine.js";
import { type Tensor1D, type Tensor2D, tf } from "../../src/core/tf.js";
import { hasOwnOperations } from "../../src/nn/fused.js";
import { plusBranch, product, productPlus } from "../../src/nn/product.js";
import { distance, formulaTensor, leaked, taken } from "../formula.js";

const numbers = (tensor: Tensor2D): number[] => Array.from(taken(tensor));

it.each([false, true])("a product of few rows is that of many (matrix transposed: %s)", async (transposed) => {
  // Sizes that are multiples of nothing, and enough for every path of the addon's own operations.
  for (const [inputs, outputs] of [
    [259, 301],
    [64, 1024],
    [1, 70_001],
  ] as const) {
    const lost = await leaked(() => {
      const matrix = formulaTensor("matrix", transposed ? [outputs, inputs] : [inputs, outputs]) as Tensor2D;
      const all = formulaTensor("rows", [17, inputs]) as Tensor2D;
      const bias = formulaTensor("bias", [outputs]) as Tensor1D;
      const wanted = tf.tidy(() => numbers(tf.matMul(all, matrix, false, transposed)));
      const plus = tf.tidy(() => numbers(tf.add(tf.matMul(all, matrix, false, transposed), bias)));
      for (let rows = 1; rows <= 17; rows++) {
        const some = all.slice([0, 0], [rows, inputs]) as Tensor2D;
        expect(distance(numbers(product(some, matrix, false, transposed)), wanted.slice(0, rows * outputs))).toBeLessThan(1e-5);
        expect(distance(numbers(productPlus(some, matrix, bias, transposed)), plus.slice(0, rows * outputs))).toBeLessThan(1e-5);
        some.dispose();
      }
      tf.dispose([matrix, all, bias]);
    });
    expect(lost).toBe(0);
  }
});

it.skipIf(!isNative())("a row's product does not depend on the rows beside it, compiled or not", () => {
  const [matrix, all] = [formulaTensor("matrix", [300, 400]) as Tensor2D, formulaTensor("rows", [16, 300]) as Tensor2D];
  const compiled = compile("few", (rows) => ({ y: product(rows as Tensor2D, matrix) }));
  const together = tf.tidy(() => numbers(product(all, matrix)));
  for (let row = 0; row < 16; row++) {
    const one = all.slice([row, 0], [1, 300]) as Tensor2D;
    expect(numbers(product(one, matrix))).toEqual(together.slice(row * 400, (row + 1) * 400));
    expect(numbers(compiled(one).y as Tensor2D)).toEqual(together.slice(row * 400, (row + 1) * 400));
    one.dispose();
  }
  expect(compiled.fallback).toBe("");
  compiled.dispose();
  tf.dispose([matrix, all]);
});

it.skipIf(!isNative())("sizes that do not fit are refused with what is wrong", () => {
  const [rows, matrix] = [tf.ones([2, 3]) as Tensor2D, tf.ones([300, 400]) as Tensor2D];
  expect(() => product(rows, matrix)).toThrow("rows and matrix differ in the size that they share");
  const [fitting, bias] = [tf.ones([2, 300]) as Tensor2D, tf.ones([3]) as Tensor1D];
  expect(() => productPlus(fitting, matrix, bias, false)).toThrow("matrix and bias differ in the size of the output");
  expect(() => plusBranch(rows, rows, { a: fitting, b: fitting, scale: 1 })).toThrow(
    "the sizes of product, rows and adapter do not fit each other",
  );
  tf.dispose([rows, matrix, fitting, bias]);
});

it.skipIf(!hasOwnOperations())(
  "an adapter's branch of few rows is that of plain operations, and does not depend on the rows beside it",
  async () => {
    for (const [inputs, rank, outputs] of [
      [37, 1, 5],
      [300, 16, 259],
      [64, 7, 1030],
    ] as const) {
      const lost = await leaked(() => {
        const [a, b] = [formulaTensor("a", [rank, inputs]) as Tensor2D, formulaTensor("b", [outputs, rank]) as Tensor2D];
        const [x, y] = [formulaTensor("x", [16, inputs]) as Tensor2D, formulaTensor("y", [16, outputs]) as Tensor2D];
        const wanted = tf.tidy(() => numbers(tf.add(y, tf.mul(tf.matMul(tf.matMul(x, a, false, true), b, false, true), 0.5)) as Tensor2D));
        const found = numbers(plusBranch(y, x, { a, b, scale: 0.5 })!);
        expect(distance(found, wanted)).toBeLessThan(1e-5);
        const last = (tensor: Tensor2D) => tensor.slice([15, 0], [1, tensor.shape[1]]) as Tensor2D;
        const alone = tf.tidy(() => numbers(plusBranch(last(y), last(x), { a, b, scale: 0.5 })!));
        expect(alone).toEqual(found.slice(15 * outputs));
        tf.dispose([a, b, x, y]);
      });
      expect(lost).toBe(0);
    }
  },
);
