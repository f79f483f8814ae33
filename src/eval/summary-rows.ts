import { type BootstrapOptions, bootstrapMean, type Interval } from "./bootstrap.js";
import { clusteredSpearman } from "./correlations.js";
import { benchmarkTotals } from "./eq-bench-score.js";
import type { EqResults, EqRow, EvaluatorRow, HumanRow } from "./eq-rows.js";
import { distinctCount, groupsBy, meanOf, spreadOver } from "./groups.js";
import type { QualityRow } from "./quality.js";
import { spearman } from "./spearman.js";
import type {
  EvaluatorSummary,
  FailureSummary,
  HumanSummary,
  OfficialSummary,
  QualityMeasure,
  QualitySummary,
  Spread,
  SummaryRow,
} from "./summary.js";

/** Of the rows of one configuration or control. */
export function summaryRow(rows: readonly EqRow[], options: BootstrapOptions): SummaryRow {
  const { kind, variant, configuration, byEvaluator, perLabel } = rows[0]!;
  const interval = (value: (row: EqRow) => number, of = rows) => overItems(of, byQuestion, value, options);
  const correlation = (own: readonly EqRow[], value: (row: EqRow) => number) => spearman(own.map(eqOf), own.map(value));
  const usable = rows.filter(({ official }) => official.score !== null);
  const aligned = rows.filter(({ alignment }) => alignment !== null);
  return {
    ...{ kind, variant, configuration, n: distinctCount(rows, byQuestion), seeds: distinctCount(rows, bySeed) },
    eq: interval(eqOf)!,
    seedSpread: spreadOver(rows, bySeed, eqOf),
    mass: interval(({ mass }) => mass)!,
    alignment: interval(({ alignment }) => alignment!, aligned),
    published: interval(({ published }) => published)!,
    byEvaluator: each(byEvaluator, (name) => interval((row) => row.byEvaluator[name]!.eq)!),
    perLabel: each(perLabel, (label) => meanOf(rows.map((row) => row.perLabel[label]))),
    tokens: meanOf(rows.map(({ tokens }) => tokens)),
    lengthCorrelation: correlation(rows, ({ tokens }) => tokens),
    officialCorrelation: correlation(usable, ({ official }) => official.score!),
  };
}

/** Variants first. Another question's response is a sampled text, not an attempt at the official answer. */
export function officialSummaries({ official, officialControls, controls }: EqResults, options: BootstrapOptions): OfficialSummary[] {
  const exact = new Set(officialControls.map(({ name }) => name));
  const written = controls.filter(({ variant, configuration }) => variant === "–" && !exact.has(configuration));
  const answers = [
    ...written.map(({ configuration, questionId, official: { score } }) => ({ name: configuration, questionId, seed: 0, score })),
    ...officialControls.map((row) => ({ ...row, seed: 0 })),
  ];
  return [
    ...groupsBy(official, ({ variant }) => [variant]).map((rows) => officialOf("sample", rows[0]!.variant, rows, options)),
    ...groupsBy(answers, ({ name }) => [name]).map((rows) => officialOf("control", rows[0]!.name, rows, options)),
  ];
}

type OfficialAnswer = { questionId: string; seed: number; score: number | null };

function officialOf(kind: EqRow["kind"], name: string, rows: readonly OfficialAnswer[], options: BootstrapOptions): OfficialSummary {
  const points = ({ score }: OfficialAnswer) => 10 * (score ?? 0);
  return {
    ...{ kind, name, seeds: distinctCount(rows, bySeed) },
    totals: benchmarkTotals(rows.map(({ score }) => score)),
    interval: overItems(rows, byQuestion, points, options)!,
    seedSpread: spreadOver(rows, bySeed, points),
  };
}

/** Of the replies of one variant or control to the held-out dialogues. */
export function humanSummary(rows: readonly HumanRow[], options: BootstrapOptions): HumanSummary {
  const { kind, variant, configuration, byEvaluator } = rows[0]!;
  const byItem = ({ itemId }: HumanRow) => itemId;
  const clusters = new Map(rows.map(({ itemId, cluster }) => [itemId, cluster]));
  const interval = (value: (row: HumanRow) => number) => overItems(rows, byItem, value, { ...options, clusters: [...clusters.values()] })!;
  return {
    ...{ kind, variant, configuration, n: clusters.size, seeds: distinctCount(rows, bySeed) },
    mass: interval(({ mass }) => mass),
    tokens: meanOf(rows.map(({ tokens }) => tokens)),
    byEvaluator: each(byEvaluator, (name) => interval((row) => row.byEvaluator[name]!.mass)),
  };
}

const MEASURES: readonly QualityMeasure[] = [
  ...["bitsPerByte", "distinct1", "distinct2", "repetition"],
  ...["sameReply", "meanTokens", "atLimit", "strategyRealised"],
] as QualityMeasure[];

export function qualitySummaries(rows: readonly QualityRow[]): QualitySummary[] {
  return groupsBy(rows, ({ variant, configuration }) => [variant, configuration]).map((group) => {
    const { variant, configuration, replies } = group[0]!;
    const measures = MEASURES.map((measure) => [measure, spreadOf(group, measure)]);
    return { variant, configuration, seeds: group.length, replies, ...Object.fromEntries(measures) };
  });
}

function spreadOf(rows: readonly QualityRow[], measure: QualityMeasure): Spread | null {
  const known = rows.filter((row) => row[measure] !== null);
  const value = (row: QualityRow) => row[measure]!;
  return known.length === 0 ? null : { mean: meanOf(known.map(value)), spread: spreadOver(known, bySeed, value) };
}

/** Over all replies that no head chose. */
export function evaluatorSummary(evaluator: EvaluatorRow, rows: readonly EqRow[], options: BootstrapOptions): EvaluatorSummary {
  const own = rows.filter(({ configuration }) => configuration === "No Heads (Baseline)");
  const correlation = (of: readonly EqRow[], value: (row: EqRow) => number) =>
    clusteredSpearman(
      of.map(({ byEvaluator }) => byEvaluator[evaluator.name]!.eq),
      of.map(value),
      of.map(byQuestion),
      options,
    );
  const usable = own.filter(({ official }) => official.score !== null);
  return {
    ...evaluator,
    length: correlation(own, ({ tokens }) => tokens),
    official: correlation(usable, ({ official }) => official.score!),
  };
}

/** By variant and reason; `of` counts the candidates, greedy answers and replies to held-out dialogues of the variant. */
export function failureSummaries({ failures, candidates, official, human }: EqResults): FailureSummary[] {
  return groupsBy(failures, ({ variant, reason }) => [variant, reason]).map((group) => {
    const { variant, reason } = group[0]!;
    const of = [candidates, official, human].flat().filter((row) => row.variant === variant).length;
    return { variant, reason, count: group.length, of };
  });
}

const eqOf = ({ eq }: EqRow): number => eq;
const bySeed = ({ seed }: { seed: number }): number => seed;
const byQuestion = ({ questionId }: { questionId: string }): string => questionId;

/** The mean over the items of each item's mean over the seeds, with its interval over the items. */
function overItems<Row>(
  rows: readonly Row[],
  item: (row: Row) => string,
  value: (row: Row) => number,
  options: BootstrapOptions,
): Interval | null {
  return bootstrapMean(
    groupsBy(rows, (row) => [item(row)]).map((group) => meanOf(group.map(value))),
    options,
  );
}

function each<Key extends string, Value>(record: Record<Key, unknown>, value: (key: Key) => Value): Record<Key, Value> {
  return Object.fromEntries((Object.keys(record) as Key[]).map((key) => [key, value(key)])) as Record<Key, Value>;
}
