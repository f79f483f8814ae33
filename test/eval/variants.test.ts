import { join } from "node:path";
import { expect, it } from "vitest";
import { seedFolder } from "../../src/eval/variant-folders.js";
import { loadVariants } from "../../src/eval/variants.js";
import { saveAdapter } from "../../src/models/adapter-files.js";
import { disposeModel } from "../../src/models/create.js";
import { disposeAdapter } from "../../src/models/lora.js";
import { formulaLora, formulaModel, tinyGpt2 } from "../formula.js";
import { temporaryFolder } from "../temporary-folder.js";

it("finds what the stages left, seed by seed, each with the base beside it", async () => {
  const out = temporaryFolder();
  const base = await formulaModel(tinyGpt2);
  await expect(loadVariants(base, out)).rejects.toThrow("Run 01_sft and 03_dpo");
  const tuned = formulaLora(base, { rank: 2, alpha: 4 });
  const training = { options: {}, steps: 7, tokens: 70 };
  await saveAdapter(tuned, join(out, "sft"), { training });
  await saveAdapter(tuned, join(out, "dpo-shuffled"));
  await saveAdapter(tuned, join(seedFolder(out, 10), "sft"));
  await saveAdapter(tuned, join(seedFolder(out, 2), "dpo"));
  await saveAdapter(tuned, join(out, "seeds", "old", "dpo"));
  const variants = await loadVariants(base, out);
  expect(variants.map(({ name, seed }) => [name, seed])).toEqual([
    ["Base", 0],
    ["SFT", 0],
    ["SFT + DPO, shuffled pairs", 0],
    ["Base", 2],
    ["SFT + DPO", 2],
    ["Base", 10],
    ["SFT", 10],
  ]);
  expect(variants.map(({ training }) => training?.steps ?? null)).toEqual([null, 7, null, null, null, null, null]);
  expect(variants[0]!.model.adapter).toBeNull();
  for (const { model } of variants) if (model.adapter) disposeAdapter(model.adapter);
  disposeModel(tuned);
});
