import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Random } from "../core/random.js";
import type { EqQuestion } from "../data/record.js";
import { world } from "../data/world.js";
import { namePriors } from "./eq-bench-controls.js";

/** An answer that no model made. A score that it reaches is reached without understanding, or by knowing the reference. */
export type Control<Item> = { name: string; answer(item: Item, index: number): string };

/** The control that answers with what the variant's baseline said to the question before. */
export const SHUFFLED = "Another question's response";

/** Answers to every question that any score must be seen against, EQ score or official score. */
export async function controlAnswers(questions: readonly EqQuestion[]): Promise<Control<EqQuestion>[]> {
  const priors = new Map(namePriors(questions).map((prior, i) => [questions[i]!.id, prior.map(Math.round)]));
  const copied = await constantControls<EqQuestion>({ name: "Copied prompt", answer: ({ prompt }) => prompt });
  return [
    { name: "Reference-style answer", answer: ({ emotions, fullscale }) => ratings(emotions, fullscale) },
    { name: "All 3", answer: ({ emotions }) => ratings(emotions, [3, 3, 3, 3]) },
    { name: "Random ratings", answer: ({ emotions, id }) => ratings(emotions, randomRatings(id)) },
    { name: "Emotion-name prior", answer: ({ emotions, id }) => ratings(emotions, priors.get(id)!) },
    ...copied,
  ];
}

/** What can be said to anything, after a copy of what was asked; the sentences are the project's own (`src/world/data/controls.json`). */
export async function constantControls<Item>(copy: Control<Item>): Promise<Control<Item>[]> {
  const path = join(dirname(world("eq_bench")), "controls.json");
  const { offTopic, encouraging } = JSON.parse(await readFile(path, "utf8")) as { offTopic: string[]; encouraging: string[] };
  return [
    copy,
    { name: "“I'm sorry.”", answer: () => "I'm sorry." },
    { name: "Encouraging constant", answer: () => encouraging[0]! },
    { name: "Off-topic sentence", answer: (_, index) => offTopic[index % offTopic.length]! },
    { name: "Empty", answer: () => "" },
  ];
}

const ratings = (emotions: readonly string[], scores: readonly number[]): string =>
  emotions.map((emotion, i) => `${emotion}: ${scores[i]}`).join("\n");

function randomRatings(id: string): number[] {
  const random = new Random(`random ratings/${id}`);
  return Array.from({ length: 4 }, () => random.integer(11));
}
