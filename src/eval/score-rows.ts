import { STRATEGIES } from "../data/esconv.js";
import type { EqQuestion } from "../data/record.js";
import { type Control, SHUFFLED } from "./controls.js";
import { referenceVector } from "./emotion-map.js";
import type { EqReadings } from "./eq-readings.js";
import { type CandidateRow, type EqRow, type EvaluatorScore, type HumanRow, officialScore, type StrategyReading } from "./eq-rows.js";
import { empathyMass, eqScore, labelShares, publishedScore, sigmoid, softmax } from "./eq-score.js";
import type { EqSettings } from "./eq-settings.js";
import { STEERING } from "./evaluators.js";
import type { HumanItem } from "./human-items.js";
import { type CandidateScores, type Configuration, chooseCandidate, configurationsOf, strategyFit } from "./steering.js";
import type { VariantTexts } from "./variant-texts.js";

/** Settings, and what everybody read; `evaluators` ends with the head that steers. */
export type Scoring = {
  settings: EqSettings;
  readings: EqReadings;
  evaluators: { name: string; of(text: string): ArrayLike<number> }[];
};

export function scoring(settings: EqSettings, readings: EqReadings): Scoring {
  const apart = readings.evaluators.map(({ name, probabilities }) => ({ name, of: (text: string) => probabilities.get(text)! }));
  return { settings, readings, evaluators: [...apart, { name: STEERING, of: (text) => sigmoid(readings.emotion.get(text)!) }] };
}

/** All rows of question `i` and a variant: one for each configuration, and one for each candidate. */
export function sampleRows(
  by: Scoring,
  { candidates, official, about }: VariantTexts,
  i: number,
): { rows: EqRow[]; candidates: CandidateRow[] } {
  const { settings, readings } = by;
  const question = settings.questions[i]!;
  const own = candidates[i]!;
  const next = readings.strategyNext.get(settings.dialogue(question));
  const strategies = own.map(({ response }) => strategyReading(next, readings.strategyGiven.get(response)));
  const scored = own.map(({ response }) => scoresOf(by, question, response));
  const random = readings.random.get(about.seed)!;
  const scores: CandidateScores = {
    mass: scored.map(({ byEvaluator }) => byEvaluator[STEERING]!.mass),
    random: own.map(({ response }) => empathyMass(sigmoid(random.get(response)!), settings.labels)),
    fit: strategies.every((strategy) => strategy !== null) ? strategies.map((strategy) => strategy.fit) : null,
  };
  const chosen = configurationsOf(scores).map((configuration) => ({ configuration, candidate: chooseCandidate(configuration, scores) }));
  const from = { questionId: question.id, variant: about.variant, seed: about.seed };
  const rows = chosen.map(({ configuration, candidate }): EqRow => {
    const tops = topOnPrompt(configuration, question.prompt, readings, random);
    return {
      ...{ kind: "sample", ...from, configuration, candidate, prompt: question.prompt },
      ...own[candidate]!,
      ...scored[candidate]!,
      published: publishedScore(readings.emotion.get(own[candidate]!.response)!, tops),
      strategy: strategies[candidate]!,
      official: officialScore(official[i]!.response, question),
    };
  });
  const all = own.map(({ response, tokens, stop }, candidate): CandidateRow => {
    const chosenBy = chosen.filter((choice) => choice.candidate === candidate).map(({ configuration }) => configuration);
    return { ...from, candidate, response, tokens, stop, ...scored[candidate]!, strategy: strategies[candidate]!, chosenBy };
  });
  return { rows, candidates: all };
}

/** Every control's answer to every question. */
export function controlRows(by: Scoring, controls: readonly Control<EqQuestion>[]): EqRow[] {
  return controls.flatMap(({ name, answer }) =>
    by.settings.questions.map((question, i) =>
      controlRow(by, question, { variant: "–", seed: 0, configuration: name, response: answer(question, i) }),
    ),
  );
}

