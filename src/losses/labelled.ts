import { type Scalar, type Tensor1D, type Tensor2D, type Tensor3D, tf } from "../core/tf.js";
import { gatherRows } from "../nn/embedding.js";
import { tokenLogProbs } from "./token-log-probs.js";

/** Token rows with marks: `targets` is 1 where the token is to be learnt. `[batch, time]`, row after row. */
export type Labelled = { batch: number; time: number; ids: Int32Array; segments: Int32Array; targets: Uint8Array };

/**
 * Which hidden state predicts which token: `rows[i]` (an index into the flattened `[batch · time]`) predicts `labels[i]`, which stands at `rows[i] + 1`.
 * The first token of a row or segment has no predecessor and is left out.
 */
export type LabelledRows = { rows: Int32Array; labels: Int32Array };

export function labelledRows({ batch, time, ids, segments, targets }: Labelled): LabelledRows {
  const rows: number[] = [];
  for (let b = 0; b < batch; b++) {
    for (let t = 1; t < time; t++) {
      const at = b * time + t;
      if (targets[at] && segments[at] !== 0 && segments[at] === segments[at - 1]) rows.push(at - 1);
    }
  }
  return { rows: Int32Array.from(rows), labels: Int32Array.from(rows, (row) => ids[row + 1]!) };
}

/** `LabelledRows` as tensors, `[n]` each: int32, int32 and, in float32, 1 for a label and 0 for what fills up to few different `n`. */
export type LabelledTensors = { rows: Tensor1D; labels: Tensor1D; weights: Tensor1D };

/** The caller owns them. `n` is a multiple of `multiple`. */
export function labelledTensors({ rows, labels }: LabelledRows, multiple = 256): LabelledTensors {
  const n = Math.max(1, Math.ceil(rows.length / multiple)) * multiple;
  const filled = (values: Int32Array): Int32Array => {
    const all = new Int32Array(n);
    all.set(values);
    return all;
  };
  return {
    rows: tf.tensor1d(filled(rows), "int32"),
    labels: tf.tensor1d(filled(labels), "int32"),
    weights: tf.tensor1d(new Float32Array(n).fill(1, 0, rows.length)),
  };
}

/** Log-probability of each label in nats, `[n]`. `hidden`: `[batch, time, hidden]`; `head`: `[vocab, hidden]`; `rows`, `labels`: `[n]`. Differentiable. */
export function labelLogProbs(hidden: Tensor3D, head: Tensor2D, rows: Tensor1D, labels: Tensor1D): Tensor1D {
  const flat = hidden.reshape([-1, hidden.shape[2]]) as Tensor2D;
  return tokenLogProbs(gatherRows(flat, rows), head, labels);
}

/** Sum of −log p over the labels, each times its weight, in nats. */
export function crossEntropySum(hidden: Tensor3D, head: Tensor2D, { rows, labels, weights }: LabelledTensors): Scalar {
  return tf.neg(tf.sum(tf.mul(labelLogProbs(hidden, head, rows, labels), weights))) as Scalar;
}
