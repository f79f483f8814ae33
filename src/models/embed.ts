import { type Compiled, compile } from "../core/compile/compile.js";
import { expected } from "../core/errors.js";
import { breathe, cellSignal, interruptibly } from "../core/interrupt.js";
import { checkInteger } from "../core/shapes.js";
import { type Tensor, type Tensor3D, tf } from "../core/tf.js";
import type { Embeddings } from "../nn/classification-head.js";
import type { Tokenizer } from "../text/tokenizer.js";
import { adapterChecksum, weightsChecksum } from "./checksum.js";
import { type EmbeddingCache, openEmbeddingCache } from "./embedding-cache.js";
import { passTensors } from "./forward.js";
import type { CausalLM } from "./model.js";
import { joinParts, type Part, type PoolOptions, partName, partsOf, pooledParts, type ResolvedPooling, resolvePooling } from "./pooling.js";
import { batchInputs, type EncodedText, type TextBatch, textBatches, textsIn } from "./text-rows.js";

export { type Pooling, type PoolOptions, type ResolvedPooling, resolvePooling } from "./pooling.js";

type PassOptions = {
  /** Tokens in a batch, padding included. Default 2048; more takes more memory and is hardly faster. */
  batchTokens?: number;
  /** Where vectors are kept from one run to the next; `null` for nowhere. */
  cacheFolder?: string | null;
};

export type EmbedOptions = PoolOptions & PassOptions & { onProgress?: (progress: EmbedProgress) => void };

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
  if (options.pooling === "mix" && !options.mix)
    throw new RangeError(expected("pooling mix", "the weights of the layers", undefined, "A head learns them and keeps them in its card"));
  const [only] = yield* embedPoolings(model, texts, [resolvePooling(model, options)], options);
  return only!;
}

/**
 * Several poolings of the same texts from one pass through the model, in the order of `poolings`; all cut texts alike. A `mix` without weights
 * gives the means at all layers side by side, `[n, (layers + 1) × hidden]`, for a head that learns them. Yields after each batch.
 */
export async function* embedPoolings(
  model: CausalLM,
  texts: readonly string[],
  poolings: readonly ResolvedPooling[],
  { batchTokens = 2048, cacheFolder }: PassOptions = {},
): AsyncGenerator<EmbedProgress, Embeddings[], undefined> {
  const { tokenizer } = model;
  if (!tokenizer)
    throw new RangeError(expected("embedTexts", "a model with a tokenizer", null, "Load it from a folder with a tokenizer.json"));
  const signal = cellSignal();
  checkInteger("embedTexts batchTokens", batchTokens, 1);
  const { hidden } = model.config;
  const [cutting] = poolings as [ResolvedPooling];
  const parts = [...new Map(poolings.flatMap((pooling) => partsOf(model, pooling)).map((part) => [partName(part), part])).values()];
  const caches = cacheFolder
    ? await Promise.all(parts.map(async (part) => openEmbeddingCache(cacheFolder, await keyOf(model, tokenizer, part, cutting), hidden)))
    : null;

  const values = parts.map(() => new Float32Array(texts.length * hidden));
  const places = placesOf(texts);
  let done = 0;
  const put = (text: string, vectors: readonly Float32Array[]) => {
    const rows = places.get(text)!;
    for (const row of rows) vectors.forEach((vector, part) => void values[part]!.set(vector, row * hidden));
    done += rows.length;
  };
  const missing: string[] = [];
  for (const text of places.keys()) {
    const known = caches?.map((cache) => cache.find(text));
    if (known?.every((vector) => vector !== undefined)) put(text, known);
    else missing.push(text);
  }
  const cached = done;
  const progress = (): EmbedProgress => ({ kind: "embedded", done, total: texts.length, cached });
  yield progress();
  const encoded = await encodedTexts(tokenizer, missing, cutting, signal);
  const pooled = pooler(model, parts, tokenizer.padId);
  const save = async () => {
    for (const cache of caches ?? []) await cache.save();
  };
  let saved = performance.now();
  try {
    for (const batch of textBatches(encoded, batchTokens)) {
      for (const [text, vectors] of await pooled.vectors(batch)) {
        put(text, vectors);
        caches?.forEach((cache, part) => void addNew(cache, text, vectors[part]!));
      }
      if (performance.now() - saved > SAVE_AFTER) {
        await save();
        saved = performance.now();
      }
      yield progress();
      await breathe(signal);
    }
  } finally {
    pooled.dispose();
    await save();
  }
  const named = new Map(parts.map((part, i) => [partName(part), { values: values[i]!, hidden }]));
  const own = (pooling: ResolvedPooling) => partsOf(model, pooling).map((part) => named.get(partName(part))!);
  return poolings.map((pooling) => joinParts(pooling, own(pooling)));
}

