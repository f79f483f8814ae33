import { expect, it } from "vitest";
import {
  type ClassificationHead,
  createHead,
  disposeHead,
  type HeadKind,
  headOf,
  headProbabilities,
  headShapes,
} from "../../src/nn/classification-head.js";
import { type HeadExamples, headLoss, headStep, trainHead } from "../../src/train/heads.js";
import type { TrainEvent } from "../../src/train/loop.js";
import { distance, formulaValues, leaked, noise, reference, taken } from "../formula.js";
import { temporaryFolder } from "../temporary-folder.js";

type Run = { losses: number[]; gradients: Record<string, number[]>; parameters: Record<string, number[]> };
const stored = reference<
  {
    shape: { hidden: number; inner: number; classes: number; rows: number };
    labels: Record<HeadKind, number[][]>;
  } & Record<HeadKind, Run>
>("heads.json");
const { rows, ...size } = stored.shape;
const embeddings = { values: formulaValues("x", [rows, size.hidden]), hidden: size.hidden };
const examplesOf = (kind: HeadKind): HeadExamples => ({ embeddings, labels: stored.labels[kind] });
function formulaHead(kind: HeadKind): ClassificationHead {
  const shape = { kind, ...size };
  return headOf(shape, new Map([...headShapes(shape)].map(([name, dims]) => [name, formulaValues(name, dims)])));
}

/** Rows whose class says whether their first value is above the second. */
function separable(name: string, count: number): HeadExamples {
  const values = Float32Array.from(noise(name, count * 4));
  return {
    embeddings: { values, hidden: 4 },
    labels: Array.from({ length: count }, (_, row) => [values[row * 4]! > values[row * 4 + 1]! ? 1 : 0]),
  };
}

const all = async (events: AsyncIterable<TrainEvent>): Promise<TrainEvent[]> => {
  const seen: TrainEvent[] = [];
  for await (const event of events) seen.push(event);
  return seen;
};

for (const kind of ["multi-label", "single-label"] as const) {
  it(`has torch's loss and gradients: ${kind}`, async () => {
    const head = formulaHead(kind);
    const step = headStep(head);
    const { loss, count, gradients } = await step(examplesOf(kind), [...Array(rows).keys()], 0);
    expect(step.fallback).toBe("");
    expect(count).toBe(kind === "multi-label" ? rows * size.classes : rows);
    expect(loss / count).toBeCloseTo(stored[kind].losses[0]!, 6);
    expect([...gradients.keys()]).toEqual([...head.parameters.keys()]);
    for (const [name, gradient] of gradients)
      expect(
        distance(
          taken(gradient).map((x) => x / count),
          stored[kind].gradients[name]!,
        ),
        name,
      ).toBeLessThan(1e-6);
    step.dispose();
    disposeHead(head);
  });

  it(`follows torch's AdamW step by step: ${kind}`, async () => {
    const head = formulaHead(kind);
    const steps = stored[kind].losses.length;
    const options = { steps, batch: rows, learningRate: 1e-2, maxGradNorm: null, optimizer: { weightDecay: 0.1 } };
    const events = await all(trainHead(head, examplesOf(kind), options));
    const losses = events.flatMap((event) => (event.kind === "step" ? [event.loss] : []));
    expect(distance(losses, stored[kind].losses)).toBeLessThan(1e-5);
    for (const [name, parameter] of head.parameters)
      expect(distance(parameter.dataSync(), stored[kind].parameters[name]!), name).toBeLessThan(2e-5);
    disposeHead(head);
  });

  it(`adds up to the same over parts of a batch: ${kind}`, async () => {
    const head = formulaHead(kind);
    const step = headStep(head);
    const whole = await step(examplesOf(kind), [...Array(rows).keys()], 0);
    const parts = [
      [0, 11],
      [11, 12],
      [12, rows],
    ].map(([from, to]) => step(examplesOf(kind), [...Array(rows).keys()].slice(from, to), 0));
    const sums = await Promise.all(parts);
    expect(sums.reduce((sum, { loss }) => sum + loss, 0)).toBeCloseTo(whole.loss, 4);
    expect(sums.reduce((sum, { count }) => sum + count, 0)).toBe(whole.count);
    expect(await headLoss(head, examplesOf(kind), { batch: 7 })).toBeCloseTo(whole.loss / whole.count, 6);
    for (const { gradients } of [whole, ...sums]) for (const gradient of gradients.values()) gradient.dispose();
    step.dispose();
    disposeHead(head);
  });
}

