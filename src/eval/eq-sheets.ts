import { tf } from "../core/tf.js";
import { GO_EMOTIONS } from "../data/go-emotions.js";
import type { Cell, Sheet } from "../files/workbook.js";
import type { Interval } from "./bootstrap.js";
import type { EqResults, EqRow } from "./eq-rows.js";
import type { EqSummary } from "./summary.js";

export type SheetOptions = {
  /** The variant and the score of the first sheet. */
  headline: string;
  formula: "eq" | "published";
  /** More lines for the last. */
  provenance: Record<string, string>;
};

/** The sheets of a results workbook; the first is laid out as the published ones. */
export function eqSheets(results: EqResults, summary: EqSummary, options: SheetOptions): Sheet[] {
  return [
    first(summary, options),
    variants(summary, results),
    perSample(results.rows),
    emotions(results.rows),
    controls(summary),
    official(summary, results),
    pairs("Settings", Object.entries(results.settings)),
    pairs("Provenance", provenanceLines(results, options)),
  ];
}

function first({ configurations }: EqSummary, { headline, formula }: SheetOptions): Sheet {
  const own = configurations.filter(({ variant }) => variant === headline);
  const columns = [
    { header: "Configuration", width: 28 },
    { header: "EQ-Bench Score", width: 16, format: "0.0000" },
  ];
  return { name: "Results", columns, rows: own.map((row) => [row.configuration, row[formula].mean]) };
}

const SCORE = { width: 11, format: "0.0000" };
const INTERVALS = ["EQ score", "Empathy mass", "Alignment", "Published formula"].flatMap((header) => [
  { header, ...SCORE },
  { header: `${header}: low`, ...SCORE },
  { header: `${header}: high`, ...SCORE },
]);
const SUMMARY_COLUMNS = [
  { header: "Variant", width: 14 },
  { header: "Configuration", width: 28 },
  { header: "n", width: 7 },
  ...INTERVALS,
  { header: "Mean length (tokens)", width: 11, format: "0.0" },
  { header: "EQ score and length (Spearman)", width: 13, format: "0.00" },
  { header: "EQ score and official score (Spearman)", width: 13, format: "0.00" },
];

const three = (interval: Interval | null): Cell[] => (interval ? [interval.mean, interval.low, interval.high] : [null, null, null]);

const summaryCells = (rows: EqSummary["configurations"]): Cell[][] =>
  rows.map(({ variant, configuration, n, eq, mass, alignment, published, tokens, lengthCorrelation, officialCorrelation }) => [
    ...[variant, configuration, n],
    ...[eq, mass, alignment, published].flatMap(three),
    ...[tokens, lengthCorrelation, officialCorrelation],
  ]);

/** Configurations of all variants, and below them what the tables say in words. */
function variants({ configurations, findings }: EqSummary, { settings }: EqResults): Sheet {
  const rest = Array<Cell>(SUMMARY_COLUMNS.length - 2).fill(null);
  const stated =
    settings.sample ??
    (settings.partial ? `${settings.questions} of ${settings.available} questions: a partial run` : `all ${settings.questions} questions`);
  const words = [`Means over ${stated}, with 95 % bootstrap intervals over the questions`, ...findings];
  return {
    name: "Variants",
    columns: SUMMARY_COLUMNS,
    rows: [...summaryCells(configurations), ...words.map((said): Cell[] => ["", said, ...rest])],
  };
}

/** Controls, and below them the configurations again, so that they are seen together. */
const controls = (summary: EqSummary): Sheet => ({
  name: "Controls",
  columns: SUMMARY_COLUMNS,
  rows: summaryCells([...summary.controls, ...summary.configurations]),
});

const PER_SAMPLE = [
  { header: "Question", width: 9 },
  { header: "Variant", width: 14 },
  { header: "Configuration", width: 28 },
  { header: "Candidate", width: 10 },
  ...["EQ score", "Empathy mass", "Alignment", "Published formula", "Strategy fit"].map((header) => ({ header, ...SCORE })),
  { header: "Strategy wanted", width: 20 },
  { header: "Strategy realised", width: 20 },
  { header: "Official score of the greedy answer", width: 12, format: "0.00" },
  { header: "Tokens", width: 8 },
  { header: "Stop", width: 8 },
  { header: "Prompt tokens cut", width: 9 },
  { header: "Response", width: 60 },
  { header: "Prompt", width: 60 },
];

