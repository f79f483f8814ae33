import { expect, it } from "vitest";
import { compile } from "../../src/core/compile/compile.js";
import { type Tensor, type Tensor1D, type Tensor4D, tf } from "../../src/core/tf.js";
import { attention } from "../../src/nn/attention.js";
import { cacheAttention, copySlots, emptyCache } from "../../src/nn/cache-attention.js";
import { hasOwnOperations } from "../../src/nn/fused.js";
import { distance, formulaTensor, leaked, taken } from "../formula.js";

const numbers = (values: readonly number[]): Tensor1D => tf.tensor1d([...values], "int32");
const tokens = (name: string, batch: number, heads: number, time: number, headDim: number): Tensor4D =>
  formulaTensor(name, [batch, heads, time, headDim]) as Tensor4D;

/** Plain attention of the last `time` tokens of a row to all of them. */
function plain(query: Tensor4D, key: Tensor4D, value: Tensor4D, window: number | null): Float32Array {
  const [, , time, headDim] = query.shape;
  const keys = key.shape[2];
  const seen = Float32Array.from({ length: time * keys }, (_, i) => {
    const [at, column] = [keys - time + Math.floor(i / keys), i % keys];
    return column <= at && (window === null || column > at - window) ? 0 : -1e9;
  });
  return taken(tf.tidy(() => attention(query, key, value, tf.tensor4d(seen, [1, 1, time, keys]), 1 / Math.sqrt(headDim))));
}

it.skipIf(!hasOwnOperations()).each([
  { heads: 4, kvHeads: 4, headDim: 64, window: null },
  { heads: 6, kvHeads: 2, headDim: 20, window: null },
  { heads: 5, kvHeads: 1, headDim: 3, window: 4 },
])(
  "attention to a cache is that to all tokens: $heads heads of $headDim, $kvHeads of keys, window $window",
  async ({ heads, kvHeads, headDim, window }) => {
    const lost = await leaked(() => {
      const cache = emptyCache([4, 3, kvHeads, 40, headDim]);
      const [layer, rows] = [
        1,
        [
          { slot: 2, length: 17 },
          { slot: 0, length: 5 },
        ],
      ];
      const all = rows.map(({ length }, row) =>
        ["query", "key", "value"].map((part) => tokens(`${part} ${row}`, 1, part === "query" ? heads : kvHeads, length + 1, headDim)),
      );
      const cut = (x: Tensor4D, from: number, count: number) => x.slice([0, 0, from, 0], [1, x.shape[1], count, headDim]) as Tensor4D;
      for (const [row, { slot, length }] of rows.entries()) {
        const [query, key, value] = all[row]!.map((x) => cut(x, 0, length)) as [Tensor4D, Tensor4D, Tensor4D];
        const place = { cache, slots: numbers([slot]), starts: numbers([0]) };
        const mixed = taken(cacheAttention(query, key, value, place, layer, window));
        expect(distance(mixed, plain(query, key, value, window))).toBeLessThan(1e-5);
        tf.dispose([query, key, value, place.slots, place.starts]);
      }
      // Then one token of both rows at once.
      const fresh = [0, 1, 2].map((part) =>
        tf.tidy(() =>
          tf.concat(
            rows.map(({ length }, row) => cut(all[row]![part]!, length, 1)),
            0,
          ),
        ),
      ) as [Tensor4D, Tensor4D, Tensor4D];
      const place = { cache, slots: numbers(rows.map(({ slot }) => slot)), starts: numbers(rows.map(({ length }) => length)) };
      const step = compile("attend", (query, key, value, cache, slots, starts) => ({
        mixed: cacheAttention(
          query as Tensor4D,
          key as Tensor4D,
          value as Tensor4D,
          { cache: cache!, slots: slots as Tensor1D, starts: starts as Tensor1D },
          layer,
          window,
        ),
      }));
      const mixed = taken(step(...fresh, cache, place.slots, place.starts).mixed);
      expect(step.fallback).toBe("");
      for (const [row, { length }] of rows.entries()) {
        const [query, key, value] = all[row] as [Tensor4D, Tensor4D, Tensor4D];
        const last = cut(query, length, 1);
        expect(distance(mixed.subarray(row * heads * headDim, (row + 1) * heads * headDim), plain(last, key, value, window))).toBeLessThan(
          1e-5,
        );
        last.dispose();
      }
      step.dispose();
      tf.dispose([cache, all, fresh, place.slots, place.starts] as Tensor[]);
    });
    expect(lost).toBe(0);
  },
);

it.skipIf(!hasOwnOperations())("slots are copied in order, and what does not fit the cache is refused", () => {
  const cache = emptyCache([2, 3, 1, 4, 2]);
  const [x, place] = [tokens("x", 1, 1, 3, 2), { cache, slots: numbers([0]), starts: numbers([0]) }];
  cacheAttention(x, x, x, place, 0, null).dispose();
  copySlots(cache, [
    { from: 0, to: 2, columns: 3 },
    { from: 2, to: 1, columns: 2 },
  ]);
  const row = (slot: number, count: number) =>
    [0, 1].map((part) => Array.from(taken(cache.slice([part, slot, 0, 0, 0], [1, 1, 1, count, 2]))));
  expect(row(2, 3)).toEqual([Array.from(x.dataSync()), Array.from(x.dataSync())]);
  expect(row(1, 2)).toEqual(row(0, 2));
  const late = { ...place, starts: numbers([2]) };
  expect(() => cacheAttention(x, x, x, late, 0, null)).toThrow("the cache has no room for the tokens");
  expect(() => cacheAttention(x, x, x, place, 1, null)).toThrow("the cache has other heads or layers than the keys");
  expect(() => copySlots(cache, [{ from: 0, to: 3, columns: 1 }])).toThrow("expected slots and columns of the cache");
  tf.dispose([cache, x, place.slots, place.starts, late.starts]);
});
