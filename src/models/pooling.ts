import { expected } from "../core/errors.js";
import { checkInteger } from "../core/shapes.js";
import { type Tensor, type Tensor2D, type Tensor3D, tf } from "../core/tf.js";
import type { Embeddings } from "../nn/classification-head.js";
import { embed } from "../nn/embedding.js";
import { startPass } from "./forward.js";
import type { CausalLM } from "./model.js";

/**
 * How the tokens of a text become one vector, from their hidden states:
 * - `mean`: all alike;
 * - `last`: the last token's, which has seen all others;
 * - `position`: the mean with weights 1, 2, 3 …, since later tokens have seen more (Muennighoff 2022, SGPT);
 * - `attention`: weights softmax(h · q / √hidden) with q the mean state: dot-product attention without parameters of its own, which leans to the tokens that
 *   are like the text as a whole (with the last token as q, nearly all weight falls on that token). A learned query would need every token's state while
 *   the head trains, tens of times the memory of one vector a text;
 * - `mix`: the means at all layers, mixed by weights that the head learnt (softmax of one number a layer; Peters et al. 2018), which are in its card;
 * - `input-mean`: the mean of the *input* embeddings (what the published run did: no word knows of its neighbours, and neither model nor adapter is asked).
 */
export const POOLINGS = ["mean", "last", "position", "attention", "mix", "input-mean"] as const;
export type Pooling = (typeof POOLINGS)[number];

export type PoolOptions = {
  pooling: Pooling;
  /**
   * Which hidden states: 0 is what goes into the first block, 1 what leaves it, and so on, before the final norm. Default: the last, after the final
   * norm. Numbered as transformers' `hidden_states`.
   */
  layer?: number;
  /** For `mix`: the weight of each layer from 0 to the last, their sum 1. */
  mix?: readonly number[];
  /** Longest text, in tokens, BOS included; at most the model's limit. */
  maxTokens?: number;
  /** Which end of a longer text is cut off: `right` for texts, `left` for dialogues, whose end counts. */
  cut?: "left" | "right";
};

/** Pooling with its defaults; `layer` is absent where it is the last. */
export type ResolvedPooling = PoolOptions & Required<Pick<PoolOptions, "maxTokens" | "cut">>;

/** The options with defaults: 128 tokens (or the model's limit), cut on the right. @throws RangeError for what the model does not have. */
export function resolvePooling(
  { config }: CausalLM,
  { pooling, layer = config.layers, mix, maxTokens = Math.min(128, config.maxPositions), cut = "right" }: PoolOptions,
): ResolvedPooling {
  if (!POOLINGS.includes(pooling)) throw new RangeError(expected("pooling", POOLINGS.join(", "), pooling));
  if (cut !== "left" && cut !== "right") throw new RangeError(expected("cut", '"left" or "right"', cut));
  checkInteger("maxTokens", maxTokens, 2, config.maxPositions);
  checkInteger("pooling layer", layer, 0, config.layers);
  const last = layer === config.layers;
  if (!last && (pooling === "mix" || pooling === "input-mean"))
    throw new RangeError(expected("pooling layer", `none for ${pooling}`, layer));
  if (mix) checkMix(pooling, mix, config.layers + 1);
  return { pooling, ...(last ? {} : { layer }), ...(mix ? { mix: [...mix] } : {}), maxTokens, cut };
}

function checkMix(pooling: Pooling, mix: readonly number[], layers: number): void {
  const sum = mix.reduce((a, b) => a + b, 0);
  if (pooling === "mix" && mix.length === layers && mix.every((weight) => weight >= 0) && Math.abs(sum - 1) < 1e-4) return;
  throw new RangeError(
    expected("pooling mix", `${layers} weights with the sum 1, and the pooling mix`, `${mix.length} of sum ${sum}, for ${pooling}`),
  );
}

