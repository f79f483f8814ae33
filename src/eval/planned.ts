import type { EqResults, EqRow } from "./eq-rows.js";
import { dialogueOf } from "./eq-settings.js";
import type { PairedOptions } from "./paired.js";
import { type Comparison, compareAll, type PairedInput, type PlannedComparison } from "./statistics.js";
import type { Configuration } from "./steering.js";

type System = { variant: string; configuration: Configuration };
type Plan = { question: string; a: System; b: System };

const NONE = "No Heads (Baseline)";
const BOTH = "Emotion + Strategy (Full)";
/** How the question begins that the whole evaluation is for. */
export const CLAIM = "The seed's claim:";
const alone = (variant: string): System => ({ variant, configuration: NONE });
const dpoWith = (configuration: Configuration): System => ({ variant: "SFT + DPO", configuration });

/** Settled on before a run and the same for all; the seed's claim first. Those are made whose variants are there. */
const PLANNED: readonly Plan[] = [
  { question: `${CLAIM} do DPO and both heads add to SFT alone?`, a: dpoWith(BOTH), b: alone("SFT") },
  { question: "Does DPO alone add to SFT?", a: alone("SFT + DPO"), b: alone("SFT") },
  { question: "Does DPO add to SFT where both heads choose?", a: dpoWith(BOTH), b: { variant: "SFT", configuration: BOTH } },
  { question: "Does DPO add more than training as long with SFT?", a: alone("SFT + DPO"), b: alone("SFT, longer") },
  { question: "Do the preferences matter, or would any pairs do?", a: alone("SFT + DPO"), b: alone("SFT + DPO, shuffled pairs") },
  { question: "Does SFT add to the base model?", a: alone("SFT"), b: alone("Base") },
  { question: "Does choosing by the emotion head help?", a: dpoWith("Emotion Head Only"), b: dpoWith(NONE) },
  { question: "Does it help more than choosing by a head that knows nothing?", a: dpoWith("Emotion Head Only"), b: dpoWith("Random Head") },
  { question: "Does the strategy head, more than one that knows nothing?", a: dpoWith("Strategy Head Only"), b: dpoWith("Random Head") },
  { question: "Do both heads together help?", a: dpoWith(BOTH), b: dpoWith(NONE) },
  { question: "Does all of it help against the base model?", a: dpoWith(BOTH), b: alone("Base") },
];

export type PlannedComparisons = {
  /** On the EQ score and, where both systems are variants without heads, on the official score: corrected together. */
  comparisons: Comparison[];
  /** On the EQ score of each other evaluator, in the order of the first: corrected together, apart from those. */
  otherEvaluators: Comparison[];
  /** Questions that the results cannot answer, since a variant or a head is missing. */
  missing: string[];
};

/** Paired over questions and seeds; both systems of a comparison are taken at the seeds that both have. */
export function plannedComparisons(results: EqResults, options: PairedOptions = {}): PlannedComparisons {
  const possible = PLANNED.filter(({ a, b }) => eqInput(results.rows, a, b, ownEq).length > 0);
  const onEq = possible.map((plan) => plannedOf(plan, "EQ score", eqInput(results.rows, plan.a, plan.b, ownEq)));
  const official = possible
    .filter(({ a, b }) => a.configuration === NONE && b.configuration === NONE)
    .map((plan) => ({ ...plannedOf(plan, "official EQ-Bench score", officialInput(results, plan)), digits: 1 }));
  const others = results.evaluators.slice(1).flatMap(({ name }) =>
    possible.map((plan) => {
      const input = eqInput(results.rows, plan.a, plan.b, ({ byEvaluator }) => byEvaluator[name]!.eq);
      return plannedOf(plan, `EQ score by ${name}`, input);
    }),
  );
  return {
    comparisons: compareAll([...onEq, ...official], options),
    otherEvaluators: compareAll(others, options),
    missing: PLANNED.filter((plan) => !possible.includes(plan)).map(({ question }) => question),
  };
}

function plannedOf({ question, a, b }: Plan, metric: string, input: PairedInput): PlannedComparison {
  const [first, second] = [nameOf(a), nameOf(b)];
  return { name: `${first} against ${second}`, question, metric, a: first, b: second, input };
}

const nameOf = ({ variant, configuration }: System): string =>
  configuration === NONE ? variant : `${variant} with ${WITH[configuration]}`;

const WITH: Record<Configuration, string> = {
  "No Heads (Baseline)": "no head",
  "Emotion Head Only": "the emotion head",
  "Strategy Head Only": "the strategy head",
  "Emotion + Strategy (Full)": "both heads",
  "Random Head": "a random head",
};

const ownEq = ({ eq }: EqRow): number => eq;

function eqInput(rows: readonly EqRow[], a: System, b: System, score: (row: EqRow) => number): PairedInput {
  const of = (system: System) => rows.filter((row) => row.variant === system.variant && row.configuration === system.configuration);
  return paired(of(a), of(b), (row) => ({ score: score(row), length: row.tokens, cluster: dialogueOf(row.prompt) }));
}

/** From 0 to 100; an unusable answer counts 0, as in lm-evaluation-harness. */
function officialInput({ official, rows }: EqResults, { a, b }: Plan): PairedInput {
  const of = ({ variant }: System) => official.filter((row) => row.variant === variant);
  const prompts = new Map(rows.map(({ questionId, prompt }) => [questionId, prompt]));
  return paired(of(a), of(b), ({ score, tokens, questionId }) => {
    return { score: 10 * (score ?? 0), length: tokens, cluster: dialogueOf(prompts.get(questionId)!) };
  });
}

type Scored = { score: number; length: number; cluster: string };

/** Rows of the same question and seed side by side. */
function paired<R extends { questionId: string; seed: number }>(a: readonly R[], b: readonly R[], scored: (row: R) => Scored): PairedInput {
  const key = ({ questionId, seed }: R) => JSON.stringify([questionId, seed]);
  const other = new Map(b.map((row) => [key(row), row]));
  return a.flatMap((row) => {
    const partner = other.get(key(row));
    if (!partner) return [];
    const [x, y] = [scored(row), scored(partner)];
    return { id: row.questionId, cluster: x.cluster, seed: row.seed, a: x.score, b: y.score, lengthA: x.length, lengthB: y.length };
  });
}
