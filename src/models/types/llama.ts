import { decoderType } from "../decoder.js";

/** Llama 1 to 3.2 and its many look-alikes, as transformers' `LlamaForCausalLM`. */
export const modelType = decoderType({
  modelType: "llama",
  qkvBias: (raw) => raw.attention_bias === true,
  outputBias: (raw) => raw.attention_bias === true,
  mlpBias: (raw) => raw.mlp_bias === true,
  headNorm: false,
  window: () => null,
});
