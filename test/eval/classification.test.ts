import { expect, it } from "vitest";
import { multiLabelReport, singleLabelReport } from "../../src/eval/classification.js";
import { type F1Report, f1Difference, f1Report, indicators } from "../../src/eval/f1.js";
import { preferenceBias } from "../../src/eval/preference-bias.js";
import { averagePrecisions, decisionsAt, tuneThresholds } from "../../src/eval/thresholds.js";
import { distance, noise, reference } from "../formula.js";

type Scores = {
  macroF1: number;
  microF1: number;
  weightedF1: number;
  accuracy: number;
  classes: { precision: number; recall: number; f1: number; support: number }[];
};
const stored = reference<{
  rows: number;
  names: string[];
  thresholds: number[];
  labels: number[][];
  "multi-label": {
    half: Scores;
    tuned: Scores;
    averagePrecision: number[];
    auc: number[];
    bestF1: number[];
    calibrationError: number;
    probabilitySum: number;
    labelsPerRow: number;
  };
  "single-label": Scores & { label: number[]; confusion: number[][]; calibrationError: number; preferenceBias: number };
}>("classification.json");
const { rows, names } = stored;
const classes = names.length;
const coarse = (name: string) => Float32Array.from(noise(name, rows * classes), (value) => Math.floor(((value + 1) / 2) * 64) / 64);

function expectScores(report: F1Report, scores: Scores): void {
  for (const name of ["macroF1", "microF1", "weightedF1"] as const) expect(report[name], name).toBeCloseTo(scores[name], 12);
  expect(report.classes).toHaveLength(scores.classes.length);
  report.classes.forEach((own, c) => {
    const { precision, recall, f1, support } = scores.classes[c]!;
    expect(own.support).toBe(support);
    expect(distance([own.precision, own.recall, own.f1], [precision, recall, f1]), own.name).toBeLessThan(1e-12);
    expect(own.low).toBeLessThanOrEqual(own.f1);
    expect(own.high).toBeGreaterThanOrEqual(own.f1);
  });
  expect(report.macroF1Interval.low).toBeLessThan(report.macroF1);
  expect(report.macroF1Interval.high).toBeGreaterThan(report.macroF1);
}

it("equals scikit-learn's scores of several labels a row, at one half and at other thresholds", () => {
  const report = multiLabelReport(coarse("probabilities"), stored.labels, { names, thresholds: stored.thresholds });
  const expected = stored["multi-label"];
  expectScores(report.atHalf, expected.half);
  expectScores(report.tuned, expected.tuned);
  expect(report.atHalf.subsetAccuracy).toBeCloseTo(expected.half.accuracy, 12);
  expect(report.tuned.subsetAccuracy).toBeCloseTo(expected.tuned.accuracy, 12);
  expect(report.calibrationError).toBeCloseTo(expected.calibrationError, 12);
  expect(report.probabilitySum).toBeCloseTo(expected.probabilitySum, 12);
  expect(report.labelsPerRow).toBeCloseTo(expected.labelsPerRow, 12);
  expect(
    distance(
      report.ranking.slice(0, -1).map(({ auc }) => auc!),
      expected.auc,
    ),
  ).toBeLessThan(1e-12);
  expect(report.ranking.at(-1)).toEqual({ name: names.at(-1), averagePrecision: null, auc: null });
  expect(report.macroAuc).toBeCloseTo(expected.auc.reduce((a, b) => a + b, 0) / (classes - 1), 12);
  expect(report.meanAveragePrecision).toBeCloseTo(expected.averagePrecision.reduce((a, b) => a + b, 0) / (classes - 1), 12);
});

it("equals scikit-learn's scores of one label a row, and its confusion matrix", () => {
  const raw = coarse("one of several").map((value) => value + 1 / 64);
  const probabilities = raw.map((value, i) => {
    const row = Math.floor(i / classes) * classes;
    return value / raw.subarray(row, row + classes).reduce((a, b) => a + b, 0);
  });
  const expected = stored["single-label"];
  const report = singleLabelReport(probabilities, expected.label, { names });
  expectScores(report.f1, expected);
  expect(report.rows).toBe(rows);
  expect(report.accuracy.mean).toBeCloseTo(expected.accuracy, 12);
  expect(report.confusion).toEqual({ names, counts: expected.confusion });
  expect(report.calibrationError).toBeCloseTo(expected.calibrationError, 6);
  expect(report.preferenceBias).toBeCloseTo(expected.preferenceBias, 12);
});

