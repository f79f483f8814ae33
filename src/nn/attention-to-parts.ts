import { type Tensor4D, tf } from "../core/tf.js";
import { stacked } from "./attention.js";

/**
 * Attention to keys and values that lie in parts, `[batch, kvHeads, keys, headDim]` each, without joining them, which would copy them all for one
 * query. `mask`: `[batch, 1, queries, keys of all parts]`. No gradient.
 */
export function attentionToParts(
  query: Tensor4D,
  keys: readonly Tensor4D[],
  values: readonly Tensor4D[],
  mask: Tensor4D,
  scale: number,
): Tensor4D {
  return tf.tidy(() => {
    const [batch, heads, queries, headDim] = query.shape;
    const asking = stacked(tf.mul(query, scale) as Tensor4D, keys[0]!);
    const scores = keys.map((key) => tf.matMul(asking, key, false, true));
    const all = tf.concat(scores, 3).reshape([batch, heads, queries, mask.shape[3]]);
    const weights = stacked(tf.softmax(tf.add(all, mask)) as Tensor4D, keys[0]!);
    const sizes = keys.map((key) => key.shape[2]);
    const mixed = tf.split(weights, sizes, 3).map((part, i) => tf.matMul(part, values[i]!));
    return tf.addN(mixed).reshape([batch, heads, queries, headDim]) as Tensor4D;
  });
}
