import type { Random } from "../core/random.js";

/** How the next token is chosen, all resolved. The steps and their order are those of transformers' logits processors. */
export type Sampling = {
  /** 0 takes the most probable token. */
  temperature: number;
  /** How many of the most probable tokens may be drawn; `null` for all. */
  topK: number | null;
  /** The smallest set of tokens with at least this probability may be drawn; 1 for all. */
  topP: number;
  /** Divides positive and multiplies negative logits of tokens that have occurred (Keskar et al. 2019); 1 for none. */
  repetitionPenalty: number;
};

/** Chooses the next token from one row of logits, which it changes. `seen`: the ids so far, those of the prompt too. */
export function chooseToken(logits: Float32Array, seen: Iterable<number>, sampling: Sampling, random: Random): number {
  filterLogits(logits, seen, sampling);
  return sampling.temperature === 0 ? highest(logits) : random.weighted(weights(logits));
}

/** Applies penalty, temperature, top-k and top-p to `logits` in place; what may not be drawn becomes `-Infinity`. Temperature 0 applies the penalty only. */
export function filterLogits(logits: Float32Array, seen: Iterable<number>, { temperature, topK, topP, repetitionPenalty }: Sampling): void {
  checkFinite(logits.reduce((sum, logit) => sum + logit, 0));
  if (repetitionPenalty !== 1) penalise(logits, seen, repetitionPenalty);
  if (temperature === 0) return;
  if (temperature !== 1) for (let i = 0; i < logits.length; i++) logits[i]! /= temperature;
  if (topK !== null && topK < logits.length) keepTopK(logits, topK);
  if (topP < 1) keepTopP(logits, topP);
}

/** log p of token `id` under the softmax of `logits`, in nats. */
export function logProbOf(logits: Float32Array, id: number): number {
  const top = logits[highest(logits)]!;
  let total = 0;
  for (let i = 0; i < logits.length; i++) total += Math.exp(logits[i]! - top);
  return logits[id]! - top - Math.log(total);
}

/** @throws RangeError where the sum of a row of logits is no finite number. */
export function checkFinite(sum: number): void {
  if (!Number.isFinite(sum)) throw new RangeError(`logits: expected finite numbers, got ${sum}. Have the weights diverged in training?`);
}

function penalise(logits: Float32Array, seen: Iterable<number>, penalty: number): void {
  for (const id of seen) logits[id] = logits[id]! < 0 ? logits[id]! * penalty : logits[id]! / penalty;
}

/** Ties with the k-th stay, as in transformers. */
function keepTopK(logits: Float32Array, k: number): void {
  const threshold = kthLargest(logits, k);
  for (let i = 0; i < logits.length; i++) if (logits[i]! < threshold) logits[i] = Number.NEGATIVE_INFINITY;
}

/** Of equal ones at the edge, those with the lower ids stay. */
function keepTopP(logits: Float32Array, topP: number): void {
  const probabilities = weights(logits);
  let total = 0;
  for (let i = 0; i < probabilities.length; i++) total += probabilities[i]!;
  const sorted = headWith(probabilities, topP * total).sort();
  let first = sorted.length - 1;
  for (let mass = sorted[first]!; mass < topP * total && first > 0; mass += sorted[first]!) first--;
  const threshold = sorted[first]!;
  let ties = 0;
  for (let i = first; i < sorted.length && sorted[i] === threshold; i++) ties++;
  for (let i = 0; i < logits.length; i++) {
    const weight = probabilities[i]!;
    if (weight < threshold || (weight === threshold && ties-- <= 0)) logits[i] = Number.NEGATIVE_INFINITY;
  }
}

/** The largest weights that together weigh at least `mass`: a few of a large vocabulary, so that only these need sorting. */
function headWith(weights: Float64Array, mass: number): Float64Array {
  for (let threshold = 0.01; threshold > 1e-12; threshold /= 10) {
    const head = weights.filter((weight) => weight >= threshold);
    if (head.reduce((sum, weight) => sum + weight, 0) >= mass) return head;
  }
  return weights.slice();
}

/** exp(logits - max): probabilities before they are divided by their sum. */
function weights(logits: Float32Array): Float64Array {
  const top = logits[highest(logits)]!;
  const result = new Float64Array(logits.length);
  for (let i = 0; i < logits.length; i++) result[i] = Math.exp(logits[i]! - top);
  return result;
}

/** The first index of the largest value. */
function highest(values: Float32Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}

/** The k-th largest value (k from 1), by quickselect (Hoare 1961) on a copy. */
function kthLargest(values: Float32Array, k: number): number {
  const work = values.slice();
  let [low, high] = [0, work.length - 1];
  const target = k - 1;
  while (low < high) {
    const pivot = work[(low + high) >> 1]!;
    let [i, j] = [low, high];
    while (i <= j) {
      while (work[i]! > pivot) i++;
      while (work[j]! < pivot) j--;
      if (i > j) break;
      [work[i], work[j]] = [work[j]!, work[i]!];
      i++;
      j--;
    }
    if (target <= j) high = j;
    else if (target >= i) low = i;
    else break;
  }
  return work[target]!;
}
