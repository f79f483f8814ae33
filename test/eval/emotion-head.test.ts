import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { LabelledText } from "../../src/data/record.js";
import { multiLabelReport } from "../../src/eval/classification.js";
import { trainEmotionHead } from "../../src/eval/emotion-head.js";
import type { HeadEvent, HeadOptions } from "../../src/eval/head-run.js";
import { type LearningMeasure, learningRows, measureLearning } from "../../src/eval/learning-curve.js";
import { disposeModel } from "../../src/models/create.js";
import { embedTexts } from "../../src/models/embed.js";
import { loadHead, saveHead } from "../../src/models/head-files.js";
import type { CausalLM } from "../../src/models/model.js";
import { checkSummable, disposeHead, headProbabilities } from "../../src/nn/classification-head.js";
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

it("always stands beside the control that reads words, and says where it is below", async () => {
  const { head, report, control, cost } = await trainEmotionHead(model, DATA, { ...OPTIONS, training: { epochs: 1 } }).result();
  // One word tells the label: counting words finds it, an epoch of training does not.
  expect(report.control!.microF1).toBeGreaterThan(0.9);
  expect(report.control!.verdict).toBe("below");
  expect(report.control!.sentence).toMatch(
    /^The head's macro F1 of 0\.\d{3} is below the 0\.\d{3} of the TF-IDF control .* counting words does better\.$/,
  );
  expect(report.control!.difference.high).toBeLessThan(0);
  expect(control!.thresholds).toHaveLength(28);
  expect(control!.model.settings.texts).toBe(96);
  expect(cost.embedded).toBe(176);
  disposeHead(head);
  const again = await trainEmotionHead(model, DATA, { ...OPTIONS, control: control!, training: { epochs: 1 } }).result();
  expect(again.report.control).toEqual(report.control);
  const none = await trainEmotionHead(model, DATA, { ...OPTIONS, control: false, training: { epochs: 1 } }).result();
  expect([none.control, none.report.control]).toEqual([null, null]);
  for (const one of [again, none]) disposeHead(one.head);
});

it("picks the pooling with the smallest loss on validation and keeps what all were worth in the card", async () => {
  const pooling = ["input-mean", "mean", { pooling: "last", layer: 1 }, "mix"] as const;
  const run = trainEmotionHead(model, DATA, { ...OPTIONS, control: false, pooling });
  const events: HeadEvent[] = [];
  for await (const event of run.events) events.push(event);
  const { head, card, pooling: taken } = await run.result();
  const candidates = card.candidates!;
  expect(candidates.map(({ pooling: { pooling, layer } }) => [pooling, layer])).toEqual([
    ["input-mean", undefined],
    ["mean", undefined],
    ["last", 1],
    ["mix", undefined],
  ]);
  const best = candidates.find((candidate) => candidate.taken)!;
  expect(candidates.filter((candidate) => candidate.taken)).toHaveLength(1);
  expect(best.validationLoss).toBe(Math.min(...candidates.map(({ validationLoss }) => validationLoss)));
  expect(taken.pooling).toBe(best.pooling.pooling);
  expect(card.training.validationLoss).toBe(best.validationLoss);
  expect(events.filter(({ kind }) => kind === "start")).toHaveLength(1);
  // The same as if it had been alone.
  const alone = await trainEmotionHead(model, DATA, { ...OPTIONS, control: false, ...best.pooling }).result();
  for (const [name, parameter] of alone.head.parameters)
    expect(distance(parameter.dataSync(), head.parameters.get(name)!.dataSync()), name).toBeLessThan(1e-5);
  for (const one of [head, alone.head]) disposeHead(one);
});

it("learns a mix of layers, keeps its weights in the card, and reads by them what it was trained on", async () => {
  const path = join(temporaryFolder(), "head.pt");
  const trained = await trainEmotionHead(model, DATA, { ...OPTIONS, control: false, pooling: "mix" }).result();
  const { mix } = trained.pooling;
  expect(mix).toHaveLength(3);
  expect(mix!.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 5);
  expect(Math.max(...mix!) - Math.min(...mix!)).toBeGreaterThan(0.01);
  expect([...trained.head.parameters.keys()]).toEqual(["0.weight", "0.bias", "1.weight", "1.bias", "3.weight", "3.bias"]);
  await saveHead(trained, path);
  const loaded = await loadHead(path, model);
  const test = DATA.filter(({ split }) => split === "test");
  const embeddings = await embedTexts(
    model,
    test.map(({ text }) => text),
    loaded.pooling,
  );
  const report = multiLabelReport(
    await headProbabilities(loaded.head, embeddings),
    test.map(({ labels }) => labels),
    {
      names: loaded.card.labels,
      thresholds: loaded.card.thresholds!,
      seed: 1,
    },
  );
  expect(report.tuned.macroF1).toBeCloseTo(trained.report.tuned.macroF1, 10);
  expect(report.probabilitySum).toBeCloseTo(trained.report.probabilitySum, 4);
  for (const { head } of [trained, loaded]) disposeHead(head);
});

