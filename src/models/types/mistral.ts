import { decoderType } from "../decoder.js";

/** Mistral 7B and kin, as transformers' `MistralForCausalLM`; early versions see a sliding window. */
export const modelType = decoderType({
  modelType: "mistral",
  qkvBias: () => false,
  outputBias: () => false,
  mlpBias: () => false,
  headNorm: false,
  // Where a config is silent, transformers means 4096; null is none.
  window: ({ sliding_window: window = 4096 }) => (typeof window === "number" ? window : null),
});
