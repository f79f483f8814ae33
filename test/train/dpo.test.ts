import { describe, expect, it } from "vitest";
import { tf } from "../../src/core/tf.js";
import type { PreferenceKind, PreferenceLoss } from "../../src/losses/preference.js";
import { disposeModel } from "../../src/models/create.js";
import { disposeAdapter, frozenCopy, trainableParameters, withoutAdapter } from "../../src/models/lora.js";
import type { CausalLM } from "../../src/models/model.js";
import type { LoraPair } from "../../src/nn/lora.js";
import { type DpoOptions, dpoStep, trainDpo } from "../../src/train/dpo.js";
import type { TrainEvent } from "../../src/train/loop.js";
import { type PairBatch, pairBatch } from "../../src/train/pair-batch.js";
import type { EncodedPreference } from "../../src/train/pair-rows.js";
import { referenceLogProbs } from "../../src/train/reference-log-probs.js";
import type { ReplyLogProbs } from "../../src/train/reply-log-probs.js";
import {
  distance,
  formulaLora,
  formulaModel,
  formulaTensor,
  leaked,
  reference,
  type Summary,
  summaryDistance,
  taken,
  tinyGpt2,
  tinyLlama,
} from "../formula.js";
import { temporaryFolder } from "../temporary-folder.js";

type Metrics = Record<string, number>;
type Case = {
  name: string;
  config: Record<string, unknown>;
  reference: "base" | "copy" | "other";
  pairs: number;
  loss_type: [PreferenceKind | "aot"];
  beta?: number;
  label_smoothing?: number;
  loss: number;
  metrics: Metrics;
  gradients: Record<string, Summary>;
};
type Trace = { loss: number; gradNorm: number; learningRate: number; metrics: Metrics };
/** Values of TRL's DPOTrainer, made by test/reference/dpo.py. */
const trl = reference<{
  pairs: { prompt: number[]; chosen: number[]; rejected: number[] }[];
  cases: Case[];
  training: { config: Record<string, unknown>; steps: number; learningRate: number; trace: Trace[] };
}>("dpo.json");

const pairs: EncodedPreference[] = trl.pairs.map(({ prompt, chosen, rejected }) => {
  const side = (reply: number[]) => ({ ids: [...prompt, ...reply], targets: [...prompt.map(() => false), ...reply.map(() => true)] });
  return { chosen: side(chosen), rejected: side(rejected), cut: 0 };
});
const all = [...pairs.keys()];

async function policyOf(config: Record<string, unknown>, dropout = 0): Promise<CausalLM> {
  return formulaLora(await formulaModel(config), { rank: 4, alpha: 8, dropout });
}

/** What the policy is held to; its adapter, if it has one, is the caller's. */
function heldTo(policy: CausalLM, kind: Case["reference"]): CausalLM {
  if (kind === "base") return withoutAdapter(policy);
  const copy = frozenCopy(policy);
  if (kind === "copy") return copy;
  disposeAdapter(copy.adapter!);
  const modules = [...policy.adapter!.modules].map(([name, { a, b }]) => {
    const other = { a: formulaTensor(`reference ${name}.lora_A`, a.shape), b: formulaTensor(`reference ${name}.lora_B`, b.shape) };
    return [name, other as unknown as LoraPair] as const;
  });
  return { ...copy, adapter: { ...copy.adapter!, modules: new Map(modules) } };
}

/** One step with nothing kept for another. */
async function stepOf(policy: CausalLM, batch: PairBatch, known: ReplyLogProbs, options: PreferenceLoss = {}, recompute = false) {
  const step = dpoStep(policy, options, { recompute });
  try {
    return await step(batch, known);
  } finally {
    step.dispose();
  }
}

function disposeBoth(policy: CausalLM, held: CausalLM): void {
  if (held.adapter) disposeAdapter(held.adapter);
  disposeModel(policy);
}

const near = (found: Metrics, wanted: Metrics, most = 1e-4) => {
  for (const [name, value] of Object.entries(wanted))
    expect(Math.abs(found[name]! - value) / Math.max(1, Math.abs(value)), name).toBeLessThan(most);
};

