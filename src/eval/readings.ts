import { tf } from "../core/tf.js";
import { type EmbedOptions, embedBatches, type PoolOptions, resolvePooling } from "../models/embed.js";
import type { HeadCard } from "../models/head-files.js";
import type { CausalLM } from "../models/model.js";
import { type ClassificationHead, checkWidth, type Embeddings, headLogits } from "../nn/classification-head.js";

/** A head and how the texts it reads become vectors: as they did when it was trained. `card`: what it is worth. */
export type HeadReader = { head: ClassificationHead; pooling: PoolOptions; card?: HeadCard };

export type ReadOptions = {
  /** Where vectors are kept from one run to the next; `null` for nowhere. */
  cacheFolder?: string | null;
  signal?: AbortSignal | undefined;
};

/** What each head says of each text, as logits. A text is read by all heads of its pooling, also by those that were not asked. */
export type Readings<Name extends string> = Record<Name, Map<string, Float32Array>>;

/**
 * Lets heads read texts; with equal pooling they share the embeddings, and equal texts are read once. Yields after every batch; returns all readings.
 * `embedder` is the model whose embeddings the heads were trained on.
 */
export async function* readTexts<Name extends string>(
  embedder: CausalLM,
  asked: Record<Name, { reader: HeadReader | undefined; texts: readonly string[] }>,
  { cacheFolder = null, signal }: ReadOptions = {},
): AsyncGenerator<{ done: number; total: number }, Readings<Name>> {
  const names = Object.keys(asked) as Name[];
  const readings = Object.fromEntries(names.map((name) => [name, new Map()])) as Readings<Name>;
  const groups = new Map<string, { pooling: PoolOptions; readers: { name: Name; head: ClassificationHead }[]; texts: Set<string> }>();
  for (const name of names) {
    const { reader, texts } = asked[name];
    if (!reader) continue;
    const pooling = resolvePooling(embedder, reader.pooling);
    const key = JSON.stringify(pooling);
    const group = groups.get(key) ?? { pooling, readers: [], texts: new Set() };
    group.readers.push({ name, head: reader.head });
    for (const text of texts) group.texts.add(text);
    groups.set(key, group);
  }
  const total = [...groups.values()].reduce((sum, { texts }) => sum + texts.size, 0);
  let done = 0;
  for (const { pooling, readers, texts } of groups.values()) {
    const list = [...texts];
    const embeddings = yield* embedded(embedder, list, { ...pooling, cacheFolder }, (read) => ({ done: done + read, total }), signal);
    for (const { name, head } of readers) {
      const logits = await logitsOf(head, embeddings);
      list.forEach((text, i) => {
        readings[name].set(text, logits.slice(i * head.classes, (i + 1) * head.classes));
      });
    }
    done += list.length;
  }
  return readings;
}

/** The embeddings of texts; yields after every batch what `event` makes of the number of texts done. Stopping keeps in the cache what was computed. */
async function* embedded<Event>(
  embedder: CausalLM,
  texts: readonly string[],
  options: EmbedOptions,
  event: (done: number) => Event,
  signal: AbortSignal | undefined,
): AsyncGenerator<Event, Embeddings> {
  const batches = embedBatches(embedder, texts, options);
  try {
    for (;;) {
      signal?.throwIfAborted();
      const step = await batches.next();
      if (step.done) return step.value;
      yield event(step.value.done);
    }
  } finally {
    await batches.return(undefined as never);
  }
}

/** `[n, classes]`, row after row. */
async function logitsOf(head: ClassificationHead, embeddings: Embeddings): Promise<Float32Array> {
  checkWidth(head, embeddings);
  const { values, hidden } = embeddings;
  const logits = tf.tidy(() => headLogits(head, tf.tensor2d(values, [values.length / hidden, hidden])));
  try {
    return (await logits.data()) as Float32Array;
  } finally {
    logits.dispose();
  }
}
