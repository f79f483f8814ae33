import { describe, expect, it } from "vitest";
import type { PreferenceKind } from "../../src/losses/preference.js";
import { disposeModel } from "../../src/models/create.js";
import { withoutAdapter } from "../../src/models/lora.js";
import type { CausalLM } from "../../src/models/model.js";
import { dpoStep } from "../../src/train/dpo.js";
import { type PairLayout, pairBatch } from "../../src/train/pair-batch.js";
import type { EncodedPreference } from "../../src/train/pair-rows.js";
import { referenceLogProbs } from "../../src/train/reference-log-probs.js";
import { formulaIds, formulaLora, formulaModel, taken, tinyGpt2, tinyLlama } from "../formula.js";

/** Lengths of prompt, chosen and rejected reply. */
const LENGTHS = [
  [7, 5, 3],
  [1, 1, 9],
  [12, 2, 2],
  [4, 6, 1],
  [9, 8, 8],
] as const;
const pairs: EncodedPreference[] = LENGTHS.map(([prompt, ...replies], i) => {
  const [chosen, rejected] = replies.map((length, side) => {
    const ids = [...formulaIds(`prompt ${i}`, prompt, 61), ...formulaIds(`reply ${i}/${side}`, length, 61)];
    return { ids, targets: ids.map((_, at) => at >= prompt) };
  });
  return { chosen: chosen!, rejected: rejected!, cut: 0 };
});
const numbers = [...pairs.keys()];

/** Loss sum, metrics and gradients as plain numbers. */
async function stepOf(policy: CausalLM, kind: PreferenceKind, layout: PairLayout, recompute: boolean) {
  const known = await referenceLogProbs(withoutAdapter(policy), pairs, { shared: layout.shared ?? true });
  const step = dpoStep(policy, { kind }, { recompute });
  const { loss, metrics, gradients } = await step(pairBatch(pairs, numbers, layout), known);
  step.dispose();
  return { loss, metrics: metrics!, gradients: new Map([...gradients].map(([name, gradient]) => [name, taken(gradient)])) };
}

type Gradients = Map<string, Float32Array>;

/** Length of the difference of two gradients, all parameters as one vector, in proportion to the second's. */
function relativeDistance(found: Gradients, wanted: Gradients): number {
  let [difference, size] = [0, 0];
  for (const [name, values] of wanted) {
    values.forEach((value, i) => {
      difference += (found.get(name)![i]! - value) ** 2;
      size += value ** 2;
    });
  }
  return Math.sqrt(difference / size);
}

/** All pairs in one row; rows of two; a row for each. */
const LAYOUTS: PairLayout[] = [{ padId: 0 }, { padId: 0, most: 2 }, { padId: 0, most: 1 }];

describe.each([
  ["GPT-2, learnt positions", tinyGpt2],
  ["Llama, rotary, grouped queries", tinyLlama],
  ["Mistral, a window shorter than prompt and reply", { ...tinyLlama, model_type: "mistral", sliding_window: 5 }],
  ["Mistral, a window of one", { ...tinyLlama, model_type: "mistral", sliding_window: 1 }],
  ["Qwen2, biases", { ...tinyLlama, model_type: "qwen2" }],
  ["Qwen3, norms of heads", { ...tinyLlama, model_type: "qwen3", head_dim: 8 }],
])("a shared prompt: %s", (_, config) => {
  it.each(["sigmoid", "ipo"] as const)("gives the losses, log-probabilities and gradients of two rows a pair (%s)", async (kind) => {
    const policy = formulaLora(await formulaModel(config), { rank: 4, alpha: 8, dropout: 0 });
    const plain = await stepOf(policy, kind, { padId: 0, shared: false }, false);
    for (const layout of LAYOUTS) {
      for (const recompute of [false, true]) {
        const shared = await stepOf(policy, kind, layout, recompute);
        expect(Math.abs(shared.loss / plain.loss - 1)).toBeLessThan(1e-6);
        for (const name of ["logps/chosen", "logps/rejected"]) {
          expect(Math.abs(shared.metrics[name]! / plain.metrics[name]! - 1), name).toBeLessThan(1e-6);
        }
        expect([...shared.gradients.keys()].sort()).toEqual([...plain.gradients.keys()].sort());
        expect(relativeDistance(shared.gradients, plain.gradients)).toBeLessThan(1e-6);
      }
    }
    disposeModel(policy);
  });
});
