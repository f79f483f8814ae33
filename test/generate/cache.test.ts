import { describe, expect, it } from "vitest";
import { type Tensor2D, tf } from "../../src/core/tf.js";
import { RECENT } from "../../src/generate/cache.js";
import { chooserFor } from "../../src/generate/choose.js";
import type { Decoding, Start } from "../../src/generate/decoding.js";
import { startPortable } from "../../src/generate/portable.js";
import { startInSlots } from "../../src/generate/slots.js";
import { disposeModel } from "../../src/models/create.js";
import { inputsOf, logitsOf } from "../../src/models/forward.js";
import type { CausalLM } from "../../src/models/model.js";
import { hasOwnOperations } from "../../src/nn/fused.js";
import { at, distance, formulaIds, formulaLora, formulaModel, leaked, taken, tinyGpt2, tinyLlama } from "../formula.js";

const configs = {
  gpt2: { ...tinyGpt2, n_positions: 128 },
  llama: { ...tinyLlama, max_position_embeddings: 128 },
  "mistral with a window of 4": { ...tinyLlama, max_position_embeddings: 128, model_type: "mistral", sliding_window: 4 },
  "qwen3 with llama3 scaling and heads of 12": {
    ...tinyLlama,
    max_position_embeddings: 128,
    model_type: "qwen3",
    head_dim: 12,
    rope_theta: 100,
    rope_scaling: { rope_type: "llama3", factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 16 },
  },
};
const ways = { "in plain operations": startPortable, "in slots": startInSlots };
const cases = Object.entries(configs).flatMap(([name, config]) =>
  Object.entries(ways)
    .filter(([, start]) => start === startPortable || hasOwnOperations())
    .map(([way, start]) => ({ name, way, config, start })),
);

/** A penalty wants all logits. */
const allLogits = chooserFor({ temperature: 0, topK: null, topP: 1, repetitionPenalty: 2 }, false);
const VOCAB = 61;
const ROOM = 60;

function started(start: typeof startInSlots, model: CausalLM, prompts: number[][], places = [...prompts.keys()]) {
  const { decoding, results } = start(model, { prompts, places, room: ROOM, chooser: allLogits } satisfies Start);
  return { decoding, logits: results.logits as Tensor2D };
}

const step = (decoding: Decoding, ids: number[]) => decoding.next(ids).logits as Tensor2D;

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

describe.each(cases)("decoding $way, $name", ({ config, start }) => {
  it("gives the logits of the whole text, in rows of different lengths, across several capacities", async () => {
    const model = await formulaModel(config);
    const starts = [5, 26, 2];
    const texts = starts.map((length, i) => formulaIds(`cached ${i}`, length + 3 * RECENT, VOCAB));
    const { decoding, logits } = started(
      start,
      model,
      texts.map((text, r) => text.slice(0, starts[r])),
    );
    expect(furthest(model, logits, texts, starts)).toBeLessThan(1e-5);
    for (let more = 0; more < 3 * RECENT; more++) {
      const next = step(
        decoding,
        texts.map((text, r) => text[starts[r]! + more]!),
      );
      const lengths = starts.map((length) => length + more + 1);
      // The steps next to where recent columns join the others, and some between.
      if ([0, 1].includes(more % RECENT) || more % 7 === 0) expect(furthest(model, next, texts, lengths), `${more}`).toBeLessThan(1e-5);
      else next.dispose();
    }
    decoding.dispose();
    disposeModel(model);
  });

  it("reads once what prompts begin with alike, and keeps chosen rows, in any order", async () => {
    const model = await formulaModel(config);
    const begin = formulaIds("system", 20, VOCAB);
    const prompts = [9, 3, 6].map((length, i) => [...begin, ...formulaIds(`own ${i}`, length, VOCAB)]);
    // Two rows of the last prompt, which part with their first token.
    const places = [2, 0, 1, 2];
    const texts = places.map((place, row) => [...prompts[place]!, ...formulaIds(`after ${row}`, 3, VOCAB)]);
    const { decoding, logits } = started(start, model, prompts, places);
    const lengths = places.map((place) => prompts[place]!.length);
    expect(furthest(model, logits, texts, lengths)).toBeLessThan(1e-5);
    let rows = [0, 1, 2, 3];
    for (const [more, kept] of [
      [0, 1, 2, 3],
      [3, 0, 2],
      [2, 1],
    ].entries()) {
      decoding.select(kept);
      rows = kept.map((i) => rows[i]!);
      const next = step(
        decoding,
        rows.map((row) => texts[row]![lengths[row]! + more]!),
      );
      const now = rows.map((row) => texts[row]!);
      expect(
        furthest(
          model,
          next,
          now,
          rows.map((row) => lengths[row]! + more + 1),
        ),
      ).toBeLessThan(1e-5);
    }
    expect(() => decoding.next([1])).toThrow("expected 2");
    decoding.dispose();
    disposeModel(model);
  });

  it("takes an adapter along", async () => {
    const base = await formulaModel(config);
    const model = formulaLora(base, { rank: 3, alpha: 4 });
    const text = formulaIds("adapted", 9, VOCAB);
    const { decoding, logits } = started(start, model, [text.slice(0, 7)]);
    expect(furthest(model, logits, [text], [7])).toBeLessThan(1e-5);
    expect(furthest(model, step(decoding, [text[7]!]), [text], [8])).toBeLessThan(1e-5);
    decoding.dispose();
    disposeModel(model);
  });
});

it.each(Object.entries(ways).filter(([, start]) => start === startPortable || hasOwnOperations()))(
  "a cache %s is at most two tensors, and frees them",
  async (_, start) => {
    const model = await formulaModel({ ...tinyLlama, max_position_embeddings: 128 });
    const lost = await leaked(() => {
      const before = tf.memory().numTensors;
      const { decoding, logits } = started(start, model, [[1, 2, 3], [4]]);
      logits.dispose();
      const held = tf.memory().numTensors - before;
      expect(held).toBeLessThanOrEqual(2);
      for (let i = 0; i <= RECENT; i++) {
        step(decoding, [i, i]).dispose();
        expect(tf.memory().numTensors - before).toBe(held);
      }
      decoding.select([1]);
      expect(tf.memory().numTensors - before).toBe(held);
      decoding.dispose();
    });
    expect(lost).toBe(0);
    disposeModel(model);
  },
);
