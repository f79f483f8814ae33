import { join } from "node:path";
import { expected } from "../core/errors.js";
import { type SheetImage, writeWorkbook } from "../files/workbook.js";
import { writeFileSafely } from "../files/write.js";
import type { BootstrapOptions } from "./bootstrap.js";
import { type EqResults, firstQuestions } from "./eq-rows.js";
import { eqSheets } from "./eq-sheets.js";
import { type EqSummary, summarize } from "./summary.js";

/** Samples in the smaller workbook of the published run. */
export const FEW_SAMPLES = 30;

export type ResultsOptions = {
  /** Day of the run, as `2026-01-31`; `null` leaves it out, so that equal runs give equal files. */
  date?: string | null;
  /** The variant of the first sheet. Default: SFT + DPO, or the last one where it is missing. */
  headline?: string;
  /** The score of the first sheet: the seed's formula, or that of the published run. Default `"eq"`. */
  formula?: "eq" | "published";
  /** More lines for the sheet Provenance: data source and revision, licences, versions. */
  provenance?: Record<string, string>;
  bootstrap?: BootstrapOptions;
  /** Draws what stands beside the first table. */
  picture?: (summary: EqSummary) => Promise<SheetImage>;
};

/** Paths that were written, and the summary of all questions. */
export type WrittenResults = { few: string; all: string; samples: string; summaryFile: string; summary: EqSummary };

/** What `summary.json` holds: all but the texts, for reports made later. */
export type StoredSummary = {
  format: 1;
  headline: string;
  date: string | null;
  provenance: Record<string, string>;
  summary: EqSummary;
} & Pick<EqResults, "settings" | "variants" | "evaluators" | "mapping">;

/**
 * Writes `results.xlsx` (the first 30 questions, or as many as there are), `results2.xlsx` (all), `samples.jsonl` (every response, chosen or not,
 * with prompt and scores) and `summary.json`, from which `eqlab report` is made. The first sheet is laid out as the published ones: `Configuration`,
 * `EQ-Bench Score`.
 * @throws RangeError for a headline that is no variant.
 */
export async function writeResults(folder: string, results: EqResults, options: ResultsOptions = {}): Promise<WrittenResults> {
  const { date = null, formula = "eq", provenance = {}, bootstrap = {}, picture } = options;
  const headline = options.headline ?? headlineOf(results);
  if (!results.variants.some(({ variant }) => variant === headline)) {
    throw new RangeError(expected("headline", results.variants.map(({ variant }) => variant).join(", "), headline));
  }
  const path = (name: string): string => join(folder, name);
  const written = {
    few: path("results.xlsx"),
    all: path("results2.xlsx"),
    samples: path("samples.jsonl"),
    summaryFile: path("summary.json"),
  };
  const lines = { ...(date === null ? {} : { date }), ...provenance };
  const settings = date === null ? {} : { created: new Date(`${date}T00:00:00Z`) };
  const summary = summarize(results, bootstrap);
  const first = firstQuestions(results, FEW_SAMPLES);
  for (const [file, part, means] of [
    [written.few, first, summarize(first, bootstrap)] as const,
    [written.all, results, summary] as const,
  ]) {
    const image = picture ? await picture(means) : null;
    await writeWorkbook(file, eqSheets(part, means, { headline, formula, provenance: lines, image }), settings);
  }
  await writeFileSafely(written.samples, sampleLines(results));
  const { settings: resolved, variants, evaluators, mapping } = results;
  const stored: StoredSummary = {
    ...{ format: 1, headline, date, provenance: { ...results.provenance, ...provenance } },
    ...{ settings: resolved, variants, evaluators, mapping, summary },
  };
  await writeFileSafely(written.summaryFile, `${JSON.stringify(stored, null, 1)}\n`);
  return { ...written, summary };
}

const headlineOf = ({ variants }: EqResults): string =>
  (variants.find(({ variant }) => variant === "SFT + DPO") ?? variants.at(-1)!).variant;

/** One JSON object a line; `kind` says what it is. */
function sampleLines({ rows, controls, candidates, official, human, failures }: EqResults): string {
  const records = [
    ...rows,
    ...controls,
    ...candidates.map((row) => ({ kind: "candidate", ...row })),
    ...official.map((row) => ({ kind: "official", ...row })),
    ...human.map((row) => ({ ...row, kind: "held-out reply", by: row.kind })),
    ...failures.map((row) => ({ kind: "failure", ...row })),
  ];
  return records.map((record) => `${JSON.stringify(record)}\n`).join("");
}
