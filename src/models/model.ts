import type { Tensor, Tensor2D, Tensor4D } from "../core/tf.js";
import type { WeightLayout } from "../nn/linear.js";
import type { LoraPair } from "../nn/lora.js";
import type { QuantizedWeight } from "../nn/quantized.js";
import type { RotaryOptions, RotaryTables } from "../nn/rotary.js";
import type { Tokenizer } from "../text/tokenizer.js";

/** The shape of a model, in this library's words; `raw` is the Hugging Face config it was read from. */
export type ModelConfig = {
  modelType: string;
  vocab: number;
  hidden: number;
  layers: number;
  heads: number;
  kvHeads: number;
  headDim: number;
  /** Longest sequence the model was made for, in tokens. */
  maxPositions: number;
  normEpsilon: number;
  activation: string;
  /** The output embedding is the input embedding. */
  tied: boolean;
  rotary: RotaryOptions | null;
  /** How many positions a query sees, itself included; `null` for all. */
  window: number | null;
  raw: Record<string, unknown>;
};

/** A linear module of a block: its name within the block and its size. */
export type LinearShape = { name: string; in: number; out: number; bias: boolean };

/** What a block or an embedding reads: weights by their name within it, and linear modules with their adapters. */
export type Scope = {
  weight(name: string): Tensor;
  linear(name: string, x: Tensor): Tensor;
};

/** What all blocks of one pass share. */
export type PassContext = {
  config: ModelConfig;
  rotary: RotaryTables | null;
  /** Attention of queries `[batch, heads, time, headDim]` to keys and values `[batch, kvHeads, time, headDim]`, while decoding to cached ones too. */
  attend(query: Tensor4D, key: Tensor4D, value: Tensor4D): Tensor4D;
};

/** Everything that is particular to one `model_type`. A new type is one new file in `models/types/` that exports this. */
export type ModelType = {
  /** Reads `config.json`; @throws FormatError, RangeError for settings that are not supported. */
  config(raw: Record<string, unknown>): ModelConfig;
  /** How the type's linear weights lie in memory. */
  layout: WeightLayout;
  /** Prefix of everything but the output embedding, such as `model.`; checkpoints may leave it out. */
  prefix: string;
  /** Prefix of block `i`, such as `model.layers.0.`. */
  block(i: number): string;
  /** Shapes of what is outside the blocks, by full name, without the output embedding. */
  outer(config: ModelConfig): Record<string, number[]>;
  /** Shapes of what is inside a block and is not linear, by the name within the block. */
  inner(config: ModelConfig): Record<string, number[]>;
  linears(config: ModelConfig): LinearShape[];
  /** Full name of the input embedding `[vocab, hidden]`. */
  embedding: string;
  /** `ids`, `positions`: `[batch, time]` int32; returns `[batch, time, hidden]`. */
  embed(scope: Scope, ids: Tensor2D, positions: Tensor2D): Tensor;
  /** One block: `x` `[batch, time, hidden]` to the same. */
  forward(scope: Scope, x: Tensor, context: PassContext): Tensor;
  /** The final norm. */
  finish(scope: Scope, x: Tensor, config: ModelConfig): Tensor;
};

/** Settings of a LoRA adapter, all resolved. */
export type LoraConfig = {
  rank: number;
  alpha: number;
  dropout: number;
  /** Names of linear modules, as the last part of their path or more of it; or `"all-linear"`. */
  targets: string[] | "all-linear";
  /** Scale by alpha / √rank instead of alpha / rank (rank-stabilised LoRA). */
  rankStabilised: boolean;
  seed: number;
  /** The model that the adapter belongs to, as PEFT's `base_model_name_or_path`. */
  base: string;
};

export type Adapter = {
  config: LoraConfig;
  /** By full module name, such as `model.layers.0.self_attn.q_proj`. */
  modules: Map<string, LoraPair>;
};

/** A causal language model: plain data. `type` says how to compute it, `weights` hold Hugging Face's names. */
export type CausalLM = {
  type: ModelType;
  config: ModelConfig;
  /** By Hugging Face's names. A `tf.Variable` is trained; any other tensor is frozen. */
  weights: Map<string, Tensor>;
  /** Frozen linear weights that are held in few bits, by the same names; they are not among `weights` then. */
  quantized?: ReadonlyMap<string, QuantizedWeight>;
  adapter: Adapter | null;
  tokenizer: Tokenizer | null;
  /** Where it came from: folder or Hub id, and revision. */
  source: { name: string; revision: string | null };
};

/** The output embedding, `[vocab, hidden]`. */
export function outputEmbedding(model: CausalLM): Tensor2D {
  return model.weights.get(model.config.tied ? model.type.embedding : "lm_head.weight") as Tensor2D;
}

export const loraScale = ({ alpha, rank, rankStabilised }: LoraConfig): number => alpha / (rankStabilised ? Math.sqrt(rank) : rank);
