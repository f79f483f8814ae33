import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { tf } from "../../src/core/tf.js";
import { scoreV2 } from "../../src/eval/eq-bench-score.js";
import { LABEL_SETS } from "../../src/eval/eq-score.js";
import type { EqOptions } from "../../src/eval/eq-settings.js";
import { STEERING } from "../../src/eval/evaluators.js";
import { eqResults } from "../../src/eval/run-eq-bench.js";
import { summarize } from "../../src/eval/summary.js";
import { root } from "../../src/setup/paths.mjs";
import { type ChildRunner, childRunner, ended } from "../child.js";
import { temporaryFolder } from "../temporary-folder.js";
import { tinyWorld } from "./eq-world.js";
import { talks } from "./tiny-heads.js";

const world = await tinyWorld();
const { options } = world;
const [base, tuned] = options.variants as [EqOptions["variants"][number], EqOptions["variants"][number]];
afterAll(() => world.dispose());

describe("seeds", () => {
  const variants = [0, 1].flatMap((seed) => [
    { ...base, seed },
    { ...tuned, seed, training: { steps: 3 } },
  ]);

  it("give each variant texts and a random head of its own; greedy answers are the same", async () => {
    const results = await eqResults({ ...options, variants });
    const of = <R extends { variant: string; seed: number }>(rows: R[], variant: string, seed: number) =>
      rows.filter((row) => row.variant === variant && row.seed === seed);
    expect(results.rows).toHaveLength(6 * 4 * 5);
    const texts = (variant: string, seed: number) => of(results.candidates, variant, seed).map(({ response }) => response);
    expect(texts("base", 1)).not.toEqual(texts("base", 0));
    expect(texts("base", 0)).not.toEqual(texts("tuned", 0));
    const greedy = (seed: number) => of(results.official, "tuned", seed).map(({ response }) => response);
    expect(greedy(1)).toEqual(greedy(0));
    expect(results.variants.map(({ variant, seed, training }) => [variant, seed, training])).toEqual([
      ["base", 0, null],
      ["tuned", 0, '{"steps":3}'],
      ["base", 1, null],
      ["tuned", 1, '{"steps":3}'],
    ]);
    // The seed of the variant and that of the run add up.
    const shifted = await eqResults({ ...options, variants: [base], seed: 8 });
    expect(shifted.candidates.map(({ response }) => response)).toEqual(texts("base", 1));
  });

  it("are averaged in the summary, with their spread apart from the interval over the questions", async () => {
    const results = await eqResults({ ...options, variants, limit: 4 });
    const summary = summarize(results, { draws: 200 });
    const [first] = summary.configurations;
    expect(first).toMatchObject({ variant: "base", n: 4, seeds: 2, seedSpread: expect.any(Number) });
    const own = results.rows.filter((row) => row.variant === "base" && row.configuration === first!.configuration);
    expect(first!.eq.mean).toBeCloseTo(own.reduce((sum, { eq }) => sum + eq, 0) / 8, 12);
    expect(Object.keys(first!.byEvaluator)).toEqual(["Second head", "Words alone", STEERING]);
    expect(Object.values(first!.perLabel).reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 9);
    expect(summary.official[0]).toMatchObject({ name: "base", seeds: 2, totals: { n: 8 } });
    expect(summary.evaluators.map(({ name, steers }) => [name, steers])).toEqual([
      ["Second head", false],
      ["Words alone", false],
      [STEERING, true],
    ]);
    expect(summary.partial).toBe("A partial run: 4 of 6 questions");
    expect(summary.findings[0]).toBe("A partial run: 4 of 6 questions: nothing here holds for all.");
  });

  it("are wanted once for each name", async () => {
    await expect(eqResults({ ...options, variants: [tuned, { ...tuned, seed: 1 }, { ...tuned, seed: 1 }] })).rejects.toThrow(
      'variant names: expected each once, got "tuned, seed 1"',
    );
    await expect(eqResults({ ...options, variants: [{ ...tuned, seed: -1 }] })).rejects.toThrow("variant tuned: seed");
  });
});

