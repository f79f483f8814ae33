import { join } from "node:path";
import { type Control, constantControls, controlAnswers } from "./controls.js";
import { mappedWords } from "./emotion-map.js";
import { officialControls } from "./eq-bench-controls.js";
import { eqReadings, type ReadProgress, type TextsToRead } from "./eq-readings.js";
import { type EqResults, officialScore } from "./eq-rows.js";
import { type EqOptions, type EqSettings, eqSettings } from "./eq-settings.js";
import { checkEvaluators } from "./evaluators.js";
import { failuresOf } from "./failures.js";
import { generationStore } from "./generation-cache.js";
import type { HumanItem } from "./human-items.js";
import { evaluatorRows, plainSettings, provenance } from "./provenance.js";
import { qualityOf } from "./quality.js";
import { controlRows, humanRows, type Scoring, sampleRows, scoring, shuffledRows } from "./score-rows.js";
import { type VariantProgress, type VariantTexts, variantTexts } from "./variant-texts.js";

export type EqEvent = VariantProgress | ReadProgress | { kind: "done"; results: EqResults };

/**
 * Evaluates variants of a model on EQ-Bench's questions. Each variant samples candidates, which all configurations share; the heads choose among
 * them, and every chosen response gets the EQ score by evaluators that chose nothing. Beside it, on a greedy answer, stands the official EQ-Bench
 * score, and the same scores of answers that no model made. Yields progress and, last, the results as plain rows. With a cache folder a run that was
 * cut off goes on where it was.
 * @throws RangeError for options that do not fit; the signal's reason where it aborts.
 */
export async function* evaluateEq(options: EqOptions): AsyncGenerator<EqEvent, void> {
  const settings = eqSettings(options);
  await checkEvaluators(settings.evaluators, settings.heads.emotion.head);
  const controls = await controlsOf(settings);
  const store = generationStore(settings.cacheFolder && join(settings.cacheFolder, "generations"));
  const texts: VariantTexts[] = [];
  for (const variant of settings.variants) texts.push(yield* variantTexts(variant, settings, store));
  const readings = yield* eqReadings(settings, textsToRead(settings, texts, controls));
  yield { kind: "done", results: await resultsOf(scoring(settings, readings), texts, controls) };
}

/** Runs `evaluateEq` to its end. */
export async function eqResults(options: EqOptions): Promise<EqResults> {
  for await (const event of evaluateEq(options)) if (event.kind === "done") return event.results;
  throw new Error("evaluateEq: it ended without results");
}

/** Answers that no model made: to the questions, and to the held-out dialogues. */
export type EqControls = { questions: Control<EqSettings["questions"][number]>[]; human: Control<HumanItem>[] };

async function controlsOf({ questions }: EqSettings): Promise<EqControls> {
  const copied = { name: "Copied dialogue", answer: ({ context }: HumanItem) => context.map(({ content }) => content).join("\n") };
  return { questions: await controlAnswers(questions), human: await constantControls<HumanItem>(copied) };
}

function textsToRead({ questions, human, dialogue }: EqSettings, texts: readonly VariantTexts[], controls: EqControls): TextsToRead {
  const answers = controls.questions.flatMap(({ answer }) => questions.map(answer));
  const replies = controls.human.flatMap(({ answer }) => human.map(answer));
  return {
    responses: texts.flatMap(({ candidates, about: { seed } }) => candidates.flat().map(({ response }) => ({ seed, text: response }))),
    answers: [
      ...answers,
      ...replies,
      ...human.map(({ reply }) => reply),
      ...texts.flatMap((own) => own.human.map(({ response }) => response)),
    ],
    prompts: questions.map(({ prompt }) => prompt),
    dialogues: questions.map(dialogue),
  };
}

async function resultsOf(by: Scoring, texts: readonly VariantTexts[], controls: EqControls): Promise<EqResults> {
  const { settings } = by;
  const { questions } = settings;
  const perVariant = texts.map((own) => questions.map((_, i) => sampleRows(by, own, i)));
  const rows = perVariant.flat(2).flatMap((sample) => sample.rows);
  const evaluators = await evaluatorRows(settings);
  const bits = texts.map(({ about: { variant, seed }, bitsPerByte }) => ({ variant, seed, bitsPerByte }));
  return {
    rows,
    controls: [...controlRows(by, controls.questions), ...shuffledRows(by, rows)],
    candidates: perVariant.flat(2).flatMap(({ candidates }) => candidates),
    official: texts.flatMap(({ official, about: { variant, seed } }) =>
      questions.map((question, i) => {
        const answer = official[i]!;
        return { questionId: question.id, variant, seed, ...answer, ...officialScore(answer.response, question) };
      }),
    ),
    officialControls: officialControls(questions).flatMap(({ name, scores }) =>
      questions.map(({ id }, i) => ({ name, questionId: id, score: scores[i]! })),
    ),
    human: humanRows(by, texts, controls.human),
    quality: qualityOf(rows, bits),
    failures: texts.flatMap((own) => failures(settings, own)),
    variants: texts.map(({ about }) => about),
    evaluators,
    mapping: mappedWords(questions),
    settings: plainSettings(settings),
    provenance: await provenance(settings),
  };
}

function failures({ questions, human }: EqSettings, { about: { variant, seed }, ...texts }: VariantTexts): EqResults["failures"] {
  const about = (questionId: string) => ({ variant, seed, questionId });
  return [
    ...questions.flatMap(({ id }, i) => texts.candidates[i]!.flatMap((text, candidate) => failuresOf({ ...about(id), candidate }, text))),
    ...questions.flatMap(({ id }, i) => failuresOf({ ...about(id), candidate: "official" }, texts.official[i]!)),
    ...human.flatMap(({ id }, i) => failuresOf({ ...about(id), candidate: "human" }, texts.human[i]!)),
  ];
}
