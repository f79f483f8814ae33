import type { Cell } from "../files/workbook.js";
import type { EqResults } from "./eq-rows.js";

export type ProvenanceOptions = {
  /** The variant and the score of the first sheet. */
  headline: string;
  formula: "eq" | "published";
  /** More lines for the last. */
  provenance: Record<string, string>;
};

/** What the figures mean and what made them, name by name: enough to repeat the run. */
export function provenanceLines(results: EqResults, { headline, formula, provenance }: ProvenanceOptions): [string, Cell][] {
  return [
    ["first sheet", `${formula === "eq" ? "EQ score" : "score by the published formula"} of the variant ${headline}`],
    ...meaning(results),
    ...Object.entries({ ...results.provenance, ...provenance }),
    ...results.variants.map(({ variant, seed, ...about }): [string, Cell] => [
      `variant ${variant}${seed === 0 ? "" : `, seed ${seed}`}`,
      Object.entries(about)
        .map(([name, value]) => `${name}: ${value ?? "none"}`)
        .join("\n"),
    ]),
    ...results.mapping.map(({ word, labels }): [string, Cell] => [`mapping ${word}`, labels.join(" + ") || "no label"]),
  ];
}

function meaning({ mapping, settings, rows, evaluators }: EqResults): [string, Cell][] {
  const unmapped = mapping.filter(({ labels }) => labels.length === 0).map(({ word }) => word);
  const without = new Set(rows.filter((row) => row.alignment === null).map(({ questionId }) => questionId)).size;
  const reader = evaluators[0]?.name ?? "the first evaluator";
  return [
    ["EQ score", `empathy mass + ${settings.weight} × alignment, by ${reader}, which never steers`],
    ["empathy mass", `the share of the summed probabilities for the response that falls on the label set ${settings.labelSet}`],
    ["label set", settings.labels!],
    ["alignment", "cosine of those probabilities and the question's reference intensities on the 28 labels (0 where it has none)"],
    [
      "published formula",
      "softmax over the logits of the head that steers, mass of the published label set, no alignment, + 0.1 × the top probability on the prompt of each head in use",
    ],
    ["steering", "the heads choose among the same candidates; Random Head is the same choice by a head that has learnt nothing"],
    [
      "official EQ-Bench",
      "version 2, on a greedy answer of its own; official: mean of the usable answers, FAILED below 83.33 % of them; lm-eval: an unusable answer counts 0",
    ],
    ["intervals", "95 %, bootstrap over the questions; comparisons: over dialogues and seeds, p-values corrected together (Holm)"],
    [
      "what the EQ score is not",
      "it does not follow EQ-Bench and rises with length and apology: read it beside the controls and the official score",
    ],
    ["questions without a reference on the labels", without],
    ["emotion words without a label", unmapped.length === 0 ? "none" : unmapped.join(", ")],
  ];
}
