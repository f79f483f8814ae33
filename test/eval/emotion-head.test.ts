import { afterAll, beforeAll, expect, it } from "vitest";
import type { LabelledText } from "../../src/data/record.js";
import { trainEmotionHead } from "../../src/eval/emotion-head.js";
import type { HeadEvent, HeadOptions } from "../../src/eval/head-run.js";
import { disposeModel } from "../../src/models/create.js";
import type { CausalLM } from "../../src/models/model.js";
import { disposeHead } from "../../src/nn/classification-head.js";
import { distance, leaked } from "../formula.js";
import { temporaryFolder } from "../temporary-folder.js";
import { texts, tinyModel } from "./tiny-heads.js";

const OPTIONS: HeadOptions = {
  pooling: "input-mean",
  maxTokens: 24,
  inner: 16,
  seed: 1,
  training: { batch: 32, epochs: 8, learningRate: 1e-2 },
};
const DATA = texts({ train: 96, validation: 40, test: 40 });
let model: CausalLM;
beforeAll(async () => {
  model = await tinyModel();
});
afterAll(() => disposeModel(model));

it("learns emotions from train and reports on test: better than always the same, as a run of events", async () => {
  const run = trainEmotionHead(model, DATA, OPTIONS);
  const events: HeadEvent[] = [];
  for await (const event of run.events) events.push(event);
  expect(new Set(events.map(({ kind }) => kind))).toEqual(new Set(["embedded", "start", "step", "evaluation", "end"]));
  const { head, card, report } = await run.result();
  expect(report.rows).toBe(40);
  expect(report.tuned.microF1).toBeGreaterThan(report.majority.microF1 + 0.2);
  expect(report.tuned.classes.map(({ support }) => support).reduce((a, b) => a + b, 0)).toBe(40);
  expect(card).toMatchObject({
    task: "emotion",
    kind: "multi-label",
    hidden: 16,
    inner: 16,
    dropout: 0.1,
    pooling: { pooling: "input-mean", maxTokens: 24, cut: "right" },
    adapter: null,
  });
  expect(card.data).toMatchObject({ sources: ["tiny"], counts: { train: 96, validation: 40, test: 40 }, note: "the data's own splits" });
  expect(card.labels).toHaveLength(28);
  expect(card.thresholds).toEqual(report.thresholds);
  expect(card.createdBy).toMatch(/^eqlab \d/);
  disposeHead(head);
});

it("knows nothing of the test rows: other labels there change neither weights nor thresholds", async () => {
  const other = DATA.map((text): LabelledText => (text.split === "test" ? { ...text, labels: [(text.labels[0]! + 3) % 28, 27] } : text));
  const [one, two] = [await trainEmotionHead(model, DATA, OPTIONS).result(), await trainEmotionHead(model, other, OPTIONS).result()];
  for (const [name, parameter] of one.head.parameters)
    expect(distance(parameter.dataSync(), two.head.parameters.get(name)!.dataSync()), name).toBe(0);
  expect(two.report.thresholds).toEqual(one.report.thresholds);
  expect(two.report.tuned.macroF1).not.toBe(one.report.tuned.macroF1);
  // Labels of validation rows do change the thresholds.
  const third = await trainEmotionHead(
    model,
    DATA.map((text) => (text.split === "validation" ? { ...text, labels: [27] } : text)),
    OPTIONS,
  ).result();
  expect(third.report.thresholds).not.toEqual(one.report.thresholds);
  for (const { head } of [one, two, third]) disposeHead(head);
});

it("says in its card that validation was halved where there is no test split", async () => {
  const { head, card, report } = await trainEmotionHead(model, texts({ train: 64, validation: 60 }), {
    ...OPTIONS,
    training: { epochs: 1 },
  }).result();
  expect(card.data.note).toContain("no test split: its validation records were halved by hash");
  expect(card.data.counts.validation! + card.data.counts.test!).toBe(60);
  expect(report.rows).toBe(card.data.counts.test);
  disposeHead(head);
});

it("takes embeddings from the cache the second time", async () => {
  const options = { ...OPTIONS, cacheFolder: temporaryFolder(), training: { epochs: 1 } };
  const cached: number[] = [];
  for (let i = 0; i < 2; i++) {
    const run = trainEmotionHead(model, DATA, options);
    for await (const event of run.events) if (event.kind === "embedded") cached[i] = event.cached;
    disposeHead((await run.result()).head);
  }
  expect(cached).toEqual([0, 176]);
});

it("leaves only the head behind, and nothing where it is stopped", async () => {
  expect(
    await leaked(async () => disposeHead((await trainEmotionHead(model, DATA, { ...OPTIONS, training: { epochs: 1 } }).result()).head)),
  ).toBe(0);
  const lost = await leaked(async () => {
    const run = trainEmotionHead(model, DATA, OPTIONS);
    for await (const event of run.events) if (event.kind === "step") break;
    await expect(run.result()).rejects.toThrow("emotion head: expected a run that came to its end");
  });
  expect(lost).toBe(0);
});
