import { expected } from "../core/errors.js";
import { GO_EMOTIONS } from "../data/go-emotions.js";
import type { GoEmotion } from "./emotion-map.js";

/** Labels that count as empathy. There is no standard set; so it is named, stated, and can be changed. */
export const LABEL_SETS = {
  /** What a supporter shows: warmth, encouragement and sympathy. */
  supportive: ["caring", "approval", "gratitude", "love", "optimism", "relief", "sadness", "remorse"],
  /** What the published run counted; it takes in neutral. */
  published: ["admiration", "approval", "caring", "desire", "joy", "love", "optimism", "relief", "neutral"],
  /** The one label that tells supporters' turns from seekers' best (area under the curve .70 on ESConv). */
  caring: ["caring"],
} as const satisfies Record<string, readonly GoEmotion[]>;
export type LabelSetName = keyof typeof LABEL_SETS;

/** Weight of the alignment in the seed's formula. */
export const ALIGNMENT_WEIGHT = 0.3;

/** What the published run added for each head in use, times the head's top probability on the prompt. */
export const PUBLISHED_BONUS = 0.1;

export type EqScore = {
  /** Empathy mass: 0 to 1. */
  mass: number;
  /** Cosine of reading and reference, 0 to 1; `null` where the question has no reference on the labels. It then counts 0. */
  alignment: number | null;
  /** mass + weight × alignment. */
  eq: number;
  /** The share of every label in the summed probabilities; those of the label set add up to the mass. */
  perLabel: Record<GoEmotion, number>;
};

/** The share of the summed probabilities that falls on the labels: sum over the set / sum over all 28. `probabilities`: `[28]`. */
export function empathyMass(probabilities: ArrayLike<number>, labels: readonly GoEmotion[]): number {
  const shares = labelShares(probabilities);
  return labels.reduce((mass, label) => mass + shares[label], 0);
}

/** Cosine of the angle between what the head reads and the reference; `null` where the reference is all 0. Both `[28]`. */
export function alignment(probabilities: ArrayLike<number>, reference: ArrayLike<number>): number | null {
  checkLength(probabilities);
  checkLength(reference);
  let [product, a, b] = [0, 0, 0];
  for (let i = 0; i < GO_EMOTIONS.length; i++) {
    product += probabilities[i]! * reference[i]!;
    a += probabilities[i]! ** 2;
    b += reference[i]! ** 2;
  }
  return b === 0 ? null : a === 0 ? 0 : product / Math.sqrt(a * b);
}

/** The seed's score of a response, from the emotion head's probabilities for it and the question's `referenceVector`. */
export function eqScore(
  probabilities: ArrayLike<number>,
  reference: ArrayLike<number>,
  { labels = LABEL_SETS.supportive as readonly GoEmotion[], weight = ALIGNMENT_WEIGHT } = {},
): EqScore {
  const mass = empathyMass(probabilities, labels);
  const aligned = alignment(probabilities, reference);
  return { mass, alignment: aligned, eq: mass + weight * (aligned ?? 0), perLabel: labelShares(probabilities) };
}

/**
 * The score of the published run: softmax over the emotion head's logits, the mass of the published set, no alignment, and 0.1 × the top probability
 * on the prompt of each head that the configuration uses.
 */
export function publishedScore(emotionLogits: ArrayLike<number>, topOnPrompt: readonly number[] = []): number {
  checkLength(emotionLogits);
  const mass = empathyMass(softmax(emotionLogits), LABEL_SETS.published);
  return topOnPrompt.reduce((score, top) => score + PUBLISHED_BONUS * top, mass);
}

export function labelShares(probabilities: ArrayLike<number>): Record<GoEmotion, number> {
  checkLength(probabilities);
  let total = 0;
  for (let i = 0; i < probabilities.length; i++) total += probabilities[i]!;
  return Object.fromEntries(GO_EMOTIONS.map((label, i) => [label, total > 0 ? probabilities[i]! / total : 0])) as Record<GoEmotion, number>;
}

/** Each logit by itself: probabilities of a multi-label head. */
export const sigmoid = (logits: ArrayLike<number>): Float64Array => Float64Array.from(logits, (logit) => 1 / (1 + Math.exp(-logit)));

/** All logits against each other: they sum to 1. */
export function softmax(logits: ArrayLike<number>): Float64Array {
  const values = Float64Array.from(logits);
  const most = Math.max(...values);
  const exponentials = values.map((value) => Math.exp(value - most));
  const total = exponentials.reduce((sum, value) => sum + value, 0);
  return exponentials.map((value) => value / total);
}

function checkLength(values: ArrayLike<number>): void {
  if (values.length === GO_EMOTIONS.length) return;
  throw new RangeError(expected("EQ score", `${GO_EMOTIONS.length} values, one for each GoEmotions label`, values.length));
}
