import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { tf } from "../../src/core/tf.js";
import { type Dtype, fromFloat32, type TensorToWrite, writeSafetensors } from "../../src/files/safetensors.js";
import { toFloat32 } from "../../src/files/tensor-data.js";
import { disposeModel } from "../../src/models/create.js";
import { hiddenStates, inputsOf, logitsOf } from "../../src/models/forward.js";
import { loadModel } from "../../src/models/load.js";
import { modelTypeOf } from "../../src/models/registry.js";
import { weightShapes } from "../../src/models/shapes.js";
import { distance, formulaModel, formulaValues, taken, tinyGpt2, tinyLlama } from "../formula.js";
import { shared } from "../shared.js";
import { temporaryFolder } from "../temporary-folder.js";

type Config = Record<string, unknown>;
const inputs = inputsOf([[1, 5, 9, 2]]);

/** The formula's weights as they are stored. */
async function storedWeights(
  config: Config,
  dtype: "F32" | "F16" | "BF16" = "F32",
): Promise<Map<string, TensorToWrite & { data: Uint8Array }>> {
  const type = await modelTypeOf(config.model_type);
  return new Map(
    [...weightShapes(type, type.config(config))].map(
      ([name, shape]) => [name, fromFloat32(formulaValues(name, shape), shape, dtype)] as const,
    ),
  );
}

async function modelFolder(config: Config, weights: ReadonlyMap<string, TensorToWrite>): Promise<string> {
  const folder = temporaryFolder();
  writeFileSync(join(folder, "config.json"), JSON.stringify(config));
  await writeSafetensors(join(folder, "model.safetensors"), weights);
  return folder;
}

async function logitsIn(folder: string): Promise<Float32Array> {
  const model = await loadModel(folder);
  const logits = taken(logitsOf(model, inputs));
  disposeModel(model);
  return logits;
}

async function expectedLogits(config: Config): Promise<Float32Array> {
  const model = await formulaModel(config);
  const logits = taken(logitsOf(model, inputs));
  disposeModel(model);
  return logits;
}

describe("a model folder", () => {
  it.each([tinyGpt2, tinyLlama])("gives the logits of its weights ($model_type)", async (config) => {
    const before = tf.memory().numTensors;
    expect(distance(await logitsIn(await modelFolder(config, await storedWeights(config))), await expectedLogits(config))).toBe(0);
    expect(tf.memory().numTensors).toBe(before);
  });

  it.each<[Extract<Dtype, "F16" | "BF16">, number]>([
    ["F16", 0.02],
    ["BF16", 0.15],
  ])("may hold its weights as %s", async (dtype, tolerance) => {
    const weights = await storedWeights(tinyLlama, dtype);
    const folder = await modelFolder(tinyLlama, weights);
    const model = await loadModel(folder);
    for (const [name, stored] of weights) expect(distance(model.weights.get(name)!.dataSync(), toFloat32(stored))).toBe(0);
    const gap = distance(taken(logitsOf(model, inputs)), await expectedLogits(tinyLlama));
    expect(gap).toBeLessThan(tolerance);
    expect(gap).toBeGreaterThan(0);
    disposeModel(model);
  });

  it("may be sharded", async () => {
    const folder = temporaryFolder();
    const weights = [...(await storedWeights(tinyLlama))];
    const half = weights.length >> 1;
    const shards = { "model-00001-of-00002.safetensors": weights.slice(0, half), "model-00002-of-00002.safetensors": weights.slice(half) };
    const map: Record<string, string> = {};
    for (const [file, part] of Object.entries(shards)) {
      await writeSafetensors(join(folder, file), new Map(part));
      for (const [name] of part) map[name] = file;
    }
    writeFileSync(join(folder, "config.json"), JSON.stringify(tinyLlama));
    writeFileSync(join(folder, "model.safetensors.index.json"), JSON.stringify({ metadata: {}, weight_map: map }));
    expect(distance(await logitsIn(folder), await expectedLogits(tinyLlama))).toBe(0);
  });

  it("may leave out the type's prefix and carry old buffers and a copy of the tied head", async () => {
    const bare = new Map([...(await storedWeights(tinyGpt2))].map(([name, tensor]) => [name.replace("transformer.", ""), tensor] as const));
    bare.set("h.0.attn.bias", { dtype: "F32", shape: [1], data: new Uint8Array(4) });
    bare.set("lm_head.weight", bare.get("wte.weight")!);
    expect(distance(await logitsIn(await modelFolder(tinyGpt2, bare)), await expectedLogits(tinyGpt2))).toBe(0);
  });

  it("tells of every weight that it reads", async () => {
    const seen: string[] = [];
    const model = await loadModel(await modelFolder(tinyGpt2, await storedWeights(tinyGpt2)), {
      onWeight: ({ name, loaded, total }) => seen.push(`${name} ${loaded}/${total}`),
    });
    expect(seen).toHaveLength(28);
    expect(seen.at(-1)).toMatch(/ 28\/28$/);
    expect(model.tokenizer).toBeNull();
    disposeModel(model);
  });
});

