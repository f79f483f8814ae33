import type { EqQuestion } from "../data/record.js";
import type { GoEmotion, MappedWord } from "./emotion-map.js";
import { scoreAnswer } from "./eq-bench-score.js";
import type { GeneratedText } from "./generation-cache.js";
import { type QualityRow, qualityOf } from "./quality.js";

/** The official EQ-Bench score of an answer; `score` on the scale where 10 is perfect, `null` with a `reason` where the answer is unusable. */
export type OfficialScore = { scores: number[] | null; score: number | null; reason: string | null };

/** What one evaluator makes of a response: empathy mass, alignment (`null` where the question has no reference) and mass + weight × alignment. */
export type EvaluatorScore = { mass: number; alignment: number | null; eq: number };

/** A response and what the EQ score makes of it. The score is that of the first evaluator, which never steers. */
type Scored = EvaluatorScore & {
  questionId: string;
  variant: string;
  /** Of the variant's training and sampling; 0 for a control that no variant made. */
  seed: number;
  response: string;
  /** The share of each label, by the first evaluator. */
  perLabel: Record<GoEmotion, number>;
  /** Every evaluator by name, the first too, and the head that steers as `STEERING`. */
  byEvaluator: Record<string, EvaluatorScore>;
  /** The score by the published run's formula, which lets the head that steers score. */
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
export type CandidateRow = Scored & {
  candidate: number;
  stop: GeneratedText["stop"];
  strategy: StrategyReading | null;
  chosenBy: string[];
};

/** A variant's greedy answer to an EQ-Bench question. */
export type OfficialRow = OfficialScore & GeneratedText & { questionId: string; variant: string; seed: number };

/** A reply to a held-out dialogue: a person's, a model's or a control's. It has no reference, so mass alone is its score. */
export type HumanRow = {
  kind: "human" | "sample" | "control";
  itemId: string;
  /** The dialogue it comes from. */
  cluster: string;
  /** "Human", a variant, or "–" for a control. */
  variant: string;
  /** "Human reply", "No Heads (Baseline)", or the control's name. */
  configuration: string;
  seed: number;
  response: string;
  tokens: number;
  /** By the first evaluator. */
  mass: number;
  byEvaluator: Record<string, { mass: number }>;
};

/** Something that went wrong with an answer. It is counted, and the answer is scored like any other. */
export type Failure = { variant: string; seed: number; questionId: string; candidate: number | "official" | "human"; reason: string };

/** What a variant was made of. */
export type VariantRow = {
  variant: string;
  seed: number;
  source: string;
  revision: string | null;
  modelType: string;
  weights: string;
  adapter: string | null;
  tokenizer: string;
  template: string;
  /** The record of its training, as JSON. */
  training: string | null;
};

export type EqResults = {
  rows: EqRow[];
  controls: EqRow[];
  candidates: CandidateRow[];
  official: OfficialRow[];
  /** Official scores of answers without understanding: exact or expected ones, where `controls` have a draw or whole numbers. */
  officialControls: { name: string; questionId: string; score: number }[];
  /** Replies to held-out dialogues; none without `humanReplies`. */
  human: HumanRow[];
  quality: QualityRow[];
  failures: Failure[];
  variants: VariantRow[];
  /** All that read emotions; the first scores, and the one that steers is the last. */
  evaluators: EvaluatorRow[];
  mapping: MappedWord[];
  /** All options as they were resolved. */
  settings: Record<string, string | number | boolean | null>;
  /** What else the results depend on: versions, engine, kind of machine, checksums. */
  provenance: Record<string, string>;
};

/** `macroF1`: on held-out GoEmotions, where it is known. `checksum` changes with the weights. */
export type EvaluatorRow = { name: string; steers: boolean; macroF1: number | null; checksum: string };

/** The official score of an answer, as a row's plain part. */
export function officialScore(text: string, question: EqQuestion): OfficialScore {
  const scored = scoreAnswer(text, question);
  if (scored.kind === "unusable") return { scores: null, score: null, reason: scored.reason };
  return { scores: scored.scores, score: scored.score, reason: null };
}

/** The results for the first `count` questions alone; the settings say so. Held-out dialogues stay as they are. */
export function firstQuestions(results: EqResults, count: number): EqResults {
  const ids = new Set([...new Set(results.official.map(({ questionId }) => questionId))].slice(0, count));
  const of = <R extends { questionId: string }>(rows: readonly R[]): R[] => rows.filter(({ questionId }) => ids.has(questionId));
  const { controls, candidates, official, officialControls, failures, quality, settings } = results;
  const rows = of(results.rows);
  return {
    ...results,
    rows,
    controls: of(controls),
    candidates: of(candidates),
    official: of(official),
    officialControls: of(officialControls),
    failures: failures.filter(({ questionId, candidate }) => candidate === "human" || ids.has(questionId)),
    quality: qualityOf(rows, quality),
    settings: { ...settings, sample: `the first ${ids.size} of ${settings.questions} questions` },
  };
}
