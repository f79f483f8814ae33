/** The cases in the order of the goals' table: what is measured, with which settings, and what is to be reached. */

const GPT2 = { model_type: "gpt2", vocab_size: 50257, n_embd: 768, n_head: 12, n_layer: 12, n_positions: 1024 };
/** For what takes too long with 124M on two cores: 45M parameters, the same tokenizer. */
const GPT2_SMALL = { ...GPT2, n_embd: 512, n_head: 8, n_layer: 6 };
const GPT2_TINY = { ...GPT2, n_embd: 32, n_head: 4, n_layer: 2 };
const LLAMA_135M = {
  model_type: "llama",
  vocab_size: 49152,
  hidden_size: 576,
  intermediate_size: 1536,
  num_hidden_layers: 30,
  num_attention_heads: 9,
  num_key_value_heads: 3,
  max_position_embeddings: 2048,
  rms_norm_eps: 1e-5,
  rope_theta: 10000,
  tie_word_embeddings: true,
};
const LLAMA_TINY = {
  ...LLAMA_135M,
  vocab_size: 128,
  hidden_size: 48,
  intermediate_size: 64,
  num_hidden_layers: 3,
  num_attention_heads: 6,
  num_key_value_heads: 2,
};

/** Adapters as everybody here trains them. */
const LORA = { rank: 16, alpha: 32, learningRate: 1e-3 };
/** `steps`: of the first round, whose losses are compared over all of them, and of the later ones; the first `warmUp` are not timed. */
const STEP = { ...LORA, precision: "f32", recompute: false, steps: [20, 7], warmUp: 2 };

const peer = (script, settings = {}, name = "peer") => ({ name, script: `peers/${script}.py`, settings });
const ours = (script, settings = {}, name = "ours") => ({ name, script: `sides/${script}.mjs`, settings });
/** A side that runs in the first round only. */
const once = (side) => ({ ...side, once: true });

const stepCase = (about, model, settings, goals, sides) => ({
  about,
  model,
  unit: "tokens/s",
  settings: { ...STEP, ...settings },
  tolerance: { losses: settings.precision === "bf16" ? 2e-2 : 1e-3 },
  goals,
  sides,
});
const F32_SIDES = [peer("step"), ours("step"), once(ours("step", { recompute: true }, "ours, recompute"))];
/** The last one shows whether `precision` has any effect. */
const BF16_SIDES = [peer("step"), ours("step"), once(ours("step", { precision: "f32", steps: [1, 1], warmUp: 0 }, "ours, f32"))];
const ONE_EACH = [peer("step"), ours("step")];

/** What TRL does unless told: batches of 8, padded, with gradient checkpointing. Its precision is the faster of bf16 (its default) and f32. */
const TRL_DEFAULTS = { batch: 8, checkpointing: true, packing: false, precision: "best" };
/** Rows of 1,024 tokens, one at a time: TRL joins the rows of a packed batch to one sequence, whose attention grows with the square. */
const TRL_PACKING = { batch: 1, checkpointing: false, packing: true, precision: "best" };

const sftCase = (about, model, data, goals) => ({
  about,
  model,
  data: { kind: "mix", length: 1024, ...data },
  unit: "supervised tokens/s",
  settings: { ...LORA, length: 1024, batch: 1, checkSteps: 10 },
  tolerance: { losses: 1e-3 },
  goals,
  sides: [peer("sft", TRL_DEFAULTS), peer("sft", TRL_PACKING, "peer, packing"), ours("sft")],
});
const dpoCase = (about, model, data, goals, settings = {}) => ({
  about,
  model,
  data: { kind: "pairs", length: 1024, ...data },
  unit: "pairs/s",
  settings: { ...LORA, learningRate: 1e-4, length: 1024, batch: 8, checkSteps: 6, ...settings },
  tolerance: { losses: 1e-3 },
  goals,
  sides: [
    peer("dpo", { checkpointing: true, precompute: false, precision: "best" }),
    peer("dpo", { checkpointing: false, precompute: true, precision: "best" }, "peer, precomputed reference"),
    ours("dpo"),
  ],
});
const decodeCase = (about, model, settings, goals) => ({
  about,
  model,
  unit: "tokens/s",
  settings: { repeats: 2, ...settings },
  tolerance: {},
  goals,
  sides: [peer("decode"), ours("decode")],
});
const embedCase = (about, model, data, goals) => ({
  about,
  model,
  data: { kind: "texts", ...data },
  unit: "texts/s",
  settings: { maxTokens: 128, warmUp: 64 },
  tolerance: { vectors: 1e-4 },
  goals,
  sides: [peer("embed"), ours("embed")],
});
const startCase = (about, model, data, goals) => ({
  about,
  model,
  data: { kind: "mix", length: 1024, ...data },
  unit: "s",
  settings: { ...LORA, length: 1024, batch: 1 },
  tolerance: { losses: 0.05 }, // first batches differ
  goals,
  sides: [peer("start", { checkpointing: false, packing: true, precision: "best" }), ours("start")],
});

