import { breathe, cellSignal } from "../core/interrupt.js";
import { checkInteger } from "../core/shapes.js";
import { type Scalar, type Tensor1D, type Tensor2D, type Tensor3D, tf } from "../core/tf.js";
import { labelLogProbs } from "../losses/labelled.js";
import {
  type PairLogProbs,
  type PreferenceLoss,
  preferenceLoss,
  preferenceOptions,
  type ResolvedPreferenceLoss,
} from "../losses/preference.js";
import { hiddenStates } from "../models/forward.js";
import { trainableParameters } from "../models/lora.js";
import { type CausalLM, outputEmbedding } from "../models/model.js";
import { lossGradients } from "./gradients.js";
import { type StepResult, type Task, type TrainEvent, type TrainOptions, train } from "./loop.js";
import { type EncodedPreference, type PreferenceBatch, preferenceBatch } from "./pair-rows.js";
import { type ReplyLogProbs, referenceHash, referenceLogProbs } from "./reference-log-probs.js";
import { batchesOf } from "./sft.js";

export type DpoOptions = TrainOptions &
  PreferenceLoss & {
    /** Pairs in a batch; each is two rows. */
    batch?: number;
    /** Keep only block inputs and compute blocks twice: less memory, a third more arithmetic. */
    recompute?: boolean;
    /** What the policy is held to: a frozen copy of the SFT model, or `withoutAdapter(policy)`. */
    reference: CausalLM;
    /** Keeps the reference's log-probabilities from one run to the next. */
    cacheFolder?: string | null;
    /** Held-out pairs. */
    evaluation?: readonly EncodedPreference[];
    onReference?: (progress: { done: number; total: number }) => void;
  };

/**
 * Direct preference optimisation. Events carry TRL's metrics as means over pairs: `rewards/chosen`, `rewards/rejected`, `rewards/margins`,
 * `rewards/accuracies`, `logps/chosen`, `logps/rejected`, all from log-probabilities summed over tokens, whatever the loss; losses are per
 * pair. Dropout is off, as in TRL. The reference's log-probabilities are computed once, before the first step.
 */
export async function* trainDpo(
  policy: CausalLM,
  pairs: readonly EncodedPreference[],
  options: DpoOptions,
): AsyncGenerator<TrainEvent, void, undefined> {
  const { batch = 4, recompute = false, reference, cacheFolder = null, evaluation = [], onReference = () => {}, ...others } = options;
  const { kind, beta, labelSmoothing, ...rest } = others;
  const preference = preferenceOptions({ kind, beta, labelSmoothing });
  checkInteger("batch", batch, 1);
  const padId = policy.tokenizer?.padId ?? 0;
  const all = [...pairs, ...evaluation];
  const pick = batchesOf([...pairs.keys()], batch, options.seed ?? 0);
  const known = await referenceLogProbs(reference, all, { cacheFolder, batch, onProgress: onReference });
  const task: Task<PreferenceBatch> = {
    parameters: trainableParameters(policy),
    batch: (index) => preferenceBatch(pairs, pick(index), padId),
    step: (inputs) => dpoStep(policy, inputs, known, preference, recompute),
    size: ({ inputs }) => inputs.segments.reduce((count, segment) => count + (segment > 0 ? 1 : 0), 0),
    ...(evaluation.length > 0 ? { evaluate: () => evaluateDpo(policy, all, pairs.length, known, preference, batch) } : {}),
  };
  // The loop reports these with its own options, and resumes only a run that had the same.
  const run = { ...rest, ...preference, batch, referenceHash: await referenceHash(reference, all) };
  yield* train(task, run);
}

/** Sums of the losses and metrics over the pairs of a batch, and gradients. `reference`: by number of the pair. */
export async function dpoStep(
  policy: CausalLM,
  batch: PreferenceBatch,
  reference: ReplyLogProbs,
  options: PreferenceLoss,
  recompute = false,
): Promise<StepResult> {
  const preference = preferenceOptions(options);
  const held = referenceOf(reference, batch.pairs);
  let rows: Tensor1D | undefined;
  const loss = (hidden: Tensor3D): Scalar => {
    const found = pairLoss(policy, hidden, batch, held, preference);
    rows = tf.keep(found.rows);
    return found.value;
  };
  try {
    const result = lossGradients(withoutDropout(policy), batch.inputs, loss, { recompute, dropoutSeed: 0 });
    const value = (await result.loss.data())[0]!;
    result.loss.dispose();
    return {
      loss: value,
      count: batch.pairs.length,
      gradients: result.gradients,
      metrics: metricsOf(await rows!.data(), held, preference),
    };
  } finally {
    rows?.dispose();
  }
}

