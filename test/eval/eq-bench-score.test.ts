import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadEqBench } from "../../src/data/eq-bench.js";
import type { EqQuestion } from "../../src/data/record.js";
import { benchmarkTotals, betterPass, parseAnswer, revisionParts, scoreAnswer, scoreV1, scoreV2 } from "../../src/eval/eq-bench-score.js";
import { shared } from "../shared.js";

const emotions: EqQuestion["emotions"] = ["Angry", "Calm", "Proud", "Sad"];
const question: EqQuestion = { id: "1", prompt: "", emotions, reference: [2, 3, 0, 5], fullscale: [0, 6, 0, 7] };
const answer = "Angry: 1\nCalm: 2\nProud: 3\nSad: 4";

describe("the parser", () => {
  it.each<[string, string, number[]]>([
    ["four lines", answer, [1, 2, 3, 4]],
    ["another order and text around them", `Well.\nSad: 4 Proud: 3\n\nCalm:  2, Angry:\n1 Bye.`, [1, 2, 3, 4]],
    ["7.5 as 7", answer.replace("Sad: 4", "Sad: 7.5"), [1, 2, 3, 7]],
    ["7/10 as 7", answer.replace("Sad: 4", "Sad: 7/10"), [1, 2, 3, 7]],
    ["15 without a limit", answer.replace("Sad: 4", "Sad: 15"), [1, 2, 3, 15]],
    ["the last of equal words", `${answer}\nAngry: 9`, [9, 2, 3, 4]],
    ["a number below zero not at all, so that an earlier one stands", `${answer}\nAngry: -3`, [1, 2, 3, 4]],
    ["a word with a colon and no number not at all", `Scores:\n${answer}\nExplanation:`, [1, 2, 3, 4]],
    ["leading zeros as nothing", answer.replace("Sad: 4", "Sad: 007"), [1, 2, 3, 7]],
  ])("takes %s", (_, text, scores) => expect(parseAnswer(text, emotions)).toEqual({ kind: "scores", scores }));

  it.each<[string, string, string]>([
    ["nothing", "", "no line like “Word: 5”"],
    ["three ratings", answer.replace("Sad: 4", ""), "no rating of Sad"],
    ["another case", answer.replace("Sad", "sad"), "no rating of Sad; a rating of sad"],
    ["no space after the colon", answer.replace("Sad: 4", "Sad:4"), "no rating of Sad"],
    ["bold words", answer.replace("Sad: 4", "**Sad**: 4"), "no rating of Sad"],
    ["bold with the colon", answer.replace("Sad: 4", "**Sad:** 4"), "no rating of Sad"],
    ["a dash", answer.replace("Sad: 4", "Sad - 4"), "no rating of Sad"],
    ["the template itself", answer.replace("Sad: 4", "Sad: <score>"), "no rating of Sad"],
    ["a fifth rating", `${answer}\nConfidence: 8`, "a rating of Confidence"],
    ["many more", `${answer} A: 1 B: 2 C: 3 D: 4 E: 5 F: 6`, "a rating of A, B, C, D and 2 more"],
    // Python's \w takes letters of all scripts, so the word is not "e".
    ["a word with an accent at its end", answer.replace("Sad: 4", "Sad: 4\nGêné: 3"), "a rating of Gêné"],
  ])("has no use for %s", (_, text, reason) => expect(parseAnswer(text, emotions)).toEqual({ kind: "unusable", reason }));

  it("cuts an answer in revision mode as the authors do", () => {
    const text = `First pass scores:\n${answer}\nCritique: hm\nRevised scores:\nAngry: 2`;
    expect(revisionParts(text)).toEqual({ firstPass: `\n${answer}\nCritique: hm\n`, revised: "\nAngry: 2" });
    expect(revisionParts(answer)).toEqual({ firstPass: "", revised: "" });
  });
});

describe("the scores", () => {
  it("of version 2 follow the table of distances", () => {
    const at = (d: number) => (10 - scoreV2([d, 0, 0, 0], [0, 0, 0, 0])) / 0.7477;
    expect([0, 1, 2, 3, 4, 5, 6, 10].map((d) => Number(at(d).toFixed(3)))).toEqual([0, 0.173, 0.541, 1.505, 3.25, 4.995, 6, 10]);
    expect(scoreV2([6, 6, 0, 7], question.fullscale)).toBeCloseTo(10 - 0.7477 * 6, 12);
  });

  it("of version 1 bring the answer to a sum of 10", () => {
    expect(scoreV1([4, 6, 0, 10], question.reference)).toBeCloseTo(10, 12);
    expect(scoreV1([1, 1, 1, 1], question.reference)).toBeCloseTo(10 - (0.5 + 0.5 + 2.5 + 2.5), 12);
    expect(scoreV1([0, 0, 0, 0], question.reference)).toBeNull();
  });

  it("say why an answer has none", () => {
    expect(scoreAnswer(answer, question)).toEqual({
      kind: "scored",
      scores: [1, 2, 3, 4],
      score: scoreV2([1, 2, 3, 4], question.fullscale),
    });
    expect(scoreAnswer(answer.replace(/\d/g, "0"), question, 1)).toEqual({ kind: "unusable", reason: "all four ratings are 0" });
    expect(scoreAnswer("Hello.", question).kind).toBe("unusable");
    expect(() => scoreV2([1], [1])).toThrow('EQ-Bench scores: expected 4 ratings and 4 references, got "1 and 1"');
  });
});

