import { describe, expect, it } from "vitest";
import { bundleOf } from "../../src/cells/display.js";
import { evaluatorScores, lengthScores, plannedDifferences, rankedScores, seedScores } from "../../src/cells/eq-chart-rows.js";
import { findingsList } from "../../src/cells/findings-list.js";
import {
  comparisonRows,
  emotionRows,
  eqScoreBars,
  evaluatorRows,
  failureRows,
  headCostRows,
  humanRows,
  qualityRows,
  sensitivityRows,
  strategyRows,
} from "../../src/cells/report-rows.js";
import { summarize } from "../../src/eval/summary.js";
import { madeUpResults } from "../eval/made-up-results.js";

const results = madeUpResults({ questions: 8, seeds: 3 });
const summary = summarize(results, { draws: 200 });

describe("rows of the tables", () => {
  it("name every comparison, with what it would have found", () => {
    const rows = comparisonRows(summary.comparisons);
    expect(rows).toHaveLength(summary.comparisons.length);
    expect(rows[0]).toMatchObject({
      comparison: "SFT + DPO with both heads − SFT",
      metric: "EQ score",
      n: 8,
      seeds: 3,
      verdict: summary.comparisons[0]!.verdict,
    });
    expect(comparisonRows([{ ...summary.comparisons[0]!, minimumDetectable: Number.POSITIVE_INFINITY }])[0]!["found from"]).toBeNull();
  });

  it("are preceded by sentences, verdicts in bold and nothing that a browser would take for its own", () => {
    const bundle = bundleOf(findingsList([...summary.findings, "<b>Supported: no"]));
    expect(bundle["text/plain"].split("\n").slice(0, -1)).toEqual(summary.findings.map((finding) => `- ${finding}`));
    expect(bundle["text/html"]).toMatch(/<li[^>]*>[^<]*\? <b>(Supported|Contradicted|Not shown at this n)<\/b>: on the EQ score/);
    expect(bundle["text/html"]).toContain("&lt;b&gt;<b>Supported</b>: no");
  });

  it("say which evaluator makes the score and which one steers", () => {
    expect(evaluatorRows(summary).map(({ evaluator, role }) => [evaluator, role])).toEqual([
      ["Second emotion head", "makes the score"],
      ["TF-IDF", "beside it"],
      ["Emotion head (steers)", "steers"],
    ]);
  });

  it("have a row for each configuration, and a column for each formula", () => {
    expect(qualityRows(summary.quality)).toHaveLength(15);
    const rows = sensitivityRows(summary);
    expect(rows).toHaveLength(15);
    expect(Object.keys(rows[0]!)).toHaveLength(2 + 9);
    const own = summary.configurations[0]!;
    expect(rows[0]!["supportive, w = 0.3"]).toBeCloseTo(own.eq.mean, 10);
  });

  it("count failures and show people beside models", () => {
    expect(failureRows(summary)).toEqual([
      { variant: "Base", reason: "empty reply", count: 3, of: expect.any(Number), share: expect.any(Number) },
    ]);
    expect(humanRows(summary.human)[0]).toMatchObject({ kind: "human", variant: "Human", n: 8 });
  });

  it("put the control and its cost beside each head", () => {
    const f1 = (macroF1: number) => ({
      macroF1,
      macroF1Interval: { low: macroF1 - 0.02, high: macroF1 + 0.02 },
      microF1: 0.5,
      weightedF1: 0.4,
    });
    const control = {
      ...f1(0.47),
      atHalf: { macroF1: 0.28, microF1: 0.5 },
      accuracy: { mean: 0.5, low: 0.4, high: 0.6 },
      preferenceBias: 0.3,
    };
    const emotion = { atHalf: f1(0.1), tuned: f1(0.25), majority: { label: "neutral", macroF1: 0.01, microF1: 0.3 }, control } as never;
    expect(emotionRows(emotion).map((row) => [row.name, row["macro F1"]])).toEqual([
      ["threshold 0.5", 0.1],
      ["thresholds tuned on validation", 0.25],
      ["always neutral", 0.01],
      ["TF-IDF control, threshold 0.5", 0.28],
      ["TF-IDF control, tuned", 0.47],
    ]);
    const accuracy = { mean: 0.4, low: 0.3, high: 0.5 };
    const baselines = { majority: { label: "Question", accuracy, macroF1: 0.04 }, noText: null };
    const strategy = { accuracy, f1: f1(0.3), ...baselines, preferenceBias: 0.7, control } as never;
    expect(strategyRows("given", strategy).map((row) => [row.who, row["preference bias"]])).toEqual([
      ["head", 0.7],
      ["always Question", undefined],
      ["TF-IDF control", 0.3],
    ]);
    const cost = { embedSeconds: 60, embedded: 9, trainSeconds: 5, controlSeconds: 8 };
    const costs = headCostRows([
      { name: "emotion", report: emotion, cost },
      { name: "given", report: strategy, cost },
    ]);
    expect(costs.map(({ name, score, seconds, kind }) => [name, score, seconds, kind])).toEqual([
      ["emotion", 0.25, 65, undefined],
      ["emotion: TF-IDF control", 0.47, 8, "control"],
      ["given", 0.3, 65, undefined],
      ["given: TF-IDF control", 0.47, 8, "control"],
    ]);
  });
});

describe("rows of the charts", () => {
  it("keep metrics apart, since they have other units", () => {
    const [eq, official] = ["EQ score", "official EQ-Bench score"].map((metric) => plannedDifferences(summary.comparisons, metric));
    expect(eq!.length + official!.length).toBe(summary.comparisons.length);
    expect(eq![0]!.name).toBe("SFT + DPO with both heads −\u00a0SFT");
    expect(plannedDifferences(summary.comparisons)).toEqual(eq);
  });

  it("have each seed's mean, whose mean is the configuration's", () => {
    const rows = seedScores(results.rows, summary.configurations);
    expect(rows).toHaveLength(15);
    for (const { score, seeds } of rows) {
      expect(seeds).toHaveLength(3);
      expect(seeds.reduce((sum, value) => sum + value, 0) / 3).toBeCloseTo(score.mean, 10);
    }
  });

  it("take the variants without heads for length and for agreement", () => {
    expect(lengthScores(results.rows)).toHaveLength(3 * 3 * 8);
    expect(new Set(lengthScores(results.rows).map(({ configuration }) => configuration))).toEqual(new Set(["Base", "SFT", "SFT + DPO"]));
    expect(Object.keys(evaluatorScores(results.rows)[0]!.scores)).toEqual(["Second emotion head", "TF-IDF", "Emotion head (steers)"]);
  });

  it("name a variant's baseline by the variant, and controls by themselves", () => {
    const ranked = rankedScores(summary.sensitivity);
    expect([...new Set(ranked.map(({ name }) => name))]).toEqual(
      expect.arrayContaining(["Base", "SFT", "SFT + DPO", "SFT + DPO: Emotion Head Only"]),
    );
    expect(ranked.some(({ name }) => name === "Base: Emotion Head Only")).toBe(false);
    for (const { rank, eq, ...setting } of ranked) {
      const beside = ranked.filter(({ labelSet, weight }) => labelSet === setting.labelSet && weight === setting.weight);
      expect(rank).toBe(beside.filter((other) => other.eq >= eq).length); // no two are equal here
    }
    const bars = eqScoreBars(summary);
    expect(bars.filter(({ kind }) => kind === "control").map(({ configuration }) => configuration)).toContain("“I'm sorry.”");
  });
});
