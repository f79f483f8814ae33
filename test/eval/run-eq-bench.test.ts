import { appendFileSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { tf } from "../../src/core/tf.js";
import { referenceVector } from "../../src/eval/emotion-map.js";
import type { EqResults, EqRow } from "../../src/eval/eq-rows.js";
import { eqScore, LABEL_SETS } from "../../src/eval/eq-score.js";
import { dialogueOf, type EqOptions } from "../../src/eval/eq-settings.js";
import { STEERING } from "../../src/eval/evaluators.js";
import { type EqEvent, eqResults, evaluateEq } from "../../src/eval/run-eq-bench.js";
import { CONFIGURATIONS } from "../../src/eval/steering.js";
import { embedTexts } from "../../src/models/embed.js";
import { headProbabilities } from "../../src/nn/classification-head.js";
import { temporaryFolder } from "../temporary-folder.js";
import { questions, tinyWorld } from "./eq-world.js";

const world = await tinyWorld();
const { options } = world;
const results = await eqResults(options);
afterAll(() => world.dispose());

/** Events until the end, or until one makes `stop` true. */
async function events(given: EqOptions, stop: (event: EqEvent) => boolean = () => false): Promise<EqEvent[]> {
  const seen: EqEvent[] = [];
  for await (const event of evaluateEq(given)) {
    seen.push(event);
    if (stop(event)) break;
  }
  return seen;
}

const resultsOf = (seen: EqEvent[]): EqResults | undefined => seen.flatMap((event) => (event.kind === "done" ? [event.results] : []))[0];

describe("evaluateEq", () => {
  it("has a row for each question, variant and configuration, and for each control", () => {
    const { rows, candidates, official, controls } = results;
    expect(rows).toHaveLength(6 * 2 * 5);
    expect(candidates).toHaveLength(6 * 2 * 3);
    expect(official).toHaveLength(6 * 2);
    expect(controls).toHaveLength(6 * 9 + 6 * 2);
    expect(new Set(rows.map(({ configuration }) => configuration))).toEqual(new Set(CONFIGURATIONS));
    // A test of equal texts would prove nothing.
    expect(new Set(candidates.map(({ response }) => response)).size).toBeGreaterThan(30);
    expect(rows.every(({ tokens, stop }) => tokens >= 1 && tokens <= 6 && stop !== null)).toBe(true);
  });

  it("lets each configuration choose among the same candidates by its own rule", () => {
    const chosen = new Set<number>();
    for (const { name: variant } of options.variants) {
      for (const { id: questionId } of questions) {
        const own = results.candidates.filter((row) => row.variant === variant && row.questionId === questionId);
        const row = (configuration: string) =>
          results.rows.find((item) => item.variant === variant && item.questionId === questionId && item.configuration === configuration)!;
        expect(row("No Heads (Baseline)").candidate).toBe(0);
        const steering = ({ byEvaluator }: Pick<EqRow, "byEvaluator">) => byEvaluator[STEERING]!.mass;
        expect(steering(row("Emotion Head Only"))).toBe(Math.max(...own.map(steering)));
        expect(row("Strategy Head Only").strategy!.fit).toBe(Math.max(...own.map(({ strategy }) => strategy!.fit)));
        for (const configuration of CONFIGURATIONS) {
          const { candidate, response } = row(configuration);
          expect(own[candidate!]).toMatchObject({ response, chosenBy: expect.arrayContaining([configuration]) });
          chosen.add(candidate!);
        }
      }
    }
    expect(chosen.size).toBe(3);
  });

  it("scores what each evaluator reads in the response, the head that steers too; the first one's is the EQ score", async () => {
    const { emotion } = options.heads;
    const [second] = options.evaluators;
    const rows = [...results.rows.slice(0, 5), ...results.controls.slice(0, 20)];
    const texts = rows.map(({ response }) => response);
    const readers = { [STEERING]: emotion, "Second head": second!.head!.reader };
    expect(Object.keys(rows[0]!.byEvaluator)).toEqual(["Second head", "Words alone", STEERING]);
    for (const [name, { head, pooling }] of Object.entries(readers)) {
      const probabilities = await headProbabilities(head, await embedTexts(options.embedder, texts, pooling));
      rows.forEach((row, i) => {
        const question = questions.find(({ id }) => id === row.questionId)!;
        const { mass, alignment, eq } = eqScore(probabilities.subarray(28 * i, 28 * (i + 1)), referenceVector(question));
        const scored = row.byEvaluator[name]!;
        expect(scored.mass).toBeCloseTo(mass, 5);
        expect(scored.alignment).toBeCloseTo(alignment!, 5);
        expect(scored.eq).toBeCloseTo(eq, 5);
        expect(scored.eq).toBeCloseTo(scored.mass + 0.3 * scored.alignment!, 12);
      });
    }
    for (const { mass, alignment, eq, perLabel, byEvaluator } of rows) {
      expect({ mass, alignment, eq }).toEqual(byEvaluator["Second head"]);
      expect(LABEL_SETS.supportive.reduce((sum, label) => sum + perLabel[label], 0)).toBeCloseTo(mass, 12);
    }
    expect(results.evaluators.map(({ name, steers }) => [name, steers])).toEqual([
      ["Second head", false],
      ["Words alone", false],
      [STEERING, true],
    ]);
  });

  it("lets a head that has learnt nothing choose by its own reading", () => {
    const chosen = (name: string) => results.rows.filter(({ configuration }) => configuration === name).map(({ candidate }) => candidate);
    expect(chosen("Random Head")).not.toEqual(chosen("Emotion Head Only"));
    expect(chosen("Random Head").some((candidate) => candidate !== 0)).toBe(true);
  });

  it("adds the published bonus for the heads in use", () => {
    const published = (row: EqRow) =>
      results.candidates.find(
        (item) => item.variant === row.variant && item.questionId === row.questionId && item.candidate === row.candidate,
      )!.published;
    const bonus = (configuration: string) =>
      results.rows.filter((row) => row.configuration === configuration).map((row) => row.published - published(row));
    const [none, emotion, strategy, both] = CONFIGURATIONS.slice(0, 4).map(bonus) as [number[], number[], number[], number[]];
    expect(none.every((value) => value === 0)).toBe(true);
    expect(emotion.every((value) => value > 0.1 / 28 && value < 0.1)).toBe(true);
    both.forEach((value, i) => {
      expect(value).toBeCloseTo(emotion[i]! + strategy[i]!, 12);
    });
  });

  it("scores controls officially by their own text", () => {
    const official = (name: string) => results.controls.filter(({ configuration }) => configuration === name).map((row) => row.official);
    // The reference of question 3 names its words, so it is perfect too, known to the map or not.
    expect(official("Reference-style answer").map(({ score }) => score)).toEqual(Array(6).fill(10));
    expect(official("All 3")[0]!.scores).toEqual([3, 3, 3, 3]);
    expect(official("Empty")[0]).toEqual({ scores: null, score: null, reason: "no line like “Word: 5”" });
    expect(results.mapping.filter(({ labels }) => labels.length === 0)).toEqual([{ word: "Sonder", labels: [], weight: 0 }]);
  });

  it("gives another question's response to each question, never its own", () => {
    const shuffled = results.controls.filter(
      ({ configuration, variant }) => configuration === "Another question's response" && variant === "base",
    );
    const baseline = results.rows.filter(({ configuration, variant }) => configuration === "No Heads (Baseline)" && variant === "base");
    expect(shuffled.map(({ response }) => response)).toEqual([baseline.at(-1)!, ...baseline.slice(0, -1)].map(({ response }) => response));
  });

  it("gives the same rows again, and the same texts whatever else is asked", async () => {
    expect(await eqResults(options)).toEqual(results);
    const few = await eqResults({ ...options, limit: 2, variants: options.variants.slice(1), batchSize: 1 });
    const texts = ({ rows, official }: EqResults) =>
      [...rows, ...official]
        .filter(({ variant, questionId }) => variant === "tuned" && Number(questionId) <= 2)
        .map(({ response }) => response);
    expect(texts(few)).toEqual(texts(results));
    expect(few.settings).toMatchObject({ questions: 2, available: 6, partial: true });
    const other = await eqResults({ ...options, limit: 2, seed: 8 });
    expect(other.rows[0]!.response).not.toBe(results.rows[0]!.response);
  });

  it("has three configurations without strategy heads", async () => {
    const { rows, quality } = await eqResults({ ...options, limit: 1, heads: { emotion: options.heads.emotion } });
    const names = ["No Heads (Baseline)", "Emotion Head Only", "Random Head"];
    expect(rows.map(({ configuration, strategy }) => [configuration, strategy])).toEqual([...names, ...names].map((name) => [name, null]));
    expect(quality.map(({ strategyRealised }) => strategyRealised)).toEqual(Array(6).fill(null));
  });

  it("leaves no tensor behind, at the end, on break and on abort", async () => {
    const before = tf.memory().numTensors;
    await eqResults({ ...options, limit: 1 });
    await events(options, (event) => event.kind === "generated" && event.done > 0);
    await events(options, (event) => event.kind === "read");
    const controller = new AbortController();
    const stopped = events({
      ...options,
      signal: controller.signal,
      onProgress: ({ tokens }) => tokens > 20 && controller.abort(new Error("enough")),
    });
    await expect(stopped).rejects.toThrow("enough");
    expect(tf.memory().numTensors).toBe(before);
  });

  it("refuses options that do not fit", async () => {
    const refused = (change: Partial<EqOptions>) => expect(eqResults({ ...options, ...change })).rejects;
    const { emotion, strategyNext } = options.heads;
    await refused({ variants: [] }).toThrow("at least one variant and one question");
    await refused({ variants: [options.variants[0]!, options.variants[0]!] }).toThrow('variant names: expected each once, got "base"');
    await refused({ questions: [questions[0]!, questions[0]!] }).toThrow('question names: expected each once, got "1"');
    await refused({ heads: { emotion: strategyNext! } }).toThrow("heads.emotion: expected a multi-label head of 28 classes");
    await refused({ heads: { emotion, strategyNext: strategyNext! } }).toThrow("strategyNext and strategyGiven, or neither");
    await refused({ heads: { emotion, strategyNext: emotion, strategyGiven: emotion } }).toThrow(
      "two single-label strategy heads of 8 classes",
    );
    await refused({ labelSet: "kind" as never }).toThrow('labelSet: expected supportive, published, caring, got "kind"');
    await refused({ candidates: 0 }).toThrow("candidates: expected a whole number, at least 1, got 0");
    const mute = { name: "mute", model: { ...options.embedder, tokenizer: null } };
    await refused({ variants: [mute] }).toThrow("variant mute: expected a model with a tokenizer");
  });

  it("takes the dialogue out of the task around it", () => {
    expect(dialogueOf(questions[1]!.prompt)).toBe("Ada: Day 1.\nBo: No.");
    expect(dialogueOf("Something else.")).toBe("Something else.");
  });
});

describe("the cache of generations", () => {
  const generated = (seen: EqEvent[]) => seen.flatMap((event) => (event.kind === "generated" ? [event] : []));

  it("lets a run that was cut off go on where it was, with the same results", async () => {
    const cached = { ...options, cacheFolder: temporaryFolder() };
    await events(cached, (event) => event.kind === "generated" && event.variant === "tuned" && event.done > 0);
    const folder = join(cached.cacheFolder, "generations");
    const files = readdirSync(folder).map((name) => join(folder, name));
    expect(files).toHaveLength(3);
    // What a kill leaves: half a line.
    for (const file of files) writeFileSync(file, readFileSync(file, "utf8").slice(0, -9));
    const seen = await events(cached);
    expect(
      generated(seen)
        .filter(({ done, cached }) => done === cached)
        .map(({ cached }) => cached),
    ).toEqual([5, 5, 1, 0]);
    expect(resultsOf(seen)).toEqual(results);
    const again = await events(cached);
    expect(generated(again).map(({ cached }) => cached)).toEqual([6, 6, 6, 6]);
    expect(resultsOf(again)).toEqual(results);
  });

  it("does not take texts of another seed, decoding, model or prompt", async () => {
    const cached = { ...options, limit: 1, cacheFolder: temporaryFolder(), variants: options.variants.slice(1) };
    await eqResults(cached);
    const counts = async (change: Partial<EqOptions>) =>
      generated(await events({ ...cached, ...change }, ({ kind }) => kind === "read")).map(({ done }) => done);
    expect(await counts({})).toEqual([1, 1]);
    // Greedy answers do not depend on the seed.
    expect(await counts({ seed: 8 })).toEqual([0, 1, 1]);
    expect(await counts({ dataRevision: "2" })).toEqual([0, 1, 0, 1]);
    expect(await counts({ topP: 0.8 })).toEqual([0, 1, 1]);
    expect(await counts({ variants: options.variants.slice(0, 1) })).toEqual([0, 1, 0, 1]);
    expect(await counts({ questions: [{ ...questions[0]!, prompt: "Hello." }] })).toEqual([0, 1, 0, 1]);
    // The name is no part of what is generated.
    expect(await counts({ variants: [{ ...options.variants[1]!, name: "renamed" }] })).toEqual([1, 1]);
  });

  it("does not mind lines that are no entries", async () => {
    const cached = { ...options, limit: 1, cacheFolder: temporaryFolder() };
    const first = await eqResults(cached);
    const folder = join(cached.cacheFolder, "generations");
    for (const name of readdirSync(folder)) appendFileSync(join(folder, name), 'null\n[]\n{"place":"1","texts":[{}]}\n\n');
    expect(await eqResults(cached)).toEqual(first);
  });
});
