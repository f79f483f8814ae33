import { type Precision, usablePrecision } from "../core/precision.js";
import { checkInteger } from "../core/shapes.js";
import { tf } from "../core/tf.js";
import {
  type PairLogProbs,
  type PreferenceLoss,
  preferenceLoss,
  preferenceOptions,
  type ResolvedPreferenceLoss,
} from "../losses/preference.js";
import { trainableParameters } from "../models/lora.js";
import type { CausalLM } from "../models/model.js";
import { dpoArguments, dpoLoss, dpoMetrics } from "./dpo-loss.js";
import { type LossStep, lossStep, type StepOptions } from "./gradients.js";
import { addTo, type StepResult, type Task, type TrainEvent, type TrainOptions, train } from "./loop.js";
import { type PairBatch, type PairPart, pairBatch } from "./pair-batch.js";
import type { EncodedPreference, EncodedReply } from "./pair-rows.js";
import { referenceHash, referenceLogProbs } from "./reference-log-probs.js";
import { type ReplyLogProbs, type ReplyScorer, replyScorer } from "./reply-log-probs.js";
import { batchesOf } from "./sft-rows.js";

export type DpoOptions = TrainOptions &
  PreferenceLoss & {
    /** Pairs in a batch. */
    batch?: number;
    /** Keep only block inputs and compute blocks twice: less memory, a third more arithmetic. */
    recompute?: boolean;
    /** What products and activations are computed in; where this machine gains nothing by 16 bits, f32. The start event says what and why. */
    precision?: Precision;
    /** Computes the prompt of both replies once. Without it each reply is a row with its own prompt: the same numbers but for rounding, more slowly. */
    shared?: boolean;
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
  const { batch = 4, recompute = false, shared = true, reference, cacheFolder = null, evaluation = [], onReference, ...others } = options;
  const { kind, beta, labelSmoothing, precision: wanted = "f32", ...rest } = others;
  const preference = preferenceOptions({ kind, beta, labelSmoothing });
  checkInteger("batch", batch, 1);
  const { precision, why } = usablePrecision(wanted);
  const all = [...pairs, ...evaluation];
  const pick = batchesOf([...pairs.keys()], batch, options.seed ?? 0);
  const layout = { padId: policy.tokenizer?.padId ?? 0, shared };
  const progress = onReference ? { onProgress: onReference } : {};
  const known = await referenceLogProbs(reference, all, { cacheFolder, batch, shared, precision, ...progress });
  const held = { chosen: known.chosen.subarray(pairs.length), rejected: known.rejected.subarray(pairs.length) };
  // The loop reports these with its own options, and resumes only a run that had the same.
  const given = { ...rest, ...preference, batch, shared, precision, ...(why ? { precisionReason: why } : {}) };
  const run = { ...given, referenceHash: await referenceHash(reference, all, precision) };
  const [step, score] = [dpoStep(policy, preference, { recompute, precision }), replyScorer(policy, precision)];
  const task: Task<PairBatch> = {
    parameters: trainableParameters(policy),
    batch: (index) => pairBatch(pairs, pick(index), layout),
    step: (inputs) => step(inputs, known),
    size: ({ parts }) => parts.reduce((sum, { inputs }) => sum + inputs.segments.filter((segment) => segment > 0).length, 0),
    ...(evaluation.length > 0 ? { evaluate: () => evaluateDpo(score, evaluation, held, preference, { batch, shared }) } : {}),
    dispose() {
      step.dispose();
      score.dispose();
    },
  };
  yield* train(task, run);
}

/** Sums of the losses and metrics over the pairs of a batch, and gradients, which the caller owns. `reference`: by number of the pair. */
export type DpoStep = {
  (batch: PairBatch, reference: ReplyLogProbs): Promise<StepResult>;
  /** Why steps run op by op; empty where they run compiled. */
  readonly fallback: string;
  dispose(): void;
};

/** The step of one training; it keeps what it has compiled until it is disposed of. */
export function dpoStep(policy: CausalLM, options: PreferenceLoss, how: StepOptions = { recompute: false }): DpoStep {
  const preference = preferenceOptions(options);
  const step = lossStep(withoutDropout(policy), dpoLoss(policy, preference), how);
  const run = async ({ parts }: PairBatch, reference: ReplyLogProbs): Promise<StepResult> => {
    const total: StepResult = { loss: 0, count: 0, gradients: new Map(), metrics: {} };
    try {
      for (const part of parts) addTo(total, await partStep(step, part, reference, preference));
    } catch (error) {
      tf.dispose([...total.gradients.values()]);
      throw error;
    }
    return total;
  };
  return Object.defineProperty(Object.assign(run, { dispose: () => step.dispose() }), "fallback", { get: () => step.fallback }) as DpoStep;
}

async function partStep(
  step: LossStep,
  part: PairPart,
  reference: ReplyLogProbs,
  { kind, beta }: ResolvedPreferenceLoss,
): Promise<StepResult> {
  const args = dpoArguments(part, reference, kind);
  try {
    const { loss, gradients, others } = step(part.inputs, args, 0);
    const [[value], replies] = await Promise.all([loss.data(), others.replies!.data()]);
    tf.dispose([loss, ...Object.values(others)]);
    const count = part.pairs.length;
    const side = (first: number) => Float64Array.from(replies.slice(first, first + count));
    const found = { chosen: side(0), rejected: side(part.size) };
    return { loss: value!, count, gradients, metrics: dpoMetrics(found, ofPairs(reference, part.pairs), beta) };
  } finally {
    tf.dispose(args);
  }
}

const withoutDropout = ({ adapter, ...model }: CausalLM): CausalLM => ({
  ...model,
  adapter: adapter && { ...adapter, config: { ...adapter.config, dropout: 0 } },
});

const ofPairs = ({ chosen, rejected }: ReplyLogProbs, pairs: readonly number[]): ReplyLogProbs => ({
  chosen: Float64Array.from(pairs, (i) => chosen[i]!),
  rejected: Float64Array.from(pairs, (i) => rejected[i]!),
});

/** Mean loss and metrics of held-out pairs. `reference`: by number of the pair. */
async function evaluateDpo(
  score: ReplyScorer,
  pairs: readonly EncodedPreference[],
  reference: ReplyLogProbs,
  preference: ResolvedPreferenceLoss,
  options: { batch: number; shared: boolean },
): Promise<{ loss: number; metrics: Record<string, number> }> {
  const found = await score(pairs, options);
  const mean = (sum: number) => sum / pairs.length;
  const losses = tf.tidy(() => {
    const side = (values: Float64Array, name: "chosen" | "rejected") =>
      tf.tensor1d(Float32Array.from(values, (value, i) => (preference.kind === "ipo" ? value / labelCount(pairs[i]![name]) : value)));
    const sides = ({ chosen, rejected }: ReplyLogProbs): PairLogProbs => ({
      chosen: side(chosen, "chosen"),
      rejected: side(rejected, "rejected"),
    });
    return preferenceLoss(sides(found), sides(reference), preference);
  });
  const values = (await losses.data()) as Float32Array;
  losses.dispose();
  const metrics = Object.entries(dpoMetrics(found, reference, preference.beta)).map(([name, sum]) => [name, mean(sum)] as const);
  return { loss: mean(values.reduce((sum, value) => sum + value, 0)), metrics: Object.fromEntries(metrics) };
}

/** Tokens of a reply that are predicted: all its targets but one that nothing stands before. */
const labelCount = ({ targets }: EncodedReply): number => Math.max(1, targets.filter((target, i) => target && i > 0).length);
