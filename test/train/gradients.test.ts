import { describe, expect, it } from "vitest";
import { type Scalar, tf } from "../../src/core/tf.js";
import { crossEntropySum, labelledRows } from "../../src/losses/labelled.js";
import { disposeModel } from "../../src/models/create.js";
import { type LoraOptions, unfreeze } from "../../src/models/lora.js";
import { type CausalLM, outputEmbedding } from "../../src/models/model.js";
import { lossGradients } from "../../src/train/gradients.js";
import { stackRows } from "../../src/train/sft.js";
import {
  distance,
  formulaLora,
  formulaModel,
  formulaRows,
  leaked,
  reference,
  type Summary,
  summaryDistance,
  taken,
  tinyGpt2,
  tinyLlama,
} from "../formula.js";

type Peft = { r: number; lora_alpha: number; target_modules: string[] | "all-linear"; use_rslora?: boolean };
type Case = {
  name: string;
  config: Record<string, unknown>;
  lora: Peft | null;
  loss: number;
  count: number;
  gradients: Record<string, Summary>;
};
const { rows, targets, cases } = reference<{ rows: number[][]; targets: number[][]; cases: Case[] }>("training.json");
const batch = stackRows(formulaRows(rows, targets));

const options = ({ r, lora_alpha, target_modules, use_rslora = false }: Peft): LoraOptions => ({
  rank: r,
  alpha: lora_alpha,
  targets: target_modules,
  rankStabilised: use_rslora,
});

async function modelOf({ config, lora }: Pick<Case, "config" | "lora">): Promise<CausalLM> {
  const model = await formulaModel(config);
  if (lora) return formulaLora(model, options(lora));
  const free = unfreeze(model);
  disposeModel(model);
  return free;
}

/** Loss sum and gradients by name as plain numbers. */
function gradientsOf(model: CausalLM, recompute: boolean, inputs = batch): { loss: number; gradients: Map<string, Float32Array> } {
  const labelled = labelledRows(inputs);
  const { loss, gradients } = lossGradients(model, inputs, (hidden) => crossEntropySum(hidden, outputEmbedding(model), labelled), {
    recompute,
    dropoutSeed: 5,
  });
  return { loss: taken(loss)[0]!, gradients: new Map([...gradients].map(([name, gradient]) => [name, taken(gradient)])) };
}

it("has values of PEFT and torch for eight trainings", () => expect(cases).toHaveLength(8));

describe.each(cases)("$name", (given) => {
  it.each([false, true])("has torch's loss and gradients (recompute %s)", async (recompute) => {
    const model = await modelOf(given);
    const { loss, gradients } = gradientsOf(model, recompute);
    const { count } = given;
    expect(labelledRows(batch).rows).toHaveLength(count);
    expect(Math.abs(loss / count - given.loss)).toBeLessThan(1e-4);
    expect([...gradients.keys()].sort()).toEqual(Object.keys(given.gradients).sort());
    for (const [name, values] of gradients) expect(summaryDistance(values, given.gradients[name]!, 1 / count), name).toBeLessThan(1e-4);
    disposeModel(model);
  });
});

describe("recomputed blocks", () => {
  it("drop the same values as blocks that are kept", async () => {
    const model = formulaLora(await formulaModel(tinyLlama), { rank: 4, dropout: 0.4 });
    const kept = gradientsOf(model, false);
    const again = gradientsOf(model, true);
    expect(again.loss).toBeCloseTo(kept.loss, 4);
    for (const [name, values] of kept.gradients) expect(distance(again.gradients.get(name)!, values), name).toBeLessThan(1e-4);
    disposeModel(model);
  });

  it("skip what lies before the first adapter", async () => {
    const model = formulaLora(await formulaModel(tinyLlama), { rank: 2, targets: ["model.layers.1.mlp.up_proj"] });
    const kept = gradientsOf(model, false);
    const again = gradientsOf(model, true);
    expect([...again.gradients.keys()]).toEqual(["model.layers.1.mlp.up_proj.lora_A", "model.layers.1.mlp.up_proj.lora_B"]);
    for (const [name, values] of kept.gradients) expect(distance(again.gradients.get(name)!, values), name).toBeLessThan(1e-5);
    disposeModel(model);
  });

  it.each([null, { rank: 2 }])("give no gradient for a batch without targets (adapter %j)", async (lora) => {
    const base = await formulaModel(tinyGpt2);
    const model = lora ? formulaLora(base, lora) : unfreeze(base);
    for (const recompute of [false, true]) {
      const { loss, gradients } = gradientsOf(model, recompute, { ...batch, targets: new Uint8Array(batch.targets.length) });
      expect(Math.abs(loss)).toBe(0);
      for (const [name, values] of gradients) expect(distance(values, new Float32Array(values.length)), name).toBe(0);
    }
    disposeModel(model);
    if (!lora) disposeModel(base);
  });
});

describe("memory", () => {
  it.each([false, true])("is freed but for loss and gradients (recompute %s)", async (recompute) => {
    for (const full of [false, true]) {
      const lost = await leaked(async () => {
        const model = await modelOf({ config: tinyGpt2, lora: full ? null : { r: 2, lora_alpha: 4, target_modules: "all-linear" } });
        gradientsOf(model, recompute);
        disposeModel(model);
      });
      expect(lost).toBe(0);
    }
  });

  it("is freed where the loss throws", async () => {
    const model = formulaLora(await formulaModel(tinyGpt2), { rank: 2 });
    const fail = (): Scalar => {
      throw new Error("no loss");
    };
    for (const recompute of [false, true]) {
      const lost = await leaked(() => expect(() => lossGradients(model, batch, fail, { recompute, dropoutSeed: 0 })).toThrow("no loss"));
      expect(lost).toBe(0);
    }
    const { loss, gradients } = gradientsOf(model, false);
    expect(Number.isFinite(loss)).toBe(true);
    expect(gradients.size).toBe(16);
    disposeModel(model);
    expect(tf.memory().numTensors).toBe(0);
  });
});