async function encodedTexts(
  tokenizer: Tokenizer,
  texts: readonly string[],
  cutting: ResolvedPooling,
  signal: AbortSignal | undefined,
): Promise<EncodedText[]> {
  const encoded: EncodedText[] = [];
  for (const [i, text] of texts.entries()) {
    encoded.push({ text, ids: tokensOf(tokenizer, text, cutting) });
    if (i % ENCODED_AT_ONCE === ENCODED_AT_ONCE - 1) await breathe(signal);
  }
  return encoded;
}

/** What another pooling had computed before stays as it is. */
function addNew(cache: EmbeddingCache, text: string, vector: Float32Array): void {
  if (!cache.find(text)) cache.add(text, vector);
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

function tokensOf(tokenizer: Tokenizer, text: string, { maxTokens, cut }: ResolvedPooling): number[] {
  const ids = tokenizer.encode(text);
  if (ids.length === 0) return [tokenizer.bosId ?? tokenizer.eosId ?? tokenizer.padId];
  if (ids.length <= maxTokens) return ids;
  if (cut === "right") return ids.slice(0, maxTokens);
  return tokenizer.addsBos ? [ids[0]!, ...ids.slice(1 - maxTokens)] : ids.slice(-maxTokens);
}

/** A text's vectors, one for each part. */
type Pooler = { vectors(batch: TextBatch): Promise<[text: string, vectors: Float32Array[]][]>; dispose(): void };

/** Full batches, which are all of one shape, run compiled. */
function pooler(model: CausalLM, parts: readonly Part[], padId: number): Pooler {
  const { hidden } = model.config;
  const pass = (...[mean, last, position, ...tensors]: Tensor[]) => ({
    vectors: pooledParts(model, parts, { mean: mean as Tensor3D, last: last as Tensor3D, position: position as Tensor3D }, tensors),
  });
  const compiled: Compiled<{ vectors: Tensor }> = compile("embed", (...args) => tf.tidy(() => pass(...args)));
  return {
    async vectors(batch) {
      const { inputs, weights } = batchInputs(batch, padId);
      const slots = textsIn(batch.width);
      const weighting = (of: Float32Array) => tf.tensor3d(of, [inputs.batch, slots, inputs.time]);
      const { vectors } = interruptibly(() =>
        tf.tidy(() =>
          (batch.full ? compiled : pass)(...[weights.mean, weights.last, weights.position].map(weighting), ...passTensors(model, inputs)),
        ),
      );
      try {
        const values = (await vectors.data()) as Float32Array;
        return batch.rows.flatMap(({ texts }, row) =>
          texts.map(({ text }, slot): [string, Float32Array[]] => {
            const at = (row * slots + slot) * parts.length;
            return [text, parts.map((_, part) => values.slice((at + part) * hidden, (at + part + 1) * hidden))];
          }),
        );
      } finally {
        vectors.dispose();
      }
    },
    dispose: () => compiled.dispose(),
  };
}

async function keyOf(
  model: CausalLM,
  tokenizer: Tokenizer,
  { pooling, layer }: Part,
  { maxTokens, cut }: ResolvedPooling,
): Promise<Record<string, string>> {
  const input = pooling === "input-mean";
  return {
    format: "1",
    model: model.source.name,
    revision: model.source.revision ?? "",
    weights: await weightsChecksum(model),
    adapter: (input ? null : await adapterChecksum(model.adapter)) ?? "none",
    tokenizer: tokenizer.hash,
    pooling,
    ...(input || layer === model.config.layers ? {} : { layer: String(layer) }),
    maxTokens: String(maxTokens),
    cut,
  };
}
