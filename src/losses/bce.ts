import { type Scalar, type Tensor2D, tf } from "../core/tf.js";
import { withGradient } from "../nn/trainable.js";

/**
 * Binary cross-entropy of independent yes-or-no labels in nats, as a sum over all `rows × classes` decisions and their count: torch's
 * `BCEWithLogitsLoss` is sum / count. `logits`, `targets` (0 to 1): `[rows, classes]`. Finite for any finite logits.
 */
export function bceWithLogits(logits: Tensor2D, targets: Tensor2D): { sum: Scalar; count: number } {
  const sum = withGradient<Scalar>(
    [logits],
    (save) => {
      save([logits, targets]);
      // max(x, 0) - x·z + log(1 + exp(-|x|)): no exponent is ever positive.
      const rest = tf.log1p(tf.exp(tf.neg(tf.abs(logits))));
      return tf.sum(tf.add(tf.sub(tf.relu(logits), tf.mul(logits, targets)), rest)) as Scalar;
    },
    (dy, [x, z]) => [tf.mul(dy, tf.sub(tf.sigmoid(x!), z!))],
  );
  return { sum, count: logits.size };
}