it("learns what can be learnt, the same for the same seed, and evaluates when it should", async () => {
  const [train, validation, test] = ["train", "validation", "test"].map((name) => separable(name, 200)) as [
    HeadExamples,
    HeadExamples,
    HeadExamples,
  ];
  const trained = async () => {
    const head = createHead({ kind: "single-label", hidden: 4, inner: 16, classes: 2 }, { seed: 1, dropout: 0.1 });
    const events = await all(trainHead(head, train, { batch: 50, epochs: 15, learningRate: 2e-2, validation, evaluateEvery: 4, seed: 5 }));
    return { head, events };
  };
  const [one, two] = [await trained(), await trained()];
  expect(
    one.events
      .filter(({ kind }) => kind === "evaluation")
      .map((event) => (event as { step: number }).step)
      .slice(0, 3),
  ).toEqual([0, 4, 8]);
  const probabilities = await headProbabilities(one.head, test.embeddings);
  const right = test.labels.filter(([label], row) => probabilities[row * 2 + label!]! > 0.5).length;
  expect(right).toBeGreaterThan(190);
  for (const [name, parameter] of one.head.parameters)
    expect(distance(parameter.dataSync(), two.head.parameters.get(name)!.dataSync())).toBe(0);
  for (const { head } of [one, two]) disposeHead(head);
});

it("stops early and ends with the parameters of the best evaluation", async () => {
  const train = separable("train", 40);
  // What holds in training is false in validation, so the first evaluation is the best.
  const validation = { ...train, labels: train.labels.map(([label]) => [1 - label!]) };
  const head = createHead({ kind: "single-label", hidden: 4, inner: 8, classes: 2 }, { seed: 1 });
  const before = head.parameters.get("1.weight")!.dataSync().slice();
  const events = await all(
    trainHead(head, train, { batch: 40, epochs: 50, learningRate: 1e-2, validation, evaluateEvery: 1, patience: 3 }),
  );
  expect(events.at(-1)).toMatchObject({ kind: "end", step: 3, reason: "early stop", bestStep: 0 });
  expect(distance(head.parameters.get("1.weight")!.dataSync(), before)).toBe(0);
  disposeHead(head);
});

it("refuses labels that do not fit", async () => {
  const head = formulaHead("single-label");
  const refused = (labels: number[][]) =>
    expect(all(trainHead(head, { embeddings, labels })).catch((error: Error) => error.message)).resolves;
  await refused(stored.labels["single-label"].slice(1)).toContain("labels for 30 embeddings");
  await refused([[9], ...stored.labels["single-label"].slice(1)]).toContain(
    "head training rows: row 0: expected one class from 0 to 4, got [9]",
  );
  await refused([[0, 1], ...stored.labels["single-label"].slice(1)]).toContain("one class");
  disposeHead(head);
});

it("leaves no tensors behind, also on break", async () => {
  const lost = await leaked(async () => {
    const head = formulaHead("multi-label");
    const options = { epochs: 3, batch: 8, validation: examplesOf("multi-label") };
    for await (const event of trainHead(head, examplesOf("multi-label"), options)) if (event.kind === "step" && event.step === 6) break;
    await all(trainHead(head, examplesOf("multi-label"), options));
    disposeHead(head);
  });
  expect(lost).toBe(0);
});

it("goes on only with the same rows", async () => {
  const checkpoint = { folder: temporaryFolder(), every: 2, resume: true };
  const trained = async (labels: number[][]) => {
    const head = formulaHead("single-label");
    const examples = { ...examplesOf("single-label"), labels };
    const events = await all(trainHead(head, examples, { steps: 4, batch: 8, checkpoint })).finally(() => disposeHead(head));
    return events[0];
  };
  const labels = stored.labels["single-label"].map((row) => [...row]);
  expect(await trained(labels)).toMatchObject({ resumedFrom: 0 });
  expect(await trained(labels)).toMatchObject({ resumedFrom: 4 });
  await expect(trained([...labels.slice(1), labels[0]!])).rejects.toThrow("expected a checkpoint of a run with these options");
});
