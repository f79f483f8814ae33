import { createReadStream, existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { FormatError, NotFoundError } from "../../core/errors.js";
import type { EqRow } from "../../eval/eq-rows.js";
import type { StoredSummary } from "../../eval/eq-workbooks.js";
import type { HeadCard } from "../../models/head-files.js";

/** What a results folder holds for a report. */
export type StoredRun = {
  summary: StoredSummary;
  /** Samples and controls, without the candidates that nobody chose. */
  rows: EqRow[];
  controls: EqRow[];
  heads: { file: string; card: HeadCard }[];
  /** Charts of the heads that 02_heads saved, as SVG text. */
  headCharts: { name: string; svg: string }[];
};

/** @throws NotFoundError where the folder has no `summary.json` or `samples.jsonl`; FormatError where one is not what `writeResults` wrote. */
export async function readRun(folder: string): Promise<StoredRun> {
  const [summaryFile, samplesFile] = [join(folder, "summary.json"), join(folder, "samples.jsonl")];
  for (const file of [summaryFile, samplesFile]) {
    if (!existsSync(file)) throw new NotFoundError(`${file}: expected what 04_eqbench wrote, got no file. Run it with this folder first`);
  }
  const summary = parsed<StoredSummary>(await readFile(summaryFile, "utf8"), summaryFile);
  if (summary.format !== 1 || !summary.summary?.configurations) {
    throw new FormatError(`${summaryFile}: expected format 1 of writeResults, got ${String(summary.format)}. Write the results once more`);
  }
  const rows: EqRow[] = [];
  const controls: EqRow[] = [];
  let line = 0;
  for await (const text of createInterface({ input: createReadStream(samplesFile), crlfDelay: Number.POSITIVE_INFINITY })) {
    line++;
    if (!/"kind":"(sample|control)"/.test(text)) continue;
    const row = parsed<EqRow>(text, `${samplesFile}, line ${line}`);
    if (row.kind === "sample") rows.push(row);
    else if (row.kind === "control") controls.push(row);
  }
  return { summary, rows, controls, heads: await cards(join(folder, "heads")), headCharts: await charts(folder) };
}

function parsed<T>(text: string, where: string): T {
  try {
    return JSON.parse(text) as T;
  } catch (error) {
    throw new FormatError(`${where}: expected JSON, got ${(error as Error).message}`);
  }
}

async function cards(folder: string): Promise<StoredRun["heads"]> {
  if (!existsSync(folder)) return [];
  const files = (await readdir(folder)).filter((name) => name.endsWith(".json")).sort();
  const read = files.map(async (file) => ({
    file,
    card: parsed<HeadCard>(await readFile(join(folder, file), "utf8"), join(folder, file)),
  }));
  return (await Promise.all(read)).filter(({ card }) => Array.isArray(card.labels) && typeof card.task === "string");
}

/** Larger ones would be most of the page. */
const MOST_BYTES = 150_000;

async function charts(folder: string): Promise<StoredRun["headCharts"]> {
  const names = (await readdir(folder)).filter((name) => /^heads_.*\.svg$/.test(name)).sort();
  const read = await Promise.all(names.map(async (name) => ({ name, svg: await readFile(join(folder, name), "utf8") })));
  return read.filter(({ svg }) => svg.length <= MOST_BYTES);
}
