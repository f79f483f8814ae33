import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Tensor2D, tf } from "../../src/core/tf.js";
import { fromFloat32, writeSafetensors } from "../../src/files/safetensors.js";
import { disposeModel } from "../../src/models/create.js";
import { inputsOf, logitsOf } from "../../src/models/forward.js";
import { loadModel } from "../../src/models/load.js";
import { disposeAdapter, mergeAdapter, trainableParameters, unfreeze } from "../../src/models/lora.js";
import type { CausalLM } from "../../src/models/model.js";
import { saveModel } from "../../src/models/save.js";
import { dequantized } from "../../src/nn/quantized.js";
import { distance, formulaLora, formulaModel, leaked, taken, tinyGpt2, tinyLlama } from "../formula.js";
import { temporaryFolder } from "../temporary-folder.js";

const inputs = inputsOf([[1, 5, 9, 2, 60, 0, 3]]);
const logits = (model: CausalLM): Float32Array => taken(logitsOf(model, inputs));

/** A folder with the formula's weights. */
async function stored(config: Record<string, unknown>, dtype: "F32" | "F16" | "BF16"): Promise<string> {
  const model = await formulaModel(config);
  const folder = temporaryFolder();
  writeFileSync(join(folder, "config.json"), JSON.stringify(config));
  const tensors = [...model.weights].map(([name, weight]) => [
    name,
    fromFloat32(weight.dataSync() as Float32Array, weight.shape, dtype),
  ]) as [string, ReturnType<typeof fromFloat32>][];
  await writeSafetensors(join(folder, "model.safetensors"), new Map(tensors));
  disposeModel(model);
  return folder;
}

/** The same model with its weights in full; it owns what it adds. */
const inFull = (model: CausalLM): CausalLM => ({
  ...model,
  quantized: new Map(),
  weights: new Map([...model.weights, ...[...model.quantized!].map(([name, weight]) => [name, dequantized(weight)] as const)]),
});

const cases = [tinyGpt2, tinyLlama].flatMap((config) =>
  (["nf4", "int8"] as const).flatMap((precision) => (["F32", "BF16"] as const).map((dtype) => ({ config, precision, dtype }))),
);

describe.each(cases)("$config.model_type from $dtype in $precision", ({ config, precision, dtype }) => {
  let folder: string;
  beforeEach(async () => {
    folder = await stored(config, dtype);
    tf.engine().startScope();
  });
  afterEach(() => tf.engine().endScope());

  it("holds the blocks' linear weights packed and computes with the numbers that they stand for", async () => {
    const lost = await leaked(async () => {
      const seen: string[] = [];
      const model = await loadModel(folder, { precision, onWeight: ({ name, loaded, total }) => seen.push(`${name} ${loaded}/${total}`) });
      const linears = model.type.linears(model.config).length * model.config.layers;
      expect(model.quantized!.size).toBe(linears);
      expect(seen.at(-1)).toContain(` ${seen.length}/${linears + model.weights.size}`);
      expect([...model.weights.keys()].some((name) => model.quantized!.has(name))).toBe(false);
      const full = inFull(model);
      expect(distance(logits(model), logits(full))).toBe(0);
      for (const name of model.quantized!.keys()) full.weights.get(name)!.dispose();
      disposeModel(model);
    });
    expect(lost).toBe(0);
  });

  it("is near the model in full", async () => {
    const [model, exact] = [await loadModel(folder, { precision }), await loadModel(folder)];
    for (const [name, packed] of model.quantized!) {
      const [got, wanted] = [dequantized(packed), exact.weights.get(name) as Tensor2D];
      expect(distance(got.dataSync(), wanted.dataSync())).toBeLessThan(precision === "nf4" ? 0.3 * 0.16 : 0.3 / 250);
    }
    disposeModel(model);
    disposeModel(exact);
  });

  it("is saved as, and merged with an adapter into, the numbers that it stands for", async () => {
    const model = await loadModel(folder, { precision });
    const copy = temporaryFolder();
    await saveModel(model, join(copy, "saved"));
    const saved = await loadModel(join(copy, "saved"));
    expect(saved.quantized!.size).toBe(0);
    expect(distance(logits(saved), logits(model))).toBe(0);
    disposeModel(saved);

    const adapted = formulaLora(model, { rank: 3, targets: [model.type.linears(model.config)[0]!.name] });
    expect(trainableParameters(adapted).size).toBe(2 * model.config.layers);
    const merged = mergeAdapter(adapted);
    expect(merged.quantized!.size).toBe(model.quantized!.size - model.config.layers);
    const before = logits(adapted);
    disposeAdapter(adapted.adapter!);
    disposeModel(model);
    expect(distance(logits(merged), before)).toBeLessThan(1e-4);
    disposeModel(merged);
  });

  it("cannot be unfrozen", async () => {
    const model = await loadModel(folder, { precision });
    expect(() => unfreeze(model)).toThrow(
      /unfreeze: expected weights in full, got \d+ quantised ones. Load the model with precision "f32"/,
    );
    disposeModel(model);
  });
});

it("refuses a precision that it does not know", async () => {
  const folder = await stored(tinyGpt2, "F32");
  await expect(loadModel(folder, { precision: "fp4" as "nf4" })).rejects.toThrow('precision: expected "f32", "int8" or "nf4", got "fp4"');
});
