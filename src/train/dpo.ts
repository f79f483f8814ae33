import { createHash } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Scalar, type Tensor1D, type Tensor3D, tf } from "../core/tf.js";
import { writeFileSafely } from "../files/write.js";
import { labelLogProbs } from "../losses/labelled.js";
import { type PairLogProbs, type PreferenceLoss, preferenceLoss } from "../losses/preference.js";
import { adapterChecksum, weightsChecksum } from "../models/checksum.js";
import { hiddenStates } from "../models/forward.js";
import { trainableParameters } from "../models/lora.js";
import { type CausalLM, outputEmbedding } from "../models/model.js";
import { lossGradients } from "./gradients.js";
import { type StepResult, type Task, train, type TrainEvent, type TrainOptions } from "./loop.js";
import { type EncodedPreference, type PreferenceBatch, preferenceBatch } from "./pair-rows.js";
import { batchesOf } from "./sft.js";

/** Log-probability of each reply under a model, in nats, summed over its tokens; and how many tokens it has. By number of the pair. */
export type ReplyLogProbs = { chosen: Float64Array; rejected: Float64Array; chosenTokens: Int32Array; rejectedTokens: Int32Array };

export type DpoOptions = TrainOptions & PreferenceLoss & {
  /** Pairs in a batch; each is two rows. */
  batch?: number;
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
 * Direct preference optimisation. Events carry TRL's metrics as means over pairs: `rewards/chosen`, `rewards/rejected`, `rewards/margins`, `rewards/accuracies`, `logps/chosen`,
 * `logps/rejected`; losses are per pair. Dropout is off, as in TRL. The reference's log-probabilities are computed once, before the first step.
 */
export async function* trainDpo(policy: CausalLM, pairs: readonly EncodedPreference[], options: DpoOptions): AsyncGenerator<TrainEvent, void, undefined> {
  const { batch = 4, recompute = false, reference, cacheFolder = null, evaluation = [], onReference = () => {}, kind, beta, labelSmoothing, ...rest } = options;
  const preference = definedOnly({ kind, beta, labelSmoothing });
  const padId = policy.tokenizer?.padId ?? 0;
  const known = await referenceLogProbs(reference, [...pairs, ...evaluation], { cacheFolder, batch, onProgress: onReference });
  const pick = batchesOf([...pairs.keys()], batch, options.seed ?? 0);
  const task: Task<PreferenceBatch> = {
    parameters: trainableParameters(policy),
    batch: (index) => preferenceBatch(pairs, pick(index), padId),
    step: (inputs) => dpoStep(policy, inputs, known, preference, recompute),
    size: ({ inputs }) => inputs.segments.reduce((count, segment) => count + (segment > 0 ? 1 : 0), 0),
    ...(evaluation.length > 0 ? { evaluate: () => evaluateDpo(policy, [...pairs, ...evaluation], pairs.length, known, preference, batch) } : {}),
  };
  yield* train(task, rest);
}

function definedOnly({ kind, beta, labelSmoothing }: { kind: PreferenceLoss["kind"] | undefined; beta: number | undefined; labelSmoothing: number | undefined }): PreferenceLoss {
  return { ...(kind ? { kind } : {}), ...(beta !== undefined ? { beta } : {}), ...(labelSmoothing !== undefined ? { labelSmoothing } : {}) };
}

/** Sums of −log-likelihoods and metrics over the pairs of a batch, and gradients. */
export async function dpoStep(policy: CausalLM, batch: PreferenceBatch, reference: ReplyLogProbs, preference: PreferenceLoss, recompute = false): Promise<StepResult> {
  const held = referenceOf(reference, batch.pairs);
  let sums: Tensor1D | undefined;
  const { loss, gradients } = lossGradients(policy, batch.inputs, (hidden) => {
    const { rows, value } = pairLoss(policy, hidden, batch, held, preference);
    sums = tf.keep(rows);
    return value;
  }, { recompute, dropoutSeed: 0 });
  const value = (await loss.data())[0]!;
  const logProbs = await sums!.data();
  tf.dispose([loss, sums!]);
  return { loss: value, count: batch.pairs.length, gradients, metrics: metricsOf(logProbs, held, preference) };
}

type Held = { chosen: Float64Array; rejected: Float64Array; tokens: Int32Array };

function referenceOf(reference: ReplyLogProbs, pairs: number[]): Held {
  const pick = (values: Float64Array) => Float64Array.from(pairs, (i) => values[i]!);
  const tokens = Int32Array.from([...pairs.map((i) => reference.chosenTokens[i]!), ...pairs.map((i) => reference.rejectedTokens[i]!)]);
  return { chosen: pick(reference.chosen), rejected: pick(reference.rejected), tokens };
}

/** `rows`: summed log-probabilities `[2 · pairs]`, chosen first; `value`: the loss summed over pairs. */
function pairLoss(model: CausalLM, hidden: Tensor3D, { labelled, of, pairs }: PreferenceBatch, held: Held, preference: PreferenceLoss): { rows: Tensor1D; value: Scalar } {
  const n = pairs.length;
  const membership = tf.oneHot(tf.tensor1d(of, "int32"), 2 * n).cast("float32");
  const tokens = labelLogProbs(hidden, outputEmbedding(model), labelled);
  const rows = tf.matMul(tokens.reshape([1, -1]), membership as never).reshape([2 * n]) as Tensor1D;
  const perToken = preference.kind === "ipo";
  const scale = tf.tensor1d(Float32Array.from(held.tokens, (count) => (perToken ? 1 / count : 1)));
  const policy = split(tf.mul(rows, scale) as Tensor1D, n);
  const fixed = { chosen: tf.tensor1d(Float32Array.from(held.chosen)), rejected: tf.tensor1d(Float32Array.from(held.rejected)) };
  const reference = { chosen: tf.mul(fixed.chosen, scale.slice(0, n)), rejected: tf.mul(fixed.rejected, scale.slice(n, n)) } as PairLogProbs;
  return { rows, value: tf.sum(preferenceLoss(policy, reference, preference)) as Scalar };
}

const split = (rows: Tensor1D, n: number): PairLogProbs => ({ chosen: rows.slice(0, n), rejected: rows.slice(n, n) });

/** Sums over pairs, under TRL's names. */
function metricsOf(logProbs: ArrayLike<number>, { chosen, rejected, tokens }: Held, { kind, beta = 0.1 }: PreferenceLoss): Record<string, number> {
  const n = chosen.length;
  const sums = { "rewards/chosen": 0, "rewards/rejected": 0, "rewards/margins": 0, "rewards/accuracies": 0, "logps/chosen": 0, "logps/rejected": 0 };
  for (let i = 0; i < n; i++) {
    const weight = (row: number) => (kind === "ipo" ? 1 / tokens[row]! : 1);
    const a = beta * weight(i) * (logProbs[i]! - chosen[i]!);
    const b = beta * weight(n + i) * (logProbs[n + i]! - rejected[i]!);
    sums["rewards/chosen"] += a;
    sums["rewards/rejected"] += b;
    sums["rewards/margins"] += a - b;
    sums["rewards/accuracies"] += a > b ? 1 : 0;
    sums["logps/chosen"] += weight(i) * logProbs[i]!;
    sums["logps/rejected"] += weight(n + i) * logProbs[n + i]!;
  }
  return sums;
}

/** Mean loss and metrics of `all[from..]`. */
async function evaluateDpo(policy: CausalLM, all: readonly EncodedPreference[], from: number, reference: ReplyLogProbs, preference: PreferenceLoss, batch: number): Promise<{ loss: number; metrics: Record<string, number> }> {
  const metrics: Record<string, number> = {};
  let loss = 0;
  for (let at = from; at < all.length; at += batch) {
    const pairs = Array.from({ length: Math.min(batch, all.length - at) }, (_, i) => at + i);
    const inputs = preferenceBatch(all, pairs, policy.tokenizer?.padId ?? 0);
    const held = referenceOf(reference, pairs);
    const [rows, value] = tf.tidy(() => {
      const result = pairLoss(policy, hiddenStates(policy, inputs.inputs), inputs, held, preference);
      return [result.rows, result.value];
    });
    loss += (await value!.data())[0]!;
    for (const [name, sum] of Object.entries(metricsOf(await rows!.data(), held, preference))) metrics[name] = (metrics[name] ?? 0) + sum;
    tf.dispose([rows!, value!]);
  }
  const count = all.length - from;
  return { loss: loss / count, metrics: Object.fromEntries(Object.entries(metrics).map(([name, sum]) => [name, sum / count])) };
}

/** Log-probabilities of all replies under a frozen model; kept in `cacheFolder` under a hash of the model, its adapter and the tokens. */
export async function referenceLogProbs(
  model: CausalLM, pairs: readonly EncodedPreference[], { cacheFolder = null, batch = 4, onProgress = () => {} }: { cacheFolder?: string | null; batch?: number; onProgress?: (progress: { done: number; total: number }) => void } = {},
): Promise<ReplyLogProbs> {
  const file = cacheFolder && join(cacheFolder, `reference-${await pairsHash(model, pairs)}.json`);
  const cached = file && (await readFile(file, "utf8").then((text) => JSON.parse(text) as Record<keyof ReplyLogProbs, number[]>, () => null));
  if (cached) {
    return { chosen: Float64Array.from(cached.chosen), rejected: Float64Array.from(cached.rejected), chosenTokens: Int32Array.from(cached.chosenTokens), rejectedTokens: Int32Array.from(cached.rejectedTokens) };
  }
  const n = pairs.length;
  const result: ReplyLogProbs = { chosen: new Float64Array(n), rejected: new Float64Array(n), chosenTokens: new Int32Array(n), rejectedTokens: new Int32Array(n) };
  for (let from = 0; from < n; from += batch) {
    const numbers = Array.from({ length: Math.min(batch, n - from) }, (_, i) => from + i);
    const { inputs, labelled, of } = preferenceBatch(pairs, numbers, model.tokenizer?.padId ?? 0);
    const tokens = tf.tidy(() => labelLogProbs(hiddenStates(model, inputs), outputEmbedding(model), labelled));
    const values = await tokens.data();
    tokens.dispose();
    of.forEach((row, i) => {
      const pair = from + (row % numbers.length);
      const side = row < numbers.length ? "chosen" : "rejected";
      result[side][pair]! += values[i]!;
      result[`${side}Tokens`][pair]!++;
    });
    onProgress({ done: Math.min(n, from + batch), total: n });
  }
  if (file) {
    await mkdir(cacheFolder, { recursive: true });
    const plain = Object.fromEntries(Object.entries(result).map(([name, values]) => [name, Array.from(values)]));
    await writeFileSafely(file, JSON.stringify(plain));
  }
  return result;
}

async function pairsHash(model: CausalLM, pairs: readonly EncodedPreference[]): Promise<string> {
  const identity = [await weightsChecksum(model), await adapterChecksum(model.adapter)];
  const tokens = pairs.map(({ chosen, rejected }) => [chosen, rejected].map(({ ids, targets }) => [ids, targets.indexOf(true)]));
  return createHash("sha256").update(JSON.stringify([identity, tokens])).digest("hex").slice(0, 16);
}
