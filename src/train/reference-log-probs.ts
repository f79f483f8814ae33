import { createHash } from "node:crypto";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { expected } from "../core/errors.js";
import type { Precision } from "../core/precision.js";
import { writeFileSafely } from "../files/write.js";
import { adapterChecksum, weightsChecksum } from "../models/checksum.js";
import type { CausalLM } from "../models/model.js";
import type { EncodedPreference } from "./pair-rows.js";
import { isKnown, type ReplyLogProbs, replyScorer, unknownReplies } from "./reply-log-probs.js";

export type ReferenceOptions = {
  /** Keeps the values from one run to the next, under a hash of the model, its adapter and the tokens. A run that was stopped goes on where it was. */
  cacheFolder?: string | null;
  /** Pairs computed together, at most; changes speed and memory only. */
  batch?: number;
  /** Computes the prompt of both replies once; changes speed and memory only. */
  shared?: boolean;
  /** What products and activations are computed in; the policy's, or its first step would find rewards that are none. */
  precision?: Precision;
  /** Called after each row; not where all values were cached. */
  onProgress?: (progress: { done: number; total: number }) => void;
};

/** How often values are written that a killed process would lose. */
const SAVE_SECONDS = 5;

/** Log-probabilities of all replies under a frozen model, without dropout. @throws Error where one is not finite. */
export async function referenceLogProbs(
  model: CausalLM,
  pairs: readonly EncodedPreference[],
  { cacheFolder = null, batch = 8, shared = true, precision = "f32", onProgress = () => {} }: ReferenceOptions = {},
): Promise<ReplyLogProbs> {
  const cache = cacheFolder === null ? null : await openCache(cacheFolder, await referenceHash(model, pairs, precision), pairs);
  if (cache?.complete) return cache.values;
  const known = cache?.values ?? unknownReplies(pairs.length);
  let done = pairs.filter((_, i) => isKnown(known, i)).length;
  const onPart = async (numbers: readonly number[]): Promise<void> => {
    for (const i of numbers) checkFinite(i, known);
    done = Math.min(pairs.length, done + numbers.length);
    onProgress({ done, total: pairs.length });
    await cache?.keep();
  };
  const score = replyScorer(model, precision);
  try {
    await score(pairs, { batch, shared, known, onPart });
  } catch (error) {
    // The first error is the one to report.
    await cache?.keep({ now: true }).catch(() => {});
    throw error;
  } finally {
    score.dispose();
  }
  await cache?.finish();
  return known;
}

/** 16 hex digits that change with the model, its adapter, the precision, the tokens of any pair or which of them are the reply. */
export async function referenceHash(model: CausalLM, pairs: readonly EncodedPreference[], precision: Precision = "f32"): Promise<string> {
  const sums = [await weightsChecksum(model), await adapterChecksum(model.adapter), precision];
  const hash = createHash("sha256").update(JSON.stringify(sums));
  for (const { chosen, rejected } of pairs) {
    for (const { ids, targets } of [chosen, rejected]) {
      hash.update(Int32Array.of(ids.length, ...ids)).update(Uint8Array.from(targets, Number));
    }
  }
  return hash.digest("hex").slice(0, 16);
}

function checkFinite(pair: number, { chosen, rejected }: ReplyLogProbs): void {
  const wrong = [chosen[pair]!, rejected[pair]!].find((value) => !Number.isFinite(value));
  if (wrong !== undefined)
    throw new Error(expected(`reference, pair ${pair}`, "finite log-probabilities", String(wrong), "Is the reference model sound?"));
}

type Cache = {
  values: ReplyLogProbs;
  complete: boolean;
  /** Writes what there is, if enough time has passed since the last writing. */
  keep(options?: { now: boolean }): Promise<void>;
  finish(): Promise<void>;
};

/** Complete values lie in one file; those of a run that has not ended in another beside it, `null` where there is no number yet. */
async function openCache(folder: string, hash: string, pairs: readonly EncodedPreference[]): Promise<Cache> {
  const name = join(folder, `reference-${hash}`);
  const [file, partial] = [`${name}.json`, `${name}.partial.json`];
  const whole = await readValues(file, pairs.length);
  const complete = whole !== null && pairs.every((_, i) => isKnown(whole, i));
  const values = complete ? whole : ((await readValues(partial, pairs.length)) ?? unknownReplies(pairs.length));
  const write = (path: string) => writeFileSafely(path, JSON.stringify({ chosen: [...values.chosen], rejected: [...values.rejected] }));
  let saved = performance.now();
  return {
    values,
    complete,
    async keep({ now } = { now: false }) {
      if (!now && performance.now() - saved < SAVE_SECONDS * 1000) return;
      await write(partial);
      saved = performance.now();
    },
    async finish() {
      await write(file);
      await rm(partial, { force: true });
    },
  };
}

/** `null` where there is no such file, or none that fits so many pairs. */
async function readValues(file: string, pairs: number): Promise<ReplyLogProbs | null> {
  const text = await readFile(file, "utf8").catch(() => null);
  if (text === null) return null;
  try {
    const { chosen, rejected } = JSON.parse(text) as Record<keyof ReplyLogProbs, unknown>;
    const sound = (values: unknown): values is (number | null)[] =>
      Array.isArray(values) && values.length === pairs && values.every((value) => value === null || Number.isFinite(value));
    const numbers = (values: (number | null)[]) => Float64Array.from(values, (value) => value ?? Number.NaN);
    return sound(chosen) && sound(rejected) ? { chosen: numbers(chosen), rejected: numbers(rejected) } : null;
  } catch {
    return null;
  }
}
