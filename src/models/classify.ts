import { headProbabilities } from "../nn/classification-head.js";
import { embedTexts } from "./embed.js";
import type { TrainedHead } from "./head-files.js";
import type { CausalLM } from "./model.js";

/** What a head says of one text: the labels that count, and the probability of each, likeliest first. */
export type Classified = { text: string; labels: string[]; probabilities: Record<string, number> };

/**
 * Lets a head read texts, made into vectors as they were when it was trained. `model` is the one it was trained on. The labels of a multi-label head are
 * those at or above their thresholds (may be none); of a single-label head, the likeliest.
 */
export async function classifyTexts(
  model: CausalLM,
  { head, pooling, card }: TrainedHead,
  texts: readonly string[],
  { cacheFolder = null }: { cacheFolder?: string | null } = {},
): Promise<Classified[]> {
  const all = await headProbabilities(head, await embedTexts(model, texts, { ...pooling, cacheFolder }));
  return texts.map((text, row) => {
    const own = all.subarray(row * head.classes, (row + 1) * head.classes);
    const order = [...own.keys()].sort((a, b) => own[b]! - own[a]!);
    const { thresholds } = card;
    const counted = thresholds ? order.filter((label) => own[label]! >= thresholds[label]!) : order.slice(0, 1);
    return {
      text,
      labels: counted.map((label) => card.labels[label]!),
      probabilities: Object.fromEntries(order.map((label) => [card.labels[label]!, own[label]!])),
    };
  });
}
