import type { EmotionReport } from "../eval/emotion-head.js";
import type { HeadCost as HeadRunCost } from "../eval/head-run.js";
import type { Comparison } from "../eval/statistics.js";
import type { StrategyReport, StrategyTask } from "../eval/strategy-head.js";
import type { EqSummary, HumanSummary, QualitySummary, Spread, SummaryRow } from "../eval/summary.js";
import type { ConfigurationScore } from "./charts/configuration-bars.js";
import type { HeadCost } from "./charts/learning-curve.js";

type Row = Record<string, string | number | null>;

/** The emotion head at both kinds of threshold, and beside it the most frequent label and the control that reads words alone. */
export function emotionRows({ atHalf, tuned, majority, control }: EmotionReport): Row[] {
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
    ...(control?.atHalf
      ? [{ name: "TF-IDF control, threshold 0.5", "macro F1": control.atHalf.macroF1, "micro F1": control.atHalf.microF1 }]
      : []),
    ...(control ? [controlRow({ name: "TF-IDF control, tuned" }, control)] : []),
  ];
}

const controlRow = (start: Row, { macroF1, macroF1Interval, microF1 }: NonNullable<EmotionReport["control"]>): Row => ({
  ...start,
  "macro F1": macroF1,
  low: macroF1Interval.low,
  high: macroF1Interval.high,
  "micro F1": microF1,
});

/** What heads and their controls score and what they took, for `headCosts`. */
export const headCostRows = (heads: readonly { name: string; report: EmotionReport | StrategyReport; cost: HeadRunCost }[]): HeadCost[] =>
  heads.flatMap(({ name, report, cost: { embedSeconds, trainSeconds, controlSeconds } }) => {
    const { macroF1, macroF1Interval } = "tuned" in report ? report.tuned : report.f1;
    const { control } = report;
    return [
      { name, score: macroF1, ...macroF1Interval, seconds: embedSeconds + trainSeconds },
      ...(control
        ? [
            {
              name: `${name}: TF-IDF control`,
              score: control.macroF1,
              ...control.macroF1Interval,
              seconds: controlSeconds,
              kind: "control" as const,
            },
          ]
        : []),
    ];
  });

/** What an emotion head's probabilities are worth, in one sentence. */
export const emotionSentence = (report: EmotionReport): string =>
  `${report.rows} test texts; mean average precision ${report.meanAveragePrecision.toFixed(3)}, calibration error (mean over labels) ` +
  `${report.calibrationError.toFixed(4)}; probabilities sum to ${report.probabilitySum.toFixed(2)} where texts have ` +
  `${report.labelsPerRow.toFixed(2)} labels`;

/** A strategy head and its baselines: the most frequent strategy, for the next one a table that reads no text, and the control that reads words alone. */
export function strategyRows(task: StrategyTask, { accuracy, f1, majority, noText, preferenceBias, control }: StrategyReport): Row[] {
  const row = (who: string, correct: { mean: number; low: number; high: number }, macroF1: number): Row => ({
    task,
    who,
    accuracy: correct.mean,
    low: correct.low,
    high: correct.high,
    "macro F1": macroF1,
  });
  return [
    { ...row("head", accuracy, f1.macroF1), "weighted F1": f1.weightedF1, "preference bias": preferenceBias },
    row(`always ${majority.label}`, majority.accuracy, majority.macroF1),
    ...(noText ? [row("previous strategy and turn, no text", noText.accuracy, noText.macroF1)] : []),
    ...(control?.accuracy
      ? [
          {
            ...row("TF-IDF control", control.accuracy, control.macroF1),
            "weighted F1": control.weightedF1,
            "preference bias": control.preferenceBias,
          },
        ]
      : []),
  ];
}

