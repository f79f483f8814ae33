import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, it } from "vitest";
import { fitLogistic, logisticProbabilities } from "../../src/eval/logistic-regression.js";
import { times, transposed, withOnes } from "../../src/eval/sparse.js";
import { type TextClassifierOptions, trainTextClassifier } from "../../src/eval/text-classifier.js";
import { loadTextClassifier, saveTextClassifier } from "../../src/eval/text-classifier-files.js";
import { featureRows, learnFeatures, ngrams } from "../../src/eval/text-features.js";
import { openSafetensors, writeSafetensors } from "../../src/files/safetensors.js";
import { folderSource } from "../../src/files/source.js";
import { distance, reference } from "../formula.js";
import { temporaryFolder } from "../temporary-folder.js";

type Fit = { labels: number[][]; weights: number[]; biases: number[]; probabilities: number[] };
const stored = reference<
  { texts: string[]; fresh: string[]; c: number; features: string[]; idf: number[]; rows: [number, number][][] } & Record<
    "multi-label" | "single-label",
    Fit
  >
>("text_classifier.json");
const LABELS = ["a", "b", "c", "d"];
const KINDS = ["multi-label", "single-label"] as const;
const examplesOf = (kind: (typeof KINDS)[number]) => stored.texts.map((text, i) => ({ text, labels: stored[kind].labels[i]! }));
const train = (kind: (typeof KINDS)[number], options: Partial<TextClassifierOptions> = {}) =>
  trainTextClassifier(examplesOf(kind), { kind, labels: LABELS, c: stored.c, tolerance: 1e-10, ...options });

it("finds scikit-learn's features, in its order, with its idf and its rows", () => {
  const features = learnFeatures(stored.texts);
  expect([...features.columns.keys()]).toEqual(stored.features);
  expect(stored.features.length).toBe(45);
  expect(distance(features.idf, stored.idf)).toBeLessThan(1e-9);
  const { starts, columns, values, width } = featureRows(stored.texts, features);
  expect(width).toBe(stored.features.length);
  stored.rows.forEach((row, i) => {
    const [from, to] = [starts[i]!, starts[i + 1]!];
    const sorted = [...row].sort(([a], [b]) => a - b);
    expect([...columns.subarray(from, to)], stored.texts[i]).toEqual(sorted.map(([column]) => column));
    expect(
      distance(
        values.subarray(from, to),
        sorted.map(([, value]) => value),
      ),
    ).toBeLessThan(1e-11);
  });
});

it("equals scikit-learn's logistic regression: weights, biases and probabilities, of several labels and of one", async () => {
  for (const kind of KINDS) {
    const classifier = await train(kind);
    const { weights, biases, probabilities } = stored[kind];
    expect(distance(classifier.model.weights, [...weights, ...biases]), kind).toBeLessThan(2e-6);
    expect(distance(classifier.probabilities(stored.fresh), probabilities), kind).toBeLessThan(1e-6);
  }
});

it("gives the same to the bit again, and nearly the same by its default tolerance", async () => {
  const [one, two, rough] = [await train("multi-label"), await train("multi-label"), await train("multi-label", { tolerance: 1e-4 })];
  expect(distance(one.model.weights, two.model.weights)).toBe(0);
  expect(distance(one.probabilities(stored.texts), rough.probabilities(stored.texts))).toBeLessThan(3e-3);
});

