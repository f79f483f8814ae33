/**
 * Writes what both sides read: `model/` (config.json, model.safetensors by formula, GPT-2's tokenizer) and `data.jsonl`, `check.jsonl`.
 * A program of its own, since a process passes the peak of its memory on to those that it starts. Argument: `{folder, model, data}` as JSON.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { writeSafetensors } from "../dist/files/safetensors.js";
import { modelTypeOf } from "../dist/models/registry.js";
import { weightShapes } from "../dist/models/shapes.js";
import { initialWeight } from "./formula.mjs";
import { prepareData, tokenizerFiles } from "./texts.mjs";

const { folder, model: raw, data } = JSON.parse(process.argv[2]);
const modelFolder = join(folder, "model");
mkdirSync(modelFolder, { recursive: true });
await writeWeights();
// Only what has texts needs a tokenizer, and tiny vocabularies have no room for one.
if (data) {
  for (const [name, content] of Object.entries(tokenizerFiles())) writeFileSync(join(modelFolder, name), JSON.stringify(content));
  for (const [name, lines] of Object.entries(await prepareData(data)))
    writeFileSync(join(folder, `${name}.jsonl`), lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
}

async function writeWeights() {
  const type = await modelTypeOf(raw.model_type);
  const config = type.config(raw);
  const tensors = new Map();
  for (const [name, shape] of weightShapes(type, config)) {
    const data = () => new Uint8Array(initialWeight(name, shape, config.layers).buffer);
    tensors.set(name, { dtype: "F32", shape, data });
  }
  const still = raw.model_type === "gpt2" ? { resid_pdrop: 0, embd_pdrop: 0, attn_pdrop: 0 } : {};
  const end = raw.vocab_size - 1;
  const written = { ...raw, ...still, bos_token_id: end, eos_token_id: end, dtype: "float32" };
  writeFileSync(join(modelFolder, "config.json"), `${JSON.stringify(written, null, 2)}\n`);
  await writeSafetensors(join(modelFolder, "model.safetensors"), tensors);
}
