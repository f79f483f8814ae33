import type { Interval } from "./bootstrap.js";
import { holm } from "./holm.js";
import { type PairedOptions, type PairedResult, pairedComparison } from "./paired.js";
import type { PairedInput } from "./paired-design.js";

export type { PairedInput } from "./paired-design.js";

/** A comparison settled on before looking at the results: is `a` better than `b`? */
export type PlannedComparison = {
  name: string;
  /** What it is to answer, in words. */
  question: string;
  metric: string;
  a: string;
  b: string;
  input: PairedInput;
  /** Decimals in the sentence. Default 3. */
  digits?: number;
};

export type Comparison = PairedResult & {
  name: string;
  question: string;
  metric: string;
  a: string;
  b: string;
  /** The p-value after Holm's correction over all comparisons of the call. */
  holm: number;
  /** `a` is shown to be better, or worse, or neither. */
  verdict: "supported" | "contradicted" | "not shown";
  /** The verdict in words, with its numbers. */
  sentence: string;
};

/** The verdicts' level, two-sided. */
const ALPHA = 0.05;

/**
 * Compares what was planned, corrects all p-values together (Holm), and says what is shown: a difference whose corrected p is below .05 and whose interval
 * leaves out 0.
 * @throws RangeError as `pairedDesign` does.
 */
export function compareAll(planned: readonly PlannedComparison[], options: PairedOptions = {}): Comparison[] {
  const results = planned.map(({ input }) => pairedComparison(input, options));
  const corrected = holm(results.map(({ p }) => p));
  return planned.map(({ name, question, metric, a, b, digits = 3 }, i) => {
    const comparison = { name, question, metric, a, b, ...results[i]!, holm: corrected[i]! };
    const verdict = verdictOf(comparison);
    return { ...comparison, verdict, sentence: sentenceOf({ ...comparison, verdict }, digits) };
  });
}

function verdictOf({ difference, holm }: Pick<Comparison, "difference" | "holm">): Comparison["verdict"] {
  if (holm >= ALPHA || (difference.low <= 0 && difference.high >= 0)) return "not shown";
  return difference.mean > 0 ? "supported" : "contradicted";
}

function sentenceOf(comparison: Omit<Comparison, "sentence">, digits: number): string {
  const { a, b, metric, n, seeds, seedSpread, difference, holm, itemSpread, minimumDetectable, lengthControlled, verdict } = comparison;
  const number = (value: number) => value.toFixed(digits);
  const range = ({ low, high }: Interval) => `[${number(low)}, ${number(high)}]`;
  const trained = seedSpread === null ? "one seed" : `${seeds} seeds, whose means spread by ${number(seedSpread)}`;
  const facts = `Holm p = ${holm < 0.001 ? "below 0.001" : holm.toFixed(3)}, n = ${n}, ${trained}`.replace("= below", "below");
  if (verdict === "not shown") {
    if (itemSpread === 0 && difference.mean === 0)
      return `Not shown at this n: on the ${metric} ${a} and ${b} are the same on every item (${facts}).`;
    const limit = Number.isFinite(minimumDetectable)
      ? `only a difference of ${number(minimumDetectable)} or more would be found in 4 of 5 such experiments`
      : "so few independent items cannot show any difference";
    return `Not shown at this n: on the ${metric} ${a} minus ${b} is ${number(difference.mean)} ${range(difference)} (${facts}); ${limit}.`;
  }
  const [word, direction] = verdict === "supported" ? ["Supported", "above"] : ["Contradicted", "below"];
  const said = `${word}: on the ${metric} ${a} is ${direction} ${b} by ${number(Math.abs(difference.mean))}, interval ${range(difference)} (${facts}).`;
  return said + lengthSentence(difference, lengthControlled, number, range);
}

/** What is left of a shown difference at equal length. */
function lengthSentence(
  { mean }: Interval,
  controlled: Interval | null,
  number: (value: number) => string,
  range: (interval: Interval) => string,
): string {
  if (!controlled) return "";
  const gone = mean > 0 ? controlled.low <= 0 : controlled.high >= 0;
  return ` At equal length it is ${number(controlled.mean)} ${range(controlled)}${gone ? ", which is no longer shown" : ""}.`;
}
