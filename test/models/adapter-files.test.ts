import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { tf } from "../../src/core/tf.js";
import { fromFloat32, writeSafetensors } from "../../src/files/safetensors.js";
import { loadAdapter, saveAdapter } from "../../src/models/adapter-files.js";
import { disposeModel } from "../../src/models/create.js";
import { inputsOf, logitsOf, padRows } from "../../src/models/forward.js";
import { disposeAdapter, trainableParameters } from "../../src/models/lora.js";
import { at, distance, formulaLora, formulaModel, leaked, reference, taken, tinyGpt2, tinyLlama } from "../formula.js";
import { temporaryFolder } from "../temporary-folder.js";

type Fixture = { folder: string; config: Record<string, unknown>; last: number[][] };
const { rows, peft } = reference<{ rows: number[][]; peft: Fixture[] }>("training.json");
const fixture = (name: string) => fileURLToPath(new URL(`../reference/${name}`, import.meta.url));

describe.each(peft)("the adapter $folder that PEFT wrote", ({ folder, config, last }) => {
  it("gives PEFT's logits", async () => {
    const lost = await leaked(async () => {
      const model = await formulaModel(config);
      const adapted = await loadAdapter(model, fixture(folder));
      const inputs = padRows(rows, { padId: 0, side: "right" });
      const logits = taken(logitsOf(adapted, inputs));
      for (const [r, row] of rows.entries()) expect(distance(at(logits, inputs, 61, r, row.length - 1), last[r]!)).toBeLessThan(1e-4);
      expect(trainableParameters(adapted).size).toBe(0);
      disposeModel(adapted);
    });
    expect(lost).toBe(0);
  });

  it("can be trained on, where asked for", async () => {
    const model = await formulaModel(config);
    const adapted = await loadAdapter(model, fixture(folder), { trainable: true });
    expect(trainableParameters(adapted).size).toBe(2 * adapted.adapter!.modules.size);
    disposeModel(adapted);
  });
});

describe.each([tinyGpt2, tinyLlama])("an adapter of $model_type", (config) => {
  it("comes back from its files as it was", async () => {
    const lost = await leaked(async () => {
      const folder = join(temporaryFolder(), "adapter");
      const model = formulaLora(await formulaModel(config), { rank: 3, alpha: 5, rankStabilised: true, dropout: 0.1 });
      await saveAdapter(model, folder, { card: "# Card\n" });
      expect(readFileSync(join(folder, "README.md"), "utf8")).toBe("# Card\n");
      const again = await loadAdapter(model, folder);
      expect(again.adapter!.config).toMatchObject({
        rank: 3,
        alpha: 5,
        rankStabilised: true,
        dropout: 0.1,
        base: `tiny-${config.model_type}`,
      });
      const inputs = inputsOf([[1, 2, 3]]);
      expect(distance(taken(logitsOf(again, inputs)), taken(logitsOf(model, inputs)))).toBe(0);
      disposeAdapter(again.adapter!);
      disposeModel(model);
    });
    expect(lost).toBe(0);
  });
});

describe("adapter files that do not fit", () => {
  const changed = async (change: Record<string, unknown>, tensors?: Record<string, number[]>): Promise<string> => {
    const folder = temporaryFolder();
    const config = JSON.parse(readFileSync(join(fixture("peft-llama"), "adapter_config.json"), "utf8")) as Record<string, unknown>;
    writeFileSync(join(folder, "adapter_config.json"), JSON.stringify({ ...config, ...change }));
    const file = join(folder, "adapter_model.safetensors");
    if (!tensors) writeFileSync(file, readFileSync(join(fixture("peft-llama"), "adapter_model.safetensors")));
    else {
      const sized = Object.entries(tensors).map(
        ([name, shape]) => [name, fromFloat32(new Float32Array(shape.reduce((a, b) => a * b, 1)), shape, "F32")] as const,
      );
      await writeSafetensors(file, new Map(sized));
    }
    return folder;
  };
  const key = (layer: number, matrix: "A" | "B") => `base_model.model.model.layers.${layer}.self_attn.q_proj.lora_${matrix}.weight`;

  it.each<[string, Record<string, unknown>, Record<string, number[]> | undefined]>([
    ['peft_type: expected "LORA", got "IA3"', { peft_type: "IA3" }, undefined],
    ["use_dora: expected", { use_dora: true }, undefined],
    ["bias: expected", { bias: "all" }, undefined],
    ["modules_to_save: expected", { modules_to_save: ["lm_head"] }, undefined],
    ["rank_pattern: expected an empty object", { rank_pattern: { q_proj: 4 } }, undefined],
    ["r: expected a number", { r: "2" }, undefined],
    ["target_modules: expected a list of names", { target_modules: ".*q_proj" }, undefined],
    ["LoRA targets: expected", { target_modules: ["c_attn"] }, undefined],
    ["expected only the tensors of the targets in adapter_config.json, got 4 more", { target_modules: ["q_proj"] }, undefined],
    [
      "expected a tensor base_model.model.model.layers.0.self_attn.v_proj.lora_A.weight, got none",
      { target_modules: ["v_proj"] },
      undefined,
    ],
    ["expected shape [3,32], got", { r: 3 }, undefined],
    [`${key(0, "B")}: expected shape [32,2]`, { target_modules: ["q_proj"] }, { [key(0, "A")]: [2, 32], [key(0, "B")]: [2, 32] }],
    ["expected a tensor", { target_modules: ["q_proj"] }, { [key(0, "A")]: [2, 32] }],
  ])("are refused and leave nothing behind: %s", async (message, change, tensors) => {
    const model = await formulaModel(tinyLlama);
    const folder = await changed(change, tensors);
    const before = tf.memory().numTensors;
    await expect(loadAdapter(model, folder)).rejects.toThrow(message);
    expect(tf.memory().numTensors).toBe(before);
    disposeModel(model);
  });

  it("are not written for a model without an adapter", async () => {
    const model = await formulaModel(tinyGpt2);
    await expect(saveAdapter(model, join(temporaryFolder(), "x"))).rejects.toThrow("saveAdapter: expected a model with an adapter");
    disposeModel(model);
  });
});
