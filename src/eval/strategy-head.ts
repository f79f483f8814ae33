import { expected } from "../core/errors.js";
import { checkInteger } from "../core/shapes.js";
import { STRATEGIES, strategyNamed } from "../data/esconv.js";
import { type Conversation, replyExamples, SPLITS, type Split } from "../data/record.js";
import type { CausalLM } from "../models/model.js";
import type { Message } from "../text/messages.js";
import { plainTemplate } from "../text/template.js";
import type { Interval } from "./bootstrap.js";
import { type SingleLabelReport, singleLabelReport, singleLabelScores, topCalibration } from "./classification.js";
import { type ControlReport, controlVerdict } from "./control-report.js";
import { f1Difference, indicators } from "./f1.js";
import { type HeadOptions, type HeadRun, startHeadRun } from "./head-run.js";
import { heldOut } from "./held-out.js";
import { strategyFromHistory } from "./strategy-baseline.js";

/** `next`: which strategy the coming reply will have, from the dialogue before it. `given`: which one a reply has, from the reply itself. */
export type StrategyTask = "next" | "given";

export type StrategyOptions = HeadOptions & {
  task: StrategyTask;
  /** For `next`: how many messages of the dialogue are read, from the last one back. */
  turns?: number;
};

type Baseline = { accuracy: Interval; macroF1: number };

export type StrategyReport = SingleLabelReport & {
  /** Always the strategy that is most frequent in train. */
  majority: Baseline & { label: string };
  /** For `next`: previous strategy and turn index, no text. */
  noText: Baseline | null;
  /** TF-IDF and logistic regression on the same texts; `null` where it was not asked for. */
  control: (ControlReport & { preferenceBias: number }) | null;
};

/**
 * Trains a head that tells one of ESConv's eight strategies. Conversations keep to one side of every split; early stop, the choice of pooling and calibration come from validation,
 * the report from test, always beside the control that reads words. A reply that merges turns of several strategies counts as its first; how many do is in the card.
 * @throws RangeError where a split would be empty or no reply has a strategy.
 */
export function trainStrategyHead(
  model: CausalLM,
  conversations: readonly Conversation[],
  { task, turns = 6, ...options }: StrategyOptions,
): HeadRun<StrategyReport> {
  if (task !== "next" && task !== "given") throw new RangeError(expected("strategy head task", '"next" or "given"', task));
  checkInteger("strategy head turns", turns, 1);
  const withStrategies = conversations.filter(({ strategies }) => strategies.some((strategy) => strategy !== null));
  const { note, ...parts } = heldOut(withStrategies, ({ messages }) => messages.map(({ content }) => content).join("\n"));
  const examplesOf = (split: Split) => parts[split].flatMap((conversation) => strategyExamples(conversation, task, turns));
  const examples = { train: examplesOf("train"), validation: examplesOf("validation"), test: examplesOf("test") };
  const empty = SPLITS.find((split) => examples[split].length === 0);
  if (empty) throw new RangeError(expected(`strategy head: ${empty} replies`, "some with a strategy", 0));
  const all = SPLITS.flatMap((split) => examples[split]);
  const mixed = all.filter((example) => example.mixed).length;
  const seed = options.seed ?? 0;
  return startHeadRun(
    model,
    {
      task: `${task} strategy`,
      kind: "single-label",
      labels: STRATEGIES,
      examples: { train: examples.train.map(plain), validation: examples.validation.map(plain), test: examples.test.map(plain) },
      sources: [...new Set(withStrategies.map(({ source }) => source))],
      note: `${note}, by conversation; ${mixed} of ${all.length} replies merge turns of several strategies, their first counts`,
      score: (read) => singleLabelReport(read, labelsOf(examples.validation), { names: STRATEGIES, seed }).f1.macroF1,
      measure({ test }, control) {
        const labels = labelsOf(examples.test);
        const report = singleLabelReport(test, labels, { names: STRATEGIES, seed });
        const score = (predicted: readonly number[]): Baseline => {
          const { accuracy, f1 } = singleLabelScores(predicted, labels, STRATEGIES, seed);
          return { accuracy, macroF1: f1.macroF1 };
        };
        const most = mostFrequent(examples.train.map(({ label }) => label));
        const majority = { label: STRATEGIES[most]!, ...score(labels.map(() => most)) };
        const noText = task === "next" ? score(strategyFromHistory(examples.train, examples.test, STRATEGIES.length)) : null;
        const beside = control && controlReport(report, test, control.test, labels, seed);
        const fullReport = { ...report, majority, noText, control: beside };
        return { thresholds: null, controlThresholds: null, controlMacroF1: beside?.macroF1 ?? null, report: fullReport };
      },
    },
    // Of a dialogue the end counts, of a reply its beginning.
    { cut: task === "next" ? "left" : "right", ...options },
  );
}

/** What the head for the next strategy reads: the last messages, each with its role, and the role whose turn it is. */
export const strategyContext = (messages: readonly Message[], turns = 6): string =>
  plainTemplate.render(messages.slice(-turns), { addGenerationPrompt: true });

type StrategyExample = { text: string; label: number; previous: number | null; turn: number; mixed: boolean };

/** Every reply that has a strategy and something of the user's before it. */
function strategyExamples(conversation: Conversation, task: StrategyTask, turns: number): StrategyExample[] {
  const { strategies, messages, allStrategies } = conversation;
  return replyExamples(conversation).flatMap(({ context, reply, strategy, index }) => {
    const label = labelOf(strategy);
    if (label === null) return [];
    const text = task === "next" ? strategyContext(context, turns) : reply;
    const previous = labelOf(strategies.slice(0, index).findLast((before) => before !== null) ?? null);
    const turn = messages.slice(0, index).filter(({ role }) => role === "assistant").length;
    return [{ text, label, previous, turn, mixed: new Set(allStrategies?.[index]).size > 1 }];
  });
}

const labelsOf = (examples: readonly StrategyExample[]): number[] => examples.map(({ label }) => label);

function controlReport(
  { f1 }: SingleLabelReport,
  head: Float32Array,
  control: Float32Array,
  labels: readonly number[],
  seed: number,
): NonNullable<StrategyReport["control"]> {
  const classes = STRATEGIES.length;
  const own = singleLabelReport(control, labels, { names: STRATEGIES, seed });
  const said = (read: Float32Array) =>
    indicators(
      topCalibration(read, labels, classes).predicted.map((label) => [label]),
      classes,
    );
  const truth = indicators(
    labels.map((label) => [label]),
    classes,
  );
  const { macroF1, macroF1Interval, microF1, weightedF1 } = own.f1;
  return {
    ...{
      macroF1,
      macroF1Interval,
      microF1,
      weightedF1,
      classes: own.f1.classes,
      accuracy: own.accuracy,
      atHalf: null,
      meanAveragePrecision: null,
    },
    preferenceBias: own.preferenceBias,
    ...controlVerdict(f1.macroF1, macroF1, f1Difference(said(head), said(control), truth, classes, { seed })),
  };
}

const plain = ({ text, label }: StrategyExample) => ({ text, labels: [label] });

function labelOf(strategy: string | null): number | null {
  const name = strategy === null ? null : strategyNamed(strategy);
  return name === null ? null : STRATEGIES.indexOf(name);
}

function mostFrequent(labels: readonly number[]): number {
  const counts = STRATEGIES.map((_, label) => labels.filter((other) => other === label).length);
  return counts.indexOf(Math.max(...counts));
}