function perSample(rows: readonly EqRow[]): Sheet {
  const cells = rows.map((row): Cell[] => [
    ...[row.questionId, row.variant, row.configuration, row.candidate],
    ...[row.eq, row.mass, row.alignment, row.published, row.strategy?.fit ?? null],
    ...[row.strategy?.intended ?? null, row.strategy?.realised ?? null, row.official.score],
    ...[row.tokens, row.stop, row.truncated, row.response, row.prompt],
  ]);
  return { name: "Per sample", columns: PER_SAMPLE, rows: cells };
}

/** The share of every label in the summed probabilities of the emotion head. */
function emotions(rows: readonly EqRow[]): Sheet {
  const columns = [...PER_SAMPLE.slice(0, 3), ...GO_EMOTIONS.map((label) => ({ header: label, width: 12, format: "0.0000" }))];
  const cells = rows.map((row): Cell[] => [
    row.questionId,
    row.variant,
    row.configuration,
    ...GO_EMOTIONS.map((label) => row.perLabel[label]),
  ]);
  return { name: "Emotions", columns, rows: cells };
}

const OFFICIAL = [
  { header: "Question", width: 9 },
  { header: "Variant or control", width: 24 },
  { header: "Official score", width: 12, format: "0.00" },
  { header: "lm-eval score", width: 12, format: "0.00" },
  { header: "lm-eval: low", width: 12, format: "0.00" },
  { header: "lm-eval: high", width: 12, format: "0.00" },
  { header: "Parse rate", width: 10, format: "0.0%" },
  { header: "Ratings read, or why not", width: 40 },
  { header: "Answer", width: 60 },
];

/** Totals first, on the scale of 100, then every greedy answer, on the same scale. */
function official(summary: EqSummary, results: EqResults): Sheet {
  const totals = summary.official.map(({ name, totals: { official, lmEval, parseRate, n, parseable }, interval }): Cell[] => {
    const score = official.kind === "score" ? official.score : "FAILED";
    return ["all", name, score, lmEval, interval.low, interval.high, parseRate, `${parseable} of ${n} usable`, null];
  });
  const answers = results.official.map(({ questionId, variant, scores, score, reason, response }): Cell[] => {
    const points = score === null ? null : 10 * score;
    return [questionId, variant, points, points ?? 0, null, null, score === null ? 0 : 1, scores ? scores.join(", ") : reason, response];
  });
  return { name: "Official EQ-Bench", columns: OFFICIAL, rows: [...totals, ...answers] };
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

function provenanceLines(
  { variants, mapping, settings, rows }: EqResults,
  { headline, formula, provenance }: SheetOptions,
): [string, Cell][] {
  const unmapped = mapping.filter(({ labels }) => labels.length === 0).map(({ word }) => word);
  const without = new Set(rows.filter((row) => row.alignment === null).map(({ questionId }) => questionId)).size;
  return [
    ["first sheet", `${formula === "eq" ? "EQ score" : "score by the published formula"} of the variant ${headline}`],
    ["EQ score", `empathy mass + ${settings.weight} × alignment`],
    [
      "empathy mass",
      `the share of the emotion head's summed sigmoid probabilities for the response that falls on the label set ${settings.labelSet}`,
    ],
    ["label set", settings.labels!],
    ["alignment", "cosine of those probabilities and the question's reference intensities on the 28 labels (0 where it has none)"],
    [
      "published formula",
      "softmax over the emotion head's logits, mass of the published label set, no alignment, + 0.1 × the top probability on the prompt of each head in use",
    ],
    [
      "steering",
      "the heads choose among the same candidates; the emotion head that chooses is the one that scores, so Emotion Head Only gains by construction",
    ],
    [
      "official EQ-Bench",
      "version 2, on a greedy answer of its own; official: mean of the usable answers, FAILED below 83.33 % of them; lm-eval: an unusable answer counts 0",
    ],
    ["intervals", "95 %, percentile bootstrap over the questions"],
    [
      "what the EQ score is not",
      "it does not follow EQ-Bench and rises with length and apology: read it beside the controls and the official score",
    ],
    ["questions without a reference on the labels", without],
    ["emotion words without a label", unmapped.length === 0 ? "none" : unmapped.join(", ")],
    ["engine", `${tf.getBackend()}, tfjs ${tf.version.tfjs}, Node ${process.version}`],
    ...Object.entries(provenance),
    ...variants.map(({ variant, ...about }): [string, Cell] => [
      `variant ${variant}`,
      Object.entries(about)
        .map(([name, value]) => `${name}: ${value ?? "none"}`)
        .join("\n"),
    ]),
    ...mapping.map(({ word, labels }): [string, Cell] => [`mapping ${word}`, labels.join(" + ") || "no label"]),
  ];
}