describe("the totals", () => {
  it("leave unusable answers out officially and count them 0 as lm-eval does", () => {
    const totals = benchmarkTotals([...Array<number>(9).fill(5), null]);
    expect(totals).toMatchObject({ n: 10, parseable: 9, parseRate: 0.9, official: { kind: "score", score: 50 }, lmEval: 45 });
  });

  it("fail below 83.33 %, so below 143 of 171", () => {
    const run = (usable: number) => benchmarkTotals([...Array<number>(usable).fill(5), ...Array<null>(171 - usable).fill(null)]).official;
    expect(run(143)).toEqual({ kind: "score", score: 50 });
    expect(run(142)).toEqual({ kind: "failed", reason: "142 of 171 answers can be parsed, below 83.33 %" });
    expect(benchmarkTotals([]).official.kind).toBe("failed");
  });

  it("take the revised pass where it is no worse and as complete", () => {
    expect(betterPass([5, 5], [5, 6])).toBe("revised");
    expect(betterPass([5, 5], [4, 5])).toBe("first pass");
    expect(betterPass([5, 5], [9, null])).toBe("first pass");
  });
});

type Published = {
  benchmark_score: number;
  n_questions_parseable: number;
  raw_results: Record<
    string,
    { raw_inference: Record<string, string>; respondent_answers: Record<string, Record<"first_pass" | "revised", Record<string, string>>> }
  >;
};

describe.skipIf(!shared)("on the real questions", async () => {
  const folder = join(shared ?? "", "data", "eq_bench");
  const questions = shared ? await loadEqBench(folder) : [];
  const first = shared ? await loadEqBench(folder, { version: 1 }) : [];
  const mean = (scores: number[]) => scores.reduce((sum, score) => sum + score, 0) / scores.length;
  const total = (answers: (question: EqQuestion) => number[]) => 10 * mean(questions.map((item) => scoreV2(answers(item), item.fullscale)));

  it("re-scores the four published runs, from their raw answers", () => {
    const files = readdirSync(join(folder, "published_results"));
    expect(files).toHaveLength(4);
    let [parsed, runs] = [0, 0];
    for (const file of files) {
      const run = JSON.parse(readFileSync(join(folder, "published_results", file), "utf8")) as Published;
      const { raw_inference, respondent_answers } = run.raw_results["1"]!;
      const revision = file.startsWith("Intel");
      const texts = questions.map(({ id }) => raw_inference[id] ?? "");
      const passes = (revision ? (["firstPass", "revised"] as const) : ([null] as const)).map((part) =>
        questions.map((item, i) => {
          const scored = scoreAnswer(part ? revisionParts(texts[i]!)[part] : texts[i]!, item);
          return scored.kind === "scored" ? scored : null;
        }),
      );
      const scores = passes.map((items) => items.map((item) => item?.score ?? null));
      const chosen = revision && betterPass(scores[0]!, scores[1]!) === "revised" ? 1 : 0;
      const totals = benchmarkTotals(scores[chosen]!);
      expect(totals.official).toMatchObject({ kind: "score" });
      if (totals.official.kind === "score") expect(Math.abs(totals.official.score - run.benchmark_score), file).toBeLessThan(0.03);
      expect(totals.parseable).toBe(run.n_questions_parseable);
      runs++;
      questions.forEach(({ id, emotions: names }, i) => {
        const item = passes[chosen]![i];
        if (!item) return;
        const stored = respondent_answers[id]![revision && chosen === 1 ? "revised" : "first_pass"];
        expect(item.scores).toEqual(names.map((name) => Number(stored[name])));
        parsed++;
      });
    }
    expect([runs, parsed]).toEqual([4, 157 + 167 + 171 + 171]);
  });

  it("gives content-free answers what they were measured to get", () => {
    const measured = [
      [0, 2.4],
      [1, 19.7],
      [2, 33],
      [3, 38.9],
      [4, 36.2],
      [5, 26.9],
      [10, -78.6],
    ] as const;
    for (const [value, points] of measured) expect(Math.abs(total(() => [value, value, value, value]) - points)).toBeLessThan(0.06);
    expect(total(() => [3, 3, 3, 3])).toBeCloseTo(38.89, 2);
    expect(total(() => [4, 5, 2, 3])).toBeCloseTo(43.4, 1);
    const others = questions.map((item, i) =>
      mean(questions.filter((_, j) => j !== i).map((other) => scoreV2(other.fullscale, item.fullscale))),
    );
    // Measured as 9.4 with drawn questions; here all of them.
    expect(Math.abs(10 * mean(others) - 9.4)).toBeLessThan(1);
    const flat = mean(first.map((item) => scoreV1([1, 1, 1, 1], item.reference)!));
    expect(10 * flat).toBeCloseTo(13.8, 1);
  });
});
