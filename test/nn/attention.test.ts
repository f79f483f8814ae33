import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Tensor, type Tensor4D, tf } from "../../src/core/tf.js";
import { attention, joinHeads, splitHeads } from "../../src/nn/attention.js";
import { attentionMask } from "../../src/nn/attention-mask.js";
import { expectTrueGradient } from "../finite-differences.js";
import { distance, formulaTensor } from "../formula.js";

beforeEach(() => tf.engine().startScope());
afterEach(() => tf.engine().endScope());

const segments = (...rows: number[][]) => ({ values: Int32Array.from(rows.flat()), batch: rows.length, time: rows[0]!.length });
describe("attention", () => {
  const inputs = (size = 1) => [
    formulaTensor("query", [2, 4, 3, 2]).mul(size),
    formulaTensor("key", [2, 2, 3, 2]).mul(size),
    formulaTensor("value", [2, 2, 3, 2]).mul(size),
  ];
  const mask = () => attentionMask(segments([1, 1, 1], [0, 1, 1]), 3, null);

  it("has the gradients of finite differences, with grouped queries and segments", () => {
    const fixed = attentionMask(segments([1, 1, 1], [1, 2, 2]), 3, null);
    expectTrueGradient((q, k, v) => attention(q as Tensor4D, k as Tensor4D, v as Tensor4D, fixed, 0.7), inputs());
    expectTrueGradient((q, k, v) => attention(q as Tensor4D, k as Tensor4D, v as Tensor4D, fixed, 0.7), inputs(5));
  });

  it("stays finite where scores are ±500 and beyond", () => {
    const fixed = mask();
    for (const size of [100, 1e4]) {
      const given = inputs(size) as [Tensor4D, Tensor4D, Tensor4D];
      const gradients = tf.grads((q, k, v) => attention(q as Tensor4D, k as Tensor4D, v as Tensor4D, fixed, 0.7))(given);
      const all = [attention(...given, fixed, 0.7), ...gradients].flatMap((tensor) => Array.from(tensor.dataSync()));
      expect(all.every(Number.isFinite)).toBe(true);
    }
  });

  it("serves grouped queries as repeated keys and values would", () => {
    const [q, k, v] = inputs() as [Tensor4D, Tensor4D, Tensor4D];
    const repeated = (x: Tensor4D): Tensor4D =>
      tf.concat(
        [0, 0, 1, 1].map((head) => x.slice([0, head, 0, 0], [2, 1, 3, 2])),
        1,
      );
    expect(
      distance(attention(q, k, v, mask(), 0.7).dataSync(), attention(q, repeated(k), repeated(v), mask(), 0.7).dataSync()),
    ).toBeLessThan(1e-6);
  });
});

it("needs memory in proportion to the time, beside the mask", async () => {
  const peak = async (time: number): Promise<number> => {
    const q = formulaTensor("q", [1, 2, time, 2]);
    const mask = tf.zeros([1, 1, time, time]) as Tensor4D;
    const slope = tf.grad((x: Tensor) => attention(x as Tensor4D, x as Tensor4D, x as Tensor4D, mask, 1, { causal: true }));
    const held = tf.memory().numBytes;
    const { peakBytes } = await tf.profile(() => slope(q));
    // tfjs counts the mask once more while it is kept for the way back.
    return peakBytes - held - 4 * time ** 2;
  };
  expect((await peak(6144)) / (await peak(3072))).toBeLessThan(2.2);
});

it("joins the heads that it splits", () => {
  const x = formulaTensor("x", [2, 3, 8]);
  expect(splitHeads(x, 4).shape).toEqual([2, 4, 3, 2]);
  expect(distance(joinHeads(splitHeads(x, 4)).dataSync(), x.dataSync())).toBe(0);
});
