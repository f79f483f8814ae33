import { GO_EMOTIONS } from "../../src/data/go-emotions.js";
import type { EqQuestion } from "../../src/data/record.js";
import type { EqHeads, EqOptions } from "../../src/eval/eq-settings.js";
import { headEvaluator, textEvaluator } from "../../src/eval/evaluators.js";
import { trainTextClassifier } from "../../src/eval/text-classifier.js";
import { disposeModel } from "../../src/models/create.js";
import { withoutAdapter } from "../../src/models/lora.js";
import { createHead, disposeHead } from "../../src/nn/classification-head.js";
import { formulaLora, formulaModel } from "../formula.js";
import { tinyTokenizer } from "../text/tiny.js";

/** Six questions; one has an emotion word that the map does not know. */
export const questions: EqQuestion[] = Array.from({ length: 6 }, (_, i) => ({
  id: String(i + 1),
  prompt: `Your task is to predict the likely emotional responses of a character in this dialogue:\n\nAda: Day ${i}.\nBo: No.\n\n[End dialogue]\n\nYour answer:`,
  emotions: ["Angry", "Calm", "Proud", i === 2 ? "Sonder" : "Sad"],
  reference: [2, 3, 0, 5],
  fullscale: [i, 6, 0, 7],
}));

const examples = [
  { text: "thank you for all of this", labels: [GO_EMOTIONS.indexOf("gratitude")] },
  { text: "no, that is sad, so sad", labels: [GO_EMOTIONS.indexOf("sadness"), GO_EMOTIONS.indexOf("disapproval")] },
  { text: "I hope it gets better, no doubt", labels: [GO_EMOTIONS.indexOf("optimism"), GO_EMOTIONS.indexOf("caring")] },
];

/** A base model, the same with a random adapter, and heads with random weights: small enough to run in a second. A second head and a text classifier score. */
export async function tinyWorld(): Promise<{ options: EqOptions; dispose(): void }> {
  const tokenizer = tinyTokenizer("bytes");
  const config = { model_type: "gpt2", vocab_size: tokenizer.vocabSize, n_embd: 16, n_head: 2, n_layer: 2, n_positions: 256 };
  const base = { ...(await formulaModel(config)), tokenizer };
  const tuned = formulaLora(base, { rank: 2, alpha: 4 });
  const head = (kind: "multi-label" | "single-label", classes: number, seed: number) =>
    createHead({ kind, hidden: 16, inner: 8, classes }, { seed });
  const second = head("multi-label", 28, 4);
  const words = await trainTextClassifier(examples, { kind: "multi-label", labels: GO_EMOTIONS, minTexts: 1 });
  const heads: EqHeads = {
    emotion: { head: head("multi-label", 28, 1), pooling: { pooling: "mean" } },
    strategyNext: { head: head("single-label", 8, 2), pooling: { pooling: "last", cut: "left" } },
    strategyGiven: { head: head("single-label", 8, 3), pooling: { pooling: "mean" } },
  };
  const embedder = withoutAdapter(tuned);
  return {
    options: {
      evaluators: [
        headEvaluator("Second head", { head: second, pooling: { pooling: "last" } }, embedder),
        textEvaluator("Words alone", words),
      ],
      variants: [
        { name: "base", model: base },
        { name: "tuned", model: tuned },
      ],
      questions,
      heads,
      embedder,
      ...{ candidates: 3, maxNewTokens: 6, officialTokens: 5, batchSize: 6, seed: 7 },
    },
    dispose() {
      disposeModel(tuned);
      for (const { head } of Object.values(heads)) disposeHead(head);
      disposeHead(second);
    },
  };
}
