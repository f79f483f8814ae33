import { readFileSync, writeFileSync } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { JSDOM } from "jsdom";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { reportPage, writeReport } from "../../../src/cells/report/report.js";
import { readRun } from "../../../src/cells/report/stored.js";
import { report } from "../../../src/cli/report.js";
import { FormatError, NotFoundError } from "../../../src/core/errors.js";
import { writeResults } from "../../../src/eval/eq-workbooks.js";
import { madeUpResults } from "../../eval/made-up-results.js";
import { temporaryFolder } from "../../temporary-folder.js";

const results = madeUpResults({ questions: 6, seeds: 2, variants: ["Base", "SFT", "SFT + DPO"] });
const bootstrap = { draws: 200 };
let folder: string;
let page: string;
let document: Document;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "eqlab-report-"));
  await writeResults(folder, results, { bootstrap, date: "2026-01-31" });
  await mkdir(join(folder, "heads"));
  const card = { format: 1, task: "emotion", labels: ["joy"], pooling: { pooling: "mean" }, data: { counts: { train: 9, test: 3 } } };
  const metrics = {
    tuned: { macroF1: 0.4321, macroF1Interval: { low: 0.4, high: 0.46 } },
    control: { macroF1: 0.5, verdict: "below", sentence: "It is below." },
  };
  writeFileSync(join(folder, "heads", "emotion_head.json"), JSON.stringify({ ...card, metrics }));
  writeFileSync(join(folder, "heads_emotion_f1.svg"), '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>');
  await writeReport(folder, join(folder, "report.html"));
  page = readFileSync(join(folder, "report.html"), "utf8");
  document = new JSDOM(page).window.document;
}, 180_000);

afterAll(() => rm(folder, { recursive: true }));

const textOf = (id: string): string => document.getElementById(id)!.textContent!.replaceAll("\u00a0", " ");

describe("the report", () => {
  it("says first what was found, and has every part", () => {
    const stored = JSON.parse(readFileSync(join(folder, "summary.json"), "utf8"));
    const parts = [...document.querySelectorAll("section")].map(({ id }) => id);
    expect(parts).toEqual([
      ...["findings", "scores", "comparisons", "controls", "official", "evaluators"],
      ...["heads", "quality", "sensitivity", "seeds", "samples", "repeat"],
    ]);
    expect(textOf("findings")).toContain(stored.summary.findings[0]);
    expect(textOf("comparisons")).toMatch(/SFT \+ DPO − SFT/);
    expect(textOf("controls")).toContain("“I'm sorry.”");
    expect(textOf("heads")).toContain("0.432");
    expect(textOf("heads")).toContain("emotion: It is below.");
    expect(textOf("repeat")).toContain("labelSet");
    expect(document.querySelector(".lead")!.textContent).toContain("6 of 6 EQ-Bench questions, 2 seeds");
  });

  it("needs no script and no network, and escapes what models wrote", () => {
    expect(document.querySelectorAll("script, link, iframe, object")).toHaveLength(0);
    const loaded = [...document.querySelectorAll("[src], [href], [xlink\\:href]")].map(
      (one) => one.getAttribute("src") ?? one.getAttribute("href")!,
    );
    expect(loaded.filter((address) => !/^(#|data:image\/svg\+xml;base64,)/.test(address))).toEqual([]);
    expect(page).not.toMatch(/url\(['"]?http|@import/);
    expect(textOf("samples")).toContain("<b>I hear you</b> & I am here.");
    expect(document.querySelectorAll("#samples b")).toHaveLength(0);
    expect(document.querySelectorAll("#samples details")).toHaveLength(6);
  });

  it("has still pictures that are named, and no number that is none", () => {
    const pictures = [...document.querySelectorAll("figure[role=img]")];
    expect(pictures.length).toBeGreaterThanOrEqual(7);
    for (const picture of pictures) expect(picture.getAttribute("aria-label")).toBeTruthy();
    expect(page).not.toMatch(/NaN|undefined|\[object/);
  });

  it("is written by the command, which says what is missing", async () => {
    const to = join(folder, "other.html");
    await report(["--out", folder, "--to", to]);
    expect(readFileSync(to, "utf8")).toBe(page);
    const empty = temporaryFolder();
    await expect(report(["--out", empty])).rejects.toThrow(NotFoundError);
    writeFileSync(join(empty, "summary.json"), '{"format":7}');
    writeFileSync(join(empty, "samples.jsonl"), "");
    await expect(report(["--out", empty])).rejects.toThrow(FormatError);
    await expect(report(["--nope"])).rejects.toThrow();
  });

  it("stays below 1.5 MB for 171 questions, five variants and long texts", async () => {
    const variants = ["Base", "SFT", "SFT, longer", "SFT + DPO", "SFT + DPO, shuffled pairs"];
    const many = madeUpResults({ questions: 171, seeds: 1, variants });
    const long = many.rows.map((row) => ({ ...row, prompt: row.prompt.repeat(8), response: row.response.repeat(8) }));
    const run = { ...(await readRun(folder)), rows: long, controls: many.controls };
    const size = reportPage(run).length;
    expect(size).toBeGreaterThan(600_000);
    expect(size).toBeLessThan(1_400_000); // the tables of the summary are of six questions and three variants here
  }, 120_000);

  it("copes with one variant, one seed and nothing to compare", async () => {
    const small = temporaryFolder();
    await writeResults(small, madeUpResults({ questions: 1, seeds: 1, variants: ["Base"] }), { bootstrap });
    await writeReport(small, join(small, "report.html"));
    const text = new JSDOM(readFileSync(join(small, "report.html"), "utf8")).window.document.body.textContent!;
    expect(text).toContain("No planned comparison");
    expect(text).toContain("No heads in this folder.");
    expect(text).not.toContain("NaN");
  }, 120_000);
});