describe("failures", () => {
  it("are counted and scored, not dropped, and do not end the run", async () => {
    const { model } = base;
    const broken = tf.tidy(() => tf.fill(model.weights.get("transformer.ln_f.weight")!.shape, Number.NaN));
    const diverged = { name: "diverged", model: { ...model, weights: new Map([...model.weights, ["transformer.ln_f.weight", broken]]) } };
    const results = await eqResults({ ...options, variants: [base, diverged], limit: 2 });
    broken.dispose();
    const failed = results.failures.filter(({ variant }) => variant === "diverged");
    expect(failed).toHaveLength(2 * (3 + 1));
    expect(new Set(failed.map(({ reason }) => reason))).toEqual(new Set(["the model's numbers were not finite"]));
    expect(results.rows.filter(({ variant }) => variant === "diverged").map(({ response, stop }) => [response, stop])).toEqual(
      Array(10).fill(["", "failed"]),
    );
    // Three tokens of six are hardly ever an end, so the other variant's were cut.
    const cut = results.failures.filter(({ variant, reason }) => variant === "base" && reason === "cut by the token limit");
    const atLimit = [...results.candidates, ...results.official].filter(({ variant, stop }) => variant === "base" && stop === "length");
    expect(cut).toHaveLength(atLimit.length);
    expect(cut.length).toBeGreaterThan(0);
    const { failures, findings } = summarize(results, { draws: 50 });
    expect(failures).toContainEqual({ variant: "diverged", reason: "the model's numbers were not finite", count: 8, of: 8 });
    expect(findings).toContain("Answers that failed and were scored as they are, the model's numbers were not finite: 8 of 8 by diverged.");
  });

  it("are tried again in the next run", async () => {
    const folder = temporaryFolder();
    const { model } = base;
    const broken = tf.tidy(() => tf.fill(model.weights.get("transformer.ln_f.weight")!.shape, Number.NaN));
    const diverged = { name: "diverged", model: { ...model, weights: new Map([...model.weights, ["transformer.ln_f.weight", broken]]) } };
    await eqResults({ ...options, variants: [diverged], limit: 1, cacheFolder: folder });
    broken.dispose();
    const kept = readdirSync(join(folder, "generations")).map((name) => readFileSync(join(folder, "generations", name), "utf8"));
    expect(kept.join("")).not.toContain("failed");
  });
});

