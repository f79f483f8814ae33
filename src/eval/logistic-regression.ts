import { expected } from "../core/errors.js";
import { breathe, cellSignal } from "../core/interrupt.js";
import { type SparseRows, times, transposed, withOnes } from "./sparse.js";

/** `sigmoid`: each output is a yes-or-no decision, fitted by itself. `softmax`: one output out of all, fitted together. */
export type Link = "sigmoid" | "softmax";

export type LogisticOptions = {
  outputs: number;
  link: Link;
  /** Weight of the data against the penalty, as scikit-learn's `C`. */
  c: number;
  /** A fit ends when its largest slope is below this part of that at the start. Default 1e-3. */
  tolerance?: number;
};

/** One fit: rows with a last column of ones for the biases, what holds `[rows, outputs]`, and all that is the same in every step. */
type Problem = {
  x: SparseRows;
  columns: SparseRows;
  squares: SparseRows;
  targets: Float64Array;
  outputs: number;
  link: Link;
  c: number;
};

/** Newton steps after which a fit is given up; ten are usual. */
const MOST_STEPS = 100;
/** Products with the curvature within one step, and the part of the slope's squared size that may be left then. */
const MOST_PRODUCTS = 300;
const ENOUGH = 1e-2;
/** Halvings of a step that does not lead down, and the part of the promised descent that it must bring. */
const MOST_HALVINGS = 40;
const DESCENT = 1e-4;

/**
 * Minimises c × (sum of log losses, in nats) + ½ |weights|²; biases are free, as scikit-learn's `LogisticRegression` has it. Newton's method, each step
 * found by conjugate gradients (Nocedal and Wright 2006, algorithm 7.1) with the diagonal as preconditioner. Deterministic; can be interrupted between steps.
 * @param targets What holds: `[rows, outputs]` of 0 and 1, row after row.
 * @returns `[width + 1, outputs]`, the last row being the biases.
 * @throws RangeError for targets that do not fit; Error where it does not converge.
 */
export async function fitLogistic(rows: SparseRows, targets: Float64Array, options: LogisticOptions): Promise<Float64Array> {
  const { outputs, link, c, tolerance = 1e-3 } = options;
  if (targets.length !== rows.rows * outputs || rows.rows === 0)
    throw new RangeError(expected("fitLogistic targets", `${rows.rows} rows of ${outputs}, at least one`, targets.length));
  const x = withOnes(rows);
  const columns = transposed(x);
  const shared = { x, columns, squares: { ...columns, values: columns.values.map((value) => value * value) }, link, c };
  if (link === "softmax") return centred(await solve({ ...shared, targets, outputs }, tolerance), outputs);
  const weights = new Float64Array(x.width * outputs);
  for (let output = 0; output < outputs; output++) {
    const own = targets.filter((_, i) => i % outputs === output);
    const fitted = await solve({ ...shared, targets: own, outputs: 1 }, tolerance);
    fitted.forEach((weight, i) => {
      weights[i * outputs + output] = weight;
    });
  }
  return weights;
}

/** Probabilities `[rows, outputs]` by weights that were fitted. */
export const logisticProbabilities = (rows: SparseRows, weights: Float64Array, outputs: number, link: Link): Float64Array =>
  sharesOf(times(withOnes(rows), weights, outputs), outputs, link);

async function solve(problem: Problem, tolerance: number): Promise<Float64Array> {
  const { x, columns, targets, outputs, link, c } = problem;
  const [weights, scores] = [new Float64Array(x.width * outputs), new Float64Array(x.rows * outputs)];
  const signal = cellSignal();
  const rounding = Number.EPSILON * problem.c * x.rows; // no slope below this can be told from none
  let first: number | undefined;
  for (let step = 0; step < MOST_STEPS; step++) {
    await breathe(signal);
    const shares = sharesOf(scores, outputs, link);
    const excess = shares.map((p, i) => c * (p - targets[i]!));
    const slope = times(columns, excess, outputs);
    addPenalty(slope, weights, outputs);
    const size = slope.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    first ??= size;
    if (size <= Math.max(tolerance * first, rounding)) return weights;
    const direction = newtonDirection(problem, shares, slope);
    const change = times(x, direction, outputs);
    const length = stepLength(problem, { weights, scores, slope, direction, change });
    if (length === 0) return weights; // as far down as numbers have digits
    addScaled(weights, direction, length);
    addScaled(scores, change, length);
  }
  throw new Error(expected("fitLogistic", `an end within ${MOST_STEPS} steps`, "none", "Give a smaller c or a larger tolerance"));
}

