import { expected } from "../core/errors.js";
import type { EqQuestion } from "../data/record.js";

/** What the official parser finds in an answer; `scores` in the order of the question's emotions. */
export type ParsedAnswer = { kind: "scores"; scores: number[] } | { kind: "unusable"; reason: string };

/** An answer with its score, on the benchmark's own scale for one question: 10 is perfect, about 0 is chance, and there is no lower bound. */
export type ScoredAnswer = { kind: "scored"; scores: number[]; score: number } | { kind: "unusable"; reason: string };

/** A run on the scale of the leaderboard: 100 is perfect. */
export type BenchmarkTotals = {
  n: number;
  /** Questions with an answer that the authors' code can use. */
  parseable: number;
  /** Their share. */
  parseRate: number;
  /** The authors' score: the mean of the usable answers; a run with fewer than 83.33 % of them has failed. */
  official: { kind: "score"; score: number } | { kind: "failed"; reason: string };
  /** The score of lm-evaluation-harness: an unusable answer counts 0. */
  lmEval: number;
  /** Answers that lm-evaluation-harness can parse. */
  lmEvalParseable: number;
};

/** Below this share of usable answers the authors count a run as failed. */
export const MIN_PARSE_RATE = 0.8333;

/** White space as Python's `\s` has it: with the separators of files, without the byte order mark. */
const SPACE = "[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]";

/** The authors' `(\w+):\s+(\d+)`; in Python letters and digits of all scripts count. */
const RATING = new RegExp(`([\\p{L}\\p{N}_]+):${SPACE}+(\\p{Nd}+)`, "gu");

/**
 * Reads an answer exactly as EQ-Bench does (EQ-bench/EQ-Bench, lib/scoring.py): every `Word: number` counts, the last of equal words wins, 7.5 reads
 * as 7, and the words must be the four emotions, case and all, with no other beside them.
 */
export function parseAnswer(text: string, emotions: EqQuestion["emotions"]): ParsedAnswer {
  const found = new Map(Array.from(text.matchAll(RATING), ([, word, digits]) => [word!, numberOf(digits!)] as const));
  const missing = emotions.filter((emotion) => !found.has(emotion));
  const endless = emotions.filter((emotion) => found.get(emotion) === Number.POSITIVE_INFINITY);
  const foreign = [...found.keys()].filter((word) => !emotions.some((emotion) => emotion === word));
  if (found.size === 4 && missing.length === 0 && endless.length === 0) {
    return { kind: "scores", scores: emotions.map((emotion) => found.get(emotion)!) };
  }
  if (found.size === 0) return { kind: "unusable", reason: "no line like “Word: 5”" };
  const parts = [
    missing.length > 0 ? `no rating of ${missing.join(", ")}` : "",
    endless.length > 0 ? `a rating of ${endless.join(", ")} that is too large for a number` : "",
    foreign.length > 0 ? `a rating of ${foreign.slice(0, 4).join(", ")}${foreign.length > 4 ? ` and ${foreign.length - 4} more` : ""}` : "",
  ];
  return { kind: "unusable", reason: parts.filter((part) => part !== "").join("; ") };
}

/** The two parts of an answer in revision mode (version 2.0 and before); a part is empty where its heading is missing. */
export function revisionParts(text: string): { firstPass: string; revised: string } {
  const firstPass = /First pass scores:([\s\S]*?)Revised scores:/.exec(text)?.[1] ?? "";
  return { firstPass, revised: /Revised scores:([\s\S]*)/.exec(text)?.[1] ?? "" };
}

/** Version 2: `fullscale` are the reference intensities from 0 to 10. Small distances cost little (an S-curve), large ones their own size. */
export function scoreV2(scores: readonly number[], fullscale: readonly number[]): number {
  checkFour(scores, fullscale);
  const cost = (d: number): number => (d === 0 ? 0 : d <= 5 ? 6.5 / (1 + Math.exp(-1.2 * (d - 4))) : d);
  return 10 - 0.7477 * sum(scores.map((score, i) => cost(Math.abs(score - fullscale[i]!))));
}

/** Version 1: the answer is brought to a sum of 10, as `reference` is; `null` where it sums to 0, which the authors count as unusable. */
export function scoreV1(scores: readonly number[], reference: readonly number[]): number | null {
  checkFour(scores, reference);
  const total = sum(scores);
  if (total <= 0) return null;
  return 10 - sum(scores.map((score, i) => Math.abs((score / total) * 10 - reference[i]!)));
}

/** Parses and scores an answer. */
export function scoreAnswer(text: string, { emotions, fullscale, reference }: EqQuestion, version: 1 | 2 = 2): ScoredAnswer {
  const parsed = parseAnswer(text, emotions);
  if (parsed.kind === "unusable") return parsed;
  const { scores } = parsed;
  const score = version === 2 ? scoreV2(scores, fullscale) : scoreV1(scores, reference);
  return score === null ? { kind: "unusable", reason: "all four ratings are 0" } : { kind: "scored", scores, score };
}

/**
 * Totals of a run from the questions' scores, `null` for an unusable answer.
 * @param lmEvalItems The scores by lm-eval's rule, where they are not the same: see `reportAnswers`.
 */
export function benchmarkTotals(items: readonly (number | null)[], lmEvalItems: readonly (number | null)[] = items): BenchmarkTotals {
  const [usable, parsed] = [items, lmEvalItems].map((scores) => scores.filter((score) => score !== null)) as [number[], number[]];
  const [n, parseable] = [items.length, usable.length];
  const parseRate = n === 0 ? 0 : parseable / n;
  const failed = parseable === 0 || parseRate < MIN_PARSE_RATE;
  const reason = `${parseable} of ${n} answers can be parsed, below ${(100 * MIN_PARSE_RATE).toFixed(2)} %`;
  return {
    n,
    parseable,
    parseRate,
    official: failed ? { kind: "failed", reason } : { kind: "score", score: (10 * sum(usable)) / parseable },
    lmEval: n === 0 ? 0 : (10 * sum(parsed)) / n,
    lmEvalParseable: parsed.length,
  };
}

/** Of a run in revision mode the authors take the revised scores where they are no worse and at least 95 % as many can be parsed. */
export function betterPass(firstPass: readonly (number | null)[], revised: readonly (number | null)[]): "first pass" | "revised" {
  const [first, second] = [firstPass, revised].map((items) => {
    const usable = items.filter((item) => item !== null);
    return { count: usable.length, mean: usable.length === 0 ? 0 : sum(usable) / usable.length };
  });
  return second!.mean >= first!.mean && second!.count >= 0.95 * first!.count ? "revised" : "first pass";
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** The value of decimal digits of any script. In Unicode they stand in rows of ten. */
function numberOf(digits: string): number {
  const value = (digit: string): number => {
    const code = digit.codePointAt(0)!;
    let before = 0;
    while (/^\p{Nd}$/u.test(String.fromCodePoint(code - before - 1))) before++;
    return before % 10;
  };
  return Number(/^[0-9]+$/.test(digits) ? digits : Array.from(digits, value).join(""));
}

function checkFour(scores: readonly number[], reference: readonly number[]): void {
  if (scores.length === 4 && reference.length === 4) return;
  throw new RangeError(expected("EQ-Bench scores", "4 ratings and 4 references", `${scores.length} and ${reference.length}`));
}
