import type { EqQuestion } from "../data/record.js";
import { type BootstrapOptions, bootstrapMean, type Interval } from "./bootstrap.js";
import type { EqAnswer } from "./eq-bench-answers.js";
import { officialControls } from "./eq-bench-controls.js";
import { lenientAnswer } from "./eq-bench-lenient.js";
import { type BenchmarkTotals, benchmarkTotals, betterPass, parseAnswer, revisionParts, scoreV1, scoreV2 } from "./eq-bench-score.js";

export type ReportOptions = Pick<BootstrapOptions, "seed" | "draws"> & {
  /** 2 scores on the full scale, 1 on answers brought to a sum of 10. Default 2. */
  version?: 1 | 2;
  /** Whether the answers have a first pass, a critique and a revision, as version 1's prompt asks. Default: in version 1. */
  revision?: boolean;
  /** What makes the result partial, in words. */
  partial?: string | null;
};

/** What became of the answer to one question. Scores are on the scale where 10 is perfect. */
export type QuestionScore = {
  id: string;
  /** `null` where there is no answer. */
  response: string | null;
  /** The four ratings in the order of the question's emotions, or why there are none. In revision mode of the pass that counts. */
  ratings: number[] | null;
  reason: string | null;
  /** By the authors' rule, and by lm-evaluation-harness's; `null` where unusable. */
  official: number | null;
  lmEval: number | null;
  lenient: number | null;
};

export type ControlScore = {
  name: string;
  /** 0 to 100, with its interval over the questions. */
  score: Interval;
  /** The answers' score by lm-eval's rule minus the control's, paired by question. */
  difference: Interval;
};

export type EqBenchReport = {
  version: 1 | 2;
  revision: boolean;
  /** In revision mode, which pass counts. */
  pass: "first pass" | "revised" | null;
  partial: string | null;
  totals: BenchmarkTotals;
  /** lm-eval's score with its interval over the questions. */
  interval: Interval;
  /** By the lenient parser: no EQ-Bench score. `score` is the mean of what it can parse, `zeroed` counts the rest as 0. */
  lenient: { parseable: number; score: number | null; zeroed: number };
  missing: string[];
  controls: ControlScore[];
  /** What the tables show, in words. */
  findings: string[];
  questions: QuestionScore[];
};

/**
 * Scores answers to EQ-Bench in every convention, and what answers without understanding reach beside them. A question without an answer counts as
 * unusable.
 */
export function reportAnswers(questions: readonly EqQuestion[], answers: readonly EqAnswer[], options: ReportOptions = {}): EqBenchReport {
  const { version = 2, revision = version === 1, partial = null } = options;
  const responses = new Map(answers.map(({ id, response }) => [id, response]));
  const passes = passesOf(questions, responses, version, revision);
  const chosen = revision ? betterPass(...(passes.map((items) => items.map(({ official }) => official)) as [Scores, Scores])) : null;
  const scored = passes[chosen === "revised" ? 1 : 0]!;
  const totals = benchmarkTotals(
    scored.map(({ official }) => official),
    scored.map(({ lmEval }) => lmEval),
  );
  const zeroed = scored.map(({ lmEval }) => 10 * (lmEval ?? 0));
  const controls = officialControls(questions, version).map(({ name, scores }): ControlScore => {
    const points = scores.map((score) => 10 * score);
    const differences = zeroed.map((score, i) => score - points[i]!);
    return { name, score: bootstrapMean(points, options)!, difference: bootstrapMean(differences, options)! };
  });
  const lenient = scored.map((item) => item.lenient).filter((score) => score !== null);
  const lenientSum = lenient.reduce((sum, score) => sum + 10 * score, 0);
  const report = {
    ...{ version, revision, pass: chosen, partial, totals, controls, questions: scored },
    interval: bootstrapMean(zeroed, options)!,
    lenient: {
      parseable: lenient.length,
      score: lenient.length > 0 ? lenientSum / lenient.length : null,
      zeroed: lenientSum / questions.length,
    },
    missing: questions.filter(({ id }) => !responses.has(id)).map(({ id }) => id),
  };
  return { ...report, findings: findingsOf(report) };
}

