import { decoderType } from "../decoder.js";
import { slidingWindow } from "../window.js";

/** Qwen2 and Qwen2.5, as transformers' `Qwen2ForCausalLM`: query, key and value have a bias. */
export const modelType = decoderType({
  modelType: "qwen2",
  qkvBias: () => true,
  outputBias: () => false,
  mlpBias: () => false,
  headNorm: false,
  window: slidingWindow,
});
