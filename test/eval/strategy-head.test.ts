import { afterAll, beforeAll, expect, it } from "vitest";
import type { HeadOptions } from "../../src/eval/head-run.js";
import { preferenceBias } from "../../src/eval/preference-bias.js";
import { strategyContext, trainStrategyHead } from "../../src/eval/strategy-head.js";
import { disposeModel } from "../../src/models/create.js";
import type { CausalLM } from "../../src/models/model.js";
import { disposeHead } from "../../src/nn/classification-head.js";
import { leaked } from "../formula.js";
import { talks, tinyModel } from "./tiny-heads.js";

const OPTIONS: HeadOptions = {
  pooling: "input-mean",
  maxTokens: 48,
  inner: 16,
  seed: 1,
  training: { batch: 32, epochs: 12, learningRate: 1e-2 },
};
const TALKS = talks({ train: 48, validation: 12, test: 12 });
let model: CausalLM;
beforeAll(async () => {
  model = await tinyModel();
});
afterAll(() => disposeModel(model));

it("tells a given reply's strategy from its text", async () => {
  const { head, card, report, control } = await trainStrategyHead(model, TALKS, { task: "given", ...OPTIONS }).result();
  expect(report.rows).toBe(24);
  expect(report.noText).toBeNull();
  expect(report.accuracy.mean).toBeGreaterThan(report.majority.accuracy.mean + 0.2);
  expect(report.confusion.counts.flat().reduce((a, b) => a + b, 0)).toBe(24);
  expect(report.preferenceBias).toBe(preferenceBias(report.confusion.counts));
  // The strategy's name stands in the reply: counting words finds it, and merged turns are all that it misses.
  expect(report.control!.accuracy!.mean).toBeGreaterThan(0.9);
  expect(report.control!.sentence).toContain("of the TF-IDF control trained on the same texts");
  expect(control!.kind).toBe("single-label");
  expect(card.calibration).toMatchObject({ kind: "temperature" });
  expect(card).toMatchObject({ task: "given strategy", kind: "single-label", thresholds: null, pooling: { cut: "right" } });
  expect(card.data.counts).toEqual({ train: 96, validation: 24, test: 24 });
  expect(card.data.note).toBe(
    "the data's own splits, by conversation; 36 of 144 replies merge turns of several strategies, their first counts",
  );
  disposeHead(head);
});

it("predicts the next strategy from what came before it alone", async () => {
  const options = { task: "next" as const, ...OPTIONS, training: { epochs: 2 } };
  const { head, card, report } = await trainStrategyHead(model, TALKS, options).result();
  expect(card).toMatchObject({ task: "next strategy", pooling: { cut: "left", pooling: "input-mean" } });
  // Of the second reply, history tells all; of the first nothing: two of three are guessed wrong.
  expect(report.noText!.accuracy.mean).toBeCloseTo(2 / 3, 5);
  // Other words in the last reply of each talk change nothing: it is nowhere context.
  const changed = TALKS.map((talk) => ({
    ...talk,
    messages: talk.messages.map((message, i) => (i === 3 ? { ...message, content: "something else" } : message)),
  }));
  const other = await trainStrategyHead(model, changed, options).result();
  expect(other.report).toEqual(report);
  disposeHead(head);
  disposeHead(other.head);
});

it("reads the last messages with their roles, and whose turn it is", () => {
  const messages = [
    { role: "user" as const, content: "a" },
    { role: "assistant" as const, content: "b" },
    { role: "user" as const, content: "c" },
  ];
  expect(strategyContext(messages)).toBe("User: a\nAssistant: b\nUser: c\nAssistant:");
  expect(strategyContext(messages, 1)).toBe("User: c\nAssistant:");
});

it("refuses another task, data without strategies and a calibration for several labels", async () => {
  const platt = trainStrategyHead(model, TALKS, { task: "given", ...OPTIONS, calibration: "platt" });
  await expect(platt.result()).rejects.toThrow('calibration: expected "temperature" or null, got "platt"');
  expect(() => trainStrategyHead(model, TALKS, { task: "last" as "next", ...OPTIONS })).toThrow(
    'strategy head task: expected "next" or "given", got "last"',
  );
  const bare = TALKS.map((talk) => ({ ...talk, strategies: talk.strategies.map(() => null) }));
  expect(() => trainStrategyHead(model, bare, { task: "next", ...OPTIONS })).toThrow("expected records for train, validation and test");
});

it("leaves only the head behind, and nothing where it is stopped while it embeds", async () => {
  const lost = await leaked(async () => {
    const run = trainStrategyHead(model, TALKS, { task: "given", ...OPTIONS, batchTokens: 64 });
    for await (const event of run.events) if (event.kind === "embedded" && event.done > 0) break;
    disposeHead((await trainStrategyHead(model, TALKS, { task: "given", ...OPTIONS, training: { epochs: 1 } }).result()).head);
  });
  expect(lost).toBe(0);
});
