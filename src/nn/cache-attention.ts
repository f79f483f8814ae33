import { type Tensor, type Tensor1D, type Tensor4D, tf } from "../core/tf.js";
import { fused } from "./fused.js";
import { DT, nativeOp } from "./native.js";

/**
 * Where the rows of a step find their keys and values. `cache`: `[2 * layers, slots, kvHeads, capacity, headDim]`, changed in place (see decode.cc);
 * `slots`, `starts`: `[batch]` int32, each row's slot and the position of its first new token.
 */
export type CachePlace = { cache: Tensor; slots: Tensor1D; starts: Tensor1D };

/**
 * Adds the keys and values of new tokens to a layer of the cache and lets the tokens see what is in it up to themselves. `query`:
 * `[batch, heads, time, headDim]`; `key`, `value`: `[batch, kvHeads, time, headDim]`; returns the shape of `query`. No gradient.
 * @param window How many positions a token sees, itself included; `null` for all.
 */
export function cacheAttention(
  query: Tensor4D,
  key: Tensor4D,
  value: Tensor4D,
  { cache, slots, starts }: CachePlace,
  layer: number,
  window: number | null,
): Tensor4D {
  return tf.tidy(() => {
    const place = tf.tensor1d([layer, window ?? 0], "int32");
    return fused("CacheAttention", [query, key, value, cache, slots, starts, place])[0] as Tensor4D;
  });
}

/** Memory for a cache that nobody has written to; what is not used yet takes none. */
export function emptyCache(shape: readonly [number, number, number, number, number]): Tensor {
  return tf.tidy(() => {
    const attributes = [
      { name: "dtype", kind: "type" as const, value: DT.float },
      { name: "init", kind: "bool" as const, value: false },
    ];
    return nativeOp("Empty", attributes, [tf.tensor1d([...shape], "int32")])[0] as Tensor;
  });
}

/** Copies the first columns of slots to others, in this order. */
export function copySlots(cache: Tensor, copies: readonly { from: number; to: number; columns: number }[]): void {
  if (copies.length === 0) return;
  tf.tidy(() => {
    const numbers: Tensor = tf.tensor2d(
      copies.map(({ from, to, columns }) => [from, to, columns]),
      [copies.length, 3],
      "int32",
    );
    fused("CopyCacheRows", [cache, numbers]);
  });
}
