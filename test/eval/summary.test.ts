import { describe, expect, it } from "vitest";
import type { EqRow } from "../../src/eval/eq-rows.js";
import { firstQuestions } from "../../src/eval/eq-rows.js";
import { summarize } from "../../src/eval/summary.js";
import { madeUpResults, madeUpRows } from "./made-up-rows.js";

/** One row a question, with the given EQ scores and official scores. */
const rows = (kind: EqRow["kind"], variant: string, configuration: string, eq: number[], official?: (number | null)[]): EqRow[] =>
  madeUpRows({ kind, variant, configuration, eq, ...(official ? { official } : {}) });

describe("the summary", () => {
  const results = madeUpResults(
    [...rows("sample", "sft", "A", [0.1, 0.2, 0.3, 0.4], [9, null, 9, 9]), ...rows("sample", "sft", "B", [0.5, 0.5, 0.5, 0.5])],
    [
      ...rows("control", "–", "All 3", [0.3, 0.4, 0.5, 0.6], [7, 7, 7, 7]),
      ...rows("control", "–", "Empty", [0, 0, 0, 0], [null, null, null, null]),
      ...rows("control", "–", "Reference-style answer", [0, 0, 0, 0], [10, 10, 10, 10]),
    ],
  );
  const summary = summarize(results);

  it("has means, intervals that hold them, and correlations", () => {
    const [a, b] = summary.configurations;
    expect(a).toMatchObject({
      variant: "sft",
      configuration: "A",
      n: 4,
      tokens: 11.5,
      lengthCorrelation: expect.closeTo(1, 12),
      officialCorrelation: null,
    });
    expect(a!.eq.mean).toBeCloseTo(0.25, 12);
    expect(a!.eq.low).toBeGreaterThanOrEqual(0.1);
    expect(a!.eq.low).toBeLessThan(0.25);
    expect(a!.eq.high).toBeGreaterThan(0.25);
    expect(b).toMatchObject({ eq: { mean: 0.5, low: 0.5, high: 0.5 }, lengthCorrelation: null });
    expect(a!.alignment).toEqual({ mean: 0, low: 0, high: 0 });
  });

  it("has both official conventions, for variants and controls", () => {
    const official = Object.fromEntries(summary.official.map(({ name, totals }) => [name, totals]));
    expect(official.sft).toMatchObject({ official: { kind: "failed" }, lmEval: 67.5, parseRate: 0.75 });
    expect(official["All 3"]).toMatchObject({ official: { kind: "score", score: 70 }, lmEval: 70 });
  });

  it("says in words which control beats which configuration", () => {
    expect(summary.findings).toEqual([
      "EQ score: the control All 3 (0.450) beats 1 of 2 configurations, among them sft · A (0.250) by 0.200 [0.200, 0.200].",
      "Official EQ-Bench, unusable answers as 0: sft (67.5) is beaten by All 3 (70.0).",
      "Official EQ-Bench: sft fails by the authors' rule: 3 of 4 answers can be parsed, below 83.33 %.",
    ]);
    const good = madeUpResults(rows("sample", "sft", "A", [1, 1, 1, 1], [10, 10, 10, 10]), results.controls);
    expect(summarize(good).findings).toEqual(["EQ score: no control beats a configuration."]);
  });

  it("says once what holds for several variants", () => {
    const failing = [null, null, null, 9];
    const same = madeUpResults(
      [...rows("sample", "SFT", "A", [0.2, 0.2, 0.2, 0.2], failing), ...rows("sample", "SFT, longer", "A", [0.3, 0.3, 0.3, 0.3], failing)],
      [
        ...rows("control", "–", "All 3", [0, 0, 0, 0], [7, 7, 7, 7]),
        ...rows("control", "SFT", "Another question's response", [0.25, 0.25, 0.25, 0.25]),
        ...rows("control", "SFT, longer", "Another question's response", [0.4, 0.4, 0.4, 0.4]),
      ],
    );
    expect(summarize(same).findings.slice(0, 3)).toEqual([
      "EQ score: a response to another question beats configurations too: that of SFT (0.250) 1 of 2 and that of SFT, longer (0.400) all 2.",
      "Official EQ-Bench, unusable answers as 0: SFT (22.5) and SFT, longer (22.5) are beaten by All 3 (70.0).",
      "Official EQ-Bench: SFT and SFT, longer fail by the authors' rule: 1 of 4 answers can be parsed, below 83.33 %.",
    ]);
  });

  it("says where a difference is not settled, and where prompts did not fit", () => {
    const wide = madeUpResults(
      rows("sample", "sft", "No Heads (Baseline)", [0.1, 0.9, 0.1, 0.9]).map((row, i) => ({ ...row, truncated: i < 2 ? 30 : 0 })),
      rows("control", "–", "Empty", [0.9, 0.2, 0.9, 0.2], [null, null, null, null]),
    );
    expect(summarize(wide).findings).toEqual([
      expect.stringMatching(
        /^EQ score: the control Empty \(0\.550\) beats all 1 configurations, .* by 0\.050 \[-.*\], which n = 4 does not settle\.$/,
      ),
      "sft: 2 of 4 prompts did not fit the model and lost their beginning, 30 tokens on average.",
    ]);
  });

  it("says where a model answers different questions alike", () => {
    const said = ["Neutral", "neutral ", "", "", "", "neutral"];
    const made = (variant: string, responses: string[]) =>
      rows(
        "sample",
        variant,
        "No Heads (Baseline)",
        responses.map(() => 0.5),
      ).map((row, i) => ({ ...row, response: responses[i]! }));
    const { findings } = summarize(madeUpResults([...made("dpo", said), ...made("sft", ["a", "b", "c", "d", "e", "e"])]));
    expect(findings).toContain(
      "One and the same response to different questions: “Neutral” is 3 of 6 by dpo · No Heads (Baseline), seed 0.",
    );
    expect(findings.filter((finding) => finding.startsWith("One and the same"))).toHaveLength(1);
  });

  it("is seeded, and can be of the first questions alone", () => {
    expect(summarize(results, { seed: 2 })).toEqual(summarize(results, { seed: 2 }));
    const first = firstQuestions(results, 2);
    expect(first.rows).toHaveLength(4);
    expect(first.settings.sample).toBe("the first 2 of 4 questions");
    expect(summarize(first).configurations[0]).toMatchObject({ n: 2, eq: { mean: expect.closeTo(0.15, 12) } });
    expect(firstQuestions(results, 30).settings.sample).toBe("the first 4 of 4 questions");
  });
});
