import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadEqBench } from "../../src/data/eq-bench.js";
import { GO_EMOTIONS } from "../../src/data/go-emotions.js";
import { world } from "../../src/data/world.js";
import { KNOWN_WORDS, mappedWords, mapWord, referenceVector } from "../../src/eval/emotion-map.js";
import { shared } from "../shared.js";

describe("the emotion map", () => {
  it("names each word once, by labels that GoEmotions has, with weights that sum to 1", () => {
    expect(new Set(KNOWN_WORDS.map((word) => word.toLowerCase())).size).toBe(KNOWN_WORDS.length);
    for (const word of KNOWN_WORDS) {
      const { labels, weight } = mapWord(word);
      expect(
        labels.every((label) => GO_EMOTIONS.includes(label)),
        word,
      ).toBe(true);
      expect(labels.length * weight, word).toBeCloseTo(1, 12);
    }
    expect(KNOWN_WORDS).toHaveLength(230);
  });

  it("has every word of the embedded questions", async () => {
    const words = mappedWords(await loadEqBench(world("eq_bench")));
    expect(words).toHaveLength(76);
    expect(words.filter(({ labels }) => labels.length === 0)).toEqual([]);
  });

  it.skipIf(!shared)("has all 201 words of EQ-Bench, and those of version 1", async () => {
    const folder = join(shared!, "data", "eq_bench");
    const words = mappedWords(await loadEqBench(folder));
    expect(words).toHaveLength(201);
    expect([...words, ...mappedWords(await loadEqBench(folder, { version: 1 }))].filter(({ labels }) => labels.length === 0)).toEqual([]);
  });

  it("says that it does not know a word, and lets a label stand for itself", () => {
    expect(mapWord("Sonder")).toEqual({ word: "Sonder", labels: [], weight: 0 });
    expect(mapWord("caring")).toEqual({ word: "caring", labels: ["caring"], weight: 1 });
    expect(mapWord("RESIGNED").labels).toEqual(["disappointment", "sadness"]);
  });

  it("puts the reference intensities on the labels", () => {
    const vector = referenceVector({ emotions: ["Angry", "Furious", "Concerned", "Sonder"], fullscale: [4, 3, 5, 9] });
    const shown = Object.fromEntries(GO_EMOTIONS.map((label, i) => [label, vector[i]!]).filter(([, value]) => value !== 0));
    expect(shown).toEqual({ anger: 7, caring: 2.5, nervousness: 2.5 });
    expect([...referenceVector({ emotions: ["A", "B", "C", "D"], fullscale: [1, 1, 1, 1] })].every((value) => value === 0)).toBe(true);
  });
});
