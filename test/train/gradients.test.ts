import { describe, expect, it } from "vitest";
import type { Precision } from "../../src/core/compile/mixed.js";
import { isNative } from "../../src/core/engine.js";
import { type Scalar, tf } from "../../src/core/tf.js";
import { crossEntropySum, type LabelledTensors, labelledRows, labelledTensors } from "../../src/losses/labelled.js";
import { disposeModel } from "../../src/models/create.js";
import { type LoraOptions, unfreeze } from "../../src/models/lora.js";
import { type CausalLM, outputEmbedding } from "../../src/models/model.js";
import { type LossFunction, lossStep } from "../../src/train/gradients.js";
import { type RecomputeOptions, recomputedBlocks } from "../../src/train/recompute.js";
import { stackRows } from "../../src/train/sft-rows.js";
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

const compiles = isNative();

/** Loss sum and gradients by name as plain numbers. */
function gradientsOf(
  model: CausalLM,
  recompute: boolean | RecomputeOptions,
  inputs = batch,
  precision: Precision = "f32",
): { loss: number; gradients: Map<string, Float32Array> } {
  const loss: LossFunction = (hidden, [rows, labels, weights]) => ({
    loss: crossEntropySum(hidden, outputEmbedding(model), { rows, labels, weights } as LabelledTensors),
  });
  const step = lossStep(model, loss, { ...(typeof recompute === "object" ? recompute : { recompute }), precision });
  const args = labelledTensors(labelledRows(inputs), 16);
  const found = step(inputs, Object.values(args), 5);
  expect(step.fallback).toBe(compiles ? "" : expect.any(String));
  tf.dispose(args);
  step.dispose();
  return { loss: taken(found.loss)[0]!, gradients: new Map([...found.gradients].map(([name, gradient]) => [name, taken(gradient)])) };
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

  it("may be some of the blocks, as many as a memory takes", async () => {
    for (const lora of [null, { r: 2, lora_alpha: 4, target_modules: "all-linear" } as const]) {
      const model = await modelOf({ config: tinyLlama, lora });
      const kept = gradientsOf(model, { recompute: false });
      const budgets = Array.from({ length: 60 }, (_, i) => i * 1e-5);
      const counts = budgets.map((activationMemory) => recomputedBlocks(model, [batch.batch, batch.time], { activationMemory }));
      expect([...new Set(counts)]).toEqual([2, 1, 0]);
      const found = gradientsOf(model, { activationMemory: budgets[counts.indexOf(1)] });
      expect([...found.gradients.keys()].sort()).toEqual([...kept.gradients.keys()].sort());
      for (const [name, values] of kept.gradients) expect(distance(found.gradients.get(name)!, values), name).toBeLessThan(1e-4);
      disposeModel(model);
    }
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

describe.skipIf(!compiles)("in 16 bits", () => {
  it.each([
    ["bf16", tinyLlama, false, 0.1],
    ["bf16", tinyGpt2, true, 0.1],
    ["f16", tinyLlama, true, 0.0125],
    ["f16", tinyGpt2, false, 0.0125],
  ] as const)("%s has about the loss and the gradients of f32 (%o, recompute %s)", async (precision, config, recompute, tolerance) => {
    const model = formulaLora(await formulaModel(config), { rank: 4, dropout: 0.2 });
    const [exact, rounded] = [gradientsOf(model, recompute), gradientsOf(model, recompute, batch, precision)];
    expect(Math.abs(rounded.loss / exact.loss - 1)).toBeLessThan(tolerance);
    expect(rounded.loss).not.toBe(exact.loss);
    const flat = ({ gradients }: typeof exact) => [...gradients.values()].flatMap((values) => [...values]);
    const [a, b] = [flat(exact), flat(rounded)];
    const length = (values: number[]) => Math.hypot(...values);
    expect(length(a.map((value, i) => value - b[i]!)) / length(a)).toBeLessThan(tolerance);
    disposeModel(model);
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
    const fail = (): { loss: Scalar } => {
      throw new Error("no loss");
    };
    for (const recompute of [false, true]) {
      const step = lossStep(model, fail, { recompute });
      const lost = await leaked(() => expect(() => step(batch, [], 0)).toThrow("no loss"));
      step.dispose();
      expect(lost).toBe(0);
    }
    const { loss, gradients } = gradientsOf(model, false);
    expect(Number.isFinite(loss)).toBe(true);
    expect(gradients.size).toBe(16);
    disposeModel(model);
    expect(tf.memory().numTensors).toBe(0);
  });
});