it("puts its calibration into the last layer, and says in its card what that changed on validation and test", async () => {
  const train = (calibration: "temperature" | "platt" | null) =>
    trainEmotionHead(model, DATA, { ...OPTIONS, control: false, calibration }).result();
  const [plain, warm, platt] = [await train(null), await train("temperature"), await train("platt")];
  const last = ({ head }: typeof plain) => head.parameters.get("3.weight")!.dataSync();
  const { scale } = warm.card.calibration!;
  expect(
    distance(
      last(warm),
      last(plain).map((value) => value * scale[0]!),
    ),
  ).toBeLessThan(1e-5);
  expect(warm.card.calibration).toMatchObject({ kind: "temperature", shift: new Array(28).fill(0) });
  const [before, after] = [warm.card.calibration!.validation.before, warm.card.calibration!.test.after];
  expect(warm.card.calibration!.test.after).toBe(warm.report.calibrationError);
  expect(warm.card.calibration!.test.before).toBe(plain.report.calibrationError);
  expect([before, after].every((error) => error >= 0 && error < 1)).toBe(true);
  // A scale changes no order.
  expect(warm.report.macroAuc).toBeCloseTo(plain.report.macroAuc, 10);
  expect(new Set(platt.card.calibration!.shift).size).toBeGreaterThan(1);
  expect(plain.card.calibration).toBeNull();
  expect([warm.binsBefore, plain.binsBefore]).toEqual([plain.report.bins, null]);
  for (const { head } of [plain, warm, platt]) disposeHead(head);
});

it("does not let a head that was trained with weights, or not calibrated, be summed; nor one read from a file", async () => {
  const path = join(temporaryFolder(), "head.pt");
  const short = { ...OPTIONS, control: false, training: { epochs: 1 } };
  for (const [options, got] of [
    [{ loss: "balanced" }, "class weights"],
    [{ loss: { kind: "focal" } }, "the focal loss"],
    [{ loss: { kind: "asymmetric" } }, "the asymmetric loss"],
    [{ calibration: null }, "not calibrated"],
  ] as const) {
    const trained = await trainEmotionHead(model, DATA, { ...short, ...options }).result();
    await saveHead(trained, path);
    const loaded = await loadHead(path, model);
    for (const { head } of [trained, loaded]) {
      expect(() => checkSummable("heads.emotion", head)).toThrow("heads.emotion: expected an unweighted, calibrated head");
      expect(() => checkSummable("heads.emotion", head)).toThrow(got);
      disposeHead(head);
    }
  }
  const fit = await trainEmotionHead(model, DATA, short).result();
  checkSummable("heads.emotion", fit.head);
  disposeHead(fit.head);
});

it("trains two heads that share no training text, from different seeds", async () => {
  const short = { ...OPTIONS, training: { epochs: 1 } };
  const { seed: _, ...unseeded } = short;
  const [first, second] = [
    await trainEmotionHead(model, DATA, { ...unseeded, half: "first" }).result(),
    await trainEmotionHead(model, DATA, { ...unseeded, half: "second" }).result(),
  ];
  const counts = [first, second].map(({ card }) => card.data.counts.train!);
  expect(counts[0]! + counts[1]!).toBe(96);
  expect(counts.every((count) => count > 20)).toBe(true);
  expect([first.card.training.seed, second.card.training.seed]).toEqual([0, 1]);
  expect(second.card.data.note).toContain("the second half of the training texts by hash, which shares none with the other half");
  const known = ({ control }: typeof first) => new Set([...control!.model.features.columns.keys()].filter((word) => /^\d+$/.test(word)));
  expect([...known(first)].filter((word) => known(second).has(word))).toEqual([]); // each training text has a number of its own
  for (const { head } of [first, second]) disposeHead(head);
});

it("draws a learning curve of the head and its control, each part within the larger, embedding once", async () => {
  const options = { ...OPTIONS, cacheFolder: temporaryFolder(), training: { epochs: 2 }, shares: [0.5, 1] };
  const points: LearningMeasure[] = [];
  let embedded = 0;
  for await (const event of measureLearning(model, DATA, options)) {
    if (event.kind === "point") points.push(event.point);
    else embedded = Math.max(embedded, event.done - event.cached);
  }
  expect(embedded).toBe(176);
  expect(points.map(({ share }) => share)).toEqual([1, 0.5]);
  expect(points[0]!.texts).toBe(96);
  expect(points[1]!.texts).toBeGreaterThan(30);
  expect(points[1]!.texts).toBeLessThan(66);
  expect(points[1]!.textsPerSecond).toBeNull();
  expect(learningRows(points).map(({ name, examples }) => `${name} ${examples}`)).toContain("TF-IDF control 96");
  await expect(measureLearning(model, DATA, { ...OPTIONS }).next()).rejects.toThrow("learning curve cacheFolder: expected a folder");
});

it("leaves only the head behind, and nothing where it is stopped", async () => {
  expect(
    await leaked(async () => disposeHead((await trainEmotionHead(model, DATA, { ...OPTIONS, training: { epochs: 1 } }).result()).head)),
  ).toBe(0);
  const lost = await leaked(async () => {
    const run = trainEmotionHead(model, DATA, OPTIONS);
    for await (const event of run.events) if (event.kind === "step") break;
    const several = trainEmotionHead(model, DATA, { ...OPTIONS, pooling: ["mean", "mix"], training: { epochs: 1 } });
    for await (const event of several.events) if (event.kind === "step") break;
    await expect(run.result()).rejects.toThrow("emotion head: expected a run that came to its end");
  });
  expect(lost).toBe(0);
});