type Scores = (number | null)[];

/** The questions' scores in each pass: one, or in revision mode the first pass and the revised one. */
function passesOf(
  questions: readonly EqQuestion[],
  responses: ReadonlyMap<string, string>,
  version: 1 | 2,
  revision: boolean,
): QuestionScore[][] {
  const rows = questions.map((question) => {
    const response = responses.get(question.id) ?? null;
    const { firstPass, revised } = revisionParts(response ?? "");
    const parts = revision ? [firstPass, revised] : [response ?? ""];
    const items = parts.map((text) => ({ text, ...ratingsOf(text, question, version) }));
    // The authors' code repeats a question until the ratings have a score in version 1, whatever the version: four times 0 is no answer to it.
    const usable = items.some(({ ratings }) => ratings !== null && scoreV1(ratings, question.reference) !== null);
    return items.map(({ text, ratings, reason, score }): QuestionScore => {
      const lenient = lenientAnswer(text, question.emotions);
      const official = usable ? score : null;
      return {
        ...{ id: question.id, response, ratings, official, lmEval: score },
        reason:
          response === null
            ? "no answer"
            : response.trim() === ""
              ? "an empty answer"
              : (reason ?? (official === null ? "all four ratings are 0" : null)),
        lenient: lenient && scoreOf(lenient, question, version),
      };
    });
  });
  return (revision ? [0, 1] : [0]).map((pass) => rows.map((items) => items[pass]!));
}

function ratingsOf(text: string, question: EqQuestion, version: 1 | 2) {
  const parsed = parseAnswer(text, question.emotions);
  if (parsed.kind === "unusable") return { ratings: null, reason: parsed.reason, score: null };
  return { ratings: parsed.scores, reason: null, score: scoreOf(parsed.scores, question, version) };
}

const scoreOf = (ratings: readonly number[], { reference, fullscale }: EqQuestion, version: 1 | 2): number | null =>
  version === 2 ? scoreV2(ratings, fullscale) : scoreV1(ratings, reference);

function findingsOf(report: Omit<EqBenchReport, "findings">): string[] {
  const { controls, totals, missing, partial, lenient, questions } = report;
  const empty = questions.filter(({ response }) => response?.trim() === "").length;
  const one = (value: number): string => value.toFixed(1);
  const n = `n = ${totals.n}`;
  const beaten = controls.flatMap(({ name, score, difference: { mean, low, high } }) => {
    if (low > 0) return [];
    if (mean > 0)
      return [
        `These answers are not shown to be better than ${name} (${one(score.mean)}): ${one(mean)} [${one(low)}, ${one(high)}] at ${n}.`,
      ];
    const settled = high < 0 ? "" : `, which ${n} does not settle`;
    return [
      `${name} (${one(score.mean)}) beats these answers (${one(totals.lmEval)}) by ${one(-mean)} [${one(-high)}, ${one(-low)}]${settled}.`,
    ];
  });
  return [
    ...(partial ? [`Partial: ${partial}. This is no EQ-Bench score.`] : []),
    ...(missing.length > 0 ? [`${missing.length} of ${totals.n} questions have no answer and count as unusable: ${listed(missing)}.`] : []),
    ...(empty > 0 ? [`${empty} of ${totals.n} answers are empty.`] : []),
    ...(totals.official.kind === "failed" ? [`Failed by the authors' rule: ${totals.official.reason}.`] : []),
    ...(lenient.parseable > totals.lmEvalParseable
      ? [`A lenient reader finds ratings in ${lenient.parseable} answers, EQ-Bench's own in ${totals.lmEvalParseable}.`]
      : []),
    ...(beaten.length > 0 ? beaten : ["These answers are better than all that need no understanding."]),
  ];
}

const listed = (ids: readonly string[]): string =>
  ids.length <= 8 ? ids.join(", ") : `${ids.slice(0, 8).join(", ")} and ${ids.length - 8} more`;
