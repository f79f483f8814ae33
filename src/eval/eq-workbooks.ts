import { join } from "node:path";
import { expected } from "../core/errors.js";
import { writeWorkbook } from "../files/workbook.js";
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
  /** The variant of the first sheet. Default: the last one. */
  headline?: string;
  /** The score of the first sheet: the seed's formula, or that of the published run. Default `"eq"`. */
  formula?: "eq" | "published";
  /** More lines for the sheet Provenance: data source and revision, licences, versions. */
  provenance?: Record<string, string>;
  bootstrap?: BootstrapOptions;
};

/** Paths that were written, and the summary of all questions. */
export type WrittenResults = { few: string; all: string; samples: string; summary: EqSummary };

/**
 * Writes `results.xlsx` (the first 30 questions, or as many as there are), `results2.xlsx` (all) and `samples.jsonl` (every response, chosen or not,
 * with prompt and scores). The first sheet is laid out as the published ones: `Configuration`, `EQ-Bench Score`.
 * @throws RangeError for a headline that is no variant.
 */
export async function writeResults(folder: string, results: EqResults, options: ResultsOptions = {}): Promise<WrittenResults> {
  const { date = null, headline = results.variants.at(-1)!.variant, formula = "eq", provenance = {}, bootstrap = {} } = options;
  if (!results.variants.some(({ variant }) => variant === headline)) {
    throw new RangeError(expected("headline", results.variants.map(({ variant }) => variant).join(", "), headline));
  }
  const [few, all, samples] = ["results.xlsx", "results2.xlsx", "samples.jsonl"].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  const lines = { ...(date === null ? {} : { date }), ...provenance };
  const settings = date === null ? {} : { created: new Date(`${date}T00:00:00Z`) };
  const summary = summarize(results, bootstrap);
  const first = firstQuestions(results, FEW_SAMPLES);
  await writeWorkbook(few, eqSheets(first, summarize(first, bootstrap), { headline, formula, provenance: lines }), settings);
  await writeWorkbook(all, eqSheets(results, summary, { headline, formula, provenance: lines }), settings);
  await writeFileSafely(samples, sampleLines(results));
  return { few, all, samples, summary };
}

/** One JSON object a line; `kind` says what it is. */
function sampleLines({ rows, controls, candidates, official }: EqResults): string {
  const records = [
    ...rows,
    ...controls,
    ...candidates.map((row) => ({ kind: "candidate", ...row })),
    ...official.map((row) => ({ kind: "official", ...row })),
  ];
  return records.map((record) => `${JSON.stringify(record)}\n`).join("");
}
