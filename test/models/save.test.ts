import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { disposeModel } from "../../src/models/create.js";
import { inputsOf, logitsOf } from "../../src/models/forward.js";
import { loadModel } from "../../src/models/load.js";
import { mergeAdapter } from "../../src/models/lora.js";
import { saveModel } from "../../src/models/save.js";
import { distance, formulaLora, formulaModel, leaked, taken, tinyGpt2, tinyLlama } from "../formula.js";
import { temporaryFolder } from "../temporary-folder.js";

const inputs = inputsOf([[1, 5, 9, 2]]);

describe.each([tinyGpt2, tinyLlama])("a saved $model_type", (config) => {
  it.each([
    ["F32", 0],
    ["F16", 0.02],
    ["BF16", 0.15],
  ] as const)("has the logits of the model, as %s", async (dtype, tolerance) => {
    const lost = await leaked(async () => {
      const folder = join(temporaryFolder(), "model");
      const model = await formulaModel(config);
      await saveModel(model, folder, { dtype });
      const again = await loadModel(folder);
      expect(distance(taken(logitsOf(again, inputs)), taken(logitsOf(model, inputs)))).toBeLessThanOrEqual(tolerance);
      disposeModel(model);
      disposeModel(again);
    });
    expect(lost).toBe(0);
  });

  it("can be a merged adapter", async () => {
    const folder = join(temporaryFolder(), "model");
    const adapted = formulaLora(await formulaModel(config), { rank: 2 });
    const merged = mergeAdapter(adapted);
    await saveModel(merged, folder);
    const again = await loadModel(folder);
    expect(distance(taken(logitsOf(again, inputs)), taken(logitsOf(adapted, inputs)))).toBeLessThan(1e-5);
    for (const model of [adapted, merged, again]) disposeModel(model);
  });
});

it("holds the config as it was read, the tokenizer's files and what else is asked for", async () => {
  const [from, folder] = [temporaryFolder(), join(temporaryFolder(), "model")];
  for (const file of ["tokenizer.json", "tokenizer_config.json"]) writeFileSync(join(from, file), `{"file":"${file}"}`);
  const model = await formulaModel({ ...tinyLlama, eos_token_id: 2 });
  await saveModel(model, folder, { dtype: "F16", tokenizerFolder: from, extra: { "README.md": "# Card\n" } });
  expect(readdirSync(folder).sort()).toEqual(["README.md", "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]);
  expect(JSON.parse(readFileSync(join(folder, "config.json"), "utf8"))).toEqual({ ...tinyLlama, eos_token_id: 2, dtype: "float16" });
  expect(readFileSync(join(folder, "tokenizer.json"), "utf8")).toBe('{"file":"tokenizer.json"}');
  disposeModel(model);
});
