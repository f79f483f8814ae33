import type { Split } from "../data/record.js";
import type { HeadCalibration } from "../models/head-files.js";
import { type ClassificationHead, type Embeddings, headProbabilities, headScores, scaleLogits } from "../nn/classification-head.js";
import { meanCalibrationError, topCalibration } from "./classification.js";
import { indicators } from "./f1.js";
import { fitPlatt, fitTemperature } from "./scaling.js";

/** A text with its classes. */
export type HeadExample = { text: string; labels: readonly number[] };

/** Embeddings of all splits. */
export type Parts = Record<Split, Embeddings>;

/** Rows of probabilities, `[rows, classes]`: choose by `validation`, report on `test`. */
export type Read = { validation: Float32Array; test: Float32Array };

/** What a head says of validation and test rows. */
export const readBy = async (head: ClassificationHead, { validation, test }: Parts): Promise<Read> => ({
  validation: await headProbabilities(head, validation),
  test: await headProbabilities(head, test),
});

type Calibrated = { examples: Record<Split, readonly HeadExample[]>; embeddings: Parts; method: HeadCalibration["kind"] };

/** Fits a scaling on validation, puts it into the head for good, and says what it changed. */
export async function calibrate(head: ClassificationHead, { examples, embeddings, method }: Calibrated): Promise<HeadCalibration> {
  const before = await errorsOf(head, examples, embeddings);
  const logits = await headScores(head, embeddings.validation);
  const targets = indicators(
    examples.validation.map(({ labels }) => labels),
    head.classes,
  );
  const { scale, shift } =
    method === "platt" ? fitPlatt(logits, targets, head.classes) : fitTemperature(logits, targets, head.classes, head.kind);
  scaleLogits(head, scale, shift);
  const after = await errorsOf(head, examples, embeddings);
  const both = (split: keyof Read) => ({ before: before[split], after: after[split] });
  return { kind: method, scale, shift, validation: both("validation"), test: both("test") };
}

async function errorsOf(
  head: ClassificationHead,
  examples: Calibrated["examples"],
  embeddings: Parts,
): Promise<Record<keyof Read, number>> {
  const read = await readBy(head, embeddings);
  const errorOn = (split: keyof Read) => {
    const labels = examples[split].map((example) => example.labels);
    if (head.kind === "multi-label") return meanCalibrationError(read[split], indicators(labels, head.classes), head.classes);
    return topCalibration(
      read[split],
      labels.map(([label]) => label!),
      head.classes,
    ).error;
  };
  return { validation: errorOn("validation"), test: errorOn("test") };
}
