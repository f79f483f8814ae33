import { expected } from "../core/errors.js";
import { hash32 } from "../core/random.js";
import { GO_EMOTIONS } from "../data/go-emotions.js";
import type { LabelledText } from "../data/record.js";
import { resolveLoss } from "../losses/multi-label.js";
import type { CausalLM } from "../models/model.js";
import type { MultiLabelLoss } from "../nn/classification-head.js";
import { type MultiLabelReport, multiLabelReport } from "./classification.js";
import { type ControlReport, controlVerdict } from "./control-report.js";
import { type GroupingName, groupedLabels, groupedProbabilities, groupsOf } from "./emotion-groups.js";
import { type F1Report, f1Difference, f1Report, indicators } from "./f1.js";
import type { Read } from "./head-calibration.js";
import { type HeadOptions, type HeadRun, startHeadRun } from "./head-run.js";
import { heldOut } from "./held-out.js";
import { decisionsAt, tuneThresholds } from "./thresholds.js";

export type EmotionOptions = HeadOptions & {
  /**
   * What the head learns by. Default plain cross-entropy; `balanced` is that with each label's weight its texts without by its texts with it. Any other than
   * the default spoils the probabilities: such a head must not be summed, and an EQ score refuses it.
   */
  loss?: MultiLabelLoss | "balanced";
  /**
   * Learns from one half of the training texts only, and from seed 1 for the second: two heads of different halves share no training text, so that one can
   * judge what the other has chosen. Halves are by a hash of the text.
   */
  half?: "first" | "second";
};

export type EmotionReport = MultiLabelReport & {
  /** Always the label that is most frequent in train, and no other. */
  majority: { label: string } & Pick<F1Report, "macroF1" | "microF1">;
  /** The same reading in coarser classes; each group's threshold tuned on validation as well. */
  groups: Record<GroupingName, F1Report>;
  /** TF-IDF and logistic regression on the same texts; `null` where it was not asked for. */
  control: ControlReport | null;
};

/**
 * Trains a head that tells the 28 GoEmotions labels of a text from its embedding; several may hold. Learns from the records whose split is train; early
 * stop, the choice of pooling, calibration and thresholds come from validation alone; the report is on test, always beside the control that reads words.
 * @throws RangeError where a split would be empty.
 */
export function trainEmotionHead(
  model: CausalLM,
  texts: readonly LabelledText[],
  { loss: asked, half, ...options }: EmotionOptions,
): HeadRun<EmotionReport> {
  // By text: a comment that stands there twice is on one side of the halves.
  const { note, ...all } = heldOut(texts, keyOf);
  const examples = half === undefined ? all : { ...all, train: halfOf(all.train, half) };
  const classes = GO_EMOTIONS.length;
  const labelsOf = (records: readonly LabelledText[]) => records.map(({ labels }) => labels);
  const seed = options.seed ?? (half === "second" ? 1 : 0);
  const [validation, test] = [labelsOf(examples.validation), labelsOf(examples.test)];
  const tuned = (probabilities: Float32Array) => tuneThresholds(probabilities, indicators(validation, classes), classes);
  const loss = asked === "balanced" ? balanced(labelsOf(examples.train)) : asked && resolveLoss(asked, classes);
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
      note:
        half === undefined
          ? note
          : `${note}; learnt from the ${half} half of the training texts by hash, which shares none with the other half`,
      ...(loss ? { loss } : {}),
      score: (read) => f1Report(decisionsAt(read, tuned(read)), indicators(validation, classes), GO_EMOTIONS, { draws: 1 }).macroF1,
      measure(read, control) {
        const thresholds = tuned(read.validation);
        const controlThresholds = control && tuned(control.validation);
        const report = multiLabelReport(read.test, test, { names: GO_EMOTIONS, thresholds, seed });
        const groups = { ekman: grouped("ekman", read, { validation, test }), sentiment: grouped("sentiment", read, { validation, test }) };
        const beside = control && controlReport(report, { read, control, thresholds, controlThresholds: controlThresholds!, test, seed });
        const fullReport = { ...report, majority: majority(labelsOf(examples.train), test), groups, control: beside };
        return { thresholds, controlThresholds, controlMacroF1: beside?.macroF1 ?? null, report: fullReport };
      },
    },
    { ...options, seed },
  );
}

const plain = ({ text, labels }: LabelledText) => ({ text, labels });
const keyOf = ({ text }: LabelledText): string => text.trim().toLowerCase();

function halfOf(train: readonly LabelledText[], half: "first" | "second"): LabelledText[] {
  if (half !== "first" && half !== "second") throw new RangeError(expected("half", '"first" or "second"', half));
  return train.filter((record) => hash32(`half/${keyOf(record)}`) % 2 === (half === "first" ? 0 : 1));
}

function balanced(train: readonly (readonly number[])[]): MultiLabelLoss {
  const counts = countsOf(train);
  return { kind: "bce", positiveWeights: counts.map((count) => (count === 0 ? 1 : Math.max(1, train.length - count) / count)) };
}

const countsOf = (rows: readonly (readonly number[])[]): number[] => {
  const counts = GO_EMOTIONS.map(() => 0);
  for (const label of rows.flat()) counts[label]!++;
  return counts;
};

function majority(train: readonly number[][], test: readonly number[][]): EmotionReport["majority"] {
  const counts = countsOf(train);
  const most = counts.indexOf(Math.max(...counts));
  const always = indicators(
    test.map(() => [most]),
    GO_EMOTIONS.length,
  );
  const { macroF1, microF1 } = f1Report(always, indicators(test, GO_EMOTIONS.length), GO_EMOTIONS, { draws: 1 });
  return { label: GO_EMOTIONS[most]!, macroF1, microF1 };
}

function grouped(name: GroupingName, read: Read, labels: { validation: readonly number[][]; test: readonly number[][] }): F1Report {
  const { names, members } = groupsOf(name);
  const truth = (rows: readonly number[][]) => indicators(groupedLabels(rows, members), names.length);
  const thresholds = tuneThresholds(groupedProbabilities(read.validation, members), truth(labels.validation), names.length);
  return f1Report(decisionsAt(groupedProbabilities(read.test, members), thresholds), truth(labels.test), names);
}

type Compared = {
  read: Read;
  control: Read;
  thresholds: number[];
  controlThresholds: number[];
  test: readonly number[][];
  seed: number;
};

function controlReport(report: MultiLabelReport, { read, control, thresholds, controlThresholds, test, seed }: Compared): ControlReport {
  const own = multiLabelReport(control.test, test, { names: GO_EMOTIONS, thresholds: controlThresholds, seed });
  const [a, b] = [decisionsAt(read.test, thresholds), decisionsAt(control.test, controlThresholds)];
  const difference = f1Difference(a, b, indicators(test, GO_EMOTIONS.length), GO_EMOTIONS.length, { seed });
  const { macroF1, macroF1Interval, microF1, weightedF1, classes } = own.tuned;
  return {
    ...{ macroF1, macroF1Interval, microF1, weightedF1, classes, accuracy: null },
    atHalf: { macroF1: own.atHalf.macroF1, microF1: own.atHalf.microF1 },
    meanAveragePrecision: own.meanAveragePrecision,
    ...controlVerdict(report.tuned.macroF1, macroF1, difference),
  };
}
