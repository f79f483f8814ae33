import { type Tensor, type Tensor1D, type Tensor2D, type Tensor4D, tf } from "../../core/tf.js";
import { activation } from "../../nn/activation.js";
import { joinHeads, splitProjections } from "../../nn/attention.js";
import { embed } from "../../nn/embedding.js";
import { layerNorm } from "../../nn/norm.js";
import { configReader } from "../config.js";
import type { ModelConfig, ModelType, Scope } from "../model.js";

const norm = (scope: Scope, name: string, x: Tensor, config: ModelConfig): Tensor =>
  layerNorm(x, scope.weight(`${name}.weight`) as Tensor1D, scope.weight(`${name}.bias`) as Tensor1D, config.normEpsilon);

/** GPT-2 (Radford et al. 2019), as transformers' `GPT2LMHeadModel`. */
export const modelType: ModelType = {
  config(raw) {
    const { integer, number, text, flag } = configReader(raw);
    const [hidden, heads] = [integer("n_embd"), integer("n_head")];
    if (hidden % heads !== 0) throw new RangeError(`config.json: expected n_embd (${hidden}) to be a multiple of n_head (${heads})`);
    if (flag("scale_attn_by_inverse_layer_idx", false) || !flag("scale_attn_weights", true)) {
      throw new RangeError(
        "config.json: expected GPT-2's usual attention scaling, got scale_attn_by_inverse_layer_idx or no scale_attn_weights",
      );
    }
    return {
      modelType: "gpt2",
      vocab: integer("vocab_size"),
      hidden,
      layers: integer("n_layer"),
      heads,
      kvHeads: heads,
      headDim: hidden / heads,
      maxPositions: integer("n_positions"),
      normEpsilon: number("layer_norm_epsilon", 1e-5),
      activation: text("activation_function", "gelu_new"),
      tied: flag("tie_word_embeddings", true),
      rotary: null,
      window: null,
      raw,
    };
  },
  layout: "in-out",
  prefix: "transformer.",
  block: (i) => `transformer.h.${i}.`,
  embedding: "transformer.wte.weight",
  outer: ({ vocab, hidden, maxPositions }) => ({
    "transformer.wte.weight": [vocab, hidden],
    "transformer.wpe.weight": [maxPositions, hidden],
    "transformer.ln_f.weight": [hidden],
    "transformer.ln_f.bias": [hidden],
  }),
  inner: ({ hidden }) => ({ "ln_1.weight": [hidden], "ln_1.bias": [hidden], "ln_2.weight": [hidden], "ln_2.bias": [hidden] }),
  linears({ hidden, raw }) {
    const wide = Number(raw.n_inner ?? 4 * hidden);
    return [
      { name: "attn.c_attn", in: hidden, out: 3 * hidden, bias: true },
      { name: "attn.c_proj", in: hidden, out: hidden, bias: true },
      { name: "mlp.c_fc", in: hidden, out: wide, bias: true },
      { name: "mlp.c_proj", in: wide, out: hidden, bias: true },
    ];
  },
  embed: (scope, ids, positions) =>
    tf.add(embed(scope.weight("wte.weight") as Tensor2D, ids), embed(scope.weight("wpe.weight") as Tensor2D, positions)),
  forward(scope, x, { config, attend }) {
    const projected = scope.linear("attn.c_attn", norm(scope, "ln_1", x, config));
    const [query, key, value] = splitProjections(projected, 3, config.heads) as [Tensor4D, Tensor4D, Tensor4D];
    const after = tf.add(x, scope.linear("attn.c_proj", joinHeads(attend(query, key, value))));
    const wide = activation(config.activation)(scope.linear("mlp.c_fc", norm(scope, "ln_2", after, config)));
    return tf.add(after, scope.linear("mlp.c_proj", wide));
  },
  finish: (scope, x, config) => norm(scope, "ln_f", x, config),
};
