import { expect, it } from "vitest";
import { type Tensor2D, tf } from "../../src/core/tf.js";
import { createHead, disposeHead, headLogits, headOf, headProbabilities, headShapes } from "../../src/nn/classification-head.js";
import { distance, formulaTensor, formulaValues, leaked, reference, taken } from "../formula.js";

const stored = reference<{ shape: { hidden: number; inner: number; classes: number; rows: number }; logits: number[] }>("heads.json");
const { rows, ...size } = stored.shape;
const shape = { kind: "multi-label" as const, ...size };
const formulaHead = () => headOf(shape, new Map([...headShapes(shape)].map(([name, dims]) => [name, formulaValues(name, dims)])));

it("gives the logits of torch's nn.Sequential(LayerNorm, Linear, ReLU, Linear)", () => {
  const head = formulaHead();
  const logits = taken(tf.tidy(() => headLogits(head, formulaTensor("x", [rows, shape.hidden]) as Tensor2D)));
  expect(logits).toHaveLength(rows * shape.classes);
  expect(distance(logits, stored.logits)).toBeLessThan(1e-5);
  disposeHead(head);
});

it("starts as torch's layers do, with torch's names, and the same for the same seed", () => {
  const head = createHead({ kind: "single-label", hidden: 64, inner: 100, classes: 30 }, { seed: 3 });
  expect([...head.parameters.keys()]).toEqual(["0.weight", "0.bias", "1.weight", "1.bias", "3.weight", "3.bias"]);
  const values = (name: string) => head.parameters.get(name)!.dataSync() as Float32Array;
  expect(new Set(values("0.weight"))).toEqual(new Set([1]));
  expect(new Set(values("0.bias"))).toEqual(new Set([0]));
  for (const [name, inputs] of [
    ["1.weight", 64],
    ["1.bias", 64],
    ["3.weight", 100],
    ["3.bias", 100],
  ] as const) {
    const bound = 1 / Math.sqrt(inputs);
    expect(Math.max(...values(name).map(Math.abs))).toBeLessThanOrEqual(bound);
    expect(Math.max(...values(name)), name).toBeGreaterThan(0.8 * bound);
    expect(Math.min(...values(name)), name).toBeLessThan(-0.8 * bound);
  }
  const [again, other] = [3, 4].map((seed) => createHead(head, { seed }));
  expect(distance(again!.parameters.get("1.weight")!.dataSync(), values("1.weight"))).toBe(0);
  expect(distance(other!.parameters.get("1.weight")!.dataSync(), values("1.weight"))).toBeGreaterThan(0.01);
  for (const each of [head, again!, other!]) disposeHead(each);
});

it("drops in training alone, as the seed says", () => {
  const head = { ...formulaHead(), dropout: 0.5 };
  const logits = (seed: number | null) =>
    taken(tf.tidy(() => headLogits(head, formulaTensor("x", [rows, shape.hidden]) as Tensor2D, seed)));
  expect(distance(logits(null), stored.logits)).toBeLessThan(1e-5);
  expect(distance(logits(1), logits(1))).toBe(0);
  expect(distance(logits(1), logits(2))).toBeGreaterThan(0.1);
  expect(distance(logits(1), stored.logits)).toBeGreaterThan(0.1);
  disposeHead(head);
});

it("gives probabilities, in batches as at once, by sigmoid or softmax", async () => {
  const head = formulaHead();
  const embeddings = { values: formulaValues("x", [rows, shape.hidden]), hidden: shape.hidden };
  const each = await headProbabilities(head, embeddings);
  const sigmoids = stored.logits.map((logit) => 1 / (1 + Math.exp(-logit)));
  expect(distance(each, sigmoids)).toBeLessThan(1e-6);
  expect(distance(await headProbabilities(head, embeddings, { batch: 7 }), each)).toBeLessThan(1e-6);
  const one = await headProbabilities({ ...head, kind: "single-label" }, embeddings);
  for (let row = 0; row < rows; row++) {
    const sum = one.subarray(row * shape.classes, (row + 1) * shape.classes).reduce((a, b) => a + b, 0);
    expect(sum).toBeCloseTo(1, 5);
  }
  disposeHead(head);
});

it("refuses embeddings of another width and weights of another size", async () => {
  const head = formulaHead();
  await expect(headProbabilities(head, { values: new Float32Array(8), hidden: 8 })).rejects.toThrow(
    "embeddings: expected rows of 16 values",
  );
  expect(() => headOf(shape, new Map())).toThrow("head parameter 0.weight: expected 16 values ([16]), got 0");
  expect(() => createHead({ ...shape, inner: 0 }, { seed: 0 })).toThrow("head inner");
  disposeHead(head);
});

it("leaves no tensors behind, nor where it refuses", async () => {
  const lost = await leaked(async () => {
    const head = createHead(shape, { seed: 0 });
    await headProbabilities(head, { values: new Float32Array(32), hidden: 16 });
    await headProbabilities(head, { values: new Float32Array(5), hidden: 5 }).catch(() => {});
    disposeHead(head);
  });
  expect(lost).toBe(0);
});
