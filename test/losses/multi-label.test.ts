import { expect, it } from "vitest";
import { type Tensor2D, tf } from "../../src/core/tf.js";
import { bceWithLogits } from "../../src/losses/bce.js";
import { multiLabelLoss, resolveLoss } from "../../src/losses/multi-label.js";
import { isUnweighted, type MultiLabelLoss } from "../../src/nn/classification-head.js";
import { expectTrueGradient } from "../finite-differences.js";
import { distance, formulaTensor, leaked, reference, taken } from "../formula.js";

const stored = reference<{
  shape: { rows: number; classes: number };
  labels: { "multi-label": number[][] };
  losses: { logits: number[]; cases: Record<string, { loss: MultiLabelLoss; sum: number; gradient: number[] }> };
}>("heads.json");
const { rows, classes } = stored.shape;
const cases = Object.entries(stored.losses.cases);
const truth = () =>
  tf.tensor2d(
    stored.labels["multi-label"].flatMap((labels) => Array.from({ length: classes }, (_, c) => Number(labels.includes(c)))),
    [rows, classes],
  );

it("equals torch's values and gradients, class weights, focal and asymmetric", () => {
  expect(cases).toHaveLength(6);
  for (const [name, { loss, sum, gradient }] of cases) {
    const targets = truth();
    const logits = tf.tensor2d(stored.losses.logits, [rows, classes]);
    const { value, grad } = tf.valueAndGrad((x) => multiLabelLoss(loss, x as Tensor2D, targets).sum)(logits);
    expect(taken(value)[0]! / sum, name).toBeCloseTo(1, 5);
    const got = taken(grad);
    gradient.forEach((wanted, i) => {
      expect(Math.abs(got[i]! - wanted), `${name}, ${i}`).toBeLessThan(1e-5 + 1e-4 * Math.abs(wanted));
    });
    expect(multiLabelLoss(loss, logits, targets).count).toBe(rows * classes);
  }
});

it("is plain cross-entropy without weights, without gamma and without margin", () => {
  const [logits, targets] = [tf.tensor2d(stored.losses.logits, [rows, classes]), truth()];
  const plain = taken(bceWithLogits(logits, targets).sum)[0]!;
  for (const loss of [
    { kind: "bce" },
    { kind: "bce", positiveWeights: new Array<number>(classes).fill(1) },
    { kind: "focal", gamma: 0, alpha: null },
    { kind: "asymmetric", gammaPositive: 0, gammaNegative: 0, margin: 0 },
  ] as const)
    expect(taken(multiLabelLoss(loss, logits, targets).sum)[0]! / plain).toBeCloseTo(1, 5);
});

it("has the gradient of its values, and finite ones up to logits of ±500", () => {
  const targets = tf.tensor2d([1, 0, 0, 1, 1, 0, 1, 0, 0, 1], [2, 5]);
  const extreme = tf.tensor2d([500, 500, -500, -500, 90, -90, 1e-4, 0, 30, -30], [2, 5]);
  for (const [name, { loss }] of cases) {
    expectTrueGradient((x) => multiLabelLoss(loss, x as Tensor2D, targets).sum, [formulaTensor("x", [2, 5])]);
    const { value, grad } = tf.valueAndGrad((x) => multiLabelLoss(loss, x as Tensor2D, targets).sum)(extreme);
    expect([...taken(value), ...taken(grad)].every(Number.isFinite), name).toBe(true);
  }
});

it("says which loss leaves probabilities alone, and with which numbers it was", () => {
  expect(isUnweighted({ kind: "bce" })).toBe(true);
  expect(cases.filter(([, { loss }]) => isUnweighted(loss))).toEqual([]);
  expect(resolveLoss({ kind: "focal" }, 3)).toEqual({ kind: "focal", gamma: 2, alpha: 0.25 });
  expect(resolveLoss({ kind: "asymmetric", margin: 0 }, 3)).toMatchObject({ gammaNegative: 4, margin: 0 });
  expect(() => resolveLoss({ kind: "bce", positiveWeights: [1, 2] }, 3)).toThrow("loss.positiveWeights: expected 3 positive numbers");
  expect(() => resolveLoss({ kind: "hinge" } as never, 3)).toThrow("loss.kind: expected bce, focal or asymmetric");
  expect(() => resolveLoss({ kind: "asymmetric", margin: 1 }, 3)).toThrow("loss.margin");
});

it("leaves no tensors behind", async () => {
  const [x, targets] = [formulaTensor("x", [2, 5]) as Tensor2D, tf.zeros([2, 5]) as Tensor2D];
  for (const [name, { loss }] of cases) {
    const lost = await leaked(() => tf.tidy(() => void tf.grad((given) => multiLabelLoss(loss, given as Tensor2D, targets).sum)(x)));
    expect(lost, name).toBe(0);
  }
});

it("gives a mean that does not depend on how rows are put together", () => {
  const [logits, targets] = [tf.tensor2d(stored.losses.logits, [rows, classes]), truth()];
  for (const [name, { loss }] of cases) {
    const whole = taken(multiLabelLoss(loss, logits, targets).sum)[0]!;
    const part = (from: number, size: number) =>
      taken(multiLabelLoss(loss, logits.slice([from, 0], [size, classes]), targets.slice([from, 0], [size, classes])).sum)[0]!;
    expect(distance([part(0, 11) + part(11, rows - 11)], [whole]) / whole, name).toBeLessThan(1e-5);
  }
});
