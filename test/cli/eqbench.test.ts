import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { eqbench } from "../../src/cli/eqbench.js";
import { tf } from "../../src/core/tf.js";
import { loadEqBench } from "../../src/data/eq-bench.js";
import { world } from "../../src/data/world.js";
import type { EqBenchReport } from "../../src/eval/eq-bench-report.js";
import { saveAdapter } from "../../src/models/adapter-files.js";
import { disposeModel } from "../../src/models/create.js";
import { loadModel } from "../../src/models/load.js";
import { addLora } from "../../src/models/lora.js";
import { childRunner, ended } from "../child.js";
import { temporaryFolder } from "../temporary-folder.js";

const questions = await loadEqBench(world("eq_bench"));
let folder: string;
let printed: string[];

beforeEach(() => {
  folder = temporaryFolder();
  printed = [];
  vi.spyOn(console, "log").mockImplementation((line: string) => void printed.push(line));
  vi.spyOn(console, "error").mockImplementation(() => {});
});

afterEach(() => void vi.restoreAllMocks());

const json = <T>(...path: string[]): T => JSON.parse(readFileSync(join(...path), "utf8")) as T;
const shown = <T>(): T => JSON.parse(printed.at(-1)!) as T;

function answersFile(answer: (question: (typeof questions)[number], index: number) => string | null): string {
  const file = join(folder, "answers.jsonl");
  const lines = questions.flatMap((question, i) => {
    const response = answer(question, i);
    return response === null ? [] : [JSON.stringify({ id: question.id, response })];
  });
  writeFileSync(file, lines.join("\n"));
  return file;
}

