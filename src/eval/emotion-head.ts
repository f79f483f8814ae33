import { GO_EMOTIONS } from "../data/go-emotions.js";
import type { LabelledText } from "../data/record.js";
import type { CausalLM } from "../models/model.js";
import { type MultiLabelReport, multiLabelReport } from "./classification.js";
import { type F1Report, f1Report, indicators } from "./f1.js";
import { type HeadOptions, type HeadRun, startHeadRun } from "./head-run.js";
import { heldOut } from "./held-out.js";
import { tuneThresholds } from "./thresholds.js";

export type EmotionReport = MultiLabelReport & {
  /** Always the label that is most frequent in train, and no other. */
  majority: { label: string } & Pick<F1Report, "macroF1" | "microF1">;
};

/**
 * Trains a head that tells the 28 GoEmotions labels of a text from its embedding; several may hold. Learns from the records whose split is train; early
 * stop and thresholds come from validation alone; the report is on test. Unweighted, so that sums of its probabilities mean something.
 * @throws RangeError where a split would be empty.
 */
export function trainEmotionHead(model: CausalLM, texts: readonly LabelledText[], options: HeadOptions): HeadRun<EmotionReport> {
  // By text: a comment that stands there twice is on one side of the halves.
  const { note, ...examples } = heldOut(texts, ({ text }) => text.trim().toLowerCase());
  const classes = GO_EMOTIONS.length;
  const labelsOf = (records: readonly LabelledText[]) => records.map(({ labels }) => labels);
  const seed = options.seed ?? 0;
  return startHeadRun(
    model,
    {
      task: "emotion",
      kind: "multi-label",
      labels: GO_EMOTIONS,
      examples: {
        train: examples.train.map(plain),
        validation: examples.validation.map(plain),
        test: examples.test.map(plain),
      },
      sources: [...new Set(texts.map(({ source }) => source))],
      note,
      measure({ validation, test }) {
        const thresholds = tuneThresholds(validation, indicators(labelsOf(examples.validation), classes), classes);
        const report = multiLabelReport(test, labelsOf(examples.test), { names: GO_EMOTIONS, thresholds, seed });
        return { thresholds, report: { ...report, majority: majority(labelsOf(examples.train), labelsOf(examples.test)) } };
      },
    },
    options,
  );
}

const plain = ({ text, labels }: LabelledText) => ({ text, labels });

function majority(train: readonly number[][], test: readonly number[][]): EmotionReport["majority"] {
  const counts = GO_EMOTIONS.map(() => 0);
  for (const label of train.flat()) counts[label]!++;
  const most = counts.indexOf(Math.max(...counts));
  const always = indicators(
    test.map(() => [most]),
    GO_EMOTIONS.length,
  );
  const { macroF1, microF1 } = f1Report(always, indicators(test, GO_EMOTIONS.length), GO_EMOTIONS, { draws: 1 });
  return { label: GO_EMOTIONS[most]!, macroF1, microF1 };
}
