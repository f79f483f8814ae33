import type { BootstrapOptions, Interval } from "./bootstrap.js";
import type { GoEmotion } from "./emotion-map.js";
import type { BenchmarkTotals } from "./eq-bench-score.js";
import type { EqResults, EqRow, EvaluatorRow, HumanRow } from "./eq-rows.js";
import { ALIGNMENT_WEIGHT, type LabelSetName } from "./eq-score.js";
import { findingsOf } from "./findings.js";
import { groupsBy } from "./groups.js";
import { plannedComparisons } from "./planned.js";
import type { QualityRow } from "./quality.js";
import { type SensitivityRow, sensitivity } from "./sensitivity.js";
import type { Comparison } from "./statistics.js";
import { evaluatorSummary, failureSummaries, humanSummary, officialSummaries, qualitySummaries, summaryRow } from "./summary-rows.js";

/** The means of one configuration or control, over questions and, first, over the seeds of each question. */
export type SummaryRow = {
  kind: EqRow["kind"];
  variant: string;
  configuration: string;
  /** Questions. */
  n: number;
  seeds: number;
  eq: Interval;
  /** Standard deviation of the seeds' means of the EQ score; `null` for a single seed. The intervals do not hold it. */
  seedSpread: number | null;
  mass: Interval;
  /** Over the questions with a reference on the labels; `null` where there are none. */
  alignment: Interval | null;
  published: Interval;
  /** The EQ score by every evaluator. */
  byEvaluator: Record<string, Interval>;
  /** The mean share of each label. */
  perLabel: Record<GoEmotion, number>;
  /** Mean length. */
  tokens: number;
  /** Spearman's rank correlation of the EQ score with the length; `null` where either is constant. */
  lengthCorrelation: number | null;
  /** The same with the official score, over the usable answers. */
  officialCorrelation: number | null;
};

/**
 * The official EQ-Bench score of a variant or a control, over the answers of all seeds; `interval` (0 to 100) is that of lm-eval's convention over the
 * questions, `seedSpread` the standard deviation of the seeds' scores by it.
 */
export type OfficialSummary = {
  kind: EqRow["kind"];
  name: string;
  seeds: number;
  totals: BenchmarkTotals;
  interval: Interval;
  seedSpread: number | null;
};

/** People's, models' and controls' replies to held-out dialogues, by empathy mass. */
export type HumanSummary = Pick<HumanRow, "kind" | "variant" | "configuration"> & {
  /** Dialogues' replies. */
  n: number;
  seeds: number;
  mass: Interval;
  tokens: number;
  /** The mass by every evaluator. */
  byEvaluator: Record<string, Interval>;
};

/** Mean over the seeds, and their standard deviation; `null` for a single seed. */
export type Spread = { mean: number; spread: number | null };

/** `QualityRow` over the seeds of a variant. */
export type QualitySummary = { variant: string; configuration: string; seeds: number; replies: number } & Record<
  QualityMeasure,
  Spread | null
>;
export type QualityMeasure = Exclude<keyof QualityRow, "variant" | "seed" | "configuration" | "replies">;

/** Spearman's rank correlations of an evaluator's EQ score over all replies without steering, with intervals over the questions. */
export type EvaluatorSummary = EvaluatorRow & { length: Interval | null; official: Interval | null };

/** How often something went wrong, of so many answers. */
export type FailureSummary = { variant: string; reason: string; count: number; of: number };

export type EqSummary = {
  configurations: SummaryRow[];
  controls: SummaryRow[];
  official: OfficialSummary[];
  human: HumanSummary[];
  quality: QualitySummary[];
  evaluators: EvaluatorSummary[];
  /** The planned ones, on the EQ score and the official score, corrected together (Holm). */
  comparisons: Comparison[];
  /** The same on the EQ score of every other evaluator, corrected by themselves. */
  otherEvaluators: Comparison[];
  sensitivity: SensitivityRow[];
  failures: FailureSummary[];
  /** Says so where not all questions were asked. */
  partial: string | null;
  /** What the tables show, in words; the verdict on the seed's claim first. */
  findings: string[];
};

/** Means with 95 % bootstrap intervals over the questions, the planned comparisons, and what they say in words. */
export function summarize(results: EqResults, options: BootstrapOptions = {}): EqSummary {
  const byName = ({ variant, configuration }: EqRow | HumanRow) => [variant, configuration];
  const { labelSet = "supportive", weight = ALIGNMENT_WEIGHT } = results.settings;
  const { missing, ...compared } = plannedComparisons(results, options);
  const tables = {
    configurations: groupsBy(results.rows, byName).map((rows) => summaryRow(rows, options)),
    controls: groupsBy(results.controls, byName).map((rows) => summaryRow(rows, options)),
    official: officialSummaries(results, options),
    human: groupsBy(results.human, byName).map((rows) => humanSummary(rows, options)),
    quality: qualitySummaries(results.quality),
    evaluators: results.evaluators.map((evaluator) => evaluatorSummary(evaluator, results.rows, options)),
    ...compared,
    sensitivity: sensitivity(results.rows, { labelSet: labelSet as LabelSetName, weight: weight as number }),
    failures: failureSummaries(results),
    partial: partialOf(results),
  };
  return { ...tables, findings: findingsOf(results, { ...tables, missing }, options) };
}

function partialOf({ settings: { partial, questions, available } }: EqResults): string | null {
  return partial ? `A partial run: ${questions} of ${available} questions` : null;
}
