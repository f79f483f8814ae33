import { expected } from "../core/errors.js";

/** The four configurations of the published results, and the control of choosing itself: an emotion head that has learnt nothing. */
export const CONFIGURATIONS = [
  "No Heads (Baseline)",
  "Emotion Head Only",
  "Strategy Head Only",
  "Emotion + Strategy (Full)",
  "Random Head",
] as const;
export type Configuration = (typeof CONFIGURATIONS)[number];

/** What the heads say of the candidates of one prompt, a number each. */
export type CandidateScores = {
  /** Empathy mass by the head that steers. */
  mass: readonly number[];
  /** The same by a head with random weights. */
  random: readonly number[];
  /** Fit with the predicted next strategy; `null` without strategy heads. */
  fit: readonly number[] | null;
};

/** How likely a response realises the strategy that is wanted next: the sum over strategies of p(next | dialogue) × p(given | response). */
export function strategyFit(next: ArrayLike<number>, given: ArrayLike<number>): number {
  if (next.length !== given.length) throw new RangeError(expected("strategyFit", `${next.length} strategies of both heads`, given.length));
  return Array.from(next).reduce((sum, p, i) => sum + p * given[i]!, 0);
}

/** The configurations that the given heads allow. */
export const configurationsOf = ({ fit }: CandidateScores): readonly Configuration[] =>
  fit ? CONFIGURATIONS : ["No Heads (Baseline)", "Emotion Head Only", "Random Head"];

/**
 * The candidate a configuration answers with: without heads the first; else the one its heads like best, with both heads the best mean of the two
 * after each is brought to 0 to 1 over the candidates. The first of equals.
 * @throws RangeError for a configuration that needs strategy heads where there are none.
 */
export function chooseCandidate(configuration: Configuration, scores: CandidateScores): number {
  switch (configuration) {
    case "No Heads (Baseline)":
      return 0;
    case "Emotion Head Only":
      return best(scores.mass);
    case "Strategy Head Only":
      return best(fitOf(scores));
    case "Emotion + Strategy (Full)": {
      const [mass, fit] = [unit(scores.mass), unit(fitOf(scores))];
      return best(mass.map((value, i) => (value + fit[i]!) / 2));
    }
    case "Random Head":
      return best(scores.random);
    default:
      throw new RangeError(expected("configuration", CONFIGURATIONS.join(", "), configuration satisfies never));
  }
}

function fitOf({ fit }: CandidateScores): readonly number[] {
  if (fit) return fit;
  throw new RangeError(expected("configuration", "one without the strategy head", null, "Give heads.strategyNext and heads.strategyGiven"));
}

const best = (values: readonly number[]): number => values.indexOf(Math.max(...values));

/** From 0 for the least to 1 for the most; all 0 where all are equal. */
function unit(values: readonly number[]): number[] {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return values.map((value) => (high > low ? (value - low) / (high - low) : 0));
}
