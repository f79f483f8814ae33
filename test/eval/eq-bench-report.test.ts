import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadEqBench } from "../../src/data/eq-bench.js";
import type { EqQuestion } from "../../src/data/record.js";
import { parseAnswers } from "../../src/eval/eq-bench-answers.js";
import { namePriors, officialControls } from "../../src/eval/eq-bench-controls.js";
import { lenientAnswer } from "../../src/eval/eq-bench-lenient.js";
import { reportAnswers } from "../../src/eval/eq-bench-report.js";
import { scoreV1, scoreV2 } from "../../src/eval/eq-bench-score.js";
import { shared } from "../shared.js";

const question = (id: string, fullscale: number[], emotions: string[] = ["Angry", "Calm", "Proud", "Sad"]): EqQuestion => {
  const sum = fullscale.reduce((a, b) => a + b, 0);
  return {
    id,
    prompt: "",
    emotions: emotions as EqQuestion["emotions"],
    fullscale,
    reference: fullscale.map((value) => (10 * value) / sum),
  };
};
const questions = [question("1", [0, 6, 0, 7]), question("2", [5, 5, 0, 0]), question("3", [1, 2, 3, 4])];
const lines = (scores: readonly (number | string)[]) =>
  ["Angry", "Calm", "Proud", "Sad"].map((name, i) => `${name}: ${scores[i]}`).join("\n");
const revised = (first: string, second: string) => `First pass scores:\n${first}\n\nCritique: hm\n\nRevised scores:\n${second}`;
const options = { draws: 50 };

