import { type Tensor, type Tensor1D, type Tensor2D, type Tensor4D, tf } from "../core/tf.js";
import { gated } from "../nn/activation.js";
import { joinHeads, splitHeads } from "../nn/attention.js";
import { embed } from "../nn/embedding.js";
import { rmsNorm } from "../nn/norm.js";
import { rotaryOptions, rotate } from "../nn/rotary.js";
import { configReader } from "./config.js";
import type { LinearShape, ModelConfig, ModelType, PassContext, Scope } from "./model.js";

/** In what the members of the Llama family differ from each other. */
export type DecoderTraits = {
  modelType: string;
  /** Query, key and value have a bias. */
  qkvBias(raw: Record<string, unknown>): boolean;
  outputBias(raw: Record<string, unknown>): boolean;
  mlpBias(raw: Record<string, unknown>): boolean;
  /** Queries and keys are normalised head by head. */
  headNorm: boolean;
  /** How many positions a query sees, itself included; `null` for all. */
  window(raw: Record<string, unknown>): number | null;
};

/** A decoder with rotary positions, RMS norms and a gated MLP (Touvron et al. 2023), as transformers computes it. */
export function decoderType(traits: DecoderTraits): ModelType {
  return {
    config: (raw) => decoderConfig(raw, traits),
    layout: "out-in",
    prefix: "model.",
    block: (i) => `model.layers.${i}.`,
    embedding: "model.embed_tokens.weight",
    outer: ({ vocab, hidden }) => ({ "model.embed_tokens.weight": [vocab, hidden], "model.norm.weight": [hidden] }),
    inner: ({ hidden, headDim }) => ({
      "input_layernorm.weight": [hidden],
      "post_attention_layernorm.weight": [hidden],
      ...(traits.headNorm ? { "self_attn.q_norm.weight": [headDim], "self_attn.k_norm.weight": [headDim] } : {}),
    }),
    linears: (config) => linears(config, traits),
    embed: (scope, ids) => embed(scope.weight("embed_tokens.weight") as Tensor2D, ids),
    forward(scope, x, context) {
      const after = tf.add(x, selfAttention(scope, norm(scope, "input_layernorm", x, context.config), context, traits.headNorm));
      return tf.add(after, gatedMlp(scope, norm(scope, "post_attention_layernorm", after, context.config), context.config));
    },
    finish: (scope, x, config) => norm(scope, "norm", x, config),
  };
}

const norm = <T extends Tensor>(scope: Scope, name: string, x: T, config: ModelConfig): T =>
  rmsNorm(x, scope.weight(`${name}.weight`) as Tensor1D, config.normEpsilon);

function selfAttention(scope: Scope, x: Tensor, { config, rotary, attend }: PassContext, headNorm: boolean): Tensor {
  const heads = (name: string, count: number): Tensor4D => splitHeads(scope.linear(`self_attn.${name}_proj`, x), count);
  const turned = (name: string, count: number): Tensor4D => {
    const split = heads(name, count);
    return rotate(headNorm ? norm(scope, `self_attn.${name}_norm`, split, config) : split, rotary!);
  };
  const query = turned("q", config.heads);
  const [key, value] = [turned("k", config.kvHeads), heads("v", config.kvHeads)];
  return scope.linear("self_attn.o_proj", joinHeads(attend(query, key, value)));
}

function gatedMlp(scope: Scope, x: Tensor, config: ModelConfig): Tensor {
  const opened = gated(config.activation)(scope.linear("mlp.gate_proj", x), scope.linear("mlp.up_proj", x));
  return scope.linear("mlp.down_proj", opened);
}

function decoderConfig(raw: Record<string, unknown>, traits: DecoderTraits): ModelConfig {
  const { integer, number, text, flag } = configReader(raw);
  const [hidden, heads] = [integer("hidden_size"), integer("num_attention_heads")];
  const headDim = integer("head_dim", Math.floor(hidden / heads));
  const kvHeads = integer("num_key_value_heads", heads);
  if (heads % kvHeads !== 0)
    throw new RangeError(`config.json: expected num_attention_heads (${heads}) to be a multiple of num_key_value_heads (${kvHeads})`);
  return {
    modelType: traits.modelType,
    vocab: integer("vocab_size"),
    hidden,
    layers: integer("num_hidden_layers"),
    heads,
    kvHeads,
    headDim,
    maxPositions: integer("max_position_embeddings", 2048),
    normEpsilon: number("rms_norm_eps", 1e-6),
    activation: text("hidden_act", "silu"),
    tied: flag("tie_word_embeddings", false),
    rotary: rotaryOptions(raw, headDim),
    window: traits.window(raw),
    raw,
  };
}

function linears({ hidden, heads, kvHeads, headDim, raw }: ModelConfig, traits: DecoderTraits): LinearShape[] {
  const { integer } = configReader(raw);
  const wide = integer("intermediate_size");
  const [qkv, out, mlp] = [traits.qkvBias(raw), traits.outputBias(raw), traits.mlpBias(raw)];
  return [
    { name: "self_attn.q_proj", in: hidden, out: heads * headDim, bias: qkv },
    { name: "self_attn.k_proj", in: hidden, out: kvHeads * headDim, bias: qkv },
    { name: "self_attn.v_proj", in: hidden, out: kvHeads * headDim, bias: qkv },
    { name: "self_attn.o_proj", in: heads * headDim, out: hidden, bias: out },
    { name: "mlp.gate_proj", in: hidden, out: wide, bias: mlp },
    { name: "mlp.up_proj", in: hidden, out: wide, bias: mlp },
    { name: "mlp.down_proj", in: wide, out: hidden, bias: mlp },
  ];
}
