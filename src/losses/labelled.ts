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

/** Log-probability of each labelled token in nats, `[labels]`. `hidden`: `[batch, time, hidden]`; `head`: `[vocab, hidden]`. Differentiable. */
export function labelLogProbs(hidden: Tensor3D, head: Tensor2D, { rows, labels }: LabelledRows): Tensor1D {
  const flat = hidden.reshape([-1, hidden.shape[2]]) as Tensor2D;
  const picked = gatherRows(flat, tf.tensor1d(rows, "int32"));
  return tokenLogProbs(picked, head, tf.tensor1d(labels, "int32"));
}

/** Sum of −log p over the labelled tokens, in nats; 0 where there are none (WASM's sum of no number is not 0). */
export function crossEntropySum(hidden: Tensor3D, head: Tensor2D, labelled: LabelledRows): Scalar {
  if (labelled.rows.length === 0) return tf.scalar(0);
  return tf.neg(tf.sum(labelLogProbs(hidden, head, labelled))) as Scalar;
}