describe("one step of DPO against TRL", () => {
  it("has the trainer's values for twelve settings and a training", () => {
    expect(trl.cases).toHaveLength(12);
    expect(trl.cases.filter((given) => given.metrics["rewards/margins"] === 0)).toHaveLength(2);
    expect(trl.training.trace).toHaveLength(4);
  });

  const ways = [
    { recompute: false, shared: true },
    { recompute: true, shared: true },
    { recompute: false, shared: false },
  ];
  it.each(trl.cases.flatMap((given) => ways.map((way) => ({ ...given, ...way }))))(
    "$name (recompute $recompute, shared $shared)",
    async (given) => {
      const policy = await policyOf(given.config);
      const held = heldTo(policy, given.reference);
      const batch = pairBatch(pairs, all.slice(0, given.pairs), { padId: 0, shared: given.shared });
      const known = await referenceLogProbs(held, pairs, { batch: 3, shared: given.shared });
      const [kind] = given.loss_type;
      const options = { kind: kind === "aot" ? ("sigmoid" as const) : kind, beta: given.beta, labelSmoothing: given.label_smoothing };
      const { loss, count, gradients, metrics } = await stepOf(policy, batch, known, options, given.recompute);
      expect(count).toBe(given.pairs);
      near({ loss: loss / count }, { loss: given.loss });
      const { "rewards/accuracies": accuracy, ...others } = given.metrics;
      near(Object.fromEntries(Object.entries(metrics!).map(([name, sum]) => [name, sum / count])), others);
      // Where policy and reference are equal, rewards differ by rounding alone.
      if (given.reference !== "copy") expect(metrics!["rewards/accuracies"]! / count).toBe(accuracy);
      else if (kind === "sigmoid") expect(loss / count).toBeCloseTo(Math.LN2, 5);
      expect([...gradients.keys()].sort()).toEqual(Object.keys(given.gradients).sort());
      for (const [name, gradient] of gradients)
        expect(summaryDistance(taken(gradient), given.gradients[name]!, 1 / count), name).toBeLessThan(1e-4);
      disposeBoth(policy, held);
    },
  );

  it("trains as TRL's trainer does, step by step", async () => {
    const { config, steps, learningRate, trace } = trl.training;
    const policy = await policyOf(config);
    const held = heldTo(policy, "copy");
    const events = await run(policy, { reference: held, steps, learningRate, batch: pairs.length });
    const found = events.filter((event) => event.kind === "step");
    expect(found).toHaveLength(steps);
    found.forEach((event, i) => {
      const { "rewards/accuracies": accuracy, ...metrics } = trace[i]!.metrics;
      near(event.metrics, metrics, 2e-4);
      if (i > 0) expect(event.metrics["rewards/accuracies"]).toBe(accuracy);
      const { loss, gradNorm, learningRate: rate } = trace[i]!;
      near({ loss: event.loss, gradNorm: event.gradNorm, rate: event.learningRate }, { loss, gradNorm, rate }, 2e-4);
    });
    disposeBoth(policy, held);
  });
});

async function run(policy: CausalLM, options: DpoOptions, stopAfter = Number.POSITIVE_INFINITY): Promise<TrainEvent[]> {
  const events: TrainEvent[] = [];
  for await (const event of trainDpo(policy, pairs, options)) {
    events.push(event);
    if (event.kind === "step" && event.step >= stopAfter) break;
  }
  return events;
}

const adapterValues = (policy: CausalLM): number[] =>
  [...trainableParameters(policy).values()].flatMap((parameter) => [...parameter.dataSync()]);