/** Means of configurations or controls, as a table shows them. */
export const eqSummaryRows = (rows: readonly SummaryRow[]): Row[] =>
  rows.map(({ kind, variant, configuration, n, seeds, eq, seedSpread, mass, alignment, published, tokens }) => ({
    kind,
    variant,
    configuration,
    n,
    seeds,
    EQ: eq.mean,
    low: eq.low,
    high: eq.high,
    "SD over seeds": seedSpread,
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

/** The planned comparisons; `found from` is the smallest difference that 4 of 5 such experiments would show. */
export const comparisonRows = (comparisons: readonly Comparison[]): Row[] =>
  comparisons.map(({ metric, a, b, n, seeds, difference, holm, verdict, lengthControlled, itemSpread, seedSpread, minimumDetectable }) => ({
    ...{ comparison: `${a} − ${b}`, metric, n, seeds },
    ...{ difference: difference.mean, low: difference.low, high: difference.high, "Holm p": holm, verdict },
    "at equal length": lengthControlled?.mean ?? null,
    "found from": Number.isFinite(minimumDetectable) ? minimumDetectable : null,
    ...{ "SD over items": itemSpread, "SD over seeds": seedSpread },
  }));

/** Who reads emotions, how well, and what else their EQ score follows. */
export const evaluatorRows = ({ evaluators }: Pick<EqSummary, "evaluators">): Row[] =>
  evaluators.map(({ name, steers, macroF1, length, official }) => ({
    evaluator: name,
    role: steers ? "steers" : name === evaluators[0]!.name ? "makes the score" : "beside it",
    "macro F1": macroF1,
    "ρ with length": length?.mean ?? null,
    "ρ with official": official?.mean ?? null,
    ...{ "official: low": official?.low ?? null, "official: high": official?.high ?? null },
  }));

/** How the replies are made, whatever they score: means over the seeds. */
export const qualityRows = (rows: readonly QualitySummary[]): Row[] =>
  rows.map(({ variant, configuration, seeds, replies, bitsPerByte, distinct1, distinct2, repetition, sameReply, ...rest }) => {
    const mean = (spread: Spread | null) => spread?.mean ?? null;
    return {
      ...{
        variant,
        configuration,
        seeds,
        replies,
        "bits per byte": mean(bitsPerByte),
        "distinct-1": mean(distinct1),
        "distinct-2": mean(distinct2),
      },
      ...{
        repetition: mean(repetition),
        "commonest reply": mean(sameReply),
        tokens: mean(rest.meanTokens),
        "at the limit": mean(rest.atLimit),
        "strategy realised": mean(rest.strategyRealised),
      },
    };
  });

/** EQ scores by label set and weight; a column for each formula, a row for each configuration. */
export function sensitivityRows({ sensitivity }: Pick<EqSummary, "sensitivity">): Row[] {
  const rows = new Map<string, Row>();
  for (const { variant, configuration, labelSet, weight, eq } of sensitivity) {
    const row = rows.get(`${variant}\n${configuration}`) ?? { variant, configuration };
    rows.set(`${variant}\n${configuration}`, { ...row, [`${labelSet}, w = ${weight}`]: eq });
  }
  return [...rows.values()];
}

/** People's replies beside the models' and the controls', by empathy mass. */
export const humanRows = (rows: readonly HumanSummary[]): Row[] =>
  rows.map(({ kind, variant, configuration, n, seeds, mass, tokens }) => ({
    ...{ kind, variant, configuration, n, seeds, mass: mass.mean, low: mass.low, high: mass.high, tokens },
  }));

/** What went wrong, counted. */
export const failureRows = ({ failures }: Pick<EqSummary, "failures">): Row[] =>
  failures.map(({ variant, reason, count, of }) => ({ variant, reason, count, of, share: of > 0 ? count / of : null }));

/** Bars of all configurations and, grey, of the controls, for `configurationBars`. */
export const eqScoreBars = ({ configurations, controls }: Pick<EqSummary, "configurations" | "controls">): ConfigurationScore[] =>
  [...configurations, ...controls].map(({ kind, variant, configuration, eq: { mean, low, high } }) => ({
    configuration: kind === "control" && variant === "–" ? configuration : `${variant}: ${configuration}`,
    score: mean,
    low,
    high,
    kind: kind === "control" ? "control" : "system",
  }));
