import type { Random } from "../../src/core/random.js";
import type { PairedInput } from "../../src/eval/paired-design.js";

/** Rows whose differences are those given, an item each (`q0`, `q1`, ...). `lengths` are length differences. */
export const pairsOf = (differences: ArrayLike<number>, lengths?: ArrayLike<number>): PairedInput =>
  Array.from(differences, (a, i) => ({ id: `q${i}`, a, b: 0, lengthA: lengths?.[i] ?? 0, lengthB: 0 }));

/** A drawn experiment: items of spread 1, the rest of spread 1, seeds of spread `seedSpread`, around a true difference of `effect`. */
export function experiment(random: Random, about: { items: number; seeds: number; seedSpread?: number; effect?: number }): PairedInput {
  const { items, seeds, seedSpread = 0, effect = 0 } = about;
  const ofSeed = Array.from({ length: seeds }, () => seedSpread * random.normal());
  return Array.from({ length: items }, (_, item) => {
    const own = random.normal();
    return ofSeed.map((shift, seed) => {
      return { id: `q${item}`, seed, a: effect + own + shift + random.normal(), b: 0, lengthA: 0, lengthB: 0 };
    });
  }).flat();
}