it("has no preference bias where every class is taken as often as it is true, and a large one where one takes all", () => {
  const [even, all] = [
    [
      [5, 1, 1],
      [1, 5, 1],
      [1, 1, 5],
    ],
    [
      [9, 0, 0],
      [9, 0, 0],
      [9, 0, 0],
    ],
  ];
  expect(preferenceBias(even)).toBeCloseTo(0, 12);
  expect(preferenceBias(all)).toBeCloseTo(Math.SQRT2, 3);
  expect(preferenceBias([...even.map((row) => [...row, 0]), [0, 0, 0, 0]])).toBeCloseTo(0, 12); // a class that is nowhere
});

it("tells by how much one reading is better than another on the same rows, with an interval that is 0 for equal ones", () => {
  const actual = indicators(stored.labels, classes);
  const good = actual.map((one, i) => (i % 11 === 0 ? 1 - one : one));
  const bad = actual.map((one, i) => (i % 3 === 0 ? 1 - one : one));
  const { mean, low, high } = f1Difference(good, bad, actual, classes, { draws: 200 });
  const macro = (said: Uint8Array) => f1Report(said, actual, names, { draws: 1 }).macroF1;
  expect(mean).toBeCloseTo(macro(good) - macro(bad), 12);
  expect([low > 0, low < mean, mean < high]).toEqual([true, true, true]);
  expect(f1Difference(bad, good, actual, classes, { draws: 200 }).mean).toBeCloseTo(-mean, 12);
  expect(f1Difference(good, good, actual, classes, { draws: 20 })).toEqual({ mean: 0, low: 0, high: 0 });
});

it("finds for each class a threshold with the best F1 that scikit-learn's curve has, and its average precision", () => {
  const [probabilities, actual] = [coarse("probabilities"), indicators(stored.labels, classes)];
  const thresholds = tuneThresholds(probabilities, actual, classes);
  const { classes: scores } = f1Report(decisionsAt(probabilities, thresholds), actual, names, { draws: 1 });
  const { bestF1, averagePrecision } = stored["multi-label"];
  bestF1.forEach((best, c) => {
    expect(scores[c]!.f1, names[c]).toBeCloseTo(best, 12);
  });
  expect(thresholds.at(-1)).toBe(0.5); // a class that no row has
  const precisions = averagePrecisions(probabilities, actual, classes);
  expect(precisions.at(-1)).toBeNull();
  expect(distance(precisions.slice(0, -1) as number[], averagePrecision)).toBeLessThan(1e-12);
});

it("puts thresholds halfway, so that a probability next to one decides alike", () => {
  expect(tuneThresholds(Float32Array.from([0.75, 0.5, 0.25]), Uint8Array.from([1, 0, 0]), 1)).toEqual([0.625]);
  expect(tuneThresholds(Float32Array.from([0.75, 0.5, 0.25]), Uint8Array.from([1, 1, 1]), 1)).toEqual([0.125]);
});

it("is perfectly calibrated where what is said comes true, and off by one where it never does", () => {
  const certain = multiLabelReport(Float32Array.from([1, 0, 0, 1]), [[0], [1]], { names: ["a", "b"], thresholds: [0.5, 0.5] });
  expect(certain.calibrationError).toBe(0);
  expect(certain.tuned.macroF1).toBe(1);
  expect(certain.tuned.subsetAccuracy).toBe(1);
  const wrong = multiLabelReport(Float32Array.from([0, 1, 1, 0]), [[0], [1]], { names: ["a", "b"], thresholds: [0.5, 0.5] });
  expect(wrong.calibrationError).toBe(1);
  expect(wrong.tuned.macroF1).toBe(0);
});

it("refuses what does not fit", () => {
  const options = { names, thresholds: stored.thresholds };
  expect(() => multiLabelReport(new Float32Array(5), stored.labels, options)).toThrow(
    "classification report: expected probabilities of 120 rows of 6 classes",
  );
  expect(() => multiLabelReport(coarse("x"), stored.labels, { names, thresholds: [0.5] })).toThrow("6 thresholds");
  expect(() => singleLabelReport(new Float32Array(12), [0, 6], { names })).toThrow();
  expect(() => indicators([[0], [7]], 6)).toThrow("labels of row 1: expected classes from 0 to 5, got 7");
});
