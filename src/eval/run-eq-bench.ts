import { join } from "node:path";
import { STRATEGIES } from "../data/esconv.js";
import { type Control, controlAnswers, SHUFFLED } from "./controls.js";
import { mappedWords, referenceVector } from "./emotion-map.js";
import { type CandidateRow, type EqResults, type EqRow, officialScore, type StrategyReading } from "./eq-rows.js";
import { eqScore, publishedScore, sigmoid, softmax } from "./eq-score.js";
import { type EqOptions, type EqSettings, eqSettings } from "./eq-settings.js";
import { type HeadReader, type Readings, readTexts } from "./readings.js";
import { type CandidateScores, type Configuration, chooseCandidate, configurationsOf, strategyFit } from "./steering.js";
import { type VariantProgress, type VariantTexts, variantTexts } from "./variant-texts.js";

export type EqEvent =
  | VariantProgress
  /** The heads read the texts. */
  | { kind: "read"; done: number; total: number }
  | { kind: "done"; results: EqResults };

/**
 * Evaluates variants of a model on EQ-Bench's questions. Each variant samples candidates, which all configurations share; the heads choose among
 * them, and every chosen response gets the EQ score. Beside it, on a greedy answer, stands the official EQ-Bench score, and the same scores of answers
 * that no model made. Yields progress and, last, the results as plain rows. With a cache folder a run that was cut off goes on where it was.
 * @throws RangeError for options that do not fit; the signal's reason where it aborts.
 */
export async function* evaluateEq(options: EqOptions): AsyncGenerator<EqEvent, void> {
  const settings = eqSettings(options);
  const controls = await controlAnswers();
  const texts: VariantTexts[] = [];
  for (const variant of settings.variants) texts.push(yield* variantTexts(variant, settings));
  const heads = yield* allReadings(settings, texts, controls);
  yield { kind: "done", results: results(settings, texts, controls, heads) };
}

/** Runs `evaluateEq` to its end. */
export async function eqResults(options: EqOptions): Promise<EqResults> {
  for await (const event of evaluateEq(options)) if (event.kind === "done") return event.results;
  throw new Error("evaluateEq: it ended without results");
}

/** Logits by text; nothing of a head that is not there. */
type HeadReadings = Readings<"emotion" | "strategyNext" | "strategyGiven">;

async function* allReadings(
  { questions, heads, embedder, cacheFolder, dialogue, signal }: EqSettings,
  texts: readonly VariantTexts[],
  controls: readonly Control[],
): AsyncGenerator<EqEvent, HeadReadings> {
  const responses = texts.flatMap(({ candidates }) => candidates.flat().map(({ response }) => response));
  const answers = controls.flatMap(({ answer }) => questions.map(answer));
  const prompts = questions.map(({ prompt }) => prompt);
  const asked = {
    emotion: { reader: heads.emotion, texts: [...responses, ...answers, ...prompts] },
    strategyNext: { reader: heads.strategyNext, texts: [...questions.map(dialogue), ...prompts] },
    strategyGiven: { reader: heads.strategyGiven, texts: responses },
  };
  const reading = readTexts(embedder, asked, { cacheFolder: cacheFolder && join(cacheFolder, "embeddings"), signal });
  for (;;) {
    const { done, value } = await reading.next();
    if (done) return value;
    yield { kind: "read", ...value };
  }
}

function results(settings: EqSettings, texts: readonly VariantTexts[], controls: readonly Control[], readings: HeadReadings): EqResults {
  const { questions } = settings;
  const perVariant = texts.map((own) => questions.map((_, i) => sampleRows(settings, own, i, readings)));
  const samples = perVariant.flat(2).flatMap(({ rows }) => rows);
  return {
    rows: samples,
    controls: [...controlRows(settings, controls, readings), ...shuffledRows(settings, samples, readings)],
    candidates: perVariant.flat(2).flatMap(({ candidates }) => candidates),
    official: texts.flatMap(({ official, about }) =>
      questions.map((question, i) => {
        return { questionId: question.id, variant: about.variant, ...official[i]!, ...officialScore(official[i]!.response, question) };
      }),
    ),
    variants: texts.map(({ about }) => about),
    mapping: mappedWords(questions),
    settings: plainSettings(settings),
  };
}

