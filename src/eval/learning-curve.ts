import { expected } from "../core/errors.js";
import { hash32 } from "../core/random.js";
import type { LabelledText } from "../data/record.js";
import type { EmbedProgress } from "../models/embed.js";
import type { CausalLM } from "../models/model.js";
import { disposeHead } from "../nn/classification-head.js";
import { type EmotionOptions, trainEmotionHead } from "./emotion-head.js";

/** What a head and its control are worth after so many training texts, on the same test rows, and what that took. */
export type LearningMeasure = {
  share: number;
  /** Training texts. */
  texts: number;
  macroF1: number;
  low: number;
  high: number;
  meanAveragePrecision: number;
  control: number | null;
  controlLow: number | null;
  controlHigh: number | null;
  /** Seconds by the clock. */
  trainSeconds: number;
  controlSeconds: number;
  embedSeconds: number;
  /** Texts a second through the model; `null` where all came from the cache. */
  textsPerSecond: number | null;
};

export type LearningOptions = EmotionOptions & {
  /** Parts of the training texts, each holding the smaller ones. Default 1/8, 1/4, 1/2 and 1. */
  shares?: readonly number[];
};

/**
 * The emotion head trained on growing parts of its training texts (by hash, the smaller within the larger); validation and test stay. Yields progress of
 * embedding and each point when it is there. The largest part is embedded first, so that a cache folder serves all others.
 */
export async function* measureLearning(
  model: CausalLM,
  texts: readonly LabelledText[],
  { shares = [1 / 8, 1 / 4, 1 / 2, 1], ...options }: LearningOptions,
): AsyncGenerator<EmbedProgress | { kind: "point"; point: LearningMeasure }, LearningMeasure[], undefined> {
  const wrong = shares.find((share) => !(share > 0 && share <= 1));
  if (shares.length === 0 || wrong !== undefined)
    throw new RangeError(expected("learning curve shares", "numbers above 0, at most 1", wrong));
  if (!options.cacheFolder)
    throw new RangeError(expected("learning curve cacheFolder", "a folder", options.cacheFolder, "Without it every part is embedded anew"));
  const points: LearningMeasure[] = [];
  for (const share of [...shares].sort((a, b) => b - a)) {
    const part = texts.filter(({ split, text }) => split !== "train" || placeOf(text) < share);
    const run = trainEmotionHead(model, part, options);
    for await (const event of run.events) if (event.kind === "embedded") yield event;
    const { head, card, report, cost } = await run.result();
    disposeHead(head);
    const { control, tuned, meanAveragePrecision } = report;
    const point: LearningMeasure = {
      share,
      texts: card.data.counts.train!,
      macroF1: tuned.macroF1,
      ...tuned.macroF1Interval,
      meanAveragePrecision,
      control: control?.macroF1 ?? null,
      controlLow: control?.macroF1Interval.low ?? null,
      controlHigh: control?.macroF1Interval.high ?? null,
      trainSeconds: cost.trainSeconds,
      controlSeconds: cost.controlSeconds,
      embedSeconds: cost.embedSeconds,
      textsPerSecond: cost.embedded > 0 ? cost.embedded / cost.embedSeconds : null,
    };
    points.unshift(point);
    yield { kind: "point", point };
  }
  return points;
}

/** From 0 to 1, the same for equal texts. */
const placeOf = (text: string): number => hash32(`learning/${text.trim().toLowerCase()}`) / 2 ** 32;

/** As a chart takes them: one line for the head, one for the control. */
export const learningRows = (
  points: readonly LearningMeasure[],
): { name: string; examples: number; score: number; low: number; high: number }[] =>
  points.flatMap(({ texts, macroF1, low, high, control, controlLow, controlHigh }) => [
    { name: "head", examples: texts, score: macroF1, low, high },
    ...(control === null ? [] : [{ name: "TF-IDF control", examples: texts, score: control, low: controlLow!, high: controlHigh! }]),
  ]);
