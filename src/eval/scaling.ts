import type { HeadKind } from "../nn/classification-head.js";

/** `scale × logit + shift`, by class. */
export type Scaling = { scale: number[]; shift: number[] };

/** Newton steps; a convex loss of one or two numbers needs few. */
const MOST_STEPS = 100;
/** Scales stay within these, also where all answers are right and the best scale has no end. */
const [LEAST, MOST] = [0.01, 100];

/**
 * Temperature scaling (Guo et al. 2017): the one factor of all logits, 1 / T, with the least log loss. `logits`, `targets` (0 or 1): `[rows, classes]`, of
 * rows that the head was not trained on.
 */
export function fitTemperature(logits: Float32Array, targets: Uint8Array, classes: number, kind: HeadKind): Scaling {
  let scale = 1;
  for (let step = 0; step < MOST_STEPS; step++) {
    const { slope, bend } = kind === "multi-label" ? sigmoidSlope(logits, targets, scale) : softmaxSlope(logits, targets, classes, scale);
    // Not more than a factor of two at once: far out the loss is nearly straight.
    const next = Math.min(MOST, Math.max(LEAST, Math.min(2 * scale, Math.max(scale / 2, scale - slope / Math.max(bend, 1e-12)))));
    const moved = Math.abs(next - scale);
    scale = next;
    if (moved < 1e-9 * scale) break;
  }
  return { scale: new Array<number>(classes).fill(scale), shift: new Array<number>(classes).fill(0) };
}

/**
 * Platt scaling: for each class the scale and shift with the least log loss, with Platt's targets (n₊ + 1) / (n₊ + 2) and 1 / (n₋ + 2) in place of 1 and 0
 * against too great trust in few rows. Newton's method with halved steps (Lin, Lin and Weng 2007).
 */
export function fitPlatt(logits: Float32Array, targets: Uint8Array, classes: number): Scaling {
  const fits = Array.from({ length: classes }, (_, c) => {
    const own = (values: ArrayLike<number>) =>
      Float64Array.from({ length: values.length / classes }, (_, row) => values[row * classes + c]!);
    return plattOf(own(logits), own(targets));
  });
  return { scale: fits.map(({ scale }) => scale), shift: fits.map(({ shift }) => shift) };
}

function plattOf(scores: Float64Array, held: Float64Array): { scale: number; shift: number } {
  const positives = held.reduce((a, b) => a + b, 0);
  const negatives = held.length - positives;
  const wanted = held.map((one) => (one ? (positives + 1) / (positives + 2) : 1 / (negatives + 2)));
  const lossAt = (scale: number, shift: number) =>
    scores.reduce((sum, score, i) => {
      const x = scale * score + shift;
      return sum + Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))) - wanted[i]! * x;
    }, 0);
  let [scale, shift] = [0, Math.log((positives + 1) / (negatives + 1))];
  let loss = lossAt(scale, shift);
  for (let step = 0; step < MOST_STEPS; step++) {
    let [a, b, aa, ab, bb] = [0, 0, 1e-12, 0, 1e-12];
    scores.forEach((score, i) => {
      const p = 1 / (1 + Math.exp(-(scale * score + shift)));
      const [excess, spread] = [p - wanted[i]!, p * (1 - p)];
      a += excess * score;
      b += excess;
      aa += spread * score * score;
      ab += spread * score;
      bb += spread;
    });
    if (Math.max(Math.abs(a), Math.abs(b)) < 1e-9 * held.length) break;
    const area = aa * bb - ab * ab;
    const [da, db] = [-(bb * a - ab * b) / area, -(aa * b - ab * a) / area];
    let length = 1;
    while (length > 1e-10 && !(lossAt(scale + length * da, shift + length * db) <= loss + 1e-4 * length * (a * da + b * db))) length /= 2;
    if (length <= 1e-10) break;
    [scale, shift] = [scale + length * da, shift + length * db];
    loss = lossAt(scale, shift);
  }
  return { scale, shift };
}

type Slope = { slope: number; bend: number };

function sigmoidSlope(logits: Float32Array, targets: Uint8Array, scale: number): Slope {
  let [slope, bend] = [0, 0];
  logits.forEach((logit, i) => {
    const p = 1 / (1 + Math.exp(-scale * logit));
    slope += (p - targets[i]!) * logit;
    bend += p * (1 - p) * logit * logit;
  });
  return { slope, bend };
}

function softmaxSlope(logits: Float32Array, targets: Uint8Array, classes: number, scale: number): Slope {
  let [slope, bend] = [0, 0];
  for (let row = 0; row < logits.length; row += classes) {
    const own = logits.subarray(row, row + classes);
    const most = Math.max(...own);
    const weights = Float64Array.from(own, (logit) => Math.exp(scale * (logit - most)));
    const total = weights.reduce((a, b) => a + b, 0);
    const mean = own.reduce((sum, logit, k) => sum + (weights[k]! / total) * logit, 0);
    const square = own.reduce((sum, logit, k) => sum + (weights[k]! / total) * logit * logit, 0);
    slope += mean - own.reduce((sum, logit, k) => sum + targets[row + k]! * logit, 0);
    bend += square - mean * mean;
  }
  return { slope, bend };
}
