import { expected } from "../core/errors.js";
import { bootstrapMean, type Interval } from "./bootstrap.js";
import { type CalibrationBin, calibration } from "./calibration.js";
import { type F1Report, f1Report, indicators } from "./f1.js";
import { preferenceBias } from "./preference-bias.js";
import { averagePrecisions, decisionsAt, rocAreas } from "./thresholds.js";

/** What a multi-label head is worth on held-out rows. */
export type MultiLabelReport = {
  rows: number;
  /** Every label that has a probability of one half or more. */
  atHalf: F1Report & { subsetAccuracy: number };
  /** With the given thresholds, which must come from other rows. */
  tuned: F1Report & { subsetAccuracy: number };
  thresholds: number[];
  /** Need no threshold; means over the classes that occur. */
  meanAveragePrecision: number;
  macroAuc: number;
  /** The two by class; `null` where a class never occurs. */
  ranking: { name: string; averagePrecision: number | null; auc: number | null }[];
  /** Mean over the classes. */
  calibrationError: number;
  /** All decisions together. */
  bins: CalibrationBin[];
  /** Mean sum of a row's probabilities, and mean number of its labels: equal where the head is calibrated. */
  probabilitySum: number;
  labelsPerRow: number;
};

/** `probabilities`: `[rows, classes]`. `thresholds`: one for each class, tuned on validation rows. */
export function multiLabelReport(
  probabilities: Float32Array,
  labels: readonly (readonly number[])[],
  { names, thresholds, seed = 0 }: { names: readonly string[]; thresholds: readonly number[]; seed?: number },
): MultiLabelReport {
  const { classes, rows } = sizes(probabilities, labels, names);
  if (thresholds.length !== classes) throw new RangeError(expected("multiLabelReport", `${classes} thresholds`, thresholds.length));
  const actual = indicators(labels, classes);
  const at = (limits: readonly number[]) => {
    const predicted = decisionsAt(probabilities, limits);
    return { ...f1Report(predicted, actual, names, { seed }), subsetAccuracy: equalRows(predicted, actual, classes) / rows };
  };
  const [precisions, areas] = [averagePrecisions(probabilities, actual, classes), rocAreas(probabilities, actual, classes)];
  const sum = (values: ArrayLike<number>) => Float64Array.from(values).reduce((a, b) => a + b, 0);
  const mean = (values: readonly (number | null)[]) => {
    const known = values.filter((value) => value !== null);
    return sum(known) / Math.max(1, known.length);
  };
  return {
    rows,
    atHalf: at(new Array<number>(classes).fill(0.5)),
    tuned: at(thresholds),
    thresholds: [...thresholds],
    meanAveragePrecision: mean(precisions),
    macroAuc: mean(areas),
    ranking: names.map((name, c) => ({ name, averagePrecision: precisions[c]!, auc: areas[c]! })),
    calibrationError: meanCalibrationError(probabilities, actual, classes),
    bins: calibration(probabilities, actual).bins,
    probabilitySum: sum(probabilities) / rows,
    labelsPerRow: sum(actual) / rows,
  };
}

/** Mean over the classes of how far probabilities are from what comes true. */
export function meanCalibrationError(probabilities: Float32Array, actual: Uint8Array, classes: number): number {
  const column = (values: ArrayLike<number>, c: number) =>
    Float64Array.from({ length: values.length / classes }, (_, row) => values[row * classes + c]!);
  const errors = Array.from({ length: classes }, (_, c) => calibration(column(probabilities, c), column(actual, c)).error);
  return errors.reduce((a, b) => a + b, 0) / classes;
}

/** How far the likeliest class's probability is from being right as often. */
export function topCalibration(
  probabilities: Float32Array,
  labels: readonly number[],
  classes: number,
): { error: number; bins: CalibrationBin[]; predicted: number[] } {
  const predicted = labels.map((_, row) => likeliest(probabilities.subarray(row * classes, (row + 1) * classes)));
  const confidence = predicted.map((label, row) => probabilities[row * classes + label]!);
  const right = predicted.map((label, row) => (label === labels[row] ? 1 : 0));
  return { ...calibration(confidence, right), predicted };
}

/** What a single-label head is worth on held-out rows. */
export type SingleLabelReport = {
  rows: number;
  accuracy: Interval;
  f1: F1Report;
  /** `counts[i][j]`: rows of class `i` that were taken for class `j`. */
  confusion: { names: string[]; counts: number[][] };
  /** How much some classes are preferred to others whatever is true; 0 for not at all. See `preferenceBias`. */
  preferenceBias: number;
  /** Of the likeliest class. */
  calibrationError: number;
  bins: CalibrationBin[];
};

/** `probabilities`: `[rows, classes]`. `labels`: the class of each row. */
export function singleLabelReport(
  probabilities: Float32Array,
  labels: readonly number[],
  { names, seed = 0 }: { names: readonly string[]; seed?: number },
): SingleLabelReport {
  const { classes, rows } = sizes(probabilities, labels, names);
  const { error, bins, predicted } = topCalibration(probabilities, labels, classes);
  const counts = names.map(() => names.map(() => 0));
  predicted.forEach((label, row) => {
    counts[labels[row]!]![label]!++;
  });
  return {
    rows,
    ...singleLabelScores(predicted, labels, names, seed),
    confusion: { names: [...names], counts },
    preferenceBias: preferenceBias(counts),
    calibrationError: error,
    bins,
  };
}

/** Accuracy and F1 of predicted classes, whoever predicted them. */
export function singleLabelScores(
  predicted: readonly number[],
  labels: readonly number[],
  names: readonly string[],
  seed = 0,
): { accuracy: Interval; f1: F1Report } {
  const ones = (values: readonly number[]) =>
    indicators(
      values.map((value) => [value]),
      names.length,
    );
  const right = predicted.map((label, row) => (label === labels[row] ? 1 : 0));
  return { accuracy: bootstrapMean(right, { seed, draws: 2000 })!, f1: f1Report(ones(predicted), ones(labels), names, { seed }) };
}

/** The class with the largest probability; the first of equals. */
const likeliest = (probabilities: Float32Array): number => probabilities.indexOf(Math.max(...probabilities));

function sizes(probabilities: Float32Array, labels: readonly unknown[], names: readonly string[]): { rows: number; classes: number } {
  const [rows, classes] = [labels.length, names.length];
  if (rows > 0 && probabilities.length === rows * classes) return { rows, classes };
  throw new RangeError(
    expected("classification report", `probabilities of ${rows} rows of ${classes} classes, at least one`, probabilities.length),
  );
}

function equalRows(a: Uint8Array, b: Uint8Array, classes: number): number {
  let equal = 0;
  for (let from = 0; from < a.length; from += classes)
    if (a.subarray(from, from + classes).every((value, i) => value === b[from + i])) equal++;
  return equal;
}
