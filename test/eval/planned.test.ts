import { describe, expect, it } from "vitest";
import { STEERING } from "../../src/eval/evaluators.js";
import { plannedComparisons } from "../../src/eval/planned.js";
import { CONFIGURATIONS } from "../../src/eval/steering.js";
import { summarize } from "../../src/eval/summary.js";
import { noise } from "../formula.js";
import { madeUpResults, madeUpRows } from "./made-up-rows.js";

/** 40 scores around a mean, the same for all systems but for a twentieth of chance. */
const around = (mean: number, name: string): number[] => {
  const own = noise(name, 40);
  return Array.from(noise("questions", 40), (shared, i) => mean + 0.2 * shared + 0.01 * own[i]!);
};
const NONE = CONFIGURATIONS[0];
const alone = (variant: string, mean: number, seed = 0, official = 5) => {
  const eq = around(mean, `${variant}/${seed}`);
  return madeUpRows({ variant, configuration: NONE, seed, eq, official: eq.map((_, i) => (i === 3 ? null : official)) });
};

describe("the planned comparisons", () => {
  it("say what is supported, contradicted and not shown, the seed's claim first", () => {
    const samples = [...alone("Base", 0.5), ...alone("SFT", 0.4), ...alone("SFT + DPO", 0.45), ...alone("SFT, longer", 0.45)];
    const { comparisons, missing } = plannedComparisons(madeUpResults(samples), { draws: 2000 });
    expect(comparisons.map(({ name, metric, verdict }) => [name, metric, verdict])).toEqual([
      ["SFT + DPO against SFT", "EQ score", "supported"],
      ["SFT + DPO against SFT, longer", "EQ score", "not shown"],
      ["SFT against Base", "EQ score", "contradicted"],
      ["SFT + DPO against SFT", "official EQ-Bench score", "not shown"],
      ["SFT + DPO against SFT, longer", "official EQ-Bench score", "not shown"],
      ["SFT against Base", "official EQ-Bench score", "not shown"],
    ]);
    expect(missing).toHaveLength(8);
    const { findings } = summarize(madeUpResults(samples), { draws: 2000 });
    expect(findings[0]).toMatch(/^Does DPO alone add to SFT\? Supported: on the EQ score SFT \+ DPO is above SFT by 0\.0/);
    expect(findings[2]).toMatch(/^Does SFT add to the base model\? Contradicted: on the EQ score SFT is below Base by 0\.1/);
    expect(findings).toContainEqual(
      expect.stringMatching(/^Not asked, since a variant or head for it is missing: The seed's claim: do DPO and both heads/),
    );
    // All of them are corrected together.
    expect(comparisons.every(({ p, holm }) => holm >= p)).toBe(true);
    expect(comparisons[0]!.holm).toBeCloseTo(6 * comparisons[0]!.p, 6);
  });

  it("are made at the seeds that both systems have, question by question", () => {
    const seeds = (variant: string, mean: number, given: number[]) => given.flatMap((seed) => alone(variant, mean + 0.01 * seed, seed));
    const samples = [...seeds("SFT", 0.4, [0, 1, 2]), ...seeds("SFT + DPO", 0.5, [1, 2, 3])].reverse();
    const [claim] = plannedComparisons(madeUpResults(samples), { draws: 2000 }).comparisons;
    expect(claim).toMatchObject({ n: 40, seeds: 2, verdict: "supported" });
    expect(claim!.difference.mean).toBeCloseTo(0.1, 2);
  });

  it("compare the official answers, an unusable one as 0", () => {
    const samples = [...alone("SFT", 0.4, 0, 5), ...alone("SFT + DPO", 0.4, 0, 6)];
    const usable = samples.map((row) => (row.variant === "SFT" ? { ...row, official: { ...row.official, score: 5 } } : row));
    const official = plannedComparisons(madeUpResults(usable), { draws: 2000 }).comparisons[1]!;
    expect(official).toMatchObject({ metric: "official EQ-Bench score", verdict: "supported" });
    expect(official.difference.mean).toBeCloseTo((60 * 39) / 40 - 50, 9);
  });

  it("draw dialogues, not questions, where several questions are of one dialogue", () => {
    const samples = [...alone("SFT", 0.4), ...alone("SFT + DPO", 0.4)];
    const prompt = (dialogue: string) => `character in this dialogue:\n${dialogue}\n[End dialogue]\n`;
    const shared = samples.map((row) => ({ ...row, prompt: prompt(Number(row.questionId) % 2 ? "Ada: No." : "Bo: Yes.") }));
    const apart = samples.map((row) => ({ ...row, prompt: `${prompt("Ada: No.")}${row.questionId}` }));
    const detectable = (rows: typeof samples) => plannedComparisons(madeUpResults(rows), { draws: 50 }).comparisons[0]!.minimumDetectable;
    expect(detectable(shared)).not.toBeCloseTo(detectable(samples), 6);
    // One dialogue alone shows nothing.
    expect(detectable(apart)).toBe(Number.POSITIVE_INFINITY);
  });

  it("hold the head that chose against the evaluators that did not", () => {
    const eq = around(0.4, "SFT + DPO");
    const chosen = { variant: "SFT + DPO", configuration: "Emotion Head Only", eq: around(0.4, "chosen"), steering: around(0.6, "chosen") };
    const random = { variant: "SFT + DPO", configuration: "Random Head", eq: around(0.4, "random"), steering: around(0.4, "random") };
    const samples = [...madeUpRows({ variant: "SFT + DPO", configuration: NONE, eq }), ...madeUpRows(chosen), ...madeUpRows(random)];
    const { comparisons, otherEvaluators } = plannedComparisons(madeUpResults(samples), { draws: 2000 });
    const verdicts = (all: typeof comparisons) => all.map(({ a, b, verdict }) => `${a} - ${b}: ${verdict}`);
    expect(verdicts(comparisons)).toEqual([
      "SFT + DPO with the emotion head - SFT + DPO: not shown",
      "SFT + DPO with the emotion head - SFT + DPO with a random head: not shown",
    ]);
    expect(otherEvaluators.every(({ verdict, metric }) => verdict === "supported" && metric === `EQ score by ${STEERING}`)).toBe(true);
    const { findings } = summarize(madeUpResults(samples), { draws: 2000 });
    expect(findings).toContainEqual(
      expect.stringMatching(
        /^SFT \+ DPO with the emotion head against SFT \+ DPO, by another evaluator \(Emotion head \(steers\)\): Supported/,
      ),
    );
    expect(findings).toContain("The EQ score is that of Second head, which chose nothing.");
  });

  it("say of a claim that is supported which constants score higher than all models", () => {
    const full = madeUpRows({ variant: "SFT + DPO", configuration: CONFIGURATIONS[3], eq: around(0.5, "full") });
    const samples = [...alone("SFT", 0.4), ...full];
    const control = (mean: number) =>
      madeUpRows({ variant: "–", configuration: "“I'm sorry.”" as (typeof CONFIGURATIONS)[number], eq: around(mean, "sorry") }).map(
        (row) => ({ ...row, kind: "control" as const }),
      );
    const claimWith = (mean: number) => summarize(madeUpResults(samples, control(mean)), { draws: 2000 }).findings[0]!;
    const claim = "The seed's claim: do DPO and both heads add to SFT alone? Supported: on the EQ score";
    expect(claimWith(0.9).startsWith(claim)).toBe(true);
    expect(claimWith(0.9)).toMatch(/ But “I'm sorry\.” \(0\.9\d\d\), which no model wrote, scores above every configuration/);
    expect(claimWith(0.45).startsWith(claim)).toBe(true);
    expect(claimWith(0.45)).not.toContain("no model wrote");
  });

  it("are none where no two systems are there to be compared", () => {
    expect(plannedComparisons(madeUpResults(alone("SFT", 0.4)))).toMatchObject({
      comparisons: [],
      otherEvaluators: [],
      missing: { length: 11 },
    });
  });
});
