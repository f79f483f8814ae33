import { Random } from "../../src/core/random.js";
import { GO_EMOTIONS } from "../../src/data/go-emotions.js";
import type { GoEmotion } from "../../src/eval/emotion-map.js";
import type { EqResults, EqRow, OfficialScore } from "../../src/eval/eq-rows.js";
import { LABEL_SETS } from "../../src/eval/eq-score.js";
import { STEERING } from "../../src/eval/evaluators.js";
import { qualityOf } from "../../src/eval/quality.js";
import { CONFIGURATIONS } from "../../src/eval/steering.js";

export type MadeUp = { questions?: number; variants?: readonly string[]; seeds?: number; random?: string };

const EVALUATORS = ["Second emotion head", "TF-IDF", STEERING];
const CONTROLS = ["Reference-style answer", "All 3", "Copied prompt", "“I'm sorry.”", "Off-topic sentence", "Empty"];
const EMOTIONS = ["Embarrassed", "Relieved", "Frustrated", "Hopeful"];

/** Results of no model, made up with a seed: what sheets, charts and reports are tested with. Some texts look like formulas or like HTML. */
export function madeUpResults({
  questions = 12,
  variants = ["Base", "SFT", "SFT + DPO"],
  seeds = 2,
  random = "results",
}: MadeUp = {}): EqResults {
  const r = new Random(random);
  const ids = Array.from({ length: questions }, (_, i) => String(i + 1));
  const runs = Array.from({ length: seeds }, (_, seed) => variants.map((variant, place) => ({ variant, seed, place }))).flat();
  const rows = runs.flatMap((run) =>
    ids.flatMap((id) => CONFIGURATIONS.map((configuration, c) => sampleRow(r, id, run, configuration, c))),
  );
  const official = runs.flatMap(({ variant, seed }) =>
    ids.map((questionId) => ({
      questionId,
      variant,
      seed,
      ...answer(r),
      response: "Relieved: 3",
      tokens: 9,
      stop: "eos" as const,
      truncated: 0,
    })),
  );
  const bits = runs.map(({ variant, seed }, i) => ({ variant, seed, bitsPerByte: 2.1 - 0.05 * i }));
  return {
    rows,
    controls: CONTROLS.flatMap((name, c) => ids.map((id) => controlRow(r, id, name, c))),
    candidates: [],
    official,
    officialControls: ids.flatMap((questionId) =>
      ["Random", "Emotion-name prior"].map((name, i) => ({ name, questionId, score: 0.5 + 5 * i * r.uniform() })),
    ),
    human: humanRows(r, variants),
    quality: qualityOf(rows, bits),
    failures: ids.slice(0, 3).map((questionId) => ({ variant: variants[0]!, seed: 0, questionId, candidate: 1, reason: "empty reply" })),
    variants: runs.map(({ variant, seed }) => ({
      ...{ variant, seed, source: "tiny", revision: null, modelType: "qwen2", weights: "0123456789abcdef" },
      ...{ adapter: null, tokenizer: "0123", template: "plain", training: null },
    })),
    evaluators: EVALUATORS.map((name, i) => ({
      name,
      steers: name === STEERING,
      macroF1: 0.4 - 0.05 * i,
      checksum: `${i}123456789abcdef`,
    })),
    mapping: [
      { word: "Relieved", labels: ["relief"], weight: 1 },
      { word: "Sonder", labels: [], weight: 0 },
    ] as EqResults["mapping"],
    settings: {
      ...{ questions, available: questions, partial: false, candidates: 4, temperature: 0.7, seed: 0, weight: 0.3 },
      ...{ labelSet: "supportive", labels: LABEL_SETS.supportive.join(", "), embedder: "tiny", evaluator: EVALUATORS[0]! },
    },
    provenance: { eqlab: "0.1.0", engine: "none", machine: "none" },
  };
}

const OPENINGS = [
  "That sounds hard, and I am glad that you told me.",
  "=SUM(A1:A9) is what it felt like.",
  "<b>I hear you</b> & I am here.",
  "You did what you could.",
];

