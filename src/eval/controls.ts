import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { EqQuestion } from "../data/record.js";
import { world } from "../data/world.js";

/** An answer that no model made. A score that it reaches is reached without understanding, or by knowing the reference. */
export type Control = { name: string; answer(question: EqQuestion, index: number): string };

/** The control that answers with what the variant's baseline said to the question before. */
export const SHUFFLED = "Another question's response";

/** Answers to every question that any score must be seen against; the sentences are the project's own (`src/world/data/controls.json`). */
export async function controlAnswers(): Promise<Control[]> {
  const path = join(dirname(world("eq_bench")), "controls.json");
  const { offTopic, encouraging } = JSON.parse(await readFile(path, "utf8")) as { offTopic: string[]; encouraging: string[] };
  return [
    { name: "Reference-style answer", answer: ({ emotions, fullscale }) => ratings(emotions, fullscale) },
    { name: "All 3", answer: ({ emotions }) => ratings(emotions, [3, 3, 3, 3]) },
    { name: "Copied prompt", answer: ({ prompt }) => prompt },
    { name: "“I'm sorry.”", answer: () => "I'm sorry." },
    { name: "Encouraging constant", answer: () => encouraging[0]! },
    { name: "Off-topic sentence", answer: (_, index) => offTopic[index % offTopic.length]! },
    { name: "Empty", answer: () => "" },
  ];
}

const ratings = (emotions: readonly string[], scores: readonly number[]): string =>
  emotions.map((emotion, i) => `${emotion}: ${scores[i]}`).join("\n");
