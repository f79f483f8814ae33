import { tf } from "../core/tf.js";
import { embedTexts, type PoolOptions } from "../models/embed.js";
import type { CausalLM } from "../models/model.js";
import { type ClassificationHead, checkWidth, headLogits } from "../nn/classification-head.js";

/** A head and how the texts it reads become vectors: as they did when it was trained. */
export type HeadReader = { head: ClassificationHead; pooling: PoolOptions };

export type ReadOptions = {
  /** Where vectors are kept from one run to the next; `null` for nowhere. */
  cacheFolder?: string | null;
  signal?: AbortSignal | undefined;
};

/** Texts embedded between two looks at the signal. */
const SLICE = 128;

/**
 * What the head says of each text, as logits; equal texts are read once. Yields after every slice, the last time with all. `embedder` is the model
 * whose embeddings the head was trained on.
 */
export async function* readTexts(
  embedder: CausalLM,
  { head, pooling }: HeadReader,
  texts: readonly string[],
  { cacheFolder = null, signal }: ReadOptions = {},
): AsyncGenerator<{ done: number; total: number; read: Map<string, Float32Array> }, void> {
  const unique = [...new Set(texts)];
  const read = new Map<string, Float32Array>();
  for (let from = 0; from < unique.length; from += SLICE) {
    signal?.throwIfAborted();
    const part = unique.slice(from, from + SLICE);
    const embeddings = await embedTexts(embedder, part, { ...pooling, cacheFolder });
    checkWidth(head, embeddings);
    const logits = tf.tidy(() => headLogits(head, tf.tensor2d(embeddings.values, [part.length, head.hidden])));
    try {
      const values = (await logits.data()) as Float32Array;
      part.forEach((text, i) => {
        read.set(text, values.slice(i * head.classes, (i + 1) * head.classes));
      });
    } finally {
      logits.dispose();
    }
    yield { done: read.size, total: unique.length, read };
  }
}