const promptOf = (id: string): string =>
  `Your task is to predict the likely emotional responses of a character in this dialogue:\n\nNora: The letter came today (${id}).\nSam: And?\nNora: ${"They said yes, and now I do not know whether I want it. ".repeat(8)}\n\n[End dialogue]`;

function sampleRow(
  r: Random,
  questionId: string,
  run: { variant: string; seed: number; place: number },
  configuration: EqRow["configuration"],
  c: number,
): EqRow {
  const response = `${OPENINGS[r.integer(OPENINGS.length)]} ${"What would help you most tonight? ".repeat(1 + r.integer(9))}`.trim();
  return {
    ...{
      kind: "sample",
      questionId,
      variant: run.variant,
      seed: run.seed,
      configuration,
      candidate: c % 4,
      prompt: promptOf(questionId),
      response,
    },
    ...scores(r, 0.3 + 0.04 * run.place + 0.01 * c + 0.01 * run.seed),
    ...{ published: 0.5 + 0.1 * r.uniform(), tokens: Math.round(response.length / 4), stop: "eos", truncated: 0 },
    strategy: { intended: "Question", realised: r.uniform() < 0.4 ? "Question" : "Reflection", fit: r.uniform() },
    official: answer(r),
  } as unknown as EqRow;
}

function controlRow(r: Random, questionId: string, configuration: string, c: number): EqRow {
  const reference = EMOTIONS.map((name, i) => `${name}: ${(Number(questionId) + 3 * i) % 11}`).join("\n");
  const response =
    configuration === "Reference-style answer" ? reference : configuration === "Copied prompt" ? promptOf(questionId) : configuration;
  return {
    ...{ kind: "control", questionId, variant: "–", seed: 0, configuration, candidate: null, prompt: promptOf(questionId), response },
    ...scores(r, 0.1 + 0.1 * c),
    ...{ published: 0.4, tokens: 5, stop: null, truncated: 0, strategy: null },
    official:
      c < 2 ? { scores: [3, 3, 3, 3], score: 10 - 6 * c, reason: null } : { scores: null, score: null, reason: "no line like “Word: 5”" },
  } as unknown as EqRow;
}

function humanRows(r: Random, variants: readonly string[]): EqResults["human"] {
  const who = [["human", "Human", "Human reply"] as const, ...variants.map((variant) => ["sample", variant, CONFIGURATIONS[0]] as const)];
  return who.flatMap(([kind, variant, configuration]) =>
    Array.from({ length: 8 }, (_, i) => {
      const mass = 0.3 + 0.2 * r.uniform();
      const byEvaluator = Object.fromEntries(EVALUATORS.map((name) => [name, { mass }]));
      return {
        kind,
        itemId: String(i),
        cluster: String(i >> 1),
        variant,
        configuration,
        seed: 0,
        response: "Go on.",
        tokens: 12,
        mass,
        byEvaluator,
      };
    }),
  );
}

function scores(r: Random, mass: number) {
  const weights = GO_EMOTIONS.map(
    (label) => ((LABEL_SETS.supportive as readonly string[]).includes(label) ? mass * 3.5 : 1 - mass) * (0.2 + r.uniform()),
  );
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const perLabel = Object.fromEntries(GO_EMOTIONS.map((label, i) => [label, weights[i]! / total])) as Record<GoEmotion, number>;
  const own = LABEL_SETS.supportive.reduce((sum, label) => sum + perLabel[label], 0);
  const alignment = r.uniform() < 0.1 ? null : r.uniform();
  const score = (shift: number) => ({ mass: own * shift, alignment, eq: own * shift + 0.3 * (alignment ?? 0) });
  const byEvaluator = Object.fromEntries(EVALUATORS.map((name, i) => [name, score(i === 0 ? 1 : 0.9 + 0.15 * r.uniform())]));
  return { ...score(1), perLabel, byEvaluator };
}

function answer(r: Random): OfficialScore {
  if (r.uniform() < 0.3) return { scores: null, score: null, reason: "no line like “Word: 5”" };
  return { scores: EMOTIONS.map(() => r.integer(11)), score: -2 + 10 * r.uniform(), reason: null };
}
