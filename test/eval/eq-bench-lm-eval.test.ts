import { expect, it } from "vitest";
import { loadEqBench } from "../../src/data/eq-bench.js";
import { world } from "../../src/data/world.js";
import { lenientAnswer } from "../../src/eval/eq-bench-lenient.js";
import { reportAnswers } from "../../src/eval/eq-bench-report.js";
import { scoreAnswer } from "../../src/eval/eq-bench-score.js";
import { reference } from "../formula.js";

type Row = [id: string, kind: string, text: string, score: number, parseable: 0 | 100];

const oracle = reference<{ count: number; total: { eqbench: number; percent_parseable: number }; rows: Row[] }>("eq_bench.json");
const questions = new Map((await loadEqBench(world("eq_bench"))).map((question) => [question.id, question]));

it("scores 732 fabricated answers as lm-evaluation-harness does", () => {
  let [parsed, sum] = [0, 0];
  for (const [id, kind, text, score, parseable] of oracle.rows) {
    const scored = scoreAnswer(text, questions.get(id)!);
    expect(scored.kind, `${kind}: ${JSON.stringify(text)}`).toBe(parseable === 100 ? "scored" : "unusable");
    const points = scored.kind === "scored" ? 10 * scored.score : 0;
    expect(Math.abs(points - score), `${kind}: ${JSON.stringify(text)}`).toBeLessThanOrEqual(1e-9 * Math.max(1, Math.abs(score)));
    if (scored.kind === "scored") parsed++;
    sum += points;
  }
  expect([oracle.rows.length, parsed]).toEqual([732, 312]);
  expect(oracle.count).toBe(732);
  expect(parsed / 7.32).toBeCloseTo(oracle.total.percent_parseable, 9);
  expect(sum / 732 / oracle.total.eqbench).toBeCloseTo(1, 9);
});

it("adds them up as lm-evaluation-harness does, kind by kind", () => {
  const asked = [...new Set(oracle.rows.map(([id]) => id))].map((id) => questions.get(id)!);
  const kinds = [...new Set(oracle.rows.map(([, kind]) => kind))];
  for (const kind of kinds) {
    const rows = oracle.rows.filter((row) => row[1] === kind);
    const { totals } = reportAnswers(
      asked,
      rows.map(([id, , response]) => ({ id, response })),
      { draws: 2 },
    );
    const mean = rows.reduce((sum, [, , , score]) => sum + score, 0) / rows.length;
    expect(Math.abs(totals.lmEval - mean), kind).toBeLessThanOrEqual(1e-9 * Math.max(1, Math.abs(mean)));
    expect(totals.lmEvalParseable, kind).toBe(rows.filter((row) => row[4] === 100).length);
  }
  expect(kinds).toHaveLength(61);
});

it("reads leniently what a reader would, of every kind of answer", () => {
  const found = new Map<string, number>();
  for (const [id, kind, text] of oracle.rows) {
    if (lenientAnswer(text, questions.get(id)!.emotions)) found.set(kind, (found.get(kind) ?? 0) + 1);
  }
  const readable = [
    "lower case",
    "upper case",
    "no space",
    "bold name",
    "bold with colon",
    "list",
    "numbered",
    "dash",
    "equals",
    "extra line",
  ];
  for (const kind of [...readable, "wide colon", "table", "json", "python dict", "decimals", "of ten", "good"])
    expect(found.get(kind), kind).toBe(12);
  for (const kind of ["empty", "words", "template", "missing", "other names", "one other name", "prefix"])
    expect(found.get(kind), kind).toBeUndefined();
});
