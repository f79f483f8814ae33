import { type Compiled, compile } from "../core/compile/compile.js";
import { expected } from "../core/errors.js";
import { breathe, cellSignal, interruptibly } from "../core/interrupt.js";
import { checkInteger } from "../core/shapes.js";
import { type Tensor, type Tensor2D, type Tensor3D, tf } from "../core/tf.js";
import type { Embeddings } from "../nn/classification-head.js";
import { embed } from "../nn/embedding.js";
import type { Tokenizer } from "../text/tokenizer.js";
import { adapterChecksum, weightsChecksum } from "./checksum.js";
import { openEmbeddingCache } from "./embedding-cache.js";
import { hiddenOf, passTensors } from "./forward.js";
import type { CausalLM } from "./model.js";
import { batchInputs, type EncodedText, type TextBatch, textBatches, textsIn } from "./text-rows.js";

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
  /** Tokens in a batch, padding included. Default 2048; more takes more memory and is hardly faster. */
  batchTokens?: number;
  /** Where vectors are kept from one run to the next; `null` for nowhere. */
  cacheFolder?: string | null;
  onProgress?: (progress: EmbedProgress) => void;
};

/** Texts done, of `total`; `cached` of them needed no computing. */
export type EmbedProgress = { kind: "embedded"; done: number; total: number; cached: number };

/** Milliseconds of work after which a long run writes its cache. */
const SAVE_AFTER = 60_000;
/** Texts encoded between two looks at the signal. */
const ENCODED_AT_ONCE = 1000;

/**
 * One vector a text, `[n, hidden]`, row after row. Texts are encoded as the tokenizer does by itself (with BOS where it adds one) and computed side by
 * side in rows of one width, the longest first; equal texts once. A text without tokens stands as BOS (or EOS) alone.
 * @throws RangeError where the model has no tokenizer, or `maxTokens` is more than it can take.
 */
export async function embedTexts(model: CausalLM, texts: readonly string[], options: EmbedOptions): Promise<Embeddings> {
  const batches = embedBatches(model, texts, options);
  for (;;) {
    const step = await batches.next();
    if (step.done) return step.value;
    options.onProgress?.(step.value);
  }
}

/** `embedTexts` as a generator that yields its progress after each batch; stopping it keeps in the cache what was computed. */
export async function* embedBatches(
  model: CausalLM,
  texts: readonly string[],
  options: Omit<EmbedOptions, "onProgress">,
): AsyncGenerator<EmbedProgress, Embeddings, undefined> {
  const { tokenizer } = model;
  if (!tokenizer)
    throw new RangeError(expected("embedTexts", "a model with a tokenizer", null, "Load it from a folder with a tokenizer.json"));
  const pool = resolvePooling(model, options);
  const { batchTokens = 2048, cacheFolder } = options;
  const signal = cellSignal();
  checkInteger("embedTexts batchTokens", batchTokens, 1);
  const { hidden } = model.config;
  const cache = cacheFolder ? await openEmbeddingCache(cacheFolder, await keyOf(model, tokenizer, pool), hidden) : null;

  const values = new Float32Array(texts.length * hidden);
  const places = placesOf(texts);
  let done = 0;
  const put = (text: string, vector: Float32Array) => {
    const rows = places.get(text)!;
    for (const row of rows) values.set(vector, row * hidden);
    done += rows.length;
  };
  const missing: string[] = [];
  for (const text of places.keys()) {
    const known = cache?.find(text);
    if (known) put(text, known);
    else missing.push(text);
  }
  const cached = done;
  const progress = (): EmbedProgress => ({ kind: "embedded", done, total: texts.length, cached });
  yield progress();
  const encoded: EncodedText[] = [];
  for (const [i, text] of missing.entries()) {
    encoded.push({ text, ids: tokensOf(tokenizer, text, pool) });
    if (i % ENCODED_AT_ONCE === ENCODED_AT_ONCE - 1) await breathe(signal);
  }
  const pooled = pooler(model, pool.pooling, tokenizer.padId);
  let saved = performance.now();
  try {
    for (const batch of textBatches(encoded, batchTokens)) {
      for (const [text, vector] of await pooled.vectors(batch)) {
        put(text, vector);
        cache?.add(text, vector);
      }
      if (performance.now() - saved > SAVE_AFTER) {
        await cache?.save();
        saved = performance.now();
      }
      yield progress();
      await breathe(signal);
    }
  } finally {
    pooled.dispose();
    await cache?.save();
  }
  return { values, hidden };
}

