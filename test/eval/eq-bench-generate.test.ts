import { expect, it } from "vitest";
import { loadEqBench } from "../../src/data/eq-bench.js";
import { world } from "../../src/data/world.js";
import { type AnswerEvent, type AnswerOptions, answerQuestions } from "../../src/eval/eq-bench-generate.js";
import { generationStore } from "../../src/eval/generation-cache.js";
import { disposeModel } from "../../src/models/create.js";
import { loadModel } from "../../src/models/load.js";
import { temporaryFolder } from "../temporary-folder.js";

type Done = Extract<AnswerEvent, { kind: "done" }>;

async function run(options: AnswerOptions): Promise<{ done: Done; events: AnswerEvent[] }> {
  const events: AnswerEvent[] = [];
  for await (const event of answerQuestions(options)) events.push(event);
  return { done: events.at(-1) as Done, events };
}

it("asks again, hotter, only where the parser can use nothing, and keeps the greedy answer where no attempt helps", async () => {
  const model = await loadModel(world("model"));
  const questions = (await loadEqBench(world("eq_bench"), { version: 2 })).slice(0, 3);
  const options = { model, questions, maxNewTokens: 12, folder: temporaryFolder() };
  const once = await run(options);
  const { attempts, ...key } = once.done.settings;
  expect([attempts, key.temperature]).toEqual([1, 0]);
  expect(once.done.answers.every(({ attempt }) => attempt === 1)).toBe(true);

  // The second attempt at the second question is one that the parser can use.
  const [, { id, prompt, emotions }] = questions as [unknown, (typeof questions)[number]];
  const good = { response: emotions.map((emotion, i) => `${emotion}: ${i}`).join("\n"), stop: "eos" as const, truncated: 0, tokens: 9 };
  const hotter = await generationStore(options.folder).open({ ...key, temperature: 0.15 });
  await hotter.add([{ id, prompt, texts: [good] }]);

  const thrice = await run({ ...options, attempts: 3 });
  expect(thrice.done.answers[1]).toEqual({ id, ...good, attempt: 2 });
  expect([0, 2].map((i) => thrice.done.answers[i])).toEqual([0, 2].map((i) => once.done.answers[i]));
  const asked = thrice.events.flatMap((event) =>
    event.kind === "answered" && event.done === event.total ? [[event.attempt, event.total]] : [],
  );
  expect(asked).toEqual([
    [1, 3],
    [2, 3],
    [3, 2],
  ]);
  const again = await run({ ...options, attempts: 3 });
  expect([again.done.answers, again.done.cached]).toEqual([thrice.done.answers, 8]);

  // A sampled answer does not depend on what was asked beside it.
  const folder = temporaryFolder();
  await run({ ...options, questions: questions.slice(2), attempts: 2, folder });
  const sampled = async (where: string) => {
    const cache = await generationStore(where).open({ ...key, temperature: 0.15 });
    return cache.find(questions[2]!.id, questions[2]!.prompt)?.[0]?.response;
  };
  expect(await sampled(folder)).toBe(await sampled(options.folder));
  expect(await sampled(folder)).toEqual(expect.any(String));
  disposeModel(model);
});
