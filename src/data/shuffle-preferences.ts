import { Random } from "../core/random.js";
import type { Pair } from "./pairs.js";

/**
 * The same pairs with the sides of each drawn by lot: what DPO learns of them is not what was preferred. A control for the pairs' texts, the
 * optimiser's steps and all else that a run on the true pairs has.
 */
export function shufflePreferences(pairs: readonly Pair[], seed: number): Pair[] {
  return pairs.map((pair) => {
    if (new Random(`${seed}/preference/${pair.meta.id}`).uniform() < 0.5) return pair;
    const { chosen, rejected, meta } = pair;
    const sides = { strategyChosen: meta.strategyRejected, strategyRejected: meta.strategyChosen };
    return { ...pair, chosen: rejected, rejected: chosen, meta: { ...meta, ...sides } };
  });
}
