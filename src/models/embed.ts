import { expected } from "../core/errors.js";
import { checkInteger } from "../core/shapes.js";
import { type Tensor2D, type Tensor3D, tf } from "../core/tf.js";
import type { Embeddings } from "../nn/classification-head.js";
import { embed } from "../nn/embedding.js";
import type { Tokenizer } from "../text/tokenizer.js";
import { adapterChecksum, weightsChecksum } from "./checksum.js";
import { type EmbeddingCache, openEmbeddingCache } from "./embedding-cache.js";
import { hiddenStates, type Inputs, padRows } from "./forward.js";
import type { CausalLM } from "./model.js";

/**
 * How the tokens of a text become one vector: the mean of the hidden states after the final norm, the last of them, or the mean of the *input*
 * embeddings (what the published run did: no word knows of its neighbours, and neither model nor adapter is asked).
 */
export const POOLINGS = ["mean", "last", "input-mean"] as const;
export type Pooling = (typeof POOLINGS)[number];

export type PoolOptions = {
  pooling: Pooling;
  /** Longest text, in tokens, BOS included; at most the model's limit. */
  maxTokens?: number;
  /** Which end of a longer text is cut off: `right` for texts, `left` for dialogues, whose end counts. */
  cut?: "left" | "right";
};

export type EmbedOptions = PoolOptions & {
  /** Texts in a batch. */
  batch?: number;
  /** Where vectors are kept from one run to the next; `null` for nowhere. */
  cacheFolder?: string | null;
  /** `cached`: how many of the texts needed no computing. */
  onProgress?: (progress: { done: number; total: number; cached: number }) => void;
};

/** Milliseconds of work after which a long run writes its cache. */
const SAVE_AFTER = 60_000;

/**
 * One vector a text, `[n, hidden]`, row after row. Texts are encoded as the tokenizer does by itself (with BOS where it adds one) and computed in
 * batches of similar length, the longest first; equal texts once. A text without tokens stands as BOS (or EOS) alone.
 * @throws RangeError where the model has no tokenizer, or `maxTokens` is more than it can take.
 */
export async function embedTexts(model: CausalLM, texts: readonly string[], options: EmbedOptions): Promise<Embeddings> {
  const { tokenizer } = model;
  if (!tokenizer) throw new RangeError(expected("embedTexts", "a model with a tokenizer", null, "Load it from a folder with a tokenizer.json"));
  const { pooling, maxTokens, cut } = resolvePooling(model, options);
  const { batch = 32, onProgress = () => {}, cacheFolder } = options;
  checkInteger("embedTexts batch", batch, 1);
  const { hidden } = model.config;
  const cache = cacheFolder ? await openEmbeddingCache(cacheFolder, await keyOf(model, tokenizer, { pooling, maxTokens, cut }), hidden) : null;

  const values = new Float32Array(texts.length * hidden);
  const places = new Map<string, number[]>();
  texts.forEach((text, i) => {
    const rows = places.get(text);
    if (rows) rows.push(i);
    else places.set(text, [i]);
  });
  let done = 0;
  const put = (text: string, vector: Float32Array) => {
    const rows = places.get(text)!;
    for (const row of rows) values.set(vector, row * hidden);
    done += rows.length;
  };
  const missing: { text: string; ids: number[] }[] = [];
  for (const text of places.keys()) {
    const known = cache?.find(text);
    if (known) put(text, known);
    else missing.push({ text, ids: tokensOf(tokenizer, text, maxTokens, cut) });
  }
  const cached = done;
  onProgress({ done, total: texts.length, cached });
  missing.sort((a, b) => b.ids.length - a.ids.length);
  await inBatches(missing, batch, cache, async (part) => {
    const vectors = await pooled(model, padRows(part.map(({ ids }) => ids), { padId: tokenizer.padId, side: "right" }), pooling);
    part.forEach(({ text }, i) => {
      const vector = vectors.subarray(i * hidden, (i + 1) * hidden);
      put(text, vector);
      cache?.add(text, vector);
    });
    onProgress({ done, total: texts.length, cached });
  });
  return { values, hidden };
}

/** The options with defaults: 128 tokens (or the model's limit), cut on the right. */
export function resolvePooling({ config }: CausalLM, { pooling, maxTokens = Math.min(128, config.maxPositions), cut = "right" }: PoolOptions): Required<PoolOptions> {
  if (!POOLINGS.includes(pooling)) throw new RangeError(expected("pooling", POOLINGS.join(", "), pooling));
  if (cut !== "left" && cut !== "right") throw new RangeError(expected("cut", '"left" or "right"', cut));
  checkInteger("maxTokens", maxTokens, 2, config.maxPositions);
  return { pooling, maxTokens, cut };
}

/** Runs `work` over the items; saves the cache now and then, and at the end however it comes. */
async function inBatches<T>(items: readonly T[], batch: number, cache: EmbeddingCache | null, work: (part: T[]) => Promise<void>): Promise<void> {
  let saved = performance.now();
  try {
    for (let from = 0; from < items.length; from += batch) {
      await work(items.slice(from, from + batch));
      if (performance.now() - saved < SAVE_AFTER) continue;
      await cache?.save();
      saved = performance.now();
    }
  } finally {
    await cache?.save();
  }
}

function tokensOf(tokenizer: Tokenizer, text: string, maxTokens: number, cut: "left" | "right"): number[] {
  const ids = tokenizer.encode(text);
  if (ids.length === 0) return [tokenizer.bosId ?? tokenizer.eosId ?? tokenizer.padId];
  if (ids.length <= maxTokens) return ids;
  if (cut === "right") return ids.slice(0, maxTokens);
  return tokenizer.addsBos ? [ids[0]!, ...ids.slice(1 - maxTokens)] : ids.slice(-maxTokens);
}

/** `[batch, hidden]`, row after row. Padding weighs nothing. */
async function pooled(model: CausalLM, inputs: Inputs, pooling: Pooling): Promise<Float32Array> {
  const { batch, time, segments } = inputs;
  const weights = new Float32Array(batch * time);
  for (let row = 0; row < batch; row++) {
    const length = segments.subarray(row * time, (row + 1) * time).reduce((count, segment) => count + segment, 0);
    if (pooling === "last") weights[row * time + length - 1] = 1;
    else weights.fill(1 / length, row * time, row * time + length);
  }
  const vectors = tf.tidy(() => {
    const states = pooling === "input-mean" ? inputEmbeddings(model, inputs) : hiddenStates(model, inputs);
    return tf.matMul(tf.tensor3d(weights, [batch, 1, time]), states).reshape([batch, model.config.hidden]);
  });
  try {
    return (await vectors.data()) as Float32Array;
  } finally {
    vectors.dispose();
  }
}

/** Rows of the embedding table alone, without positions: `[batch, time, hidden]`. */
const inputEmbeddings = (model: CausalLM, { ids, batch, time }: Inputs): Tensor3D =>
  embed(model.weights.get(model.type.embedding) as Tensor2D, tf.tensor2d(ids, [batch, time], "int32")) as Tensor3D;

async function keyOf(model: CausalLM, tokenizer: Tokenizer, { pooling, maxTokens, cut }: Required<PoolOptions>): Promise<Record<string, string>> {
  return {
    format: "1",
    model: model.source.name,
    revision: model.source.revision ?? "",
    weights: await weightsChecksum(model),
    adapter: (pooling === "input-mean" ? null : await adapterChecksum(model.adapter)) ?? "none",
    tokenizer: tokenizer.hash,
    pooling,
    maxTokens: String(maxTokens),
    cut,
  };
}
