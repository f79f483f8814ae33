import { readFileSync } from "node:fs";
import { hash32 } from "../src/core/random.js";
import { type Tensor, tf } from "../src/core/tf.js";
import type { Inputs } from "../src/models/forward.js";
import { addLora, type LoraOptions } from "../src/models/lora.js";
import type { CausalLM } from "../src/models/model.js";
import { modelTypeOf } from "../src/models/registry.js";
import { weightShapes } from "../src/models/shapes.js";
import type { SftRow } from "../src/train/sft-rows.js";

/** Weights and token ids that Python and TypeScript both compute: the twin of test/reference/formula.py. */

/** Numbers in [-1, 1) from a linear congruential generator that starts at the hash of the name. */
export function noise(name: string, size: number): Float64Array {
  let state = hash32(name);
  return Float64Array.from({ length: size }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

/** Norm weights around 1, all else around 0. */
export function formulaValues(name: string, shape: readonly number[]): Float32Array {
  const centre = shape.length === 1 && name.endsWith(".weight") ? 1 : 0;
  const size = shape.reduce((a, b) => a * b, 1);
  return Float32Array.from(noise(name, size), (value) => 0.3 * value + centre);
}

export const formulaTensor = (name: string, shape: number[]): Tensor => tf.tensor(formulaValues(name, shape), shape);

export const formulaIds = (name: string, size: number, vocab: number): number[] =>
  Array.from(noise(name, size), (value) => Math.trunc(((value + 1) / 2) * vocab));

/** The model of a config.json with the formula's weights. */
export async function formulaModel(raw: Record<string, unknown>): Promise<CausalLM> {
  const type = await modelTypeOf(raw.model_type);
  const config = type.config(raw);
  const weights = new Map([...weightShapes(type, config)].map(([name, shape]) => [name, formulaTensor(name, shape)] as const));
  return { type, config, weights, adapter: null, tokenizer: null, source: { name: `tiny-${config.modelType}`, revision: null } };
}

/** An adapter whose B is not zero. */
export function formulaLora(model: CausalLM, options: LoraOptions): CausalLM {
  const adapted = addLora(model, options);
  for (const [name, { a, b }] of adapted.adapter!.modules) {
    for (const [key, matrix] of [
      ["lora_A", a],
      ["lora_B", b],
    ] as const) {
      tf.tidy(() => (matrix as unknown as { assign(value: Tensor): void }).assign(formulaTensor(`${name}.${key}`, matrix.shape)));
    }
  }
  return adapted;
}

/** Small configs of two families, for what does not need all of them. */
export const tinyGpt2 = { model_type: "gpt2", vocab_size: 61, n_embd: 32, n_head: 4, n_layer: 2, n_positions: 32 };
export const tinyLlama = {
  model_type: "llama",
  vocab_size: 61,
  hidden_size: 32,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  num_hidden_layers: 2,
  intermediate_size: 48,
  max_position_embeddings: 64,
  rms_norm_eps: 1e-5,
};

/** Rows with marks, padded on the right to one length. */
export function formulaRows(
  ids: readonly number[][],
  targets: readonly number[][],
  time = Math.max(...ids.map((row) => row.length)),
): SftRow[] {
  return ids.map((row, r) => ({
    ids: padded(row, time),
    targets: padded(targets[r]!, time),
    segments: padded(
      row.map(() => 1),
      time,
    ),
    positions: padded(
      row.map((_, i) => i),
      time,
    ),
  }));
}

const padded = (values: number[], time: number): number[] => [...values, ...new Array<number>(time - values.length).fill(0)];

/** The numbers of a tensor, which is freed. */
export function taken(tensor: Tensor): Float32Array {
  const values = tensor.dataSync() as Float32Array;
  tensor.dispose();
  return values;
}

/** Largest distance between two lists of equal length; NaN where one holds NaN. */
export function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) throw new RangeError(`distance: expected lists of one length, got ${a.length} and ${b.length}`);
  let most = 0;
  for (let i = 0; i < a.length; i++) {
    const gap = Math.abs(a[i]! - b[i]!);
    if (!(gap <= most)) most = gap;
    if (Number.isNaN(gap)) return gap;
  }
  return most;
}

/** Row `b` at `t` of logits `[batch, time, vocab]` given flat. */
export const at = (values: Float32Array, { time }: Pick<Inputs, "time">, vocab: number, b: number, t: number): Float32Array =>
  values.subarray((b * time + t) * vocab, (b * time + t + 1) * vocab);

/** What test/reference/training.json and its like store of a tensor: its length as a vector and eight of its entries, evenly spread. */
export type Summary = { norm: number; entries: number[] };

/** The larger of: distance of the entries, and of the norms in proportion. */
export function summaryDistance(values: ArrayLike<number>, { norm, entries }: Summary, factor = 1): number {
  let squares = 0;
  for (let i = 0; i < values.length; i++) squares += (values[i]! * factor) ** 2;
  const picked = entries.map((_, i) => values[Math.floor((i * (values.length - 1)) / 7)]! * factor);
  return Math.max(distance(picked, entries), Math.abs(Math.sqrt(squares) - norm) / Math.max(1, norm));
}

/** A file of test/reference. */
export function reference<T>(file: string): T {
  return JSON.parse(readFileSync(new URL(`./reference/${file}`, import.meta.url), "utf8")) as T;
}

/** How many tensors `work` leaves behind. */
export async function leaked(work: () => unknown): Promise<number> {
  const before = tf.memory().numTensors;
  await work();
  return tf.memory().numTensors - before;
}
