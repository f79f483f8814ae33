import { createHash } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expected } from "../core/errors.js";
import { breathe, cellSignal } from "../core/interrupt.js";
import { checkInteger } from "../core/shapes.js";
import { tf } from "../core/tf.js";
import { writeFileSafely } from "../files/write.js";
import { labelLogProbs } from "../losses/labelled.js";
import { adapterChecksum, weightsChecksum } from "../models/checksum.js";
import { hiddenStates } from "../models/forward.js";
import { type CausalLM, outputEmbedding } from "../models/model.js";
import { type EncodedPreference, preferenceBatch } from "./pair-rows.js";

/** Log-probability of each reply under a model, in nats, summed over its tokens. By number of the pair. */
export type ReplyLogProbs = { chosen: Float64Array; rejected: Float64Array };

export type ReferenceOptions = {
  /** Keeps the values from one run to the next, under a hash of the model, its adapter and the tokens. */
  cacheFolder?: string | null;
  /** Pairs in a batch; changes speed and memory only. */
  batch?: number;
  onProgress?: (progress: { done: number; total: number }) => void;
};

/** Log-probabilities of all replies under a frozen model, without dropout. @throws Error where one is not finite. */
export async function referenceLogProbs(
  model: CausalLM,
  pairs: readonly EncodedPreference[],
  { cacheFolder = null, batch = 4, onProgress = () => {} }: ReferenceOptions = {},
): Promise<ReplyLogProbs> {
  checkInteger("batch", batch, 1);
  const file = cacheFolder && join(cacheFolder, `reference-${await referenceHash(model, pairs)}.json`);
  const cached = file && (await readCache(file, pairs.length));
  if (cached) return cached;
  const result = await computed(model, pairs, batch, onProgress);
  if (file) {
    await mkdir(cacheFolder, { recursive: true });
    await writeFileSafely(file, JSON.stringify({ chosen: [...result.chosen], rejected: [...result.rejected] }));
  }
  return result;
}

/** 16 hex digits that change with the model, its adapter, the tokens of any pair or which of them are the reply. */
export async function referenceHash(model: CausalLM, pairs: readonly EncodedPreference[]): Promise<string> {
  const hash = createHash("sha256").update(JSON.stringify([await weightsChecksum(model), await adapterChecksum(model.adapter)]));
  for (const { chosen, rejected } of pairs) {
    for (const { ids, targets } of [chosen, rejected]) hash.update(JSON.stringify([ids, targets.map(Number).join("")]));
  }
  return hash.digest("hex").slice(0, 16);
}

async function computed(
  model: CausalLM,
  pairs: readonly EncodedPreference[],
  batch: number,
  onProgress: (progress: { done: number; total: number }) => void,
): Promise<ReplyLogProbs> {
  const total = pairs.length;
  const signal = cellSignal();
  const result: ReplyLogProbs = { chosen: new Float64Array(total), rejected: new Float64Array(total) };
  for (let from = 0; from < total; from += batch) {
    const numbers = Array.from({ length: Math.min(batch, total - from) }, (_, i) => from + i);
    const { inputs, labelled, of } = preferenceBatch(pairs, numbers, model.tokenizer?.padId ?? 0);
    const tokens = tf.tidy(() => labelLogProbs(hiddenStates(model, inputs), outputEmbedding(model), labelled));
    const values = await tokens.data();
    tokens.dispose();
    of.forEach((row, i) => {
      const side = row < numbers.length ? result.chosen : result.rejected;
      side[from + (row % numbers.length)]! += values[i]!;
    });
    for (const i of numbers) checkFinite(i, result);
    onProgress({ done: Math.min(total, from + batch), total });
    await breathe(signal);
  }
  return result;
}

function checkFinite(pair: number, { chosen, rejected }: ReplyLogProbs): void {
  const wrong = [chosen[pair]!, rejected[pair]!].find((value) => !Number.isFinite(value));
  if (wrong !== undefined)
    throw new Error(expected(`reference, pair ${pair}`, "finite log-probabilities", String(wrong), "Is the reference model sound?"));
}

/** `null` where there is no such file, or none that holds a number for every reply. */
async function readCache(file: string, length: number): Promise<ReplyLogProbs | null> {
  const text = await readFile(file, "utf8").catch(() => null);
  if (text === null) return null;
  try {
    const { chosen, rejected } = JSON.parse(text) as Record<keyof ReplyLogProbs, unknown>;
    const sound = (values: unknown): values is number[] =>
      Array.isArray(values) && values.length === length && values.every(Number.isFinite);
    return sound(chosen) && sound(rejected) ? { chosen: Float64Array.from(chosen), rejected: Float64Array.from(rejected) } : null;
  } catch {
    return null;
  }
}
