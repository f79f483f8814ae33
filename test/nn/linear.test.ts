import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { compile } from "../../src/core/compile/compile.js";
import { isNative } from "../../src/core/engine.js";
import { type Tensor, type Tensor1D, type Tensor2D, tf, type Variable } from "../../src/core/tf.js";
import { type Dropout, dropout, dropped } from "../../src/nn/dropout.js";
import { linear, type WeightLayout } from "../../src/nn/linear.js";
import type { LoraBranch } from "../../src/nn/lora.js";
import { dequantized, type QuantizedWeight, quantize, tensorsOf } from "../../src/nn/quantized.js";
import { differentiate } from "../../src/nn/trainable.js";
import { distance, formulaTensor } from "../formula.js";

const [BATCH, TIME, IN, OUT, RANK] = [2, 5, 37, 23, 3];

const variable = (name: string, shape: number[]): Variable => tf.variable(formulaTensor(name, shape), true);
let a: Variable;
let b: Variable;
beforeAll(() => {
  [a, b] = tf.tidy(() => [variable("a", [RANK, IN]), variable("b", [OUT, RANK])] as const);
});
afterAll(() => tf.dispose([a, b]));
beforeEach(() => tf.engine().startScope());
afterEach(() => tf.engine().endScope());

const weightOf = (layout: WeightLayout) => formulaTensor("w", layout === "out-in" ? [OUT, IN] : [IN, OUT]) as Tensor2D;
const branchOf = (dropout: Dropout | null, scale = 1.7): LoraBranch => ({
  a: a as unknown as Tensor2D,
  b: b as unknown as Tensor2D,
  scale,
  dropout,
});

/** The same in plain operations of tfjs. */
function plain(x: Tensor, weight: Tensor2D, bias: Tensor1D | null, layout: WeightLayout, branch: LoraBranch | null): Tensor {
  const rows = x.reshape([-1, x.shape.at(-1)!]);
  let y: Tensor = tf.matMul(rows, weight, false, layout === "out-in");
  if (bias) y = tf.add(y, bias);
  if (branch) {
    const { dropout: drop, scale } = branch;
    const mask = drop ? tf.div(dropped(tf.onesLike(rows), drop), 1 - drop.rate) : null;
    const low = tf.matMul(mask ? tf.mul(rows, mask) : rows, branch.a, false, true);
    y = tf.add(y, tf.mul(tf.matMul(low, branch.b, false, true), scale));
  }
  return y.reshape([...x.shape.slice(0, -1), OUT]);
}

type Forward = (x: Tensor) => Tensor;
/** A value and its gradients by x and the variables that it depends on, for a dy that is no constant. */
function all(f: Forward, x: Tensor, by: Tensor[]): Float32Array[] {
  const dy = formulaTensor("dy", [...x.shape.slice(0, -1), OUT]);
  const { value, grads } = differentiate(() => f(x), [x, ...by], dy);
  return [value, ...grads].map((tensor) => tensor!.dataSync() as Float32Array);
}

/** Largest distance in proportion to the largest number. */
const apart = (got: Float32Array, wanted: Float32Array) => distance(got, wanted) / Math.max(...wanted.map(Math.abs), 1e-30);

function expectSame(got: Float32Array[], wanted: Float32Array[], precision = 1e-6): void {
  expect(got).toHaveLength(wanted.length);
  for (const [i, values] of got.entries()) expect(apart(values, wanted[i]!), `result ${i}`).toBeLessThan(precision);
}

const seeds: Record<string, Dropout | null> = { "no dropout": null, dropout: { rate: 0.4, seed: 5, place: "here" } };
const cases = (["out-in", "in-out"] as const).flatMap((layout) =>
  [true, false].flatMap((hasBias) => Object.keys(seeds).map((drop) => ({ layout, hasBias, drop }))),
);