function placesOf(texts: readonly string[]): Map<string, number[]> {
  const places = new Map<string, number[]>();
  texts.forEach((text, i) => {
    const rows = places.get(text);
    if (rows) rows.push(i);
    else places.set(text, [i]);
  });
  return places;
}

/** The options with defaults: 128 tokens (or the model's limit), cut on the right. */
export function resolvePooling(
  { config }: CausalLM,
  { pooling, maxTokens = Math.min(128, config.maxPositions), cut = "right" }: PoolOptions,
): Required<PoolOptions> {
  if (!POOLINGS.includes(pooling)) throw new RangeError(expected("pooling", POOLINGS.join(", "), pooling));
  if (cut !== "left" && cut !== "right") throw new RangeError(expected("cut", '"left" or "right"', cut));
  checkInteger("maxTokens", maxTokens, 2, config.maxPositions);
  return { pooling, maxTokens, cut };
}

function tokensOf(tokenizer: Tokenizer, text: string, { maxTokens, cut }: Required<PoolOptions>): number[] {
  const ids = tokenizer.encode(text);
  if (ids.length === 0) return [tokenizer.bosId ?? tokenizer.eosId ?? tokenizer.padId];
  if (ids.length <= maxTokens) return ids;
  if (cut === "right") return ids.slice(0, maxTokens);
  return tokenizer.addsBos ? [ids[0]!, ...ids.slice(1 - maxTokens)] : ids.slice(-maxTokens);
}

type Pooler = { vectors(batch: TextBatch): Promise<[text: string, vector: Float32Array][]>; dispose(): void };

/** Full batches, which are all of one shape, run compiled. */
function pooler(model: CausalLM, pooling: Pooling, padId: number): Pooler {
  const { hidden } = model.config;
  const pass = (...[weights, ...tensors]: Tensor[]) => {
    const states = pooling === "input-mean" ? inputEmbeddings(model, tensors[0] as Tensor2D) : hiddenOf(model, tensors);
    return { vectors: tf.matMul(weights as Tensor3D, states) };
  };
  const compiled: Compiled<{ vectors: Tensor }> = compile("embed", (...args) => tf.tidy(() => pass(...args)));
  return {
    async vectors(batch) {
      const { inputs, weights } = batchInputs(batch, pooling === "last", padId);
      const slots = textsIn(batch.width);
      const { vectors } = interruptibly(() =>
        tf.tidy(() =>
          (batch.full ? compiled : pass)(tf.tensor3d(weights, [inputs.batch, slots, inputs.time]), ...passTensors(model, inputs)),
        ),
      );
      try {
        const values = (await vectors.data()) as Float32Array;
        return batch.rows.flatMap(({ texts }, row) =>
          texts.map(({ text }, slot): [string, Float32Array] => {
            const at = (row * slots + slot) * hidden;
            return [text, values.slice(at, at + hidden)];
          }),
        );
      } finally {
        vectors.dispose();
      }
    },
    dispose: () => compiled.dispose(),
  };
}

/** Rows of the embedding table alone, without positions: `[batch, time, hidden]`. */
const inputEmbeddings = (model: CausalLM, ids: Tensor2D): Tensor3D =>
  embed(model.weights.get(model.type.embedding) as Tensor2D, ids) as Tensor3D;

async function keyOf(
  model: CausalLM,
  tokenizer: Tokenizer,
  { pooling, maxTokens, cut }: Required<PoolOptions>,
): Promise<Record<string, string>> {
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
