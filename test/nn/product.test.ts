import { expect, it } from "vitest";
import { compile } from "../../src/core/compile/compile.js";
import { isNative } from "../../src/core/engine.js";
import { type Tensor2D, tf } from "../../src/core/tf.js";
import { product } from "../../src/nn/product.js";
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
      const all = formulaTensor("rows", [9, inputs]) as Tensor2D;
      const wanted = tf.tidy(() => numbers(tf.matMul(all, matrix, false, transposed)));
      for (let rows = 1; rows <= 9; rows++) {
        const found = tf.tidy(() => numbers(product(all.slice([0, 0], [rows, inputs]) as Tensor2D, matrix, false, transposed)));
        expect(distance(found, wanted.slice(0, rows * outputs))).toBeLessThan(1e-5);
      }
      tf.dispose([matrix, all]);
    });
    expect(lost).toBe(0);
  }
});

it.skipIf(!isNative())("a row's product does not depend on the rows beside it, compiled or not", () => {
  const [matrix, all] = [formulaTensor("matrix", [300, 400]) as Tensor2D, formulaTensor("rows", [8, 300]) as Tensor2D];
  const compiled = compile("few", (rows) => ({ y: product(rows as Tensor2D, matrix) }));
  const together = tf.tidy(() => numbers(product(all, matrix)));
  for (let row = 0; row < 8; row++) {
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
  tf.dispose([rows, matrix]);
});
