import { describe, expect, it } from "vitest";
import { type Tensor2D, tf } from "../../src/core/tf.js";
import { type KeyValueCache, RECENT } from "../../src/generate/cache.js";
import { chooserFor } from "../../src/generate/choose.js";
import { readPrompts } from "../../src/generate/prompt.js";
import { nextResults } from "../../src/generate/step.js";
import { disposeModel } from "../../src/models/create.js";
import { inputsOf, logitsOf } from "../../src/models/forward.js";
import type { CausalLM } from "../../src/models/model.js";
import { at, distance, formulaIds, formulaModel, leaked, taken, tinyGpt2, tinyLlama } from "../formula.js";

const configs = {
  gpt2: { ...tinyGpt2, n_positions: 128 },
  llama: { ...tinyLlama, max_position_embeddings: 128 },
  "mistral with a window of 4": { ...tinyLlama, max_position_embeddings: 128, model_type: "mistral", sliding_window: 4 },
  "qwen3 with llama3 scaling": {
    ...tinyLlama,
    max_position_embeddings: 128,
    model_type: "qwen3",
    head_dim: 12,
    rope_theta: 100,
    rope_scaling: { rope_type: "llama3", factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 16 },
  },
};
/** A penalty wants all logits. */
const allLogits = chooserFor({ temperature: 0, topK: null, topP: 1, repetitionPenalty: 2 }, false);
const VOCAB = 61;

function uncached(model: CausalLM, row: readonly number[]): Float32Array {
  return at(taken(logitsOf(model, inputsOf([row]))), { time: row.length }, VOCAB, 0, row.length - 1);
}

/** Largest distance between cached logits and those of the whole texts, of which `lengths` tokens have been read. */
function furthest(model: CausalLM, logits: Tensor2D, texts: readonly number[][], lengths: readonly number[]): number {
  const values = taken(logits);
  expect(values).toHaveLength(texts.length * VOCAB);
  return Math.max(
    ...texts.map((text, r) => distance(values.subarray(r * VOCAB, (r + 1) * VOCAB), uncached(model, text.slice(0, lengths[r])))),
  );
}

const step = (model: CausalLM, cache: KeyValueCache, ids: number[]) => nextResults(model, cache, ids, allLogits).logits as Tensor2D;

describe.each(Object.entries(configs))("the cache of %s", (_, config) => {
  it("gives the logits of the whole text, in rows of different lengths, across several capacities", async () => {
    const model = await formulaModel(config);
    const starts = [5, 26, 2];
    const texts = starts.map((start, i) => formulaIds(`cached ${i}`, start + 3 * RECENT, VOCAB));
    const { cache, logits } = readPrompts(
      model,
      texts.map((text, r) => text.slice(0, starts[r])),
    );
    expect(furthest(model, logits, texts, starts)).toBeLessThan(1e-5);
    const shapes = new Set<number>();
    for (let more = 0; more < 3 * RECENT; more++) {
      shapes.add(cache.past.shape[3]!);
      const next = step(
        model,
        cache,
        texts.map((text, r) => text[starts[r]! + more]!),
      );
      const lengths = starts.map((start) => start + more + 1);
      // The steps next to where recent columns join the others, and some between.
      if ([0, 1].includes(more % RECENT) || more % 7 === 0) expect(furthest(model, next, texts, lengths), `${more}`).toBeLessThan(1e-5);
      else next.dispose();
    }
    expect(shapes.size).toBeGreaterThan(1);
    cache.dispose();
    disposeModel(model);
  });

  it("reads once what prompts begin with alike, and keeps chosen rows, in any order and more than once", async () => {
    const model = await formulaModel(config);
    const start = formulaIds("system", 20, VOCAB);
    const texts = [9, 3, 6].map((length, i) => [...start, ...formulaIds(`own ${i}`, length, VOCAB)]);
    const lengths = texts.map(({ length }) => length - 2);
    const { cache, logits } = readPrompts(
      model,
      texts.map((text, r) => text.slice(0, lengths[r])),
    );
    expect(furthest(model, logits, texts, lengths)).toBeLessThan(1e-5);
    const order = [2, 0, 2];
    cache.select(order);
    const chosen = order.map((r) => texts[r]!);
    for (const more of [0, 1]) {
      const next = step(
        model,
        cache,
        order.map((r) => texts[r]![lengths[r]! + more]!),
      );
      const read = order.map((r) => lengths[r]! + more + 1);
      expect(furthest(model, next, chosen, read)).toBeLessThan(1e-5);
    }
    cache.select([1]);
    expect(cache.batch).toBe(1);
    expect(() => nextResults(model, cache, [1, 2], allLogits)).toThrow("cache: expected 1 rows, got 2");
    cache.dispose();
    disposeModel(model);
  });
});

it("the cache is two tensors, and frees them", async () => {
  const model = await formulaModel({ ...tinyLlama, max_position_embeddings: 128 });
  const lost = await leaked(() => {
    const before = tf.memory().numTensors;
    const { cache, logits } = readPrompts(model, [[1, 2, 3], [4]]);
    logits.dispose();
    for (let i = 0; i <= RECENT; i++) {
      expect(tf.memory().numTensors - before).toBe(2);
      step(model, cache, [i, i]).dispose();
    }
    cache.select([1]);
    expect(tf.memory().numTensors - before).toBe(2);
    cache.dispose();
  });
  expect(lost).toBe(0);
  disposeModel(model);
});