describe("a model folder that does not fit", () => {
  const refused = async (config: Config, weights: ReadonlyMap<string, TensorToWrite>, message: string | RegExp) => {
    const before = tf.memory().numTensors;
    await expect(loadModel(await modelFolder(config, weights))).rejects.toThrow(message);
    expect(tf.memory().numTensors).toBe(before);
  };

  it("is refused where weights are missing or superfluous", async () => {
    const weights = await storedWeights(tinyLlama);
    const norm = weights.get("model.norm.weight")!;
    weights.delete("model.norm.weight");
    await refused(tinyLlama, weights, "got 1 (model.norm.weight) missing and none superfluous");
    weights.set("model.norm.weight", norm).set("model.layers.0.self_attn.q_proj.bias", norm);
    await refused(tinyLlama, weights, "got none missing and 1 (model.layers.0.self_attn.q_proj.bias) superfluous");
    await refused({ ...tinyLlama, num_hidden_layers: 3 }, weights, /got 9 \(.*, \.\.\.\) missing/);
  });

  it("is refused where a weight has another shape than the config says", async () => {
    await refused(
      { ...tinyLlama, intermediate_size: 47 },
      await storedWeights(tinyLlama),
      'weight model.layers.0.mlp.gate_proj.weight: expected shape [47,32] as config.json says, got "[48,32]"',
    );
  });

  it("is refused where its config, its weights or its type are not there", async () => {
    const folder = temporaryFolder();
    await expect(loadModel(folder)).rejects.toThrow("config.json");
    writeFileSync(join(folder, "config.json"), JSON.stringify(tinyLlama));
    await expect(loadModel(folder)).rejects.toThrow("expected model.safetensors or model.safetensors.index.json");
    writeFileSync(join(folder, "model.safetensors.index.json"), "{}");
    await expect(loadModel(folder)).rejects.toThrow('expected a "weight_map"');
    writeFileSync(join(folder, "config.json"), JSON.stringify({ model_type: "bert" }));
    await expect(loadModel(folder)).rejects.toThrow(
      'config.json "model_type": expected one of gpt2, llama, mistral, qwen2, qwen3, got "bert"',
    );
    writeFileSync(join(folder, "config.json"), JSON.stringify({ model_type: "../types/gpt2" }));
    await expect(loadModel(folder)).rejects.toThrow('config.json "model_type": expected one of');
  });
});

describe.skipIf(!shared)("stories260K", () => {
  const folder = join(shared ?? "", "weights", "stories260K");
  type Prompt = {
    text: string;
    ids: number[];
    last_logits_first8: number[];
    last_logits_argmax: number;
    mean_nll_of_prompt: number;
    final_hidden_mean_pooled_first8: number[];
    final_hidden_last_token_first8: number[];
    input_embedding_mean_pooled_first8: number[];
  };

  it("has the ids, logits, likelihoods and hidden states of its golden file", async () => {
    const { prompts } = JSON.parse(readFileSync(join(folder, "golden.json"), "utf8")) as { prompts: Prompt[] };
    expect(prompts).toHaveLength(3);
    const model = await loadModel(join(folder, "hf"));
    for (const prompt of prompts) {
      expect(model.tokenizer!.encode(prompt.text)).toEqual(prompt.ids);
      const given = inputsOf([prompt.ids]);
      const logits = tf.tidy(() => logitsOf(model, given).squeeze([0]).arraySync()) as number[][];
      expect(distance(logits.at(-1)!.slice(0, 8), prompt.last_logits_first8)).toBeLessThan(1e-3);
      expect(logits.at(-1)!.indexOf(Math.max(...logits.at(-1)!))).toBe(prompt.last_logits_argmax);
      const likelihoods = prompt.ids
        .slice(1)
        .map((id, i) => logits[i]![id]! - Math.log(logits[i]!.reduce((sum, logit) => sum + Math.exp(logit), 0)));
      expect(Math.abs(likelihoods.reduce((a, b) => a + b) / -likelihoods.length - prompt.mean_nll_of_prompt)).toBeLessThan(1e-3);
      const hidden = tf.tidy(() => hiddenStates(model, given).squeeze([0]).arraySync()) as unknown as number[][];
      expect(distance(hidden.at(-1)!.slice(0, 8), prompt.final_hidden_last_token_first8)).toBeLessThan(1e-3);
      expect(distance(meanOf(hidden).slice(0, 8), prompt.final_hidden_mean_pooled_first8)).toBeLessThan(1e-3);
      const table = model.weights.get("model.embed_tokens.weight")!.arraySync() as number[][];
      expect(distance(meanOf(prompt.ids.map((id) => table[id]!)).slice(0, 8), prompt.input_embedding_mean_pooled_first8)).toBeLessThan(
        1e-3,
      );
    }
    disposeModel(model);
  });
});

const meanOf = (rows: number[][]): number[] => rows[0]!.map((_, i) => rows.reduce((sum, row) => sum + row[i]!, 0) / rows.length);