describe.each(cases)("linear, $layout, bias $hasBias, $drop", ({ layout, hasBias, drop }) => {
  const given = () => ({
    x: formulaTensor("x", [BATCH, TIME, IN]),
    weight: weightOf(layout),
    bias: hasBias ? (formulaTensor("bias.x", [OUT]) as Tensor1D) : null,
    branch: branchOf(seeds[drop]!),
  });

  it("is the plain operations, with their gradients", () => {
    const { x, weight, bias, branch } = given();
    expectSame(
      all((x) => linear(x, weight, bias, layout, branch), x, [a, b]),
      all((x) => plain(x, weight, bias, layout, branch), x, [a, b]),
    );
    expectSame(
      all((x) => linear(x, weight, bias, layout), x, []),
      all((x) => plain(x, weight, bias, layout, null), x, []),
    );
  });

  it("takes a frozen adapter, rows instead of a batch and a scale of 1", () => {
    const { weight, bias, branch } = given();
    const frozen = { ...branch, scale: 1, a: tf.clone(branch.a), b: tf.clone(branch.b) };
    const rows = formulaTensor("rows", [7, IN]);
    expectSame(
      all((x) => linear(x, weight, bias, layout, frozen), rows, []),
      all((x) => plain(x, weight, bias, layout, frozen), rows, []),
    );
  });

  it("gives a trained weight its gradients too", () => {
    const { x, weight, bias, branch } = given();
    const trained = [weight, ...(bias ? [bias] : [])].map((tensor) => tf.variable(tensor, true));
    const [w, c = null] = trained as unknown as [Tensor2D, Tensor1D?];
    expectSame(
      all((x) => linear(x, w, c, layout, branch), x, [a, b, ...trained]),
      all((x) => plain(x, w, c, layout, branch), x, [a, b, ...trained]),
    );
    tf.dispose(trained);
  });

  it.skipIf(!isNative())("is the same compiled, with the seed as an argument", () => {
    const { x, weight, bias, branch } = given();
    const step = compile("linear", (x: Tensor, seed: Tensor) => {
      const drawn = { ...branch, dropout: branch.dropout && { ...branch.dropout, seed: seed as Tensor1D } };
      const { value, grads } = differentiate(() => linear(x, weight, bias, layout, drawn), [x, a, b]);
      return { value, dx: grads[0]!, da: grads[1]!, db: grads[2]! };
    });
    for (const seed of [5, 6]) {
      const drawn = { ...branch, dropout: branch.dropout && { ...branch.dropout, seed } };
      const wanted = differentiate(() => linear(x, weight, bias, layout, drawn), [x, a, b]);
      const { value, dx, da, db } = step(x, tf.tensor1d([seed, 0], "int32"));
      expect(step.fallback).toBe("");
      expectSame(
        [value, dx, da, db].map((tensor) => tensor!.dataSync() as Float32Array),
        [wanted.value, ...wanted.grads].map((tensor) => tensor!.dataSync() as Float32Array),
      );
    }
    step.dispose();
  });
});

describe("linear with a quantised weight", () => {
  const sizes: [number, number][] = [
    [OUT, IN],
    [64, 64],
    [1, 1],
    [3, 65],
    [130, 127],
  ];
  it.each(sizes.flatMap(([out, inputs]) => (["nf4", "int8"] as const).map((kind) => ({ out, inputs, kind }))))(
    "$kind [$out, $inputs] is the plain one with the numbers that it stands for, exactly",
    ({ out, inputs, kind }) => {
      for (const layout of ["out-in", "in-out"] as const) {
        const shape: [number, number] = layout === "out-in" ? [out, inputs] : [inputs, out];
        const packed = quantize(
          formulaTensor("w", shape).dataSync() as Float32Array,
          shape,
          kind,
          layout === "out-in" ? "rows" : "columns",
        );
        const matrix = dequantized(packed);
        expect(matrix.shape).toEqual(shape);
        const x = formulaTensor("x", [2, 3, inputs]);
        const run = (weight: Tensor2D | QuantizedWeight) => {
          const { value, grads } = differentiate(() => linear(x, weight, null, layout), [x], formulaTensor("dy", [2, 3, out]));
          return [value, grads[0]!].map((tensor) => tensor.dataSync() as Float32Array);
        };
        const [got, wanted] = [run(packed), run(matrix)];
        got.forEach((values, i) => {
          expect(distance(values, wanted[i]!)).toBe(0);
        });
        tf.dispose(tensorsOf(packed));
      }
    },
  );

  it.each(["nf4", "int8"] as const)("%s keeps no matrix in full for the way back", (kind) => {
    const packed = quantize(formulaTensor("w", [256, 256]).dataSync() as Float32Array, [256, 256], kind, "rows");
    const x = formulaTensor("x", [1, 256]);
    const shapes: number[][] = [];
    const grads = differentiate(() => {
      const y = linear(x, packed, null, "out-in");
      const kept = (tf.engine().state as unknown as { activeTape: { saved?: Tensor[] }[] }).activeTape.flatMap(({ saved }) => saved ?? []);
      shapes.push(...kept.map(({ shape }) => shape));
      return y;
    }, [x]).grads;
    expect(shapes.some((shape) => shape.reduce((p, size) => p * size, 1) >= 256 * 256)).toBe(false);
    expect(grads[0]!.shape).toEqual([1, 256]);
  });
});

describe("dropout's seed", () => {
  it("may be a tensor: n stands for [n, 0]", () => {
    const x = tf.ones([20, 30]);
    for (const seed of [0, 7, -3, 2 ** 31 - 1]) {
      const pair = tf.tensor1d([seed, 0], "int32");
      expect(distance(dropout(x, 0.3, pair, "a").dataSync(), dropout(x, 0.3, seed, "a").dataSync())).toBe(0);
      expect(distance(dropout(x, 0.3, pair, "b").dataSync(), dropout(x, 0.3, seed, "a").dataSync())).toBeGreaterThan(1);
      expect(distance(dropout(x, 0.3, pair).dataSync(), dropout(x, 0.3, seed).dataSync())).toBe(0);
    }
  });
});
