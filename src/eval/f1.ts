import { expected } from "../core/errors.js";
import { Random } from "../core/random.js";

/** One class of a report. `support` counts its true rows, `predicted` those it was said of; `low` and `high` bound F1's 95 % bootstrap interval. */
export type ClassScore = {
  name: string;
  support: number;
  predicted: number;
  precision: number;
  recall: number;
  f1: number;
  low: number;
  high: number;
};

export type F1Report = {
  classes: ClassScore[];
  /** Mean over the classes. */
  macroF1: number;
  /** 95 % bootstrap interval of `macroF1` over the rows. */
  macroF1Interval: { low: number; high: number };
  /** Over all decisions together; with one label a row, the accuracy. */
  microF1: number;
  /** Mean over the classes, weighted by support. */
  weightedF1: number;
};

/** Which labels hold for each row: `[rows, classes]` of 0 and 1, row after row. */
export type Indicators = Uint8Array;

/** Rows of labels as indicators. @throws RangeError for a label that is no class. */
export function indicators(labels: readonly (readonly number[])[], classes: number): Indicators {
  const result = new Uint8Array(labels.length * classes);
  labels.forEach((row, i) => {
    for (const label of row) {
      if (!(Number.isInteger(label) && label >= 0 && label < classes))
        throw new RangeError(expected(`labels of row ${i}`, `classes from 0 to ${classes - 1}`, label));
      result[i * classes + label] = 1;
    }
  });
  return result;
}

/** Precision, recall and F1 as scikit-learn computes them, with 0 where nothing was said or nothing was true. */
export function f1Report(predicted: Indicators, actual: Indicators, names: readonly string[], { seed = 0, draws = 500 } = {}): F1Report {
  if (predicted.length !== actual.length || predicted.length % names.length !== 0 || predicted.length === 0) {
    throw new RangeError(
      expected("f1Report", `as many decisions as truths, ${names.length} a row`, `${predicted.length} and ${actual.length}`),
    );
  }
  const rows = sparseRows(predicted, actual, names.length);
  const counts = count(rows, names.length);
  const f1 = f1Of(counts);
  const intervals = bootstrap(rows, names.length, { seed, draws });
  const [hits, said, held] = [total(counts.hits), total(counts.predicted), total(counts.support)];
  return {
    classes: names.map((name, c) => ({
      name,
      support: counts.support[c]!,
      predicted: counts.predicted[c]!,
      precision: ratio(counts.hits[c]!, counts.predicted[c]!),
      recall: ratio(counts.hits[c]!, counts.support[c]!),
      f1: f1[c]!,
      ...intervals.classes[c]!,
    })),
    macroF1: total(f1) / names.length,
    macroF1Interval: intervals.macro,
    microF1: ratio(2 * hits, said + held),
    weightedF1: ratio(
      f1.reduce((sum, value, c) => sum + value * counts.support[c]!, 0),
      held,
    ),
  };
}

/** By how much the first decisions' macro F1 is above that of the second, on the same rows: the difference and its paired 95 % bootstrap interval. */
export function f1Difference(
  first: Indicators,
  second: Indicators,
  actual: Indicators,
  classes: number,
  { seed = 0, draws = 1000 } = {},
): { mean: number; low: number; high: number } {
  const [a, b] = [sparseRows(first, actual, classes), sparseRows(second, actual, classes)];
  const macro = (rows: readonly SparseRow[], pick?: (i: number) => number) => total(f1Of(count(rows, classes, pick))) / classes;
  const random = new Random(`${seed}/f1 difference`);
  const differences = Float64Array.from({ length: draws }, () => {
    const drawn = a.map(() => random.integer(a.length));
    const pick = (i: number) => drawn[i]!;
    return macro(a, pick) - macro(b, pick);
  }).sort();
  return {
    mean: macro(a) - macro(b),
    low: differences[Math.floor(0.025 * draws)]!,
    high: differences[Math.ceil(0.975 * draws) - 1]!,
  };
}

const ratio = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);
const total = (values: ArrayLike<number>): number =>
  Array.prototype.reduce.call(values, (sum: unknown, value: number) => (sum as number) + value, 0) as number;

/** The classes that were said of a row, and those that hold. */
type SparseRow = { predicted: number[]; actual: number[] };
type Counts = { hits: Float64Array; predicted: Float64Array; support: Float64Array };

function sparseRows(predicted: Indicators, actual: Indicators, classes: number): SparseRow[] {
  const ones = (values: Indicators, row: number) => {
    const found: number[] = [];
    for (let c = 0; c < classes; c++) if (values[row * classes + c]) found.push(c);
    return found;
  };
  return Array.from({ length: predicted.length / classes }, (_, row) => ({ predicted: ones(predicted, row), actual: ones(actual, row) }));
}

function count(rows: readonly SparseRow[], classes: number, pick: (i: number) => number = (i) => i): Counts {
  const counts = { hits: new Float64Array(classes), predicted: new Float64Array(classes), support: new Float64Array(classes) };
  for (let i = 0; i < rows.length; i++) {
    const { predicted, actual } = rows[pick(i)]!;
    for (const c of actual) counts.support[c]!++;
    for (const c of predicted) {
      counts.predicted[c]!++;
      if (actual.includes(c)) counts.hits[c]!++;
    }
  }
  return counts;
}

const f1Of = ({ hits, predicted, support }: Counts): Float64Array => hits.map((hit, c) => ratio(2 * hit, predicted[c]! + support[c]!));

type Bounds = { low: number; high: number };

/** Percentile intervals from rows drawn with replacement. */
function bootstrap(
  rows: readonly SparseRow[],
  classes: number,
  { seed, draws }: { seed: number; draws: number },
): { macro: Bounds; classes: Bounds[] } {
  const random = new Random(`${seed}/f1`);
  const samples = Array.from({ length: draws }, () => f1Of(count(rows, classes, () => random.integer(rows.length))));
  const bounds = (of: (f1: Float64Array) => number): Bounds => {
    const sorted = Float64Array.from(samples, of).sort();
    return { low: sorted[Math.floor(0.025 * draws)]!, high: sorted[Math.ceil(0.975 * draws) - 1]! };
  };
  return { macro: bounds((f1) => total(f1) / classes), classes: Array.from({ length: classes }, (_, c) => bounds((f1) => f1[c]!)) };
}
