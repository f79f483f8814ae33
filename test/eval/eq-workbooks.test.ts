import { readFileSync } from "node:fs";
import { join } from "node:path";
import { strFromU8, unzipSync } from "fflate";
import { describe, expect, it } from "vitest";
import { resultsPicture, writeResults as withPicture } from "../../src/cells/results-picture.js";
import { writeResults } from "../../src/eval/eq-workbooks.js";
import { CONFIGURATIONS } from "../../src/eval/steering.js";
import { summarize } from "../../src/eval/summary.js";
import { readWorkbook } from "../../src/files/workbook.js";
import { temporaryFolder } from "../temporary-folder.js";
import { madeUpResults } from "./made-up-results.js";

// More questions than the smaller workbook holds.
const results = madeUpResults({ questions: 36, seeds: 2, variants: ["Base", "SFT", "SFT + DPO"] });
const bootstrap = { draws: 200 };
const [PER_QUESTION, VARIANTS] = [3 * 2 * CONFIGURATIONS.length, 3 * CONFIGURATIONS.length];
const NAMES = [
  ...["Results", "Findings", "Comparisons", "Variants", "Controls", "Official EQ-Bench", "Evaluators", "Sensitivity", "Quality"],
  ...["Human replies", "Failures", "Per sample", "Emotions", "Settings", "Provenance"],
];