describe("DPO training", () => {
  it("leaves dropout off, also where the adapter has some", async () => {
    const [plain, dropping] = [await policyOf(tinyLlama), await policyOf(tinyLlama, 0.5)];
    const known = await referenceLogProbs(plain, pairs);
    const batch = pairBatch(pairs, all, { padId: 0 });
    const [a, b] = [await stepOf(plain, batch, known), await stepOf(dropping, batch, known)];
    expect(b.loss).toBe(a.loss);
    for (const [name, gradient] of a.gradients) expect(distance(taken(b.gradients.get(name)!), taken(gradient))).toBe(0);
    for (const model of [plain, dropping]) disposeModel(model);
  });

  it("evaluates held-out pairs as a step would see them", async () => {
    const policy = await policyOf(tinyGpt2);
    const held = withoutAdapter(policy);
    const options = { reference: held, steps: 1, learningRate: 0, kind: "ipo" as const, batch: 4, evaluation: pairs.slice(1) };
    const evaluation = (await run(policy, options)).find((event) => event.kind === "evaluation")!;
    const { loss, metrics, gradients } = await stepOf(
      policy,
      pairBatch(pairs, [1, 2, 3], { padId: 0 }),
      await referenceLogProbs(held, pairs),
      { kind: "ipo" },
    );
    near({ loss: evaluation.loss }, { loss: loss / 3 });
    near(evaluation.metrics, Object.fromEntries(Object.entries(metrics!).map(([name, sum]) => [name, sum / 3])));
    tf.dispose([...gradients.values()]);
    disposeModel(policy);
  });

  it("goes on bit for bit where it was stopped, and refuses to under another loss or reference", async () => {
    const folder = temporaryFolder();
    const options = { steps: 6, learningRate: 1e-2, batch: 3, seed: 7, kind: "hinge" as const, beta: 0.7 };
    const [through, stopped, resumed] = [await policyOf(tinyLlama), await policyOf(tinyLlama), await policyOf(tinyLlama)];
    const held = heldTo(through, "other");
    const whole = await run(through, { ...options, reference: held });
    await run(stopped, { ...options, reference: held, checkpoint: { folder, every: 2 } }, 5);
    const again = { ...options, reference: held, checkpoint: { folder, every: 2, resume: true } };
    const events = await run(resumed, again);
    expect(events[0]).toMatchObject({ kind: "start", resumedFrom: 4, options: { kind: "hinge", beta: 0.7, labelSmoothing: 0, batch: 3 } });
    const losses = (found: TrainEvent[]) => found.flatMap((event) => (event.kind === "step" ? [event.loss] : []));
    expect(losses(events)).toEqual(losses(whole).slice(4));
    expect(adapterValues(resumed)).toEqual(adapterValues(through));
    await expect(run(resumed, { ...again, beta: 0.6 })).rejects.toThrow("expected a checkpoint of a run with these options");
    await expect(run(resumed, { ...again, reference: withoutAdapter(resumed) })).rejects.toThrow(
      "expected a checkpoint of a run with these options",
    );
    for (const model of [through, stopped, resumed]) disposeModel(model);
    disposeAdapter(held.adapter!);
  });

  it("refuses options that cannot be before it computes anything", async () => {
    const policy = await policyOf(tinyGpt2);
    const options = { reference: withoutAdapter(policy), steps: 1, learningRate: 1e-3, onReference: () => expect.unreachable() };
    await expect(run(policy, { ...options, batch: 0 })).rejects.toThrow("batch: expected a whole number, at least 1, got 0");
    await expect(run(policy, { ...options, kind: "ipo", labelSmoothing: 0.1 })).rejects.toThrow("labelSmoothing");
    disposeModel(policy);
  });

  it("leaves nothing behind at its end, on break and on a throw", async () => {
    const policy = await policyOf(tinyGpt2);
    const options = { reference: withoutAdapter(policy), steps: 2, learningRate: 1e-3, batch: 2, evaluation: pairs.slice(3) };
    for (const recompute of [false, true]) {
      expect(await leaked(() => run(policy, { ...options, recompute, keepBest: true, evaluateEvery: 1 }))).toBe(0);
      expect(await leaked(() => run(policy, { ...options, recompute, keepBest: true, evaluateEvery: 1 }, 1))).toBe(0);
      const known = await referenceLogProbs(policy, pairs);
      const foreign = pairBatch(pairs, all, { padId: 1000 });
      expect(await leaked(() => expect(stepOf(policy, foreign, known, {}, recompute)).rejects.toThrow("inputs.ids"))).toBe(0);
    }
    const wild = { ...options, steps: 3, learningRate: 1e30, maxGradNorm: null };
    expect(await leaked(() => expect(run(policy, wild)).rejects.toThrow("training step 2: expected a finite loss"))).toBe(0);
    disposeModel(policy);
    expect(tf.memory().numTensors).toBe(0);
  });
});