/** One vector a text that a pass computes and a cache keeps. A mix is made of several. */
export type Part = { pooling: Exclude<Pooling, "mix">; layer: number };

/** What has to be computed for a pooling. */
export function partsOf({ config }: CausalLM, { pooling, layer = config.layers }: PoolOptions): Part[] {
  if (pooling !== "mix") return [{ pooling, layer }];
  return Array.from({ length: config.layers + 1 }, (_, at) => ({ pooling: "mean", layer: at }));
}

export const partName = ({ pooling, layer }: Part): string => (pooling === "input-mean" ? pooling : `${pooling} of layer ${layer}`);

/** The parts of a pooling joined: one is itself; layers are mixed, or stand side by side where there are no weights yet. */
export function joinParts({ mix }: PoolOptions, parts: readonly Embeddings[]): Embeddings {
  const [first] = parts as [Embeddings];
  if (parts.length === 1) return first;
  const { hidden } = first;
  const count = first.values.length;
  if (mix) {
    const values = new Float32Array(count);
    parts.forEach((part, layer) => {
      for (let i = 0; i < count; i++) values[i]! += mix[layer]! * part.values[i]!;
    });
    return { values, hidden };
  }
  const wide = hidden * parts.length;
  const values = new Float32Array(count * parts.length);
  parts.forEach((part, layer) => {
    for (let row = 0; row * hidden < count; row++)
      values.set(part.values.subarray(row * hidden, (row + 1) * hidden), row * wide + layer * hidden);
  });
  return { values, hidden: wide };
}

/** Weights over the tokens of a row's texts, `[rows, texts, time]`: each text's mean, its last token, or its positions. */
export type Weightings = { mean: Tensor3D; last: Tensor3D; position: Tensor3D };

/**
 * The vectors of all parts side by side, `[rows, texts, parts × hidden]`, from one pass through the model.
 * @param tensors What `passTensors` made.
 */
export function pooledParts(model: CausalLM, parts: readonly Part[], weightings: Weightings, tensors: readonly Tensor[]): Tensor3D {
  const { layers } = model.config;
  const found: (Tensor3D | undefined)[] = parts.map(() => undefined);
  const take = (layer: number, states: Tensor3D) => {
    parts.forEach((part, i) => {
      if (part.pooling !== "input-mean" && part.layer === layer) found[i] = pooled(part.pooling, states, weightings);
    });
  };
  parts.forEach((part, i) => {
    const table = () => embed(model.weights.get(model.type.embedding) as Tensor2D, tensors[0] as Tensor2D) as Tensor3D;
    if (part.pooling === "input-mean") found[i] = tf.matMul(weightings.mean, table()) as Tensor3D;
  });
  if (parts.some(({ pooling }) => pooling !== "input-mean")) {
    const pass = startPass(model, tensors, null);
    let x: Tensor = model.type.embed(pass.outer, pass.ids, pass.positions);
    for (let layer = 0; layer < layers; layer++) {
      take(layer, x as Tensor3D);
      const previous = x;
      x = tf.tidy(() => model.type.forward(pass.block(layer), previous, pass.context));
      previous.dispose();
    }
    take(layers, model.type.finish(pass.outer, x, model.config) as Tensor3D);
  }
  return tf.concat(found as Tensor3D[], 2);
}

function pooled(pooling: Exclude<Pooling, "mix" | "input-mean">, states: Tensor3D, weightings: Weightings): Tensor3D {
  if (pooling !== "attention") return tf.matMul(weightings[pooling], states) as Tensor3D;
  const query = tf.mul(tf.matMul(weightings.mean, states), 1 / Math.sqrt(states.shape[2]));
  const elsewhere = tf.mul(tf.sub(tf.sign(weightings.mean), 1), 1e9); // 0 for a text's own tokens
  const weights = tf.softmax(tf.add(tf.matMul(query, states, false, true), elsewhere), -1);
  return tf.matMul(weights, states) as Tensor3D;
}