/** What the variant's baseline said to the question before; the first gets the answer to the last. */
export function shuffledRows(by: Scoring, samples: readonly EqRow[]): EqRow[] {
  const { questions, variants } = by.settings;
  if (questions.length < 2) return [];
  return variants.flatMap(({ name, seed }) => {
    const own = samples.filter((row) => row.variant === name && row.seed === seed && row.configuration === "No Heads (Baseline)");
    return questions.map((question, i) =>
      controlRow(by, question, { variant: name, seed, configuration: SHUFFLED, response: own.at(i - 1)!.response }),
    );
  });
}

/** Replies to the held-out dialogues: people's, those that no head chose, and controls. */
export function humanRows(by: Scoring, texts: readonly VariantTexts[], controls: readonly Control<HumanItem>[]): HumanRow[] {
  const { human } = by.settings;
  const row = (item: HumanItem, answer: Pick<HumanRow, "kind" | "variant" | "configuration" | "seed" | "response">): HumanRow => {
    const { id: itemId, cluster } = item;
    const masses = by.evaluators.map(({ name, of }) => [name, { mass: empathyMass(of(answer.response), by.settings.labels) }] as const);
    const tokens = tokensOf(by, answer.response);
    return { ...answer, itemId, cluster, tokens, mass: masses[0]![1].mass, byEvaluator: Object.fromEntries(masses) };
  };
  const people = { kind: "human", variant: "Human", configuration: "Human reply", seed: 0 } as const;
  const written = { kind: "control", variant: "–", seed: 0 } as const;
  return [
    ...human.map((item) => row(item, { ...people, response: item.reply })),
    ...texts.flatMap(({ about: { variant, seed }, human: replies }) =>
      human.map((item, i) =>
        row(item, { kind: "sample", variant, seed, configuration: "No Heads (Baseline)", response: replies[i]!.response }),
      ),
    ),
    ...controls.flatMap(({ name, answer }) =>
      human.map((item, i) => row(item, { ...written, configuration: name, response: answer(item, i) })),
    ),
  ];
}

type Scores = EvaluatorScore & Pick<EqRow, "perLabel" | "byEvaluator" | "published">;

function scoresOf({ settings: { labels, weight }, readings, evaluators }: Scoring, question: EqQuestion, text: string): Scores {
  const reference = referenceVector(question);
  const all = evaluators.map(({ name, of }) => {
    const { perLabel: _, ...score } = eqScore(of(text), reference, { labels, weight });
    return [name, score] as const;
  });
  return {
    ...all[0]![1],
    perLabel: labelShares(evaluators[0]!.of(text)),
    byEvaluator: Object.fromEntries(all),
    published: publishedScore(readings.emotion.get(text)!),
  };
}

function strategyReading(next: Float32Array | undefined, given: Float32Array | undefined): StrategyReading | null {
  if (!next || !given) return null;
  const [wanted, realised] = [softmax(next), softmax(given)];
  return { intended: STRATEGIES[topOf(wanted)]!, realised: STRATEGIES[topOf(realised)]!, fit: strategyFit(wanted, realised) };
}

/** The published run's bonus: the top probability on the prompt of each head that the configuration uses. */
function topOnPrompt(
  configuration: Configuration,
  prompt: string,
  { emotion, strategyNext }: EqReadings,
  random: Map<string, Float32Array>,
): number[] {
  const used = {
    "No Heads (Baseline)": [],
    "Emotion Head Only": [emotion],
    "Strategy Head Only": [strategyNext],
    "Emotion + Strategy (Full)": [emotion, strategyNext],
    "Random Head": [random],
  }[configuration];
  return used.map((readings) => Math.max(...softmax(readings.get(prompt)!)));
}

const topOf = (values: Float64Array): number => values.indexOf(Math.max(...values));

function controlRow(by: Scoring, question: EqQuestion, answer: Pick<EqRow, "variant" | "seed" | "configuration" | "response">): EqRow {
  return {
    ...{ kind: "control", questionId: question.id, ...answer, candidate: null, prompt: question.prompt, stop: null, truncated: 0 },
    tokens: tokensOf(by, answer.response),
    ...scoresOf(by, question, answer.response),
    strategy: null,
    official: officialScore(answer.response, question),
  };
}

const tokensOf = ({ settings: { embedder } }: Scoring, text: string): number =>
  embedder.tokenizer!.encode(text, { addSpecial: false }).length;
