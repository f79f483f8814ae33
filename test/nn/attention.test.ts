import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Tensor4D, tf } from "../../src/core/tf.js";
import { attention, attentionMask, joinHeads, splitHeads } from "../../src/nn/attention.js";
import { expectTrueGradient } from "../finite-differences.js";
import { distance, formulaTensor } from "../formula.js";

beforeEach(() => tf.engine().startScope());
afterEach(() => tf.engine().endScope());

const segments = (...rows: number[][]) => ({ values: Int32Array.from(rows.flat()), batch: rows.length, time: rows[0]!.length });
/** A mask as text: `x` where a query (line) sees a key (column). */
const drawn = (mask: Tensor4D): string[] => {
  const keys = mask.shape[3];
  const marks = Array.from(mask.dataSync(), (value) => (value === 0 ? "x" : "."));
  return Array.from({ length: marks.length / keys }, (_, i) => marks.slice(i * keys, (i + 1) * keys).join(""));
};

describe("attentionMask", () => {
  it("lets a query see itself and what came before", () => {
    expect(drawn(attentionMask(segments([1, 1, 1]), 3, null))).toEqual(["x..", "xx.", "xxx"]);
  });

  it("ends at a segment's border, and shows padding nothing", () => {
    expect(drawn(attentionMask(segments([0, 1, 1, 2, 2]), 5, null))).toEqual([".....", ".x...", ".xx..", "...x.", "...xx"]);
  });

  it("looks back no further than its window", () => {
    expect(drawn(attentionMask(segments([1, 1, 1, 1]), 4, 2))).toEqual(["x...", "xx..", ".xx.", "..xx"]);
    expect(drawn(attentionMask(segments([1, 1, 2, 2]), 4, 2))).toEqual(["x...", "xx..", "..x.", "..xx"]);
    expect(drawn(attentionMask(segments([1, 1, 1]), 3, 3))).toEqual(drawn(attentionMask(segments([1, 1, 1]), 3, null)));
  });

  it("takes the last positions as queries where there are fewer", () => {
    expect(drawn(attentionMask(segments([1, 1, 1, 1]), 2, null))).toEqual(["xxx.", "xxxx"]);
    expect(drawn(attentionMask(segments([0, 1, 1, 1], [1, 1, 1, 1]), 1, 2))).toEqual(["..xx", "..xx"]);
  });
});

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

it("joins the heads that it splits", () => {
  const x = formulaTensor("x", [2, 3, 8]);
  expect(splitHeads(x, 4).shape).toEqual([2, 4, 3, 2]);
  expect(distance(joinHeads(splitHeads(x, 4)).dataSync(), x.dataSync())).toBe(0);
});
