import type { Interval } from "./bootstrap.js";
import type { ClassScore } from "./f1.js";

/** How a head stands to the control that reads words alone, trained on the same texts and measured on the same rows. */
export type ControlReport = {
  macroF1: number;
  macroF1Interval: { low: number; high: number };
  microF1: number;
  weightedF1: number;
  /** Of one label a row: the share that is right. */
  accuracy: Interval | null;
  /** Of several labels a row: macro F1 at one half, and the mean average precision. */
  atHalf: { macroF1: number; microF1: number } | null;
  meanAveragePrecision: number | null;
  classes: ClassScore[];
  /** Macro F1 of the head less that of the control, with its paired 95 % bootstrap interval. */
  difference: Interval;
  verdict: "above" | "below" | "not told apart";
  sentence: string;
};

/** The verdict by the interval of the difference, in words. `head`: the head's macro F1. */
export function controlVerdict(
  head: number,
  control: number,
  difference: Interval,
): Pick<ControlReport, "difference" | "verdict" | "sentence"> {
  const { mean, low, high } = difference;
  const verdict = low > 0 ? "above" : high < 0 ? "below" : "not told apart";
  const standing = { above: "above", below: "below", "not told apart": "not told apart from" }[verdict];
  const signed = (value: number) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(3)}`;
  const worth = verdict === "below" ? ": counting words does better" : "";
  const sentence =
    `The head's macro F1 of ${head.toFixed(3)} is ${standing} the ${control.toFixed(3)} of the TF-IDF control trained on the same texts ` +
    `(difference ${signed(mean)}, 95 % interval ${signed(low)} to ${signed(high)})${worth}.`;
  return { difference, verdict, sentence };
}
