import { GO_EMOTIONS } from "../data/go-emotions.js";
import type { Cell, Column, Sheet } from "../files/workbook.js";
import type { EqResults, EqRow } from "./eq-rows.js";
import { CONFIGURATION, score, VARIANT } from "./eq-sheets-tables.js";
import type { EqSummary } from "./summary.js";

const ROW: Column[] = [{ header: "Question", width: 9 }, VARIANT, { header: "Seed", width: 6 }, CONFIGURATION];
const rowCells = ({ questionId, variant, seed, configuration }: EqRow): Cell[] => [questionId, variant, seed, configuration];

const SAMPLE: Column[] = [
  ...ROW,
  { header: "Candidate", width: 10 },
  ...["EQ score", "Empathy mass", "Alignment", "Published formula", "Strategy fit"].map((header) => score(header)),
  { header: "Strategy wanted", width: 20 },
  { header: "Strategy realised", width: 20 },
  score("Official score of the greedy answer", "0.00", 12),
  { header: "Tokens", width: 8 },
  { header: "Stop", width: 8 },
  { header: "Prompt tokens cut", width: 9 },
  { header: "Response", width: 60 },
  { header: "Prompt", width: 60 },
];

export function samplesSheet(rows: readonly EqRow[]): Sheet {
  const cells = rows.map((row): Cell[] => [
    ...[...rowCells(row), row.candidate],
    ...[row.eq, row.mass, row.alignment, row.published, row.strategy?.fit ?? null],
    ...[row.strategy?.intended ?? null, row.strategy?.realised ?? null, row.official.score],
    ...[row.tokens, row.stop, row.truncated, row.response, row.prompt],
  ]);
  return { name: "Per sample", columns: SAMPLE, rows: cells };
}

/** The share of every label in the summed probabilities of the first evaluator. */
export function emotionsSheet(rows: readonly EqRow[]): Sheet {
  const columns = [...ROW, ...GO_EMOTIONS.map((label) => score(label, "0.0000", 12))];
  return { name: "Emotions", columns, rows: rows.map((row) => [...rowCells(row), ...GO_EMOTIONS.map((label) => row.perLabel[label])]) };
}

const ANSWER: Column[] = [
  { header: "Question", width: 9 },
  { header: "Variant or control", width: 26 },
  { header: "Seed", width: 6 },
  ...["Official score", "lm-eval score", "lm-eval: low", "lm-eval: high", "lm-eval: SD over seeds"].map((header) =>
    score(header, "0.00", 12),
  ),
  score("Parse rate", "0.0%", 10),
  { header: "Ratings read, or why not", width: 40 },
  { header: "Answer", width: 60 },
];

/** Totals first, on the scale of 100, then every greedy answer, on the same scale. */
export function answersSheet(summary: EqSummary, results: EqResults): Sheet {
  const totals = summary.official.map(({ name, totals: { official, lmEval, parseRate, n, parseable }, interval, seedSpread }): Cell[] => [
    ...["all", name, null, official.kind === "score" ? official.score : "FAILED", lmEval, interval.low, interval.high, seedSpread],
    ...[parseRate, `${parseable} of ${n} usable`, null],
  ]);
  const answers = results.official.map(({ questionId, variant, seed, scores, score: own, reason, response }): Cell[] => {
    const points = own === null ? null : 10 * own;
    return [
      questionId,
      variant,
      seed,
      points,
      points ?? 0,
      null,
      null,
      null,
      own === null ? 0 : 1,
      scores ? scores.join(", ") : reason,
      response,
    ];
  });
  return { name: "Official EQ-Bench", columns: ANSWER, rows: [...totals, ...answers] };
}