describe("a report", () => {
  it("gives every convention its own number, and counts what is missing", () => {
    const answers = [
      { id: "1", response: lines([0, 6, 0, 7]) },
      { id: "3", response: lines([1, 2, 3, 4]).replaceAll(":", ":**") },
    ];
    const report = reportAnswers(questions, answers, options);
    expect(report.totals).toMatchObject({ n: 3, parseable: 1, lmEval: 100 / 3, lmEvalParseable: 1, official: { kind: "failed" } });
    expect(report.lenient).toEqual({ parseable: 2, score: 100, zeroed: 200 / 3 });
    expect(report.missing).toEqual(["2"]);
    expect(report.questions.map(({ official, lmEval, lenient, reason }) => [official, lmEval, lenient, reason])).toEqual([
      [10, 10, 10, null],
      [null, null, null, "no answer"],
      [null, null, 10, "no line like “Word: 5”"],
    ]);
    expect(report.findings).toEqual(
      expect.arrayContaining([
        "1 of 3 questions have no answer and count as unusable: 2.",
        "Failed by the authors' rule: 1 of 3 answers can be parsed, below 83.33 %.",
        "A lenient reader finds ratings in 2 answers, EQ-Bench's own in 1.",
      ]),
    );
  });

  it("has no use for four zeros by the authors' rule, but by lm-eval's", () => {
    const answers = questions.map(({ id }) => ({ id, response: lines(id === "2" ? [0, 0, 0, 0] : [3, 3, 3, 3]) }));
    const { totals, questions: scored } = reportAnswers(questions, answers, options);
    expect([totals.parseable, totals.lmEvalParseable]).toEqual([2, 3]);
    expect(scored[1]).toMatchObject({ official: null, lmEval: scoreV2([0, 0, 0, 0], [5, 5, 0, 0]), reason: "all four ratings are 0" });
    // Neither rule has a score for them in version 1.
    const first = reportAnswers(questions, answers, { ...options, version: 1, revision: false });
    expect([first.totals.parseable, first.totals.lmEvalParseable]).toEqual([2, 2]);
    expect(first.questions[0]!.official).toBeCloseTo(scoreV1([1, 1, 1, 1], questions[0]!.reference)!, 12);
  });

  it("takes the better pass in revision mode, and a pass of zeros where the other one stands", () => {
    const good = questions.map(({ id, fullscale }) => ({ id, response: revised(lines([0, 0, 0, 0]), lines(fullscale)) }));
    const better = reportAnswers(questions, good, { ...options, revision: true });
    expect(better).toMatchObject({ pass: "revised", totals: { parseable: 3, official: { kind: "score", score: 100 } } });
    const worse = questions.map(({ id, fullscale }) => ({ id, response: revised(lines(fullscale), lines([9, 9, 9, 9])) }));
    expect(reportAnswers(questions, worse, { ...options, revision: true })).toMatchObject({ pass: "first pass", totals: { lmEval: 100 } });
    const zeros = questions.map(({ id }) => ({ id, response: revised(lines([0, 0, 0, 0]), lines([0, 0, 0, 0])) }));
    expect(reportAnswers(questions, zeros, { ...options, revision: true }).totals.parseable).toBe(0);
    // Version 1 knows no other mode.
    expect(reportAnswers(questions, good, { ...options, version: 1 })).toMatchObject({ revision: true, pass: "revised" });
  });

  it("says which answers without understanding are better, and that a part is a part", () => {
    const wrong = questions.map(({ id }) => ({ id, response: lines([10, 10, 10, 10]) }));
    const { findings, controls } = reportAnswers(questions, wrong, { ...options, partial: "the first 3 of 9 questions" });
    expect(findings[0]).toBe("Partial: the first 3 of 9 questions. This is no EQ-Bench score.");
    const [all3] = controls;
    expect(all3!.difference.mean).toBeLessThan(0);
    expect(findings.find((finding) => finding.startsWith("All 3 "))).toMatch(
      /^All 3 \(-?[\d.]+\) beats these answers \(-[\d.]+\) by [\d.]+ \[/,
    );
    const right = questions.map(({ id, fullscale }) => ({ id, response: lines(fullscale) }));
    expect(reportAnswers(questions, right, options).findings).toEqual(["These answers are better than all that need no understanding."]);
    const silent = reportAnswers(questions, [...right.slice(0, 2), { id: "3", response: " \n" }], options);
    expect(silent.findings[0]).toBe("1 of 3 answers are empty.");
    const near = questions.map(({ id }, i) => ({ id, response: lines(i === 0 ? [0, 6, 0, 7] : [3, 3, 3, 3]) }));
    expect(reportAnswers(questions, near, options).findings.join("\n")).toMatch(
      /These answers are not shown to be better than All 3 \([\d.]+\): [\d.]+ \[0\.0, [\d.]+\] at n = 3\./,
    );
  });
});

describe("the lenient parser", () => {
  const emotions = questions[0]!.emotions;
  it.each<[string, string, number[] | null]>([
    ["decimals of both kinds", "Angry: 7.5\nCalm: 2,5\nProud: 0\nSad: 10", [7.5, 2.5, 0, 10]],
    ["a dash with a space", "Angry - 7\nCalm – 2\nProud — 0\nSad - 1", [7, 2, 0, 1]],
    ["the last rating of a name", `${lines([1, 2, 3, 4])}\n\nRevised:\n${lines([5, 6, 7, 8])}`, [5, 6, 7, 8]],
    ["names only as whole words", "Angry: 1, Calm: 2, Proud: 3, Sadness: 4", null],
    ["no number with a sign before it", "Angry: -7\nCalm: 2\nProud: 3\nSad: 4", null],
    ["no number that is part of a word", "Angry: 7th\nCalm: 2\nProud: 3\nSad: 4", null],
    ["no ratings in prose", "Angry people rate 7. Calm ones 2. Proud 3, Sad 4.", null],
  ])("reads %s", (_, text, expected) => expect(lenientAnswer(text, emotions)).toEqual(expected));
});

describe("the controls", () => {
  it("rate a name by the other questions alone", () => {
    const asked = [
      question("1", [8, 0, 0, 0]),
      question("2", [2, 4, 6, 0]),
      question("3", [1, 1, 1, 1], ["Angry", "Glad", "Bored", "Shy"]),
    ];
    // Of question 1: the others' ratings have mean 2; "Angry" has 2 and 1 there, "Calm" has 4.
    expect(namePriors(asked)[0]).toEqual([(2 + 1 + 2) / 3, (4 + 2) / 2, (6 + 2) / 2, (0 + 2) / 2]);
    // A name that is nowhere else gets the mean of all others.
    expect(namePriors(asked)[2]!.slice(1)).toEqual([2.5, 2.5, 2.5]);
    const changed = asked.with(0, { ...asked[0]!, fullscale: [1, 1, 1, 1] });
    expect(namePriors(changed)[0]).toEqual(namePriors(asked)[0]);
  });

  it("expect of random ratings what all answers reach on average", () => {
    const asked = question("1", [0, 6, 0, 7]);
    const all: number[] = [];
    for (let answer = 0; answer < 11 ** 4; answer++) {
      all.push(
        scoreV2([answer % 11, Math.floor(answer / 11) % 11, Math.floor(answer / 121) % 11, Math.floor(answer / 1331)], asked.fullscale),
      );
    }
    const random = officialControls([asked]).find(({ name }) => name === "Random ratings")!;
    expect(random.scores[0]).toBeCloseTo(all.reduce((sum, score) => sum + score, 0) / all.length, 9);
    expect(officialControls([asked]).map(({ name }) => name)).toEqual(["All 3", "Random ratings", "Emotion-name prior"]);
  });
});

describe("answers in a file", () => {
  const parse = (text: string) => parseAnswers(text, ["1", "2", "3"], "answers.jsonl");

  it("are read with ids as texts or numbers, and with more fields", () => {
    expect(parse('\ufeff{"id":"1","response":"a","stop":"eos"}\r\n\n{"id":3,"response":""}\n')).toEqual([
      { id: "1", response: "a" },
      { id: "3", response: "" },
    ]);
  });

  it.each<[string, string]>([
    ['{"id":"1"', 'answers.jsonl line 1: expected a JSON object {"id": ..., "response": "..."}, got'],
    ["[1]", "answers.jsonl line 1: expected a JSON object"],
    ['{"response":"a"}', 'answers.jsonl line 1, "id": expected a text or a number, got undefined'],
    ['{"id":"1","response":null}', 'answers.jsonl line 1, "response": expected a text, got null. An answer that is not there is ""'],
    ['{"id":"4","response":""}', 'answers.jsonl line 1: expected the id of a question (1, 2, 3, ... 3), got "4"'],
    ['{"id":"1","response":""}\n\n{"id":1,"response":""}', 'answers.jsonl line 3: expected each id once, got "1". Line 1 has it too'],
  ])("%s is refused", (text, message) => expect(() => parse(text)).toThrow(message));
});

type Published = {
  benchmark_score: number;
  n_questions_parseable: number;
  raw_results: Record<string, { raw_inference: Record<string, string> }>;
};

describe.skipIf(!shared)("on the real questions", async () => {
  const folder = join(shared ?? "", "data", "eq_bench");
  const real = shared ? await loadEqBench(folder) : [];

  it("re-scores the published runs to within 0.03, with the pass that counted", () => {
    const passes = readdirSync(join(folder, "published_results")).map((file) => {
      const run = JSON.parse(readFileSync(join(folder, "published_results", file), "utf8")) as Published;
      const answers = Object.entries(run.raw_results["1"]!.raw_inference).map(([id, response]) => ({ id, response: response ?? "" }));
      const revision = answers.filter(({ response }) => response.includes("Revised scores:")).length > 150;
      const { totals, pass } = reportAnswers(real, answers, { revision, draws: 2 });
      expect(totals.official).toMatchObject({ kind: "score" });
      if (totals.official.kind === "score") expect(Math.abs(totals.official.score - run.benchmark_score), file).toBeLessThan(0.03);
      expect(totals.parseable, file).toBe(run.n_questions_parseable);
      return pass;
    });
    expect(passes).toEqual([null, "first pass", null, null]);
  });

  it("has the controls where they were measured", () => {
    const points = new Map(
      officialControls(real).map(({ name, scores }) => [name, (10 * scores.reduce((a, b) => a + b, 0)) / scores.length]),
    );
    expect(points.get("All 3")).toBeCloseTo(38.89, 2);
    // Measured with draws as 1.7 (deviation 3.5), 56.9 (ten folds) and 9.4.
    expect(Math.abs(points.get("Random ratings")! - 1.7)).toBeLessThan(0.5);
    expect(Math.abs(points.get("Emotion-name prior")! - 56.9)).toBeLessThan(1.5);
    expect(Math.abs(points.get("Another question's reference")! - 9.4)).toBeLessThan(1);
  });

  it("has version 1's controls where they were measured", async () => {
    const first = await loadEqBench(folder, { version: 1 });
    const points = new Map(
      officialControls(first, 1).map(({ name, scores }) => [name, (10 * scores.reduce((a, b) => a + b, 0)) / scores.length]),
    );
    expect(first).toHaveLength(60);
    expect(points.get("All 3")).toBeCloseTo(13.8, 1);
    expect(Math.abs(points.get("Random ratings")! - 3.6)).toBeLessThan(0.5);
  });
});
