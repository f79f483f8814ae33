import type { Cell, Column, Sheet } from "../files/workbook.js";
import type { Interval } from "./bootstrap.js";
import type { EqResults } from "./eq-rows.js";
import { groupsBy } from "./groups.js";
import type { Comparison } from "./statistics.js";
import type { EqSummary, QualityMeasure, SummaryRow } from "./summary.js";

/** A column of scores. */
export const score = (header: string, format = "0.0000", width = 11): Column => ({ header, width, format });
export const VARIANT: Column = { header: "Variant", width: 24 };
export const CONFIGURATION: Column = { header: "Configuration", width: 28 };
const count = (header: string): Column => ({ header, width: 9, format: "0" });
const threeColumns = (header: string, format?: string): Column[] =>
  [header, `${header}: low`, `${header}: high`].map((name) => score(name, format));
const three = (interval: Interval | null | undefined): Cell[] =>
  interval ? [interval.mean, interval.low, interval.high] : [null, null, null];

/** One row a planned comparison: those on both scores first, then those on the EQ score of the other evaluators, which are corrected by themselves. */
export function comparisonsSheet({ comparisons, otherEvaluators }: EqSummary): Sheet {
  const columns: Column[] = [
    { header: "Question", width: 40 },
    { header: "Metric", width: 24 },
    { header: "a", width: 30 },
    { header: "b", width: 30 },
    { header: "Verdict", width: 14 },
    ...threeColumns("a − b"),
    ...[score("p", "0.0000"), score("Holm p", "0.0000")],
    ...threeColumns("a − b at equal length"),
    ...[score("Smallest difference found in 4 of 5"), count("n"), count("Seeds"), score("SD over items"), score("SD over seeds")],
    { header: "In words", width: 90 },
  ];
  const cells = (one: Comparison): Cell[] => [
    ...[one.question, one.metric, one.a, one.b, one.verdict],
    ...[...three(one.difference), one.p, one.holm, ...three(one.lengthControlled)],
    ...[
      Number.isFinite(one.minimumDetectable) ? one.minimumDetectable : null,
      one.n,
      one.seeds,
      one.itemSpread,
      one.seedSpread,
      one.sentence,
    ],
  ];
  return { name: "Comparisons", columns, rows: [...comparisons, ...otherEvaluators].map(cells) };
}

const evaluatorsOf = ({ configurations }: EqSummary): string[] => Object.keys(configurations[0]?.byEvaluator ?? {});

const summaryColumns = (summary: EqSummary): Column[] => [
  ...[VARIANT, CONFIGURATION, count("n"), count("Seeds")],
  ...[...threeColumns("EQ score"), score("EQ score: SD over seeds"), ...threeColumns("Empathy mass"), ...threeColumns("Alignment")],
  ...threeColumns("Published formula"),
  ...evaluatorsOf(summary).map((name) => score(`EQ score by ${name}`, "0.0000", 14)),
  score("Mean length (tokens)", "0.0"),
  score("EQ score and length (Spearman)", "0.00", 13),
  score("EQ score and official score (Spearman)", "0.00", 13),
];

const summaryCells = (summary: EqSummary, rows: readonly SummaryRow[]): Cell[][] =>
  rows.map((row) => [
    ...[row.variant, row.configuration, row.n, row.seeds],
    ...[...three(row.eq), row.seedSpread, ...three(row.mass), ...three(row.alignment), ...three(row.published)],
    ...evaluatorsOf(summary).map((name) => row.byEvaluator[name]?.mean ?? null),
    ...[row.tokens, row.lengthCorrelation, row.officialCorrelation],
  ]);

export const variantsSheet = (summary: EqSummary): Sheet => ({
  name: "Variants",
  columns: summaryColumns(summary),
  rows: summaryCells(summary, summary.configurations),
});

/** Controls, and below them the configurations again, so that they are seen together. */
export const controlsSheet = (summary: EqSummary): Sheet => ({
  name: "Controls",
  columns: summaryColumns(summary),
  rows: summaryCells(summary, [...summary.controls, ...summary.configurations]),
});

export function evaluatorsSheet({ evaluators }: EqSummary): Sheet {
  const columns: Column[] = [
    { header: "Evaluator", width: 30 },
    { header: "Steers", width: 9 },
    score("Macro F1 on held-out GoEmotions", "0.000", 14),
    ...[...threeColumns("EQ score and length (Spearman)", "0.00"), ...threeColumns("EQ score and official score (Spearman)", "0.00")],
    { header: "Checksum", width: 20 },
  ];
  const rows = evaluators.map(({ name, steers, macroF1, length, official, checksum }): Cell[] => [
    ...[name, steers, macroF1, ...three(length), ...three(official), checksum],
  ]);
  return { name: "Evaluators", columns, rows };
}

