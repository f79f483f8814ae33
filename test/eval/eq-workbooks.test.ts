import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { writeResults } from "../../src/eval/eq-workbooks.js";
import { eqResults } from "../../src/eval/run-eq-bench.js";
import { CONFIGURATIONS } from "../../src/eval/steering.js";
import { readWorkbook } from "../../src/files/workbook.js";
import { temporaryFolder } from "../temporary-folder.js";
import { tinyWorld } from "./eq-world.js";

const world = await tinyWorld();
const few = await eqResults({ ...world.options, maxNewTokens: 3, officialTokens: 2 });
// 36 questions: more than the smaller workbook holds.
const copies = <R extends { questionId: string }>(rows: R[]): R[] =>
  Array.from({ length: 6 }, (_, copy) => rows.map((row) => ({ ...row, questionId: `${copy}/${row.questionId}` }))).flat();
const results = {
  ...few,
  rows: copies(few.rows),
  controls: copies(few.controls),
  candidates: copies(few.candidates),
  official: copies(few.official),
  settings: { ...few.settings, questions: 36, available: 36 },
};
afterAll(() => world.dispose());

describe("writeResults", () => {
  it("writes both workbooks, the first sheet as published, the first 30 questions in one and all in the other", async () => {
    const written = await writeResults(temporaryFolder(), results, { date: "2026-01-31", provenance: { data: "embedded" } });
    const [small, large] = [await readWorkbook(written.few), await readWorkbook(written.all)];
    const names = ["Results", "Variants", "Per sample", "Emotions", "Controls", "Official EQ-Bench", "Settings", "Provenance"];
    for (const [book, n] of [
      [small, 30],
      [large, 36],
    ] as const) {
      expect([...book.keys()]).toEqual(names);
      const [header, ...lines] = book.get("Results")!;
      expect(header).toEqual(["Configuration", "EQ-Bench Score"]);
      expect(lines.map(([name]) => name)).toEqual(CONFIGURATIONS);
      const ids = new Set(results.official.map(({ questionId }) => questionId).slice(0));
      const first = new Set([...ids].slice(0, n));
      const own = results.rows.filter(
        (row) => row.variant === "tuned" && row.configuration === CONFIGURATIONS[1] && first.has(row.questionId),
      );
      expect(own).toHaveLength(n);
      expect(lines[1]![1]).toBeCloseTo(own.reduce((sum, { eq }) => sum + eq, 0) / n, 12);
      expect(book.get("Per sample")).toHaveLength(1 + n * 2 * 4);
      expect(book.get("Emotions")).toHaveLength(1 + n * 2 * 4);
      expect(book.get("Controls")).toHaveLength(1 + 9 + 8);
      expect(book.get("Official EQ-Bench")).toHaveLength(1 + 9 + n * 2);
    }
    expect(small.get("Variants")!.flat()).toContain(
      "Means over the first 30 of 36 questions, with 95 % bootstrap intervals over the questions",
    );
    const provenance = new Map(large.get("Provenance")!.map(([name, value]) => [name, value]));
    expect(provenance.get("date")).toBe("2026-01-31");
    expect(provenance.get("data")).toBe("embedded");
    expect(provenance.get("EQ score")).toBe("empathy mass + 0.3 × alignment");
    expect(provenance.get("emotion words without a label")).toBe("Sonder");
    expect(provenance.get("mapping Proud")).toBe("pride");
    expect(provenance.get("variant tuned")).toMatch(/weights: [0-9a-f]{16}\nadapter: [0-9a-f]{16}\ntokenizer: [0-9a-f]{16}/);
    expect(new Map(large.get("Settings")!.map(([name, value]) => [name, value])).get("temperature")).toBe(0.7);
  });

  it("writes every response as a JSON line", async () => {
    const { samples } = await writeResults(temporaryFolder(), results);
    const lines = readFileSync(samples, "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as { kind: string });
    const count = (kind: string) => lines.filter((line) => line.kind === kind).length;
    expect([count("sample"), count("control"), count("candidate"), count("official")]).toEqual([36 * 8, 36 * 9, 36 * 6, 36 * 2]);
    expect(lines[0]).toEqual(results.rows[0]);
  });

  it("gives the same bytes for the same results", async () => {
    const bytes = async () => {
      const folder = temporaryFolder();
      await writeResults(folder, few);
      return ["results.xlsx", "results2.xlsx", "samples.jsonl"].map((name) => readFileSync(join(folder, name)));
    };
    expect(await bytes()).toEqual(await bytes());
  });

  it("says how many samples there are where they are fewer than 30, and takes the headline that is asked for", async () => {
    const written = await writeResults(temporaryFolder(), few, { headline: "base" });
    const book = await readWorkbook(written.few);
    expect(book.get("Variants")!.flat()).toContain(
      "Means over the first 6 of 6 questions, with 95 % bootstrap intervals over the questions",
    );
    const baseline = few.rows.filter(({ variant, configuration }) => variant === "base" && configuration === CONFIGURATIONS[0]);
    expect(book.get("Results")![1]![1]).toBeCloseTo(baseline.reduce((sum, { eq }) => sum + eq, 0) / 6, 12);
    const published = await readWorkbook((await writeResults(temporaryFolder(), few, { headline: "base", formula: "published" })).all);
    expect(published.get("Results")![1]![1]).toBeCloseTo(baseline.reduce((sum, row) => sum + row.published, 0) / 6, 12);
    await expect(writeResults(temporaryFolder(), few, { headline: "dpo" })).rejects.toThrow('headline: expected base, tuned, got "dpo"');
  });
});