describe("writeResults", () => {
  it("writes both workbooks, the first sheet as published, the first 30 questions in one and all in the other", async () => {
    const written = await writeResults(temporaryFolder(), results, { bootstrap, date: "2026-01-31", provenance: { data: "made up" } });
    for (const [file, n] of [
      [written.few, 30],
      [written.all, 36],
    ] as const) {
      const book = await readWorkbook(file);
      expect([...book.keys()]).toEqual(NAMES);
      const [header, ...lines] = book.get("Results")!;
      expect(header).toEqual(["Configuration", "EQ-Bench Score"]);
      expect(lines.map(([name]) => name)).toEqual(CONFIGURATIONS.slice(0, 4));
      const own = results.rows.filter(
        (row) => row.variant === "SFT + DPO" && row.configuration === CONFIGURATIONS[1] && Number(row.questionId) <= n,
      );
      expect(own).toHaveLength(2 * n);
      expect(lines[1]![1]).toBeCloseTo(own.reduce((sum, { eq }) => sum + eq, 0) / own.length, 12);
      const lengths = ["Per sample", "Emotions", "Variants", "Controls", "Official EQ-Bench"].map((name) => book.get(name)!.length - 1);
      expect(lengths).toEqual([n * PER_QUESTION, n * PER_QUESTION, VARIANTS, 6 + VARIANTS, 3 + 8 + n * 6]);
    }
  });

  it("says in words and in columns what was compared and what it rests on", async () => {
    const { all, few, summary } = await writeResults(temporaryFolder(), results, {
      bootstrap,
      date: "2026-01-31",
      provenance: { data: "made up" },
    });
    const book = await readWorkbook(all);
    const words = book.get("Findings")!.flat();
    expect(words).toContain("Means over all 36 questions, with 95 % bootstrap intervals over the questions");
    for (const finding of summary.findings) expect(words).toContain(finding);
    expect((await readWorkbook(few)).get("Findings")!.flat()).toContain(
      "Means over the first 30 of 36 questions, with 95 % bootstrap intervals over the questions",
    );
    const [columns, ...lines] = book.get("Comparisons")!;
    const at = (name: string) => columns!.indexOf(name);
    const all_ = [...summary.comparisons, ...summary.otherEvaluators];
    expect(all_.length).toBeGreaterThan(10);
    expect(lines).toHaveLength(all_.length);
    all_.forEach(({ difference, holm, verdict, sentence }, i) => {
      const line = lines[i]!;
      expect([line[at("a − b: low")], line[at("Holm p")], line[at("Verdict")], line[at("In words")]]).toEqual([
        difference.low,
        holm,
        verdict,
        sentence,
      ]);
    });
    expect(book.get("Quality")![0]).toContain("Bits per byte of people's replies");
    expect(book.get("Sensitivity")).toHaveLength(1 + VARIANTS);
    expect(book.get("Failures")!.length).toBe(1 + 1 + 3);
    const provenance = new Map(book.get("Provenance")!.map(([name, value]) => [name, value]));
    expect(provenance.get("date")).toBe("2026-01-31");
    expect(provenance.get("data")).toBe("made up");
    expect(provenance.get("EQ score")).toBe("empathy mass + 0.3 × alignment, by Second emotion head, which never steers");
    expect(provenance.get("emotion words without a label")).toBe("Sonder");
    expect(provenance.get("mapping Relieved")).toBe("relief");
    expect(provenance.get("variant SFT, seed 1")).toContain("weights: 0123456789abcdef");
    expect(new Map(book.get("Settings")!.map(([name, value]) => [name, value])).get("temperature")).toBe(0.7);
  });

  it("writes every response as a JSON line, and the summary for reports", async () => {
    const { samples, summaryFile, summary } = await writeResults(temporaryFolder(), results, { bootstrap });
    const lines = readFileSync(samples, "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as { kind: string });
    const count = (kind: string) => lines.filter((line) => line.kind === kind).length;
    expect([count("sample"), count("control"), count("official"), count("held-out reply"), count("failure")]).toEqual([
      ...[36 * PER_QUESTION, 36 * 6, 36 * 6, 32, 3],
    ]);
    expect(lines[0]).toEqual(results.rows[0]);
    const stored = JSON.parse(readFileSync(summaryFile, "utf8"));
    expect(stored).toMatchObject({ format: 1, headline: "SFT + DPO", settings: results.settings, evaluators: results.evaluators });
    expect(stored.summary).toEqual(JSON.parse(JSON.stringify(summary)));
  });

  it("keeps texts that look like formulas as texts, and puts a chart beside the first table", async () => {
    const { all } = await withPicture(temporaryFolder(), madeUpResults({ questions: 2, seeds: 1 }), { bootstrap });
    const files = unzipSync(new Uint8Array(readFileSync(all)));
    const parts = Object.keys(files);
    expect(parts.filter((name) => /media/.test(name))).toEqual(["xl/media/image1.png"]);
    expect(parts.filter((name) => name.endsWith("/"))).toEqual([]);
    expect(strFromU8(files["xl/worksheets/_rels/sheet1.xml.rels"]!)).toContain("drawing1.xml");
    for (const name of parts.filter((part) => /worksheets\/sheet/.test(part))) expect(strFromU8(files[name]!)).not.toMatch(/<f[\s>/]/);
    const book = await readWorkbook(all);
    expect(
      book
        .get("Per sample")!
        .flat()
        .filter((cell) => String(cell).startsWith("=SUM")).length,
    ).toBeGreaterThan(0);
  });

  it("draws the picture to the size that it is shown at", async () => {
    const { png, width, height } = await resultsPicture(summarize(madeUpResults({ questions: 2, seeds: 1 }), bootstrap));
    const view = new DataView(png.buffer, png.byteOffset, png.byteLength);
    expect([view.getUint32(16), view.getUint32(20)]).toEqual([2 * width!, 2 * height!]);
  });

  it("gives the same bytes for the same results", async () => {
    const small = madeUpResults({ questions: 3, seeds: 1 });
    const bytes = async () => {
      const folder = temporaryFolder();
      await withPicture(folder, small, { bootstrap });
      return ["results.xlsx", "results2.xlsx", "samples.jsonl", "summary.json"].map((name) => readFileSync(join(folder, name)));
    };
    expect(await bytes()).toEqual(await bytes());
  });

  it("takes the headline that is asked for, and the published formula", async () => {
    const small = madeUpResults({ questions: 6, seeds: 1, variants: ["base", "tuned"] });
    const first = async (options: object) =>
      (await readWorkbook((await writeResults(temporaryFolder(), small, { bootstrap, ...options })).all)).get("Results")!;
    const baseline = small.rows.filter(({ variant, configuration }) => variant === "base" && configuration === CONFIGURATIONS[0]);
    const mean = (value: (row: (typeof baseline)[0]) => number) => baseline.reduce((sum, row) => sum + value(row), 0) / 6;
    expect((await first({ headline: "base" }))[1]![1]).toBeCloseTo(
      mean(({ eq }) => eq),
      12,
    );
    expect((await first({ headline: "base", formula: "published" }))[1]![1]).toBeCloseTo(
      mean(({ published }) => published),
      12,
    );
    await expect(first({ headline: "dpo" })).rejects.toThrow('headline: expected base, tuned, got "dpo"');
  });
});
