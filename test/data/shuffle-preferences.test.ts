import { expect, it } from "vitest";
import type { Pair } from "../../src/data/pairs.js";
import { shufflePreferences } from "../../src/data/shuffle-preferences.js";

const pairs = Array.from({ length: 400 }, (_, i): Pair => {
  const meta = {
    id: `p${i}`,
    conversation: `c${i}`,
    recipe: "generic",
    split: "train",
    strategyChosen: "Question",
    strategyRejected: null,
  } as const;
  return {
    prompt: `prompt ${i}`,
    chosen: `chosen ${i}`,
    rejected: `rejected ${i}`,
    context: [{ role: "user", content: `prompt ${i}` }],
    meta,
  };
});

it("draws the sides by lot, and keeps all else", () => {
  const shuffled = shufflePreferences(pairs, 0);
  const turned = shuffled.filter(({ chosen }, i) => chosen === pairs[i]!.rejected);
  expect(turned.length).toBeGreaterThan(150);
  expect(turned.length).toBeLessThan(250);
  for (const [i, pair] of shuffled.entries()) {
    expect([pair.chosen, pair.rejected].sort()).toEqual([pairs[i]!.chosen, pairs[i]!.rejected].sort());
    expect(pair.meta.strategyChosen).toBe(pair.chosen.startsWith("chosen") ? "Question" : null);
    expect({ ...pair, chosen: "", rejected: "", meta: pair.meta.id }).toEqual({ ...pairs[i], chosen: "", rejected: "", meta: `p${i}` });
  }
});

it("depends on the seed and on nothing else", () => {
  expect(shufflePreferences(pairs, 3)).toEqual(shufflePreferences(pairs, 3));
  expect(shufflePreferences(pairs, 3)).not.toEqual(shufflePreferences(pairs, 4));
  expect(shufflePreferences(pairs.slice(50), 3)).toEqual(shufflePreferences(pairs, 3).slice(50));
});
