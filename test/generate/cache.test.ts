import { describe, expect, it } from "vitest";
import { tf } from "../../src/core/tf.js";
import { KeyValueCache, nextLogits } from "../../src/generate/cache.js";
import { disposeModel } from "../../src/models/create.js";
import { type Inputs, inputsOf, logitsOf, padRows } from "../../src/models/forward.js";
import type { CausalLM } from "../../src/models/model.js";
import { at, distance, formulaIds, formulaModel, leaked, taken, tinyGpt2, tinyLlama } from "../formula.js";

const configs = {
  gpt2: tinyGpt2,
  llama: tinyLlama,
  "mistral with a window of 4": { ...tinyLlama, model_type: "mistral", sliding_window: 4 },
  "qwen3 with llama3 scaling": {
    ...tinyLlama,
    model_type: "qwen3",
    head_dim: 12,
    rope_theta: 100,
    rope_scaling: { rope_type: "llama3", factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 16 },
  },
};
const rows = [5, 11, 2].map((length, i) => formulaIds(`cached ${i}`, length + 6, 61));
const starts = [5, 11, 2];

/** The tokens from `start` to `end` of each row. */
const step = (from: number[], count: number): Inputs => ({
  ...inputsOf(from.map((start, r) => rows[r]!.slice(start, start + count))),
  positions: Int32Array.from(from.flatMap((start) => Array.from({ length: count }, (_, i) => start + i))),
});

const uncached = (model: CausalLM, row: number[]): Float32Array => {
  const logits = taken(logitsOf(model, inputsOf([row])));
  return at(logits, { time: row.length }, 61, 0, row.length - 1);
};

describe.each(Object.entries(configs))("the cache of %s", (_, config) => {
  it("gives the logits of the whole text, padded, in steps of one and of several tokens", async () => {
    const model = await formulaModel(config);
    const cache = new KeyValueCache();
    const check = (inputs: Inputs, lengths: number[]) => {
      const logits = taken(nextLogits(model, cache, inputs));
      lengths.forEach((length, r) => {
        expect(distance(logits.subarray(r * 61, (r + 1) * 61), uncached(model, rows[r]!.slice(0, length)))).toBeLessThan(1e-5);
      });
    };
    const later = (more: number) => starts.map((start) => start + more);
    check(
      padRows(
        rows.map((row, r) => row.slice(0, starts[r])),
        { padId: 0, side: "left" },
      ),
      starts,
    );
    check(step(later(0), 1), later(1));
    check(step(later(1), 4), later(5));
    check(step(later(5), 1), later(6));
    expect(cache.time).toBe(17);
    cache.dispose();
    disposeModel(model);
  });

  it("keeps chosen rows, in any order and more than once, and cuts padding that no row needs", async () => {
    const model = await formulaModel(config);
    const cache = new KeyValueCache();
    nextLogits(
      model,
      cache,
      padRows(
        rows.map((row, r) => row.slice(0, starts[r])),
        { padId: 0, side: "left" },
      ),
    ).dispose();
    const order = [2, 0, 2];
    cache.select(order);
    expect(cache.time).toBe(5);
    const inputs = { ...inputsOf(order.map((r) => [rows[r]![starts[r]!]!])), positions: Int32Array.from(order, (r) => starts[r]!) };
    const logits = taken(nextLogits(model, cache, inputs));
    order.forEach((r, i) => {
      expect(distance(logits.subarray(i * 61, (i + 1) * 61), uncached(model, rows[r]!.slice(0, starts[r]! + 1)))).toBeLessThan(1e-5);
    });
    cache.select([0]);
    expect(cache.time).toBe(3);
    expect(() => nextLogits(model, cache, inputs)).toThrow("cache: expected 1 rows, got 3");
    cache.dispose();
    disposeModel(model);
  });
});

it("the cache frees all it holds", async () => {
  const model = await formulaModel(tinyLlama);
  expect(
    await leaked(() => {
      const cache = new KeyValueCache();
      const before = tf.memory().numTensors;
      nextLogits(
        model,
        cache,
        inputsOf([
          [1, 2],
          [3, 4],
        ]),
      ).dispose();
      expect(tf.memory().numTensors - before).toBe(2 * model.config.layers);
      cache.select([1]);
      nextLogits(model, cache, { ...inputsOf([[5]]), positions: Int32Array.of(2) }).dispose();
      expect(tf.memory().numTensors - before).toBe(2 * model.config.layers);
      expect(() => nextLogits(model, cache, { ...inputsOf([[61]]), positions: Int32Array.of(3) })).toThrow("inputs.ids");
      cache.dispose();
    }),
  ).toBe(0);
  disposeModel(model);
});
