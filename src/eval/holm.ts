import { expected } from "../core/errors.js";

/**
 * Holm's step-down correction: the smallest of m p-values times m, the next times m - 1, and so on, none below the one before and none above 1. Below
 * .05, the chance that any of the true null hypotheses is rejected stays below 5 %, however the tests depend on each other.
 */
export function holm(p: readonly number[]): number[] {
  const wrong = p.find((value) => !(value >= 0 && value <= 1));
  if (wrong !== undefined) throw new RangeError(expected("holm", "p-values from 0 to 1", wrong));
  const order = [...p.keys()].sort((i, j) => p[i]! - p[j]!);
  const adjusted = new Array<number>(p.length);
  let above = 0;
  order.forEach((i, rank) => {
    above = Math.max(above, Math.min(1, p[i]! * (p.length - rank)));
    adjusted[i] = above;
  });
  return adjusted;
}
