import { type Tensor, type Tensor4D, tf } from "../core/tf.js";

/** Which key each query may see. `segments` are `[batch, time]`: 0 is padding, equal numbers belong together. */
export type Segments = { values: Int32Array; batch: number; time: number };

const FORBIDDEN = -1e9;

/**
 * An additive mask `[batch, 1, queries, keys]`: 0 where a query may look, -1e9 elsewhere. A query sees keys of its own segment that are not
 * later than itself, and at most `window` positions back. With `queries` fewer than keys, the queries are the last ones (cached decoding).
 * @param window Number of positions a query can see, itself included; `null` for all.
 */
export function attentionMask(segments: Segments, queries: number, window: number | null): Tensor4D {
  return tf.tidy(() => {
    const { values, batch, time } = segments;
    const first = time - queries;
    const key = tf.range(0, time, 1, "int32").reshape([1, time]);
    const query = tf.range(first, time, 1, "int32").reshape([queries, 1]);
    let allowed = tf.lessEqual(key, query);
    if (window !== null && window < time) allowed = tf.logicalAnd(allowed, tf.greater(key, tf.sub(query, tf.scalar(window, "int32"))));
    let mask = allowed.reshape([1, 1, queries, time]);
    if (values.some((segment) => segment !== 1)) {
      const all = tf.tensor(values, [batch, 1, 1, time], "int32");
      const own = tf.tensor(values, [batch, 1, time, 1], "int32").slice([0, 0, first, 0], [batch, 1, queries, 1]);
      mask = tf.logicalAnd(mask, tf.logicalAnd(tf.equal(all, own), tf.greater(all, tf.scalar(0, "int32"))));
    }
    return tf.mul(tf.sub(1, tf.cast(mask, "float32")), FORBIDDEN) as Tensor4D;
  });
}

/**
 * Scaled dot-product attention with grouped queries: each of the `kvHeads` keys and values serves `heads / kvHeads` queries.
 * `query`: `[batch, heads, queries, headDim]`; `key`, `value`: `[batch, kvHeads, keys, headDim]`; returns the shape of `query`.
 */
export function attention(query: Tensor4D, key: Tensor4D, value: Tensor4D, mask: Tensor4D, scale: number): Tensor4D {
  const [batch, heads, queries, headDim] = query.shape;
  const [, kvHeads, keys] = key.shape;
  const group = heads / kvHeads;
  // The queries of one group stand under each other, so that one product serves them all.
  const grouped: Tensor = group === 1 ? query : query.reshape([batch, kvHeads, group * queries, headDim]);
  const scores = tf.matMul(tf.mul(grouped, scale), key, false, true).reshape([batch, heads, queries, keys]);
  const weights = tf.softmax(tf.add(scores, mask), -1);
  const mixed = tf.matMul(group === 1 ? weights : weights.reshape([batch, kvHeads, group * queries, keys]), value);
  return mixed.reshape([batch, heads, queries, headDim]) as Tensor4D;
}

/** `[batch, time, heads * headDim]` to `[batch, heads, time, headDim]`. */
export function splitHeads(x: Tensor, heads: number): Tensor4D {
  const [batch, time, hidden] = x.shape as [number, number, number];
  return tf.transpose(x.reshape([batch, time, heads, hidden / heads]), [0, 2, 1, 3]) as Tensor4D;
}

/** `[batch, heads, time, headDim]` to `[batch, time, heads * headDim]`. */
export function joinHeads(x: Tensor4D): Tensor {
  const [batch, heads, time, headDim] = x.shape;
  return tf.transpose(x, [0, 2, 1, 3]).reshape([batch, time, heads * headDim]);
}
