import { expect, it } from "vitest";
import { meanCalibrationError } from "../../src/eval/classification.js";
import { fitPlatt, fitTemperature } from "../../src/eval/scaling.js";
import { distance, reference } from "../formula.js";

const { rows, names, scaling } = reference<{
  rows: number;
  names: string[];
  scaling: { logits: number[]; several: number[]; one: number[]; temperature: [number, number]; platt: [number, number][] };
}>("classification.json");
const classes = names.length;
const logits = Float32Array.from(scaling.logits);
const several = Uint8Array.from(scaling.several);
const one = Uint8Array.from({ length: rows * classes }, (_, i) => Number(scaling.one[Math.floor(i / classes)] === i % classes));
const sigmoid = (values: Float32Array) => values.map((x) => 1 / (1 + Math.exp(-x)));

it("finds the temperature that scipy finds, for several labels and for one", () => {
  for (const [kind, targets, wanted] of [
    ["multi-label", several, scaling.temperature[0]],
    ["single-label", one, scaling.temperature[1]],
  ] as const) {
    const { scale, shift } = fitTemperature(logits, targets, classes, kind);
    expect(scale).toHaveLength(classes);
    expect(Math.abs(scale[0]! - wanted), kind).toBeLessThan(1e-6);
    expect([new Set(scale).size, new Set(shift)]).toEqual([1, new Set([0])]);
  }
});

it("finds Platt's scales and shifts that scipy finds", () => {
  const { scale, shift } = fitPlatt(logits, several, classes);
  expect(scaling.platt).toHaveLength(classes);
  expect(
    distance(
      scale.flatMap((value, c) => [value, shift[c]!]),
      scaling.platt.flat(),
    ),
  ).toBeLessThan(1e-5);
});

it("makes logits that are too sure honest", () => {
  const { scale } = fitTemperature(logits, several, classes, "multi-label");
  const before = meanCalibrationError(sigmoid(logits), several, classes);
  const after = meanCalibrationError(sigmoid(logits.map((x) => x * scale[0]!)), several, classes);
  expect(before).toBeGreaterThan(0.1);
  expect(after).toBeLessThan(before - 0.04); // what is left is 15 bins of 120 rows
});

it("stays finite where every answer is right, or wrong, or a label never holds", () => {
  const perfect = logits.map((x) => Math.abs(x) + 1);
  for (const targets of [new Uint8Array(logits.length).fill(1), new Uint8Array(logits.length)]) {
    const { scale, shift } = fitPlatt(perfect, targets, classes);
    expect([...scale, ...shift].every(Number.isFinite)).toBe(true);
    for (const kind of ["multi-label", "single-label"] as const) {
      const [found] = fitTemperature(perfect, targets, classes, kind).scale;
      expect(found! >= 0.01 && found! <= 100).toBe(true);
    }
  }
});
