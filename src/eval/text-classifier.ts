import { expected } from "../core/errors.js";
import { checkNumber } from "../core/shapes.js";
import type { HeadKind } from "../nn/classification-head.js";
import { fitLogistic, type Link, logisticProbabilities } from "./logistic-regression.js";
import { type FeatureOptions, type Features, featureRows, learnFeatures } from "./text-features.js";

/**
 * TF-IDF and logistic regression: the control that reads words alone, and an evaluator that shares nothing with any model. `multi-label`: one regression a
 * label; `single-label`: one for all classes (multinomial).
 */
export type TextClassifier = {
  kind: HeadKind;
  labels: readonly string[];
  /** `[texts, labels]`, row after row. Rows of a single-label classifier sum to 1. */
  probabilities(texts: readonly string[]): Float32Array;
  /** Probability from which a label counts, tuned on validation by who trained it; `null` where they are not. */
  thresholds: number[] | null;
  /** On held-out texts, where it was measured. */
  macroF1: number | null;
  model: TextModel;
};

/** All that a classifier's answers depend on: plain data. */
export type TextModel = {
  features: Features;
  /** `[features + 1, labels]`, rounded to f32; the last row are the biases. */
  weights: Float64Array;
  /** How it was trained. */
  settings: { c: number; words: number; minTexts: number; texts: number };
};

export type TextClassifierOptions = FeatureOptions & {
  kind: HeadKind;
  labels: readonly string[];
  /** Weight of the data against the L2 penalty, as scikit-learn's `C`. Default 4. */
  c?: number;
  /** Where a fit ends, see `fitLogistic`. Default 1e-3. */
  tolerance?: number;
};

/**
 * Trains a classifier on texts and the classes of each (exactly one where it is single-label). Deterministic; some ten seconds for 40,000 short
 * texts and 28 labels.
 * @throws RangeError for labels that are no classes.
 */
export async function trainTextClassifier(
  examples: readonly { text: string; labels: readonly number[] }[],
  { kind, labels, c = 4, words = 2, minTexts = 2, tolerance = 1e-3 }: TextClassifierOptions,
): Promise<TextClassifier> {
  checkNumber("text classifier c", c, 1e-9);
  const wrong = examples.findIndex(
    (example) => (kind === "single-label" && example.labels.length !== 1) || example.labels.some((label) => !(label in labels)),
  );
  if (wrong >= 0 || examples.length === 0) {
    const what = `${kind === "single-label" ? "one class" : "classes"} from 0 to ${labels.length - 1}`;
    throw new RangeError(expected(`text classifier: example ${wrong}`, what, examples[wrong]?.labels));
  }
  const texts = examples.map(({ text }) => text);
  const features = learnFeatures(texts, { words, minTexts });
  const x = featureRows(texts, features);
  const targets = new Float64Array(examples.length * labels.length);
  examples.forEach((example, row) => {
    for (const label of example.labels) targets[row * labels.length + label] = 1;
  });
  const link = linkOf(kind);
  const weights = await fitLogistic(x, targets, { outputs: labels.length, link, c, tolerance });
  const model = { features, weights: weights.map(Math.fround), settings: { c, words, minTexts, texts: texts.length } };
  return textClassifier(kind, labels, model);
}

/** A classifier of what was trained before. */
export function textClassifier(
  kind: HeadKind,
  labels: readonly string[],
  model: TextModel,
  { thresholds = null, macroF1 = null }: Partial<Pick<TextClassifier, "thresholds" | "macroF1">> = {},
): TextClassifier {
  const link = linkOf(kind);
  return {
    kind,
    labels: [...labels],
    thresholds,
    macroF1,
    model,
    probabilities: (texts) =>
      Float32Array.from(logisticProbabilities(featureRows(texts, model.features), model.weights, labels.length, link)),
  };
}

const linkOf = (kind: HeadKind): Link => (kind === "multi-label" ? "sigmoid" : "softmax");
