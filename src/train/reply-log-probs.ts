import { compile } from "../core/compile/compile.js";
import { breathe, cellSignal, interruptibly } from "../core/interrupt.js";
import type { Precision } from "../core/precision.js";
import { checkInteger } from "../core/shapes.js";
import { type Tensor, type Tensor1D, tf } from "../core/tf.js";
import { labelLogProbs, labelledTensors } from "../losses/labelled.js";
import { hiddenOf, passTensors } from "../models/forward.js";
import { type CausalLM, outputEmbedding } from "../models/model.js";
import { type PairPart, pairGroups, pairPart } from "./pair-batch.js";
import type { EncodedPreference } from "./pair-rows.js";

/** Log-probability of each reply under a model, in nats, summed over its tokens. By number of the pair. */
export type ReplyLogProbs = { chosen: Float64Array; rejected: Float64Array };

export type ReplyOptions = {
  /** Pairs computed together, at most. Changes speed and memory only. */
  batch: number;
  /** See `PairLayout`. */
  shared: boolean;
  /** Values of an earlier run, NaN where there are none: parts without a gap are not computed again. Changed in place. */
  known?: ReplyLogProbs;
  /** Called after each part with the numbers of its pairs. */
  onPart?: (pairs: readonly number[]) => void | Promise<void>;
};

/** As many gaps as pairs. */
export const unknownReplies = (pairs: number): ReplyLogProbs => ({
  chosen: new Float64Array(pairs).fill(Number.NaN),
  rejected: new Float64Array(pairs).fill(Number.NaN),
});

/** Computes what `ReplyOptions` ask for; keeps what it has compiled until it is disposed of. */
export type ReplyScorer = { (pairs: readonly EncodedPreference[], options: ReplyOptions): Promise<ReplyLogProbs>; dispose(): void };

/** Log-probabilities of replies under a model, without dropout. Prompts are shared and rows packed over all pairs, the longest first. */
export function replyScorer(model: CausalLM, precision: Precision = "f32"): ReplyScorer {
  const tokens = tokenScorer(model, precision);
  const score = async (pairs: readonly EncodedPreference[], options: ReplyOptions): Promise<ReplyLogProbs> => {
    const { batch, shared, known = unknownReplies(pairs.length), onPart = () => {} } = options;
    checkInteger("batch", batch, 1);
    const signal = cellSignal();
    const layout = { padId: model.tokenizer?.padId ?? 0, shared, most: batch };
    for (const numbers of pairGroups(pairs, [...pairs.keys()], layout)) {
      if (numbers.every((i) => isKnown(known, i))) continue;
      const part = pairPart(pairs, numbers, layout);
      const sums = await replySums(model, tokens, part);
      numbers.forEach((number, i) => {
        [known.chosen[number], known.rejected[number]] = [sums[i]!, sums[part.size + i]!];
      });
      await onPart(numbers);
      await breathe(signal);
    }
    return known;
  };
  return Object.assign(score, { dispose: () => tokens.dispose() });
}

/** Whether both replies of a pair have a value. */
export const isKnown = ({ chosen, rejected }: ReplyLogProbs, pair: number): boolean =>
  !Number.isNaN(chosen[pair]!) && !Number.isNaN(rejected[pair]!);

/** Of rows and labels, then those of `passTensors`: the log-probability of each label, `[n]`. */
const tokenScorer = (model: CausalLM, precision: Precision) => {
  const tokensOf = (rows?: Tensor, labels?: Tensor, ...pass: Tensor[]) => ({
    tokens: labelLogProbs(hiddenOf(model, pass), outputEmbedding(model), rows as Tensor1D, labels as Tensor1D),
  });
  return compile("replies", tokensOf, { precision });
};

/** `[2 · size]`, chosen first. */
async function replySums(model: CausalLM, score: ReturnType<typeof tokenScorer>, part: PairPart): Promise<Float64Array> {
  const computed = () => {
    const { rows, labels } = labelledTensors(part.labelled, part.labels);
    return score(rows, labels, ...passTensors(model, part.inputs)).tokens;
  };
  const tokens = interruptibly(() => tf.tidy(computed));
  try {
    const values = await tokens.data();
    const sums = new Float64Array(2 * part.size);
    part.of.forEach((reply, i) => {
      sums[reply]! += values[i]!;
    });
    return sums;
  } finally {
    tokens.dispose();
  }
}
