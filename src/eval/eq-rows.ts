import type { EqQuestion } from "../data/record.js";
import type { GoEmotion, MappedWord } from "./emotion-map.js";
import { scoreAnswer } from "./eq-bench-score.js";
import type { GeneratedText } from "./generation-cache.js";

/** The official EQ-Bench score of an answer; `score` on the scale where 10 is perfect, `null` with a `reason` where the answer is unusable. */
export type OfficialScore = { scores: number[] | null; score: number | null; reason: string | null };

/** A response and what the EQ score makes of it. */
type Scored = {
  questionId: string;
  variant: string;
  response: string;
  /** Empathy mass, alignment (`null` where the question has no reference) and mass + weight × alignment. */
  mass: number;
  alignment: number | null;
  eq: number;
  /** The share of each label. */
  perLabel: Record<GoEmotion, number>;
  /** The score by the published run's formula. */
  published: number;
  tokens: number;
};

/** What a configuration of a variant answered, or what a control did. */
export type EqRow = Scored & {
  kind: "sample" | "control";
  /** One of `CONFIGURATIONS`, or the control's name. */
  configuration: string;
  /** Which candidate was chosen, from 0; `null` for a control. */
  candidate: number | null;
  prompt: string;
  stop: GeneratedText["stop"] | null;
  /** How many tokens of the prompt did not fit. */
  truncated: number;
  strategy: StrategyReading | null;
  /** For a sample that of the variant's greedy answer, the same in all configurations; for a control that of its own text. */
  official: OfficialScore;
};

/** The strategy wanted next, the one the response realises most likely, and how well the response fits (0 to 1). */
export type StrategyReading = { intended: string; realised: string; fit: number };

/** One sampled candidate, chosen or not. */
export type CandidateRow = Scored & { candidate: number; strategy: StrategyReading | null; chosenBy: string[] };

/** A variant's greedy answer to an EQ-Bench question. */
export type OfficialRow = OfficialScore & GeneratedText & { questionId: string; variant: string };

/** What a variant was made of. */
export type VariantRow = {
  variant: string;
  source: string;
  revision: string | null;
  modelType: string;
  weights: string;
  adapter: string | null;
  tokenizer: string;
  template: string;
};

export type EqResults = {
  rows: EqRow[];
  controls: EqRow[];
  candidates: CandidateRow[];
  official: OfficialRow[];
  variants: VariantRow[];
  mapping: MappedWord[];
  /** All options as they were resolved. */
  settings: Record<string, string | number | boolean | null>;
};

/** The official score of an answer, as a row's plain part. */
export function officialScore(text: string, question: EqQuestion): OfficialScore {
  const scored = scoreAnswer(text, question);
  if (scored.kind === "unusable") return { scores: null, score: null, reason: scored.reason };
  return { scores: scored.scores, score: scored.score, reason: null };
}

/** The results for the first `count` questions alone; the settings say so. */
export function firstQuestions(results: EqResults, count: number): EqResults {
  const ids = new Set([...new Set(results.official.map(({ questionId }) => questionId))].slice(0, count));
  const of = <R extends { questionId: string }>(rows: readonly R[]): R[] => rows.filter(({ questionId }) => ids.has(questionId));
  const { rows, controls, candidates, official, settings } = results;
  return {
    ...results,
    rows: of(rows),
    controls: of(controls),
    candidates: of(candidates),
    official: of(official),
    settings: { ...settings, sample: `the first ${ids.size} of ${settings.questions} questions` },
  };
}