describe("held-out dialogues", () => {
  it("are answered by people, models and controls, and scored by mass alone", async () => {
    const results = await eqResults({ ...options, limit: 1, humanReplies: talks({ test: 4 }), humanItems: 4 });
    const { human } = results;
    expect(human).toHaveLength(4 * (1 + 2 + 5));
    const of = (configuration: string) => human.filter((row) => row.configuration === configuration);
    expect(of("Human reply").map(({ kind, variant, response }) => [kind, variant, response.slice(0, 5)])).toEqual(
      Array(4).fill(["human", "Human", "reply"]),
    );
    expect(of("No Heads (Baseline)").map(({ variant }) => variant)).toEqual([...Array(4).fill("base"), ...Array(4).fill("tuned")]);
    expect(of("Copied dialogue")[0]!.response).toContain("test");
    for (const { mass, byEvaluator } of human) expect(byEvaluator["Second head"]).toEqual({ mass });
    expect(results.quality.every(({ bitsPerByte }) => bitsPerByte! > 0)).toBe(true);
    const summary = summarize(results, { draws: 50 });
    expect(summary.human.map(({ kind, variant, configuration, n }) => [kind, variant, configuration, n]).slice(0, 4)).toEqual([
      ["human", "Human", "Human reply", 4],
      ["sample", "base", "No Heads (Baseline)", 4],
      ["sample", "tuned", "No Heads (Baseline)", 4],
      ["control", "–", "Copied dialogue", 4],
    ]);
    expect(summary.findings).toContainEqual(
      expect.stringMatching(/^Held-out dialogues, empathy mass: people's own replies \(0\.\d+, n = 4\)/),
    );
    expect(results.settings.humanItems).toBe(4);
    const without = await eqResults({ ...options, limit: 1 });
    expect(without.human).toEqual([]);
    expect(without.rows.map(({ response }) => response)).toEqual(results.rows.map(({ response }) => response));
  });
});

describe("the official score's controls", () => {
  it("are those of the benchmark, once each, exact or expected", async () => {
    const results = await eqResults(options);
    const { official } = summarize(results, { draws: 50 });
    const names = official.filter(({ kind }) => kind === "control").map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toEqual(
      expect.arrayContaining(["All 3", "Random ratings", "Emotion-name prior", "Another question's reference", "Empty"]),
    );
    const allThree = options.questions.map(({ fullscale }) => 10 * scoreV2([3, 3, 3, 3], fullscale));
    const mean = allThree.reduce((sum, score) => sum + score, 0) / 6;
    expect(official.find(({ name }) => name === "All 3")!.totals.lmEval).toBeCloseTo(mean, 9);
    expect(results.controls.filter(({ configuration }) => configuration === "Emotion-name prior")[0]!.official.scores).toHaveLength(4);
  });
});

describe("what is recorded", () => {
  it("is enough to repeat the run", async () => {
    const { settings, provenance, evaluators } = await eqResults({ ...options, limit: 1, dataRevision: "v2.1" });
    expect(settings).toMatchObject({ dataRevision: "v2.1", evaluator: "Second head", evaluators: "Second head, Words alone", seed: 7 });
    expect(settings.labels).toBe(LABEL_SETS.supportive.join(", "));
    expect(Object.keys(provenance)).toEqual(expect.arrayContaining(["eqlab", "node", "engine", "tensorflow", "machine", "questions"]));
    for (const name of ["questions", "embedder weights", "emotion head", "next-strategy head"])
      expect(provenance[name]).toMatch(/^[0-9a-f]{16}$/);
    expect(new Set(evaluators.map(({ checksum }) => checksum)).size).toBe(3);
  });
});

describe("a run that is killed", () => {
  let runner: ChildRunner;
  beforeAll(async () => {
    runner = await childRunner("eval/run-eq-bench.ts", "models/load.ts", "models/create.ts", "models/types/gpt2.ts");
  });
  afterAll(() => runner.dispose());

  /** A tiny model answers three questions, once for each folder that is given; prints what lay there before and all rows. */
  const script = `
    import { symlinkSync, existsSync } from "node:fs";
    const [root, ...folders] = process.argv.slice(1);
    if (!existsSync("src/world")) symlinkSync(root + "/src/world", "src/world");
    const { world } = await import("./src/data/world.js");
    const { loadEqBench } = await import("./src/data/eq-bench.js");
    const { createModel } = await import("./src/models/create.js");
    const { readTokenizer } = await import("./src/models/load.js");
    const { folderSource } = await import("./src/files/source.js");
    const { evaluateEq } = await import("./src/eval/run-eq-bench.js");
    const { headEvaluator } = await import("./src/eval/evaluators.js");
    const { createHead } = await import("./src/nn/classification-head.js");
    const tokenizer = await readTokenizer(folderSource(world("model")));
    const shape = { model_type: "gpt2", vocab_size: tokenizer.vocabSize, n_embd: 16, n_head: 2, n_layer: 1, n_positions: 256 };
    const model = await createModel(shape, { seed: 1, tokenizer });
    const head = (seed) => createHead({ kind: "multi-label", hidden: 16, inner: 8, classes: 28 }, { seed });
    const reader = (seed) => ({ head: head(seed), pooling: { pooling: "mean" } });
    const questions = (await loadEqBench(world("eq_bench"))).slice(0, 3);
    const evaluators = [headEvaluator("Second", reader(2), model)];
    const run = { variants: [{ name: "base", model }], questions, heads: { emotion: reader(1) }, evaluators, embedder: model };
    const few = { candidates: 2, maxNewTokens: 40, officialTokens: 40, batchSize: 2 };
    for (const cacheFolder of folders) {
      const cached = [];
      for await (const event of evaluateEq({ ...run, ...few, cacheFolder })) {
        if (event.kind === "generated" && event.done === event.cached) cached.push(event.cached);
        if (event.kind !== "done") continue;
        console.log(JSON.stringify({ cached, rows: event.results.rows.map(({ response, eq }) => [response, eq]) }));
      }
    }`;

  type Printed = { cached: number[]; rows: unknown[] };
  const started = (...folders: string[]) => {
    const child = runner.start(script, { args: [root, ...folders] });
    const end = ended(child);
    let printed = "";
    child.stdout!.on("data", (chunk: Buffer) => {
      printed += chunk.toString();
    });
    const lines = () => printed.split("\n").filter((line) => line.startsWith("{"));
    return { child, results: async () => ((await end).code === 0 ? lines().map((line) => JSON.parse(line) as Printed) : null) };
  };

  /** Entries that lie in the cache. */
  const entries = (folder: string): number => {
    const generations = join(folder, "generations");
    if (!existsSync(generations)) return 0;
    return readdirSync(generations).flatMap((name) => readFileSync(join(generations, name), "utf8").split('{"place"').slice(1)).length;
  };

  it("goes on where it was, to the same results", { timeout: 120_000 }, async () => {
    const folder = temporaryFolder();
    const { child, results } = started(folder);
    while (entries(folder) === 0 && child.exitCode === null) await new Promise((done) => setTimeout(done, 5));
    child.kill("SIGKILL");
    expect(await results()).toBeNull();
    expect(entries(folder)).toBeGreaterThan(0);
    const [resumed, fresh] = (await started(folder, temporaryFolder()).results()) as [Printed, Printed];
    expect(resumed.cached.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(0);
    expect(fresh.cached).toEqual([0, 0]);
    expect(resumed.rows).toEqual(fresh.rows);
    expect(resumed.rows).toHaveLength(9);
  });
});