/** `goals`: by peer, the ratio to reach and the share of its memory not to exceed; `fractionOfMatmul` of ours. In seconds, less is better. */
export const CASES = {
  "step-gpt2-f32": stepCase(
    "LoRA step GPT-2 124M, 4 x 256, f32",
    GPT2,
    { batch: 4, time: 256 },
    { peer: { ratio: 2.2, memoryRatio: 0.45 }, fractionOfMatmul: 0.75 },
    F32_SIDES,
  ),
  "step-gpt2-bf16": stepCase(
    "the same in bf16 (peer: autocast, or f32 where that is faster)",
    GPT2,
    { batch: 4, time: 256, precision: "bf16" },
    { peer: { ratio: 2, memoryRatio: 0.6 }, fractionOfMatmul: 0.6 },
    BF16_SIDES,
  ),
  "step-llama135m": stepCase(
    "135M Llama shape, 4 x 512, recompute on both sides",
    LLAMA_135M,
    { batch: 4, time: 512, recompute: true },
    { peer: { ratio: 2, memoryRatio: 0.5 }, fractionOfMatmul: 0.75 },
    ONE_EACH,
  ),
  "sft-mix": sftCase(
    "SFT on the ED + ESConv mix (T = 2), GPT-2 shape of 45M",
    GPT2_SMALL,
    { total: 64 },
    { peer: { ratio: 4 }, "peer, packing": { ratio: 2 } },
  ),
  dpo: dpoCase(
    "DPO on ESConv pairs, GPT-2 shape of 45M",
    GPT2_SMALL,
    { total: 48 },
    { peer: { ratio: 3 }, "peer, precomputed reference": { ratio: 2 } },
  ),
  "decode-1": decodeCase(
    "greedy decode GPT-2 124M f32, batch 1",
    GPT2,
    { prompts: 1, promptTokens: 64, newTokens: 128 },
    { peer: { ratio: 2 } },
  ),
  "decode-16": decodeCase(
    "greedy decode GPT-2 124M f32, batch 16",
    GPT2,
    { prompts: 16, promptTokens: 64, newTokens: 64 },
    { peer: { ratio: 2 } },
  ),
  embed: embedCase("pooled embeddings of GoEmotions texts, GPT-2 124M", GPT2, { total: 1000 }, { peer: { ratio: 3 } }),
  start: startCase("start: load 124M, tokenise a mix of 4,000, first step", GPT2, { total: 4000 }, { peer: { ratio: 0.5 } }),
};

const TINY_MODEL = { ...GPT2_TINY, vocab_size: 61, n_positions: 32 };
/** Each kind at a size that tries the bench itself; their figures mean nothing. */
export const TINY_CASES = {
  "step-tiny-f32": stepCase("LoRA step, tiny, f32", TINY_MODEL, { batch: 2, time: 32 }, {}, F32_SIDES),
  "step-tiny-bf16": stepCase("LoRA step, tiny, bf16", TINY_MODEL, { batch: 2, time: 32, precision: "bf16" }, {}, BF16_SIDES),
  "step-tiny-llama": stepCase("LoRA step, tiny Llama shape, recompute", LLAMA_TINY, { batch: 2, time: 64, recompute: true }, {}, ONE_EACH),
  "sft-tiny": sftCase("SFT on the mix, tiny", GPT2_TINY, { total: 24 }, {}),
  "dpo-tiny": dpoCase("DPO, tiny", GPT2_TINY, { total: 6 }, {}, { batch: 2, checkSteps: 3 }),
  "decode-tiny": decodeCase("greedy decode, tiny", TINY_MODEL, { prompts: 3, promptTokens: 12, newTokens: 16 }, {}),
  "embed-tiny": embedCase("pooled embeddings, tiny", GPT2_TINY, { total: 100 }, {}),
  "start-tiny": startCase("start, tiny", GPT2_TINY, { total: 40 }, {}),
};
