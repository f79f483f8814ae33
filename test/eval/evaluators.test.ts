import { afterAll, describe, expect, it } from "vitest";
import { GO_EMOTIONS } from "../../src/data/go-emotions.js";
import type { EqOptions } from "../../src/eval/eq-settings.js";
import { type Evaluator, headEvaluator, STEERING, textEvaluator } from "../../src/eval/evaluators.js";
import { eqResults } from "../../src/eval/run-eq-bench.js";
import { trainTextClassifier } from "../../src/eval/text-classifier.js";
import { embedTexts } from "../../src/models/embed.js";
import { createHead, disposeHead, headProbabilities, scaleLogits } from "../../src/nn/classification-head.js";
import { leaked } from "../formula.js";
import { tinyWorld } from "./eq-world.js";

const world = await tinyWorld();
const { options } = world;
const [second, words] = options.evaluators as [Evaluator, Evaluator];
afterAll(() => world.dispose());

const texts = ["Thank you so much.", "", "No, never. I am sad.", "Thank you so much."];

async function readAll(
  evaluator: Evaluator,
  signal?: AbortSignal,
): Promise<{ values: Float32Array; events: { done: number; total: number }[] }> {
  const [events, reading]: [{ done: number; total: number }[], ReturnType<Evaluator["read"]>] = [[], evaluator.read(texts, signal)];
  for (;;) {
    const step = await reading.next();
    if (step.done) return { values: step.value, events };
    events.push(step.value);
  }
}

describe("evaluators", () => {
  it("read as the head or the classifier does, text after text", async () => {
    const { reader, embedder } = second.head!;
    const expectedValues = await headProbabilities(reader.head, await embedTexts(embedder, texts, reader.pooling));
    const { values, events } = await readAll(second);
    expect(values).toHaveLength(4 * 28);
    values.forEach((value, i) => {
      expect(value).toBeCloseTo(expectedValues[i]!, 5);
    });
    expect(events.at(-1)).toEqual({ done: 3, total: 3 });
    const classifier = await trainTextClassifier([{ text: "thank you", labels: [15] }], {
      kind: "multi-label",
      labels: GO_EMOTIONS,
      minTexts: 1,
    });
    expect((await readAll(textEvaluator("words", classifier))).values).toEqual(classifier.probabilities(texts));
  });

  it("leave no tensor behind and stop where they are told to", async () => {
    expect(await leaked(() => readAll(second))).toBe(0);
    await expect(readAll(second, AbortSignal.abort(new Error("enough")))).rejects.toThrow("enough");
    await expect(readAll(words, AbortSignal.abort(new Error("enough")))).rejects.toThrow("enough");
  });

  it("know a head by its weights alone", async () => {
    const { reader, embedder } = second.head!;
    const other = headEvaluator("another name", { ...reader, pooling: { pooling: "mean" } }, embedder);
    expect(await other.checksum()).toBe(await second.checksum());
    expect(await words.checksum()).not.toBe(await second.checksum());
  });

  it("take the macro F1 from a head's card", () => {
    const { reader, embedder } = second.head!;
    const card = { metrics: { tuned: { macroF1: 0.4 } } } as never;
    expect(headEvaluator("with a card", { ...reader, card }, embedder).macroF1).toBe(0.4);
    expect(second.macroF1).toBeNull();
  });
});

describe("who may score", () => {
  const refused = (change: Partial<EqOptions>) => expect(eqResults({ ...options, limit: 1, ...change })).rejects;

  it("is never the head that steers, under whatever name and pooling", async () => {
    const { emotion } = options.heads;
    const same = headEvaluator("Other name", { ...emotion, pooling: { pooling: "last" } }, options.embedder);
    const wanted = 'a head other than heads.emotion, which steers and would choose what it scores, got "the same weights"';
    await refused({ evaluators: [same] }).toThrow(`evaluator Other name: expected ${wanted}`);
    await refused({ evaluators: [words, same] }).toThrow(wanted);
    const calibrated = createHead({ ...emotion.head, classes: 28 }, { seed: 1 });
    scaleLogits(calibrated, Array(28).fill(0.5), Array(28).fill(-1));
    await refused({ evaluators: [headEvaluator("Calibrated", { ...emotion, head: calibrated }, options.embedder)] }).toThrow(wanted);
    disposeHead(calibrated);
  });

  it("is somebody, with a name of its own and all 28 labels", async () => {
    await refused({ evaluators: [] }).toThrow("evaluators: expected at least one that does not steer");
    await refused({ evaluators: [words, words] }).toThrow(
      'evaluator names: expected each once, and none Emotion head (steers), got "Words alone"',
    );
    await refused({ evaluators: [{ ...words, name: STEERING }] }).toThrow("evaluator names");
    const skewed = { ...second.head!.reader, head: { ...second.head!.reader.head, skewed: "a head trained with weights" } };
    expect(() => headEvaluator("skewed", skewed, options.embedder)).toThrow("evaluator skewed: expected an unweighted, calibrated head");
    await refused({ heads: { ...options.heads, emotion: skewed } }).toThrow("heads.emotion: expected an unweighted, calibrated head");
    expect(() => headEvaluator("next", options.heads.strategyNext!, options.embedder)).toThrow(
      "evaluator next: expected a multi-label head",
    );
    const few = await trainTextClassifier([{ text: "no", labels: [0] }], { kind: "multi-label", labels: ["joy"], minTexts: 1 });
    expect(() => textEvaluator("few", few)).toThrow("evaluator few: expected a multi-label classifier of the 28 labels");
  });
});