const withoutDropout = ({ adapter, ...model }: CausalLM): CausalLM => ({
  ...model,
  adapter: adapter && { ...adapter, config: { ...adapter.config, dropout: 0 } },
});

function referenceOf({ chosen, rejected }: ReplyLogProbs, pairs: number[]): ReplyLogProbs {
  return { chosen: Float64Array.from(pairs, (i) => chosen[i]!), rejected: Float64Array.from(pairs, (i) => rejected[i]!) };
}

/** `rows`: summed log-probabilities `[2 · pairs]`, chosen first; `value`: the loss summed over pairs. */
function pairLoss(
  model: CausalLM,
  hidden: Tensor3D,
  { labelled, of, pairs }: PreferenceBatch,
  held: ReplyLogProbs,
  preference: ResolvedPreferenceLoss,
): { rows: Tensor1D; value: Scalar } {
  const size = pairs.length;
  const membership = tf.oneHot(tf.tensor1d(of, "int32"), 2 * size).cast("float32") as Tensor2D;
  const tokens = labelLogProbs(hidden, outputEmbedding(model), labelled);
  const rows = tf.matMul(tokens.reshape([1, -1]) as Tensor2D, membership).reshape([2 * size]) as Tensor1D;
  const weights = tf.tensor1d(preference.kind === "ipo" ? tokenWeights(of, 2 * size) : new Float32Array(2 * size).fill(1));
  const sides = (sums: Tensor1D): PairLogProbs => {
    const weighted = tf.mul(sums, weights) as Tensor1D;
    return { chosen: weighted.slice(0, size), rejected: weighted.slice(size, size) };
  };
  const fixed = tf.tensor1d(Float32Array.from([...held.chosen, ...held.rejected]));
  return { rows, value: tf.sum(preferenceLoss(sides(rows), sides(fixed), preference)) as Scalar };
}

/** 1 / the number of tokens of each reply. */
function tokenWeights(of: Int32Array, replies: number): Float32Array {
  const counts = new Float32Array(replies);
  for (const row of of) counts[row]!++;
  return counts.map((count) => 1 / Math.max(1, count));
}

/** Sums over pairs, under TRL's names. */
function metricsOf(
  logProbs: ArrayLike<number>,
  { chosen, rejected }: ReplyLogProbs,
  { beta }: ResolvedPreferenceLoss,
): Record<string, number> {
  const size = chosen.length;
  const sums = {
    "rewards/chosen": 0,
    "rewards/rejected": 0,
    "rewards/margins": 0,
    "rewards/accuracies": 0,
    "logps/chosen": 0,
    "logps/rejected": 0,
  };
  for (let i = 0; i < size; i++) {
    const good = beta * (logProbs[i]! - chosen[i]!);
    const bad = beta * (logProbs[size + i]! - rejected[i]!);
    sums["rewards/chosen"] += good;
    sums["rewards/rejected"] += bad;
    sums["rewards/margins"] += good - bad;
    sums["rewards/accuracies"] += good > bad ? 1 : 0;
    sums["logps/chosen"] += logProbs[i]!;
    sums["logps/rejected"] += logProbs[size + i]!;
  }
  return sums;
}

/** Mean loss and metrics of `all[from..]`. */
async function evaluateDpo(
  policy: CausalLM,
  all: readonly EncodedPreference[],
  from: number,
  reference: ReplyLogProbs,
  preference: ResolvedPreferenceLoss,
  batch: number,
): Promise<{ loss: number; metrics: Record<string, number> }> {
  const metrics: Record<string, number> = {};
  let loss = 0;
  const signal = cellSignal();
  for (let at = from; at < all.length; at += batch) {
    await breathe(signal);
    const pairs = Array.from({ length: Math.min(batch, all.length - at) }, (_, i) => at + i);
    const inputs = preferenceBatch(all, pairs, policy.tokenizer?.padId ?? 0);
    const held = referenceOf(reference, pairs);
    const { rows, value } = tf.tidy(() => pairLoss(policy, hiddenStates(policy, inputs.inputs), inputs, held, preference));
    loss += (await value.data())[0]!;
    for (const [name, sum] of Object.entries(metricsOf(await rows.data(), held, preference))) metrics[name] = (metrics[name] ?? 0) + sum;
    tf.dispose([rows, value]);
  }
  const count = all.length - from;
  return { loss: loss / count, metrics: Object.fromEntries(Object.entries(metrics).map(([name, sum]) => [name, sum / count])) };
}
