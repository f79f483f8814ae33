import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadEqBench, withoutRevision } from "../../src/data/eq-bench.js";
import { world } from "../../src/data/world.js";
import { folderSource, memorySource } from "../../src/files/source.js";
import { shared } from "../shared.js";
import { temporaryFolder } from "../temporary-folder.js";

const answer = (scores: unknown[]) =>
  Object.fromEntries(
    ["Calm", "Angry", "Sad", "Glad"].flatMap((name, i) => [
      [`emotion${i + 1}`, name],
      [`emotion${i + 1}_score`, scores[i]],
    ]),
  );
const entry = (change = {}) => ({
  prompt: "p\n\nYour answer:",
  reference_answer: answer([1, 2, 3, 4]),
  reference_answer_fullscale: answer([0, "7", 5, "2"]),
  ...change,
});
const json = (value: unknown) => loadEqBench(memorySource({ "eq_bench_v2_questions_1.json": JSON.stringify({ "1": value }) }));

describe("EQ-Bench", () => {
  it("reads scores that are numbers and texts side by side", async () => {
    expect(await json(entry())).toEqual([
      {
        id: "1",
        prompt: "p\n\nYour answer:",
        emotions: ["Calm", "Angry", "Sad", "Glad"],
        reference: [1, 2, 3, 4],
        fullscale: [0, 7, 5, 2],
      },
    ]);
  });

  it("reads the Hub's table, whose references are Python literals", async () => {
    const names = "'emotion1': 'Calm', 'emotion2': 'Angry', 'emotion3': 'Sad', 'emotion4': 'Glad'";
    const python = `{${names}, 'emotion1_score': 1, 'emotion2_score': '2', 'emotion3_score': 3, 'emotion4_score': 4}`;
    ("{'emotion1': 'Calm', 'emotion2': 'Angry', 'emotion3': 'Sad', 'emotion4': 'Glad', 'emotion1_score': 1, 'emotion2_score': '2', 'emotion3_score': 3, 'emotion4_score': 4}");
    const csv = `prompt,reference_answer,reference_answer_fullscale\n"p\n\nYour answer:","${python}","${python}"\n`;
    const [question] = await loadEqBench(memorySource({ "validation.csv": csv }));
    expect(question).toEqual({
      id: "1",
      prompt: "p\n\nYour answer:",
      emotions: ["Calm", "Angry", "Sad", "Glad"],
      reference: [1, 2, 3, 4],
      fullscale: [1, 2, 3, 4],
    });
    await expect(loadEqBench(memorySource({ "validation.csv": csv.replaceAll("'Calm',", "'Calm'") }))).rejects.toThrow(
      /^validation\.csv row 1, column "reference_answer": Python literal: expected a comma/,
    );
  });

  it("names the question and the field that is wrong", async () => {
    await expect(json(entry({ reference_answer: answer([1, 2, 3, "many"]) }))).rejects.toThrow(
      'eq_bench_v2_questions_1.json question "1", reference_answer, emotion4_score: expected a number from 0 to 10, got "many"',
    );
    await expect(json(entry({ prompt: null }))).rejects.toThrow(/question "1", prompt: expected text/);
    await expect(json(entry({ reference_answer: { ...answer([1, 2, 3, 4]), emotion2: "Two words" } }))).rejects.toThrow(
      /emotion2: expected a name of one word/,
    );
    await expect(json(entry({ reference_answer: { ...answer([1, 2, 3, 4]), emotion2: "Bored" } }))).rejects.toThrow(/same four emotions/);
  });

  it("keeps the request to revise where it is asked for, and only the authors' files have it", async () => {
    const revised = await loadEqBench(world("eq_bench"), { revise: true });
    const plain = await loadEqBench(world("eq_bench"));
    expect(revised.every(({ prompt }) => prompt.includes("Revised scores:\n") && !prompt.endsWith("Your answer:"))).toBe(true);
    expect(revised.map((question) => ({ ...question, prompt: withoutRevision(question.prompt) }))).toEqual(plain);
    await expect(loadEqBench(`${world("eq_bench")}/validation.csv`, { revise: true })).rejects.toThrow(/expected the authors' JSON file/);
    await expect(
      loadEqBench(memorySource({ "eq_bench_v2_questions_1.json": JSON.stringify({ "1": entry() }) }), { revise: true }),
    ).rejects.toThrow(/question "1", prompt: expected a request for "Revised scores:"/);
  });

  it("reads a file of any name, the authors' object or the Hub's rows", async () => {
    const folder = temporaryFolder();
    const authors = join(folder, "mine.json");
    writeFileSync(authors, JSON.stringify({ a7: entry() }));
    expect((await loadEqBench(authors)).map(({ id }) => id)).toEqual(["a7"]);
    const rows = join(folder, "rows.json");
    writeFileSync(rows, JSON.stringify([entry(), entry()]));
    expect((await loadEqBench(rows)).map(({ id }) => id)).toEqual(["1", "2"]);
    expect(await loadEqBench(`${world("eq_bench")}/validation.csv`)).toEqual(await loadEqBench(world("eq_bench")));
  });

  it("brings the embedded version 2 prompts to the wording of the embedded table", async () => {
    await sameFromBoth(world("eq_bench"), 24);
  });

  it.skipIf(!shared)("brings all 171 real version 2 prompts to the wording of the Hub's table", async () => {
    await sameFromBoth(`${shared}/data/eq_bench`, 171);
    const questions = await loadEqBench(`${shared}/data`);
    expect(questions.reduce((sum, question) => sum + question.prompt.length, 0) / 171).toBeCloseTo(1550.02, 2);
    const odd = questions.filter((question) => question.reference.reduce((a, b) => a + b, 0) !== 10);
    expect(odd.map((question) => question.id)).toEqual(["116"]);
  });

  it.skipIf(!shared)("reads the 60 questions of version 1, without a request to revise", async () => {
    const questions = await loadEqBench(`${shared}/data`, { version: 1 });
    expect(questions).toHaveLength(60);
    expect(
      questions.filter(
        ({ prompt }) => /Critique:|[Rr]evised scores|First pass scores/.test(prompt) || !prompt.endsWith("\n\nYour answer:"),
      ),
    ).toEqual([]);
  });
});

async function sameFromBoth(folder: string, count: number): Promise<void> {
  const source = folderSource(folder);
  const table = await loadEqBench(source);
  const path = (await source.list()).find((name) => name.startsWith("eq_bench_v2"))!;
  const fromJson = await loadEqBench(memorySource({ [path]: await source.read(path) }));
  expect(table).toHaveLength(count);
  expect(fromJson).toEqual(table);
  expect(table.every((question) => withoutRevision(question.prompt) === question.prompt)).toBe(true);
}