describe("eqlab eqbench score", () => {
  const perfect = ({ emotions, fullscale }: (typeof questions)[number]) => emotions.map((name, i) => `${name}: ${fullscale[i]}`).join("\n");

  it("prints every convention, the controls and each question", async () => {
    const file = answersFile((question, i) => (i === 0 ? null : i === 1 ? "Sad." : perfect(question)));
    await eqbench(["score", "--answers", file]);
    const text = printed.join("\n");
    expect(text).toContain("EQ-Bench v2, 24 questions");
    expect(text).toMatch(/EQ-Bench, the authors' rule\s+100\.00 {2}usable: 22 of 24 answers \(91\.7 %\)/);
    expect(text).toMatch(/EQ-Bench, lm-eval's rule\s+91\.67 {2}\[\d+\.\d\d, 100\.00\], parseable: 22 of 24/);
    for (const name of ["All 3", "Random ratings", "Emotion-name prior", "Another question's reference"]) expect(text).toContain(name);
    expect(text).toMatch(/\n {2}1 +– {2}no answer\n/);
    expect(text).toMatch(/\n {2}3 +10\.00 {2}\w+ \d/);
    expect(text).toContain("- 1 of 24 questions have no answer and count as unusable: 1.");
  });

  it("prints the same as JSON, in version 1 too", async () => {
    await eqbench(["score", "--answers", answersFile(perfect), "--version", "v1", "--no-revision", "--json"]);
    const report = shown<EqBenchReport>();
    expect(report).toMatchObject({ version: 1, revision: false, totals: { n: 24, parseable: 24 } });
    expect(report.questions).toHaveLength(24);
    expect(report.totals.official).toMatchObject({ kind: "score", score: expect.closeTo(report.totals.lmEval, 9) });
    // The embedded references of version 1 are rounded, so that the full-scale ones come near.
    expect(report.totals.lmEval).toBeGreaterThan(80);
  });

  it("takes other questions, and refuses answers that are not theirs", async () => {
    const other = { emotion1: "Calm", emotion2: "Angry", emotion3: "Sad", emotion4: "Glad" };
    const scores = { emotion1_score: 1, emotion2_score: 2, emotion3_score: 3, emotion4_score: "4" };
    const reference = { ...other, ...scores };
    writeFileSync(
      join(folder, "q.json"),
      JSON.stringify({ x: { prompt: "p", reference_answer: reference, reference_answer_fullscale: reference } }),
    );
    writeFileSync(join(folder, "a.jsonl"), '{"id":"x","response":"Calm: 1 Angry: 2 Sad: 3 Glad: 4"}');
    await eqbench(["score", "--answers", join(folder, "a.jsonl"), "--questions", join(folder, "q.json"), "--json"]);
    expect(shown<EqBenchReport>().totals).toMatchObject({ n: 1, official: { kind: "score", score: 100 } });
    await expect(eqbench(["score", "--answers", join(folder, "a.jsonl")])).rejects.toThrow(
      'a.jsonl line 1: expected the id of a question (1, 2, 3, ... 24), got "x". Were other questions answered? Name theirs with --questions',
    );
  });

  it.each<[string[], string]>([
    [[], 'eqbench: expected score or run, got ""'],
    [["score"], '--answers: expected a file of JSON lines, got "nothing"'],
    [["score", "--answers", "nowhere.jsonl"], "ENOENT"],
    [["score", "--answers", "x", "--version", "3"], '--version: expected v1 or v2, got "3"'],
    [["run", "--model", "m"], "eqbench run: expected --model and --out"],
    [["run", "--model", "m", "--out", "o", "--limit", "0"], '--limit: expected a whole number, at least 1, got "0"'],
  ])("refuses %j", async (args, message) => expect(eqbench(args)).rejects.toThrow(message));
});

describe("eqlab eqbench run", () => {
  const args = (out: string, ...more: string[]) => {
    return [
      "run",
      "--model",
      world("model"),
      "--questions",
      join(world("eq_bench"), "eq_bench_v2_questions_24.json"),
      "--out",
      join(folder, out),
      "--json",
      ...more,
    ];
  };
  type Run = {
    partial: string | null;
    settings: Record<string, unknown>;
    counts: Record<string, number>;
    questions: { sha256: string };
    totals: { n: number };
  };

  it("answers and scores, says that a part is a part, and records how", async () => {
    await eqbench(args("a", "--limit", "3", "--tokens", "6"));
    const report = shown<EqBenchReport>();
    const run = json<Run>(folder, "a", "run.json");
    expect(report.partial).toBe("the first 3 of 24 questions");
    expect(json<EqBenchReport>(folder, "a", "report.json")).toEqual(report);
    expect(run).toMatchObject({
      partial: report.partial,
      totals: report.totals,
      settings: { prompting: "bare", maxNewTokens: 6, stop: "\n\n", adapter: null },
    });
    expect(run.counts).toMatchObject({ answers: 3, fromBefore: 0, notFinite: 0 });
    expect(run.questions.sha256).toMatch(/^[0-9a-f]{64}$/);
    const answers = readFileSync(join(folder, "a", "answers.jsonl"), "utf8");
    expect(
      answers
        .trimEnd()
        .split("\n")
        .map((line) => (JSON.parse(line) as { id: string }).id),
    ).toEqual(["1", "2", "3"]);
    // What it wrote can be scored again.
    await eqbench(["score", "--answers", join(folder, "a", "answers.jsonl"), "--json"]);
    expect(shown<EqBenchReport>().missing).toHaveLength(21);
    // Another prompt or another number of tokens is another run; what is there is kept.
    await eqbench(args("a", "--limit", "3", "--tokens", "6", "--prompting", "plain"));
    expect(json<Run>(folder, "a", "run.json").counts.fromBefore).toBe(0);
    await eqbench(args("a", "--limit", "4", "--tokens", "6"));
    expect(json<Run>(folder, "a", "run.json").counts).toMatchObject({ answers: 4, fromBefore: 3 });
    expect(readdirSync(join(folder, "a", "generations"))).toHaveLength(2);
  });

  it("answers with an adapter, apart from the model without", async () => {
    const model = await loadModel(world("model"));
    const adapted = addLora(model, { rank: 2, alpha: 4, targets: "all-linear", seed: 0 });
    await saveAdapter(adapted, join(folder, "adapter"));
    disposeModel(adapted);
    for (const more of [[], ["--adapter", join(folder, "adapter")]]) await eqbench(args("d", "--limit", "1", "--tokens", "2", ...more));
    const run = json<Run>(folder, "d", "run.json");
    expect(run.settings.adapter).toMatch(/^[0-9a-f]{16}$/);
    expect(run.counts.fromBefore).toBe(0);
  });

  it("asks to revise, with room for it", async () => {
    await eqbench(args("r", "--limit", "1", "--revision", "--tokens", "4"));
    expect(shown<EqBenchReport>()).toMatchObject({ revision: true, pass: "revised", totals: { n: 1, parseable: 0 } });
    expect(json<Run>(folder, "r", "run.json").settings.stop).toBeNull();
  });

  it("goes on after it was killed, and ends as if it had not been", async () => {
    const about = ["--limit", "6", "--tokens", "8", "--batch", "1"];
    const runner = await childRunner("cli/eqbench.ts", "models/types/llama.ts");
    try {
      const child = runner.start(
        'import { eqbench } from "./src/cli/eqbench.js"; console.error = () => {}; await eqbench(process.argv.slice(1));',
        {
          args: args("k", ...about),
        },
      );
      const end = ended(child);
      const kept = () => {
        try {
          const [file] = readdirSync(join(folder, "k", "generations"));
          return readFileSync(join(folder, "k", "generations", file!), "utf8").split("\n").length - 2;
        } catch {
          return 0;
        }
      };
      while (kept() < 2 && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 10));
      child.kill("SIGKILL");
      expect((await end).signal).toBe("SIGKILL");
    } finally {
      await runner.dispose();
    }
    await eqbench(args("k", ...about));
    const resumed = shown<EqBenchReport>();
    const { fromBefore } = json<Run>(folder, "k", "run.json").counts;
    expect(fromBefore).toBeGreaterThanOrEqual(2);
    expect(fromBefore).toBeLessThan(6);
    await eqbench(args("w", ...about));
    expect(shown<EqBenchReport>()).toEqual(resumed);
    expect(readFileSync(join(folder, "w", "answers.jsonl"), "utf8")).toBe(readFileSync(join(folder, "k", "answers.jsonl"), "utf8"));
  });

  it("frees the model, also where the adapter is not there", async () => {
    const before = tf.memory().numTensors;
    await eqbench(args("f", "--limit", "1", "--tokens", "2"));
    await expect(eqbench(args("f", "--adapter", join(folder, "none")))).rejects.toThrow(/none: expected a folder/);
    expect(tf.memory().numTensors).toBe(before);
  });
});
