import type { Cell, Sheet, SheetImage } from "../files/workbook.js";
import { type ProvenanceOptions, provenanceLines } from "./eq-provenance-lines.js";
import type { EqResults } from "./eq-rows.js";
import { answersSheet, emotionsSheet, samplesSheet } from "./eq-sheets-rows.js";
import {
  comparisonsSheet,
  controlsSheet,
  evaluatorsSheet,
  failuresSheet,
  humanSheet,
  qualitySheet,
  sensitivitySheet,
  variantsSheet,
} from "./eq-sheets-tables.js";
import type { EqSummary } from "./summary.js";

export type SheetOptions = ProvenanceOptions & {
  /** A picture for the first sheet, right of its table. */
  image?: SheetImage | null;
};

/** The sheets of a results workbook; the first is laid out as the published ones, the second says in words what the others show. */
export function eqSheets(results: EqResults, summary: EqSummary, options: SheetOptions): Sheet[] {
  return [
    first(summary, options),
    findings(summary, results),
    comparisonsSheet(summary),
    variantsSheet(summary),
    controlsSheet(summary),
    answersSheet(summary, results),
    evaluatorsSheet(summary),
    sensitivitySheet(summary),
    qualitySheet(summary),
    humanSheet(summary),
    failuresSheet(summary, results),
    samplesSheet(results.rows),
    emotionsSheet(results.rows),
    pairs("Settings", Object.entries(results.settings)),
    pairs("Provenance", provenanceLines(results, options)),
  ];
}

/** The control of choosing itself was not in the published table. */
function first({ configurations }: EqSummary, { headline, formula, image }: SheetOptions): Sheet {
  const own = configurations.filter(({ variant, configuration }) => variant === headline && configuration !== "Random Head");
  const columns = [
    { header: "Configuration", width: 28 },
    { header: "EQ-Bench Score", width: 16, format: "0.0000" },
  ];
  return { name: "Results", columns, rows: own.map((row) => [row.configuration, row[formula].mean]), ...(image && { image }) };
}

function findings({ findings }: EqSummary, { settings }: EqResults): Sheet {
  const stated =
    settings.sample ??
    (settings.partial ? `${settings.questions} of ${settings.available} questions: a partial run` : `all ${settings.questions} questions`);
  const words = [`Means over ${stated}, with 95 % bootstrap intervals over the questions`, ...findings];
  return { name: "Findings", columns: [{ header: "What the tables show", width: 110 }], rows: words.map((said) => [said]) };
}

function pairs(name: string, lines: readonly (readonly [string, Cell])[]): Sheet {
  return {
    name,
    columns: [
      { header: "Name", width: 30 },
      { header: "Value", width: 100 },
    ],
    rows: lines.map(([key, value]) => [key, value]),
  };
}
