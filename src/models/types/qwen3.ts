import { decoderType } from "../decoder.js";
import { slidingWindow } from "../window.js";

/** Qwen3, as transformers' `Qwen3ForCausalLM`: queries and keys are normalised head by head. */
export const modelType = decoderType({
  modelType: "qwen3",
  qkvBias: (raw) => raw.attention_bias === true,
  outputBias: (raw) => raw.attention_bias === true,
  mlpBias: () => false,
  headNorm: true,
  window: slidingWindow,
});
