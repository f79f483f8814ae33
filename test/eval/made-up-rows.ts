import { GO_EMOTIONS } from "../../src/data/go-emotions.js";
import type { EqResults, EqRow } from "../../src/eval/eq-rows.js";
import { STEERING } from "../../src/eval/evaluators.js";

const perLabel = Object.fromEntries(GO_EMOTIONS.map((label) => [label, 1 / 28])) as EqRow["perLabel"];

export type MadeUp = Pick<EqRow, "variant" | "configuration"> & {
  kind?: EqRow["kind"];
  seed?: number;
  /** EQ scores and official scores, a question each; default for the second: 5. */
  eq: number[];
  official?: (number | null)[];
  /** Instead of the EQ score, by the head that steers. */
  steering?: number[];
};

/** One row a question, with the given scores. */
export function madeUpRows({ kind = "sample", variant, configuration, seed = 0, eq, official, steering = eq }: MadeUp): EqRow[] {
  return eq.map((value, i): EqRow => {
    const byEvaluator = {
      "Second head": { mass: value, alignment: null, eq: value },
      [STEERING]: { mass: steering[i]!, alignment: null, eq: steering[i]! },
    };
    return {
      ...{ kind, variant, seed, configuration, questionId: String(i + 1), candidate: 0, prompt: `dialogue ${i}`, response: "" },
      ...{ stop: "eos", truncated: 0, strategy: null, perLabel, byEvaluator },
      ...{ mass: value, alignment: i === 0 ? null : 0, eq: value, published: value, tokens: 10 + i },
      official: { scores: null, score: official ? official[i]! : 5, reason: null },
    };
  });
}

/** Results of these rows; the official answers are those of each variant's first configuration. */
export function madeUpResults(samples: EqRow[], controls: EqRow[] = []): EqResults {
  const about = {
    source: "",
    revision: null,
    modelType: "gpt2",
    weights: "",
    adapter: null,
    tokenizer: "",
    template: "plain",
    training: null,
  };
  const variants = [...new Map(samples.map(({ variant, seed }) => [`${variant}/${seed}`, { variant, seed, ...about }])).values()];
  const official = variants.flatMap(({ variant, seed }) => {
    const own = samples.filter((row) => row.variant === variant && row.seed === seed);
    const first = own.filter(({ configuration }) => configuration === own[0]!.configuration);
    return first.map(({ questionId, official: score }) => {
      return { variant, seed, questionId, ...score, response: "", stop: "eos" as const, truncated: 0, tokens: 1 };
    });
  });
  const evaluators = [
    { name: "Second head", steers: false, macroF1: null, checksum: "" },
    { name: STEERING, steers: true, macroF1: null, checksum: "" },
  ];
  const none = { officialControls: [], candidates: [], human: [], quality: [], failures: [], mapping: [], provenance: {} };
  return { rows: samples, controls, official, variants, evaluators, ...none, settings: { questions: 4, available: 4 } };
}
