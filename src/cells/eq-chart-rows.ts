/** What the charts of an evaluation draw, from its results and their summary. */
import type { EqRow } from "../eval/eq-rows.js";
import type { SensitivityRow } from "../eval/sensitivity.js";
import type { Comparison } from "../eval/statistics.js";
import type { SummaryRow } from "../eval/summary.js";
import type { EmotionShares } from "./charts/emotion-profile.js";
import type { EvaluatorScores } from "./charts/evaluator-agreement.js";
import type { PlannedDifference } from "./charts/forest-plot.js";
import type { RankedScore } from "./charts/rank-changes.js";
import type { LengthScore } from "./charts/score-by-length.js";
import type { SeedScores } from "./charts/seed-spread.js";

/** Without heads: what a variant says when nobody chooses. */
const BASELINE = "No Heads (Baseline)";

/** A variant's configuration by name; the baseline by the variant's alone. */
const named = ({ variant, configuration }: Pick<EqRow, "variant" | "configuration">): string =>
  variant === "–" ? configuration : configuration === BASELINE ? variant : `${variant}: ${configuration}`;

/** The planned comparisons on one metric, for `forestPlot`. Other scores have other units and a figure of their own. Names break before the minus. */
export const plannedDifferences = (comparisons: readonly Comparison[], metric = "EQ score"): PlannedDifference[] =>
  comparisons
    .filter((comparison) => comparison.metric === metric)
    .map(({ a, b, difference, lengthControlled, holm, verdict }) => ({
      name: `${a} −\u00a0${b.replaceAll(" ", "\u00a0")}`,
      difference,
      lengthControlled,
      holm,
      verdict,
    }));

/** Every configuration's mean with the means of its seeds, for `seedSpread`. */
export function seedScores(rows: readonly EqRow[], configurations: readonly SummaryRow[]): SeedScores[] {
  return configurations.map((row) => {
    const own = rows.filter(({ variant, configuration }) => variant === row.variant && configuration === row.configuration);
    const seeds = [...new Set(own.map(({ seed }) => seed))].map((seed) => {
      const scores = own.filter((one) => one.seed === seed).map(({ eq }) => eq);
      return scores.reduce((sum, score) => sum + score, 0) / scores.length;
    });
    return { name: named(row), score: row.eq, seeds };
  });
}

/** What the variants without heads sound like, for `emotionProfile`. */
export const emotionShares = (configurations: readonly SummaryRow[], configuration = BASELINE): EmotionShares[] =>
  configurations.filter((row) => row.configuration === configuration).map(({ variant, perLabel }) => ({ name: variant, shares: perLabel }));

/** Responses of the variants without heads, for `scoreByLength`. */
export const lengthScores = (rows: readonly EqRow[], configuration = BASELINE): LengthScore[] =>
  rows
    .filter((row) => row.configuration === configuration)
    .map(({ variant, tokens, eq, questionId }) => ({ configuration: variant, length: tokens, score: eq, id: questionId }));

/** The same responses by all evaluators, for `evaluatorAgreement`. */
export const evaluatorScores = (rows: readonly EqRow[], configuration = BASELINE): EvaluatorScores[] =>
  rows
    .filter((row) => row.configuration === configuration)
    .map(({ questionId, byEvaluator }) => ({
      id: questionId,
      scores: Object.fromEntries(Object.entries(byEvaluator).map(([name, { eq }]) => [name, eq])),
    }));

/**
 * For `rankChanges`: every variant without heads, and one variant's configurations, ranked among themselves. All of them together would be
 * lines that nobody can follow; the workbook has them.
 */
export function rankedScores(rows: readonly SensitivityRow[], variant = "SFT + DPO"): RankedScore[] {
  const drawn = rows.filter((row) => row.configuration === BASELINE || row.variant === variant);
  return drawn.map(({ labelSet, weight, eq, ...row }) => {
    const beside = drawn.filter((other) => other.labelSet === labelSet && other.weight === weight);
    const [above, equal] = [beside.filter((other) => other.eq > eq).length, beside.filter((other) => other.eq === eq).length];
    return { labelSet, weight, name: named(row), eq, rank: above + (equal + 1) / 2 };
  });
}
