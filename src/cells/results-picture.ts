import type { EqResults } from "../eval/eq-rows.js";
import { type ResultsOptions, type WrittenResults, writeResults as writeWorkbooks } from "../eval/eq-workbooks.js";
import type { EqSummary } from "../eval/summary.js";
import type { SheetImage } from "../files/workbook.js";
import { configurationBars } from "./charts/configuration-bars.js";
import { svgToPng } from "./png.js";
import { eqScoreBars } from "./report-rows.js";

/** `writeResults` of the evaluation with a chart beside the first table, unless `picture` draws another. */
export const writeResults = (folder: string, results: EqResults, options: ResultsOptions = {}): Promise<WrittenResults> =>
  writeWorkbooks(folder, results, { picture: resultsPicture, ...options });

/** The variants without heads, those of the last one with them, and the controls: EQ scores with intervals, sharp at twice its size. */
export async function resultsPicture({ configurations, controls }: EqSummary): Promise<SheetImage> {
  const last = configurations.find(({ variant }) => variant === "SFT + DPO")?.variant ?? configurations.at(-1)?.variant;
  const shown = configurations.filter(({ variant, configuration }) => variant === last || configuration === "No Heads (Baseline)");
  const chart = configurationBars(eqScoreBars({ configurations: shown, controls: controls.filter(({ variant }) => variant === "–") }), {
    title: "EQ score with its controls",
    subtitle: "means with 95 % intervals; grey: written by no model",
  });
  const { width, height } = chart.layout as { width: number; height: number };
  return { png: await svgToPng(chart.svg()), width, height };
}