/** A row a configuration; for each formula its score and its rank. */
export function sensitivitySheet({ sensitivity }: EqSummary): Sheet {
  const formulas = groupsBy(sensitivity, ({ labelSet, weight }) => [labelSet, weight]).map(([row]) => row!);
  const columns: Column[] = [
    ...[VARIANT, CONFIGURATION],
    ...formulas.flatMap(({ labelSet, weight, tau }) => [
      score(`${labelSet}, weight ${weight}${tau === null ? "" : ` (τ ${tau.toFixed(2)})`}`, "0.0000", 14),
      score(`Rank: ${labelSet}, weight ${weight}`, "0.0", 12),
    ]),
  ];
  const rows = groupsBy(sensitivity, ({ variant, configuration }) => [variant, configuration]).map((own): Cell[] => [
    own[0]!.variant,
    own[0]!.configuration,
    ...formulas.flatMap(({ labelSet, weight }) => {
      const row = own.find((one) => one.labelSet === labelSet && one.weight === weight);
      return [row?.eq ?? null, row?.rank ?? null];
    }),
  ]);
  return { name: "Sensitivity", columns, rows };
}

const MEASURES: [QualityMeasure, string, string][] = [
  ["bitsPerByte", "Bits per byte of people's replies", "0.000"],
  ["distinct1", "Distinct-1", "0.000"],
  ["distinct2", "Distinct-2", "0.000"],
  ["repetition", "Repeated four-word runs", "0.0%"],
  ["sameReply", "Commonest reply", "0.0%"],
  ["meanTokens", "Mean length (tokens)", "0.0"],
  ["atLimit", "Cut by the token limit", "0.0%"],
  ["strategyRealised", "Wanted strategy realised", "0.0%"],
];

/** Means over the seeds with their standard deviation. */
export function qualitySheet({ quality }: EqSummary): Sheet {
  const columns: Column[] = [
    ...[VARIANT, CONFIGURATION, count("Seeds"), count("Replies")],
    ...MEASURES.flatMap(([, header, format]) => [score(header, format, 13), score(`${header}: SD over seeds`, format, 13)]),
  ];
  const rows = quality.map((row): Cell[] => [
    ...[row.variant, row.configuration, row.seeds, row.replies],
    ...MEASURES.flatMap(([measure]) => [row[measure]?.mean ?? null, row[measure]?.spread ?? null]),
  ]);
  return { name: "Quality", columns, rows };
}

/** Replies to held-out dialogues; they have no reference, so mass alone is their score. */
export function humanSheet({ human }: EqSummary): Sheet {
  const evaluators = Object.keys(human[0]?.byEvaluator ?? {});
  const columns: Column[] = [
    ...[{ header: "Who", width: 10 }, VARIANT, CONFIGURATION, count("n"), count("Seeds")],
    ...[
      ...threeColumns("Empathy mass"),
      ...evaluators.map((name) => score(`Empathy mass by ${name}`, "0.0000", 14)),
      score("Mean length (tokens)", "0.0"),
    ],
  ];
  const rows = human.map((row): Cell[] => [
    ...[row.kind, row.variant, row.configuration, row.n, row.seeds, ...three(row.mass)],
    ...[...evaluators.map((name) => row.byEvaluator[name]?.mean ?? null), row.tokens],
  ]);
  return { name: "Human replies", columns, rows };
}

/** Counts first, then each one. */
export function failuresSheet(summary: EqSummary, { failures }: EqResults): Sheet {
  const columns: Column[] = [
    ...[VARIANT, { header: "Reason", width: 60 }, score("Count", "0"), score("Of", "0"), score("Share", "0.0%")],
    ...[count("Seed"), { header: "Question", width: 10 }, { header: "Candidate", width: 11 }],
  ];
  const counts = summary.failures.map(({ variant, reason, count, of }): Cell[] => [
    variant,
    reason,
    count,
    of,
    of > 0 ? count / of : null,
    null,
    null,
    null,
  ]);
  const each = failures.map(({ variant, reason, seed, questionId, candidate }): Cell[] => [
    ...[variant, reason, null, null, null, seed, questionId, candidate],
  ]);
  return { name: "Failures", columns, rows: [...counts, ...each] };
}
