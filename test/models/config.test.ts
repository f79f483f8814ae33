import { describe, expect, it } from "vitest";
import { configReader } from "../../src/models/config.js";
import { createModel, disposeModel } from "../../src/models/create.js";
import { modelTypeOf, modelTypes } from "../../src/models/registry.js";
import { slidingWindow } from "../../src/models/window.js";
import { distance, leaked, tinyGpt2, tinyLlama } from "../formula.js";

describe("config.json", () => {
  const refused = async (raw: Record<string, unknown>, message: string) => {
    const lost = await leaked(() => expect(createModel(raw, { seed: 0 })).rejects.toThrow(message));
    expect(lost).toBe(0);
  };

  it("is refused where its type is not known", async () => {
    expect(modelTypes()).toEqual(["gpt2", "llama", "mistral", "qwen2", "qwen3"]);
    await refused({ model_type: "bert" }, 'config.json "model_type": expected one of gpt2, llama, mistral, qwen2, qwen3, got "bert"');
    await refused({}, "got undefined");
  });

  it.each<[Record<string, unknown>, string]>([
    [{ ...tinyGpt2, n_embd: undefined }, 'config.json "n_embd": expected a number, got undefined'],
    [{ ...tinyGpt2, n_head: 5 }, "config.json: expected n_embd (32) to be a multiple of n_head (5)"],
    [{ ...tinyGpt2, activation_function: 7 }, 'config.json "activation_function": expected a string, got 7'],
    [{ ...tinyGpt2, scale_attn_by_inverse_layer_idx: true }, "config.json: expected GPT-2's usual attention scaling"],
    [{ ...tinyLlama, hidden_size: "32" }, 'config.json "hidden_size": expected a number, got "32"'],
    [{ ...tinyLlama, num_hidden_layers: 1.5 }, 'config.json "num_hidden_layers": expected a whole number, at least 1, got 1.5'],
    [{ ...tinyLlama, vocab_size: 0 }, 'config.json "vocab_size": expected a whole number, at least 1, got 0'],
    [{ ...tinyLlama, num_key_value_heads: 3 }, "config.json: expected num_attention_heads (4) to be a multiple of num_key_value_heads (3)"],
    [{ ...tinyLlama, head_dim: 7 }, "config.json: expected an even head size for rotary positions, got 7"],
    [{ ...tinyLlama, tie_word_embeddings: "yes" }, 'config.json "tie_word_embeddings": expected a boolean, got "yes"'],
    [{ ...tinyLlama, rope_scaling: { rope_type: "yarn", factor: 4 } }, "This kind of long-context scaling is not supported"],
    [{ ...tinyLlama, intermediate_size: null }, 'config.json "intermediate_size": expected a number, got null'],
  ])("is refused with the field's name (%#)", async (raw, message) => refused(raw, message));

  it("uses the fallback for what is absent or null", () => {
    const { integer, number, text, flag } = configReader({ a: null });
    expect([integer("a", 3), number("b", 0.5), text("c", "x"), flag("d", true)]).toEqual([3, 0.5, "x", true]);
  });
});

describe("sliding windows", () => {
  const qwen = { use_sliding_window: true, sliding_window: 8, num_hidden_layers: 4 };
  it("are those of transformers' Qwen configs", () => {
    expect(slidingWindow({ ...qwen, max_window_layers: 0 })).toBe(8);
    expect(slidingWindow({ ...qwen, use_sliding_window: false, max_window_layers: 0 })).toBeNull();
    expect(slidingWindow({ ...qwen, max_window_layers: 4 })).toBeNull();
    expect(slidingWindow(qwen)).toBeNull(); // transformers starts at layer 28 where a config does not say
    expect(slidingWindow({ ...qwen, layer_types: new Array(4).fill("full_attention") })).toBeNull();
    expect(slidingWindow({ ...qwen, layer_types: new Array(4).fill("sliding_attention") })).toBe(8);
  });

  it("are refused in some layers only", () => {
    expect(() => slidingWindow({ ...qwen, max_window_layers: 3 })).toThrow(
      "config.json: expected a sliding window in all layers or none, got one in 1 of 4",
    );
  });

  it("are 4096 in a Mistral config that is silent, and none where it says null", async () => {
    const { config } = await modelTypeOf("mistral");
    expect(config({ ...tinyLlama, model_type: "mistral" }).window).toBe(4096);
    expect(config({ ...tinyLlama, model_type: "mistral", sliding_window: null }).window).toBeNull();
  });
});

describe("createModel", () => {
  it("is seeded, and draws with GPT-2's deviations", async () => {
    const [a, b, c] = [
      await createModel(tinyGpt2, { seed: 1 }),
      await createModel(tinyGpt2, { seed: 1 }),
      await createModel(tinyGpt2, { seed: 2 }),
    ];
    const values = (model: typeof a, name: string) => model.weights.get(name)!.dataSync() as Float32Array;
    const deviation = (name: string) => Math.sqrt(values(a, name).reduce((sum, value) => sum + value * value, 0) / values(a, name).length);
    expect(distance(values(a, "transformer.wte.weight"), values(b, "transformer.wte.weight"))).toBe(0);
    expect(distance(values(a, "transformer.wte.weight"), values(c, "transformer.wte.weight"))).toBeGreaterThan(0.01);
    expect(deviation("transformer.h.0.mlp.c_fc.weight")).toBeCloseTo(0.02, 3);
    expect(deviation("transformer.h.0.mlp.c_proj.weight")).toBeCloseTo(0.01, 3);
    expect(values(a, "transformer.ln_f.weight").every((value) => value === 1)).toBe(true);
    expect(values(a, "transformer.h.1.attn.c_attn.bias").every((value) => value === 0)).toBe(true);
    for (const model of [a, b, c]) disposeModel(model);
  });
});
