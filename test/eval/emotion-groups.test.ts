import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { GO_EMOTIONS } from "../../src/data/go-emotions.js";
import { EMOTION_GROUPS, groupedLabels, groupedProbabilities, groupsOf } from "../../src/eval/emotion-groups.js";
import { shared } from "../shared.js";

it("has every label once in each grouping", () => {
  for (const name of ["ekman", "sentiment"] as const) {
    const { names, members } = groupsOf(name);
    expect(members.flat().sort((a, b) => a - b)).toEqual([...GO_EMOTIONS.keys()]);
    expect(names).toHaveLength({ ekman: 7, sentiment: 4 }[name]);
  }
});

it.skipIf(!shared)("is the grouping of the paper's files, neutral apart", () => {
  for (const name of ["ekman", "sentiment"] as const) {
    const file = join(shared!, "data", "goemotions", `${name}_mapping.json`);
    const published = JSON.parse(readFileSync(file, "utf8")) as Record<string, string[]>;
    const { neutral: _, ...own } = EMOTION_GROUPS[name];
    expect(Object.keys(own).sort()).toEqual(Object.keys(published).sort());
    for (const [group, labels] of Object.entries(own)) expect([...labels].sort()).toEqual(published[group]!.sort());
  }
});

it("says that a group holds where any of its labels does, and how likely that is", () => {
  const members = [[0, 1], [27]];
  expect(groupedLabels([[0, 5], [27], [1, 27], [3]], members)).toEqual([[0], [1], [0, 1], []]);
  const probabilities = new Float32Array(28);
  probabilities.set([0.5, 0.5]);
  probabilities[27] = 0.25;
  expect([...groupedProbabilities(probabilities, members)]).toEqual([0.75, 0.25]);
});
