import { expected } from "../core/errors.js";
import { bootstrapMean, type Interval } from "./bootstrap.js";
import { type CalibrationBin, calibration } from "./calibration.js";
import { type F1Report, f1Report, indicators } from "./f1.js";
import { averagePrecisions, decisionsAt } from "./thresholds.js";

/** What a multi-label head is worth on held-out rows. */
export type MultiLabelReport = {
  rows: number;
  /** Every label that has a probability of one half or more. */
  atHalf: F1Report & { subsetAccuracy: number };
  /** With the given thresholds, which must come from other rows. */
  tuned: F1Report & { subsetAccuracy: number };
  thresholds: number[];
  /** Needs no threshold; over the classes that occur. */
  meanAveragePrecision: number;
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
  const precisions = averagePrecisions(probabilities, actual, classes).filter((value) => value !== null);
  const column = (values: ArrayLike<number>, c: number) => Float64Array.from({ length: rows }, (_, row) => values[row * classes + c]!);
  const errors = names.map((_, c) => calibration(column(probabilities, c), column(actual, c)).error);
  const sum = (values: ArrayLike<number>) => Float64Array.from(values).reduce((a, b) => a + b, 0);
  return {
    rows,
    atHalf: at(new Array<number>(classes).fill(0.5)),
    tuned: at(thresholds),
    thresholds: [...thresholds],
    meanAveragePrecision: sum(precisions) / Math.max(1, precisions.length),
    calibrationError: sum(errors) / classes,
    bins: calibration(probabilities, actual).bins,
    probabilitySum: sum(probabilities) / rows,
    labelsPerRow: sum(actual) / rows,
  };
}

/** What a single-label head is worth on held-out rows. */
export type SingleLabelReport = {
  rows: number;
  accuracy: Interval;
  f1: F1Report;
  /** `counts[i][j]`: rows of class `i` that were taken for class `j`. */
  confusion: { names: string[]; counts: number[][] };
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
  const predicted = labels.map((_, row) => likeliest(probabilities.subarray(row * classes, (row + 1) * classes)));
  const confidence = predicted.map((label, row) => probabilities[row * classes + label]!);
  const right = predicted.map((label, row) => (label === labels[row] ? 1 : 0));
  const counts = names.map(() => names.map(() => 0));
  predicted.forEach((label, row) => {
    counts[labels[row]!]![label]!++;
  });
  const { error, bins } = calibration(confidence, right);
  return {
    rows,
    ...singleLabelScores(predicted, labels, names, seed),
    confusion: { names: [...names], counts },
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
  return { accuracy: bootstrapMean(right, { seed })!, f1: f1Report(ones(predicted), ones(labels), names, { seed }) };
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
