import { type Scalar, type Tensor1D, type Tensor2D, tf } from "../core/tf.js";
import { withGradient } from "../nn/trainable.js";

/**
 * Cross-entropy of one label out of several in nats, as a sum over the rows and their count: torch's `CrossEntropyLoss` is sum / count.
 * `logits`: `[rows, classes]`; `labels`: `[rows]` int32. For few classes; over a vocabulary use `tokenLogProbs`.
 */
export function softmaxCrossEntropy(logits: Tensor2D, labels: Tensor1D): { sum: Scalar; count: number } {
  const [rows, classes] = logits.shape;
  const sum = withGradient<Scalar>(
    [logits],
    (save) => {
      const logProbs = tf.logSoftmax(logits, -1);
      const oneHot = tf.cast(tf.oneHot(labels, classes), "float32");
      save([logProbs, oneHot]);
      return tf.neg(tf.sum(tf.mul(logProbs, oneHot))) as Scalar;
    },
    (dy, [logProbs, oneHot]) => [tf.mul(dy, tf.sub(tf.exp(logProbs!), oneHot!))],
  );
  return { sum, count: rows };
}
