import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { saveAdapter } from "../../src/models/adapter-files.js";
import { disposeModel } from "../../src/models/create.js";
import { inputsOf, logitsOf } from "../../src/models/forward.js";
import { loadModel } from "../../src/models/load.js";
import { addLora, mergeAdapter } from "../../src/models/lora.js";
import type { CausalLM } from "../../src/models/model.js";
import { saveModel } from "../../src/models/save.js";
import { trainSft } from "../../src/train/sft.js";
import { checkWithOracle, oracle } from "../files/oracle.js";
import { formulaIds, formulaLora, formulaModel, formulaRows, reference, tinyGpt2, tinyLlama } from "../formula.js";
import { temporaryFolder } from "../temporary-folder.js";

const ROWS = [formulaIds("oracle 0", 12, 61), formulaIds("oracle 1", 12, 61)];

/** One case for test/reference/check-peft.py. */
async function write(folder: string, base: CausalLM, whole: CausalLM, dtype: "F32" | "F16" | "BF16" = "F32"): Promise<void> {
  mkdirSync(folder, { recursive: true });
  await saveModel(base, join(folder, "base"), { dtype });
  if (whole.adapter) await saveAdapter(whole, join(folder, "adapter"));
  // Half precision rounds the weights, so the logits are those of the weights as they were written.
  const written = dtype === "F32" ? whole : await loadModel(join(folder, "base"));
  const logits = logitsOf(written, inputsOf(ROWS));
  writeFileSync(join(folder, "logits.json"), JSON.stringify({ ids: ROWS, logits: logits.arraySync(), tolerance: 1e-4 }));
  logits.dispose();
  if (written !== whole) disposeModel(written);
}

it.skipIf(!oracle)(
  "writes models that transformers loads, and adapters that PEFT loads, with our logits",
  async () => {
    const folder = temporaryFolder();
    for (const config of [tinyGpt2, tinyLlama]) {
      const type = config.model_type;
      const base = await formulaModel(config);
      const adapted = formulaLora(base, { rank: 4, alpha: 8 });
      const some = formulaLora(base, {
        rank: 4,
        rankStabilised: true,
        targets: type === "gpt2" ? ["c_attn", "mlp.c_proj"] : ["q_proj", "v_proj"],
      });
      const trained = addLora(base, { rank: 4, dropout: 0.1 });
      for await (const _ of trainSft(
        trained,
        formulaRows(
          ROWS,
          ROWS.map((row) => row.map(() => 1)),
        ),
        { steps: 5, learningRate: 1e-2, batch: 2 },
      ));
      const merged = mergeAdapter(adapted);
      await write(join(folder, `${type} base`), base, base);
      await write(join(folder, `${type} base F16`), base, base, "F16");
      await write(join(folder, `${type} base BF16`), base, base, "BF16");
      await write(join(folder, `${type} adapter, all linear`), base, adapted);
      await write(join(folder, `${type} adapter, some modules, rank-stabilised`), base, some);
      await write(join(folder, `${type} adapter after five steps`), base, trained);
      await write(join(folder, `${type} merged`), merged, merged);
      for (const model of [adapted, merged]) disposeModel(model);
    }
    for (const { name, config } of reference<{ cases: { name: string; config: Record<string, unknown> }[] }>("models.json").cases) {
      const model = await formulaModel(config);
      await write(join(folder, name), model, model);
      disposeModel(model);
    }
    const report = checkWithOracle("check-peft.py", folder);
    expect(report.trim().split("\n")).toHaveLength(14 + 16);
  },
  300_000,
);