/** All rows of one question and variant. */
function sampleRows(settings: EqSettings, { candidates, official, about }: VariantTexts, i: number, readings: HeadReadings) {
  const question = settings.questions[i]!;
  const own = candidates[i]!;
  const next = readings.strategyNext.get(settings.dialogue(question));
  const strategies = own.map(({ response }) => strategyReading(next, readings.strategyGiven.get(response)));
  const scored = own.map(({ response }) => scoreOf(settings, i, response, readings));
  const fit = strategies.every((strategy) => strategy !== null) ? strategies.map((strategy) => strategy.fit) : null;
  const scores: CandidateScores = { mass: scored.map(({ mass }) => mass), fit };
  const chosen = configurationsOf(scores).map((configuration) => ({ configuration, candidate: chooseCandidate(configuration, scores) }));
  const about_ = { questionId: question.id, variant: about.variant };
  const rows = chosen.map(({ configuration, candidate }): EqRow => {
    return {
      ...{ kind: "sample", ...about_, configuration, candidate, prompt: question.prompt },
      ...own[candidate]!,
      ...scored[candidate]!,
      published: publishedScore(readings.emotion.get(own[candidate]!.response)!, topOnPrompt(configuration, question.prompt, readings)),
      strategy: strategies[candidate]!,
      official: officialScore(official[i]!.response, question),
    };
  });
  const all = own.map(({ response, tokens }, candidate): CandidateRow => {
    const chosenBy = chosen.filter((choice) => choice.candidate === candidate).map(({ configuration }) => configuration);
    return { ...about_, candidate, response, tokens, ...scored[candidate]!, strategy: strategies[candidate]!, chosenBy };
  });
  return { rows, candidates: all };
}

function scoreOf({ questions, labels, weight }: EqSettings, i: number, text: string, { emotion }: HeadReadings) {
  const logits = emotion.get(text)!;
  return { ...eqScore(sigmoid(logits), referenceVector(questions[i]!), { labels, weight }), published: publishedScore(logits) };
}

function strategyReading(next: Float32Array | undefined, given: Float32Array | undefined): StrategyReading | null {
  if (!next || !given) return null;
  const [wanted, realised] = [softmax(next), softmax(given)];
  return { intended: STRATEGIES[topOf(wanted)]!, realised: STRATEGIES[topOf(realised)]!, fit: strategyFit(wanted, realised) };
}

/** The published run's bonus: the top probability on the prompt of each head that the configuration uses. */
function topOnPrompt(configuration: Configuration, prompt: string, { emotion, strategyNext }: HeadReadings): number[] {
  const used = {
    "No Heads (Baseline)": [],
    "Emotion Head Only": [emotion],
    "Strategy Head Only": [strategyNext],
    "Emotion + Strategy (Full)": [emotion, strategyNext],
  }[configuration];
  return used.map((readings) => Math.max(...softmax(readings.get(prompt)!)));
}

const topOf = (values: Float64Array): number => values.indexOf(Math.max(...values));

function controlRows(settings: EqSettings, controls: readonly Control[], readings: HeadReadings): EqRow[] {
  return controls.flatMap(({ name, answer }) =>
    settings.questions.map((question, i) =>
      controlRow(settings, i, { variant: "–", configuration: name, response: answer(question, i) }, readings),
    ),
  );
}

/** What the variant's baseline said to the question before; the first gets the answer to the last. */
function shuffledRows(settings: EqSettings, samples: readonly EqRow[], readings: HeadReadings): EqRow[] {
  if (settings.questions.length < 2) return [];
  return settings.variants.flatMap(({ name }) => {
    const own = samples.filter(({ variant, configuration }) => variant === name && configuration === "No Heads (Baseline)");
    return own.map((_, i) =>
      controlRow(settings, i, { variant: name, configuration: SHUFFLED, response: own.at(i - 1)!.response }, readings),
    );
  });
}

type Answer = Pick<EqRow, "variant" | "configuration" | "response">;

function controlRow(settings: EqSettings, i: number, answer: Answer, readings: HeadReadings): EqRow {
  const question = settings.questions[i]!;
  return {
    ...{ kind: "control", questionId: question.id, ...answer, candidate: null, prompt: question.prompt, stop: null, truncated: 0 },
    tokens: settings.embedder.tokenizer!.encode(answer.response, { addSpecial: false }).length,
    ...scoreOf(settings, i, answer.response, readings),
    strategy: null,
    official: officialScore(answer.response, question),
  };
}

function plainSettings(settings: EqSettings): EqResults["settings"] {
  const { candidates, maxNewTokens, temperature, topP, repetitionPenalty, officialTokens, seed, labelSet, labels, weight, batchSize } =
    settings;
  const { questions, available, heads, embedder } = settings;
  const pooling = (reader: HeadReader | undefined) => (reader ? JSON.stringify(reader.pooling) : null);
  return {
    ...{ questions: questions.length, available, partial: questions.length < available },
    ...{ candidates, maxNewTokens, temperature, topP, repetitionPenalty, officialTokens, seed, batchSize },
    ...{ labelSet, labels: labels.join(", "), weight, embedder: embedder.source.name },
    emotionPooling: pooling(heads.emotion),
    strategyNextPooling: pooling(heads.strategyNext),
    strategyGivenPooling: pooling(heads.strategyGiven),
  };
}
