import { type Scalar, type Tensor, type Tensor1D, type Tensor2D, type Tensor3D, tf } from "../core/tf.js";
import { labelLogProbs, labelledTensors } from "../losses/labelled.js";
import { type PairLogProbs, type PreferenceKind, preferenceLoss, type ResolvedPreferenceLoss } from "../losses/preference.js";
import { type CausalLM, outputEmbedding } from "../models/model.js";
import type { LossFunction } from "./gradients.js";
import type { PairPart } from "./pair-batch.js";
import type { ReplyLogProbs } from "./reply-log-probs.js";

/**
 * The loss of a part, summed over its pairs, and `replies`: the policy's summed log-probabilities, `[2 · size]`, chosen first. All that differs from
 * part to part comes with `dpoArguments`.
 */
export function dpoLoss(policy: CausalLM, preference: ResolvedPreferenceLoss): LossFunction {
  return (hidden: Tensor3D, args: readonly Tensor[]) => {
    const [rows, labels, membership, reference, tokenWeights, pairWeights] = args as [
      rows: Tensor1D,
      labels: Tensor1D,
      membership: Tensor2D,
      reference: Tensor1D,
      tokenWeights: Tensor1D,
      pairWeights: Tensor1D,
    ];
    const size = pairWeights.shape[0];
    const tokens = labelLogProbs(hidden, outputEmbedding(policy), rows, labels);
    // Not a matrix product: those may be computed in 16 bits.
    const replies = tf.sum(tf.mul(tokens.reshape([-1, 1]), membership), 0) as Tensor1D;
    const sides = (sums: Tensor1D): PairLogProbs => {
      const weighted = tf.mul(sums, tokenWeights) as Tensor1D;
      return { chosen: weighted.slice(0, size), rejected: weighted.slice(size, size) };
    };
    const losses = preferenceLoss(sides(replies), sides(reference), preference);
    return { loss: tf.sum(tf.mul(losses, pairWeights)) as Scalar, others: { replies } };
  };
}

/**
 * What `dpoLoss` needs of one part, owned by the caller. Labels `[n]`: rows, ids, and membership `[n, 2 · size]`, 1 where a label belongs to a reply
 * and 0 for padding. Replies `[2 · size]`: the reference's log-probabilities; weights. Pairs `[size]`: 1, or 0 for padding.
 * @param reference By number of the pair.
 */
export function dpoArguments(part: PairPart, reference: ReplyLogProbs, kind: PreferenceKind): Tensor[] {
  const { labelled, of, pairs, size } = part;
  const { rows, labels, weights } = labelledTensors(labelled, part.labels);
  weights.dispose(); // The membership says the same.
  const membership = new Float32Array(rows.size * 2 * size);
  of.forEach((reply, i) => {
    membership[i * 2 * size + reply] = 1;
  });
  const held = new Float32Array(2 * size);
  const pairWeights = new Float32Array(size);
  pairs.forEach((number, i) => {
    [held[i], held[size + i], pairWeights[i]] = [reference.chosen[number]!, reference.rejected[number]!, 1];
  });
  const tokenWeights = kind === "ipo" ? meanWeights(of, 2 * size) : new Float32Array(2 * size).fill(1);
  return [
    rows,
    labels,
    tf.tensor2d(membership, [rows.size, 2 * size]),
    ...[held, tokenWeights, pairWeights].map((values) => tf.tensor1d(values)),
  ];
}

/** 1 / the number of labels of each reply. */
function meanWeights(of: Int32Array, replies: number): Float32Array {
  const counts = new Float32Array(replies);
  for (const reply of of) counts[reply]!++;
  return counts.map((count) => 1 / Math.max(1, count));
}

/** TRL's figures, summed over pairs; both arguments in nats, by number of the pair within the part. */
export function dpoMetrics(policy: ReplyLogProbs, reference: ReplyLogProbs, beta: number): Record<string, number> {
  const sums = {
    "rewards/chosen": 0,
    "rewards/rejected": 0,
    "rewards/margins": 0,
    "rewards/accuracies": 0,
    "logps/chosen": 0,
    "logps/rejected": 0,
  };
  policy.chosen.forEach((chosen, i) => {
    const rejected = policy.rejected[i]!;
    const good = beta * (chosen - reference.chosen[i]!);
    const bad = beta * (rejected - reference.rejected[i]!);
    sums["rewards/chosen"] += good;
    sums["rewards/rejected"] += bad;
    sums["rewards/margins"] += good - bad;
    sums["rewards/accuracies"] += good > bad ? 1 : 0;
    sums["logps/chosen"] += chosen;
    sums["logps/rejected"] += rejected;
  });
  return sums;
}