it("ends where no slope is left, whatever the data, also for a label that nobody or everybody has", async () => {
  // Thousandths: what smaller numbers could gain is lost in the digits of the loss.
  const number = fc.integer({ min: -3000, max: 3000 }).map((thousandths) => thousandths / 1000);
  const rows = fc.array(fc.array(number, { minLength: 3, maxLength: 3 }), {
    minLength: 1,
    maxLength: 20,
  });
  await fc.assert(
    fc.asyncProperty(rows, fc.integer({ min: 0, max: 2 ** 20 }), fc.constantFrom(0.01, 1, 1000), async (dense, bits, c) => {
      const x = {
        rows: dense.length,
        width: 3,
        starts: Int32Array.from({ length: dense.length + 1 }, (_, i) => 3 * i),
        columns: Int32Array.from(dense.flatMap(() => [0, 1, 2])),
        values: Float64Array.from(dense.flat()),
      };
      const holds = dense.map((_, i) => (bits >> i) & 1);
      const targets = Float64Array.from(holds.flatMap((held) => [held, 1 - held]));
      for (const link of ["sigmoid", "softmax"] as const) {
        const weights = await fitLogistic(x, targets, { outputs: 2, link, c });
        const start = times(
          transposed(withOnes(x)),
          targets.map((target) => c * (0.5 - target)),
          2,
        );
        const excess = logisticProbabilities(x, weights, 2, link).map((p, i) => c * (p - targets[i]!));
        const slope = times(transposed(withOnes(x)), excess, 2).map((value, i) => value + (i < 6 ? weights[i]! : 0));
        const most = (values: Float64Array) => Math.max(...values.map(Math.abs));
        const digits = 4 * Math.sqrt(Number.EPSILON * c * dense.length);
        expect(most(slope)).toBeLessThanOrEqual(1e-3 * most(start) + digits);
      }
    }),
    {
      numRuns: 40,
      examples: [
        [
          [
            [0, 0, 0],
            [0, Number.MIN_VALUE, 0],
          ],
          5,
          1000,
        ],
      ],
    },
  );
});

it("splits words as Python does and counts a run of two as one", () => {
  expect(ngrams("I don't KNOW, a_b x", 2)).toEqual(["don", "know", "a_b", "don know", "know a_b"]);
  expect(ngrams("", 2)).toEqual([]);
  expect(ngrams("one two three", 3)).toContain("one two three");
});

it("gives back what was saved, to the bit, and refuses a file that is none of its own or does not hold together", async () => {
  const path = join(temporaryFolder(), "control.safetensors");
  for (const kind of KINDS) {
    const trained = {
      ...(await train(kind)),
      thresholds: kind === "multi-label" ? [0.1, 0.2, 0.3, 0.4] : null,
      macroF1: kind === "multi-label" ? 0.25 : null,
    };
    await saveTextClassifier(trained, path);
    const again = await loadTextClassifier(path);
    expect([again.macroF1, again.kind, again.labels, again.thresholds, again.model.settings]).toEqual([
      trained.macroF1,
      kind,
      LABELS,
      trained.thresholds,
      trained.model.settings,
    ]);
    expect(distance(again.probabilities(stored.texts), trained.probabilities(stored.texts))).toBe(0);
  }
  const file = await openSafetensors(folderSource(join(path, "..")), "control.safetensors");
  const tensors = new Map(await Promise.all([...file.entries.keys()].map(async (name) => [name, await file.read(name)] as const)));
  const broken = new Map([...tensors, ["words", { ...tensors.get("words")!, shape: [5], data: new Uint8Array(5) }]]);
  await writeSafetensors(path, broken, file.metadata);
  await expect(loadTextClassifier(path)).rejects.toThrow("words, idf and weights that fit each other");
  await writeSafetensors(path, tensors);
  await expect(loadTextClassifier(path)).rejects.toThrow('a file of the format "eqlab text classifier 1"');
  writeFileSync(path, readFileSync(path).subarray(0, 40));
  await expect(loadTextClassifier(path)).rejects.toThrow();
});

it("refuses labels that are no classes, and no texts", async () => {
  const options = { kind: "single-label" as const, labels: LABELS };
  await expect(trainTextClassifier([{ text: "a", labels: [0, 1] }], options)).rejects.toThrow("example 0: expected one class from 0 to 3");
  await expect(trainTextClassifier([{ text: "a", labels: [4] }], { ...options, kind: "multi-label" })).rejects.toThrow(
    "classes from 0 to 3",
  );
  await expect(trainTextClassifier([], options)).rejects.toThrow("text classifier");
});
