import type { Split } from "../data/record.js";
import type { HeadCalibration } from "../models/head-files.js";
import { type ClassificationHead, type Embeddings, headProbabilities, headScores, scaleLogits } from "../nn/classification-head.js";
import { type CalibrationBin, calibration } from "./calibration.js";
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

/** Fits a scaling on validation, puts it into the head for good, and says what it changed; `binsBefore` are those of test. */
export async function calibrate(
  head: ClassificationHead,
  { examples, embeddings, method }: Calibrated,
): Promise<{ calibration: HeadCalibration; binsBefore: CalibrationBin[] }> {
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
  const both = (split: keyof Read) => ({ before: before[split].error, after: after[split].error });
  return {
    calibration: { kind: method, scale, shift, validation: both("validation"), test: both("test") },
    binsBefore: before.test.bins,
  };
}

async function errorsOf(
  head: ClassificationHead,
  examples: Calibrated["examples"],
  embeddings: Parts,
): Promise<Record<keyof Read, { error: number; bins: CalibrationBin[] }>> {
  const read = await readBy(head, embeddings);
  const errorOn = (split: keyof Read) => {
    const labels = examples[split].map((example) => example.labels);
    if (head.kind === "multi-label") {
      const actual = indicators(labels, head.classes);
      return { error: meanCalibrationError(read[split], actual, head.classes), bins: calibration(read[split], actual).bins };
    }
    return topCalibration(
      read[split],
      labels.map(([label]) => label!),
      head.classes,
    );
  };
  return { validation: errorOn("validation"), test: errorOn("test") };
}