/** Solves curvature × direction = -slope as well as it deserves. */
function newtonDirection(problem: Problem, shares: Float64Array, slope: Float64Array): Float64Array {
  const diagonal = curvatureDiagonal(problem, shares);
  const result = new Float64Array(slope.length);
  const rest = slope.map((value) => -value);
  const scaled = rest.map((value, i) => value / diagonal[i]!);
  const search = scaled.slice();
  let agreement = dot(rest, scaled);
  const enough = ENOUGH * agreement;
  for (let i = 0; i < MOST_PRODUCTS && agreement > enough; i++) {
    const bent = curvatureTimes(problem, shares, search);
    const length = agreement / dot(search, bent);
    addScaled(result, search, length);
    addScaled(rest, bent, -length);
    for (let k = 0; k < rest.length; k++) scaled[k] = rest[k]! / diagonal[k]!;
    const next = dot(rest, scaled);
    const kept = next / agreement;
    for (let k = 0; k < search.length; k++) search[k] = scaled[k]! + kept * search[k]!;
    agreement = next;
  }
  return result;
}

function curvatureTimes({ x, columns, outputs, link, c }: Problem, shares: Float64Array, direction: Float64Array): Float64Array {
  const change = times(x, direction, outputs);
  for (let row = 0; row < change.length; row += outputs) {
    let mean = 0;
    if (link === "softmax") for (let k = row; k < row + outputs; k++) mean += shares[k]! * change[k]!;
    for (let k = row; k < row + outputs; k++) {
      const p = shares[k]!;
      change[k] = c * p * (link === "softmax" ? change[k]! - mean : (1 - p) * change[k]!);
    }
  }
  const bent = times(columns, change, outputs);
  addPenalty(bent, direction, outputs);
  return bent;
}

function curvatureDiagonal({ squares, outputs, c }: Problem, shares: Float64Array): Float64Array {
  const spread = shares.map((p) => c * p * (1 - p));
  const diagonal = times(squares, spread, outputs);
  // Nothing for biases, but never 0.
  return diagonal.map((value, i) => value + (i < diagonal.length - outputs ? 1 : 1e-12));
}

type Move = { weights: Float64Array; scores: Float64Array; slope: Float64Array; direction: Float64Array; change: Float64Array };

/** The first of 1, ½, ¼ … that leads down far enough; 0 where none does. */
function stepLength(problem: Problem, { weights, scores, slope, direction, change }: Move): number {
  const free = weights.length - problem.outputs;
  const [w, d] = [weights.subarray(0, free), direction.subarray(0, free)];
  const [across, along, promised] = [dot(w, d), dot(d, d), dot(slope, direction)];
  const start = lossOf(problem, scores);
  for (let halving = 0, length = 1; halving < MOST_HALVINGS; halving++, length /= 2) {
    const moved = scores.slice();
    addScaled(moved, change, length);
    const gained = lossOf(problem, moved) - start + length * across + (length ** 2 * along) / 2;
    if (gained <= DESCENT * length * promised) return length;
  }
  return 0;
}

function sharesOf(scores: Float64Array, outputs: number, link: Link): Float64Array {
  if (link === "sigmoid") return scores.map((score) => 1 / (1 + Math.exp(-score)));
  const shares = new Float64Array(scores.length);
  for (let row = 0; row < scores.length; row += outputs) {
    const { most, sum } = exponentials(scores.subarray(row, row + outputs));
    for (let k = row; k < row + outputs; k++) shares[k] = Math.exp(scores[k]! - most) / sum;
  }
  return shares;
}

/** The sum of the rows' losses, times c. */
function lossOf({ targets, outputs, link, c }: Problem, scores: Float64Array): number {
  let loss = 0;
  for (let row = 0; row < scores.length; row += outputs) {
    if (link === "softmax") {
      const { most, sum } = exponentials(scores.subarray(row, row + outputs));
      loss += most + Math.log(sum);
    } else loss += Math.max(scores[row]!, 0) + Math.log1p(Math.exp(-Math.abs(scores[row]!)));
    for (let k = row; k < row + outputs; k++) loss -= targets[k]! * scores[k]!;
  }
  return c * loss;
}

function exponentials(scores: Float64Array): { most: number; sum: number } {
  const most = Math.max(...scores);
  return { most, sum: scores.reduce((sum, score) => sum + Math.exp(score - most), 0) };
}

/** `to += by` but for the last row, the biases. */
function addPenalty(to: Float64Array, by: Float64Array, outputs: number): void {
  for (let i = 0; i < to.length - outputs; i++) to[i]! += by[i]!;
}

function addScaled(to: Float64Array, by: Float64Array, length: number): void {
  for (let i = 0; i < to.length; i++) to[i]! += length * by[i]!;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/** The biases of a softmax are free up to a constant; theirs sum to 0. */
function centred(weights: Float64Array, outputs: number): Float64Array {
  const biases = weights.subarray(weights.length - outputs);
  const mean = biases.reduce((a, b) => a + b, 0) / outputs;
  for (let k = 0; k < outputs; k++) biases[k]! -= mean;
  return weights;
}
