import type { EmotionReport } from "../eval/emotion-head.js";
import type { StrategyReport, StrategyTask } from "../eval/strategy-head.js";
import type { EqSummary, SummaryRow } from "../eval/summary.js";
import type { ConfigurationScore } from "./charts/configuration-bars.js";

type Row = Record<string, string | number | null>;

/** The emotion head at both kinds of threshold, and the most frequent label beside it. */
export function emotionRows({ atHalf, tuned, majority }: EmotionReport): Row[] {
  const row = (name: string, { macroF1, macroF1Interval, microF1, subsetAccuracy }: EmotionReport["tuned"]): Row => ({
    name,
    "macro F1": macroF1,
    low: macroF1Interval.low,
    high: macroF1Interval.high,
    "micro F1": microF1,
    "all labels right": subsetAccuracy,
  });
  return [
    row("threshold 0.5", atHalf),
    row("thresholds tuned on validation", tuned),
    { name: `always ${majority.label}`, "macro F1": majority.macroF1, "micro F1": majority.microF1 },
  ];
}

/** What an emotion head's probabilities are worth, in one sentence. */
export const emotionSentence = (report: EmotionReport): string =>
  `${report.rows} test texts; mean average precision ${report.meanAveragePrecision.toFixed(3)}, calibration error (mean over labels) ` +
  `${report.calibrationError.toFixed(4)}; probabilities sum to ${report.probabilitySum.toFixed(2)} where texts have ` +
  `${report.labelsPerRow.toFixed(2)} labels`;

/** A strategy head and its baselines: the most frequent strategy and, for the next one, a table that reads no text. */
export function strategyRows(task: StrategyTask, { accuracy, f1, majority, noText }: StrategyReport): Row[] {
  const row = (who: string, correct: { mean: number; low: number; high: number }, macroF1: number): Row => ({
    task,
    who,
    accuracy: correct.mean,
    low: correct.low,
    high: correct.high,
    "macro F1": macroF1,
  });
  return [
    { ...row("head", accuracy, f1.macroF1), "weighted F1": f1.weightedF1 },
    row(`always ${majority.label}`, majority.accuracy, majority.macroF1),
    ...(noText ? [row("previous strategy and turn, no text", noText.accuracy, noText.macroF1)] : []),
  ];
}

/** Means of configurations or controls, as a table shows them. */
export const eqSummaryRows = (rows: readonly SummaryRow[]): Row[] =>
  rows.map(({ kind, variant, configuration, n, eq, mass, alignment, published, tokens }) => ({
    kind,
    variant,
    configuration,
    n,
    EQ: eq.mean,
    low: eq.low,
    high: eq.high,
    mass: mass.mean,
    alignment: alignment?.mean ?? null,
    "published formula": published.mean,
    tokens,
  }));

/** The official EQ-Bench scores of variants and controls. `official` is null for a run that failed by the authors' rule. */
export const officialRows = ({ official }: EqSummary): Row[] =>
  official.map(({ kind, name, totals, interval }) => ({
    kind,
    name,
    official: totals.official.kind === "score" ? totals.official.score : null,
    "lm-eval": totals.lmEval,
    low: interval.low,
    high: interval.high,
    usable: totals.parseRate,
    verdict: totals.official.kind === "failed" ? "failed" : "",
  }));

/** Bars of all configurations and, grey, of the controls. */
export const eqScoreBars = ({ configurations, controls }: EqSummary): ConfigurationScore[] =>
  [...configurations, ...controls].map(({ kind, variant, configuration, eq: { mean, low, high } }) => ({
    configuration: kind === "control" && variant === "–" ? configuration : `${variant}: ${configuration}`,
    score: mean,
    low,
    high,
    kind: kind === "control" ? "control" : "system",
  }));
