import { createHash } from "node:crypto";
import { expected } from "../core/errors.js";
import { checkInteger } from "../core/shapes.js";
import type { EqQuestion } from "../data/record.js";
import { generateAll } from "../generate/generate.js";
import { replies } from "../generate/reply.js";
import { adapterChecksum, weightsChecksum } from "../models/checksum.js";
import type { CausalLM } from "../models/model.js";
import type { Message } from "../text/messages.js";
import { type ChatTemplate, chooseTemplate } from "../text/template.js";
import type { EqAnswer } from "./eq-bench-answers.js";
import { parseAnswer, revisionParts } from "./eq-bench-score.js";
import { withFailures } from "./failures.js";
import { type GeneratedText, type GenerationKey, type GenerationStore, generatedText, generationStore } from "./generation-cache.js";

/** How the prompt is put to the model: bare, as lm-evaluation-harness does, or as the user's turn of a chat template. */
export const PROMPTINGS = ["bare", "model", "plain", "tags"] as const;
export type Prompting = (typeof PROMPTINGS)[number];

export type AnswerOptions = {
  model: CausalLM;
  questions: readonly EqQuestion[];
  /** Whether the questions ask to revise the answer. Then 1,000 tokens, as the authors', and no stop at an empty line. Default `false`. */
  revision?: boolean;
  /** Default: `model` where the model has a template, else `bare`. */
  prompting?: Prompting;
  /** At most half of what the model holds. Default 80, as in lm-evaluation-harness; 1,000 with revision. */
  maxNewTokens?: number;
  /**
   * How often a question is asked until its answer can be parsed: greedily, then sampled, each time 0.15 hotter; the greedy answer stays where none can.
   * The authors' runner asks 3 times (at 0.01, 0.16, 0.31). Default 1, as lm-evaluation-harness, so that the answers are the model's likeliest.
   */
  attempts?: number;
  /** Questions answered side by side, and kept when they are done. Default 8. */
  batchSize?: number;
  /** Where answers are kept from one run to the next; `null` for nowhere. */
  folder: string | null;
  signal?: AbortSignal;
};

/** How the answers were made, enough to make them again. */
export type AnswerSettings = GenerationKey & {
  prompting: Prompting;
  template: string;
  maxNewTokens: number;
  stop: string | null;
  temperature: number;
};

/** An answer, and at which attempt it was given. */
export type AttemptedAnswer = EqAnswer & Omit<GeneratedText, "response"> & { attempt: number };

export type AnswerEvent =
  | { kind: "answered"; attempt: number; done: number; total: number; cached: number }
  | { kind: "done"; answers: AttemptedAnswer[]; cached: number; settings: AnswerSettings & { attempts: number } };

/** What each further attempt adds to the temperature. */
const HOTTER = 0.15;

/** lm-evaluation-harness's stop where a task names none. */
const EMPTY_LINE = "\n\n";

/**
 * Answers EQ-Bench's questions greedily, in the way of lm-evaluation-harness's task: up to 80 tokens, ended by an empty line or the end of text. With
 * `attempts` the answers that cannot be parsed are asked for again, as the authors do. The same model always gives the same answers. Goes on where a run
 * with the same model, adapter, tokenizer, prompt and decoding was cut off.
 * @throws RangeError for a model without tokenizer or options out of range.
 */
export async function* answerQuestions(options: AnswerOptions): AsyncGenerator<AnswerEvent, void> {
  const { questions, folder, attempts = 1, batchSize = 8, revision = false } = options;
  checkInteger("batchSize", batchSize, 1);
  checkInteger("attempts", attempts, 1);
  const { settings, template } = await settingsOf(options);
  const store = generationStore(folder);
  const answers: AttemptedAnswer[] = [];
  let [open, cached] = [[...questions.keys()], 0];
  for (let attempt = 1; attempt <= attempts && open.length > 0; attempt++) {
    const own = { ...settings, temperature: HOTTER * (attempt - 1) };
    const texts = yield* attempted(open, attempt, { ...options, batchSize, template, settings: own, cache: await store.open(own) });
    cached += texts.cached;
    const usable = (i: number) => isUsable(texts.of.get(i)!.response, questions[i]!, revision);
    for (const i of open) if (attempt === 1 || usable(i)) answers[i] = { id: questions[i]!.id, ...texts.of.get(i)!, attempt };
    open = open.filter((i) => !usable(i));
  }
  yield { kind: "done", answers, cached, settings: { ...settings, attempts } };
}

type Attempt = AnswerOptions & {
  batchSize: number;
  template: ChatTemplate | null;
  settings: AnswerSettings;
  cache: Awaited<ReturnType<GenerationStore["open"]>>;
};

/** Answers to `questions[i]` for each i of `places`, known ones from the cache. */
async function* attempted(
  places: readonly number[],
  attempt: number,
  { questions, batchSize, cache, ...options }: Attempt,
): AsyncGenerator<AnswerEvent, { of: Map<number, GeneratedText>; cached: number }> {
  const known = places.flatMap((i) => {
    const text = cache.find(questions[i]!.id, questions[i]!.prompt)?.[0];
    return text ? [[i, text] as const] : [];
  });
  const of = new Map<number, GeneratedText>(known);
  const missing = places.filter((i) => !of.has(i));
  const [total, cached] = [places.length, known.length];
  yield { kind: "answered", attempt, done: cached, total, cached };
  for (let from = 0; from < missing.length; from += batchSize) {
    options.signal?.throwIfAborted();
    const part = missing.slice(from, from + batchSize);
    const asked = part.map((i) => questions[i]!);
    const texts = await answer(asked, { ...options, batchSize });
    part.forEach((i, place) => {
      of.set(i, texts[place]!);
    });
    // What failed is tried again in the next run.
    const sound = [...asked.keys()].filter((place) => texts[place]!.stop !== "failed");
    await cache.add(sound.map((place) => ({ id: asked[place]!.id, prompt: asked[place]!.prompt, texts: [texts[place]!] })));
    yield { kind: "answered", attempt, done: cached + from + part.length, total, cached };
  }
  return { of, cached };
}

/** Whether the authors' parser can use it; in revision mode both passes. */
function isUsable(response: string, { emotions }: EqQuestion, revision: boolean): boolean {
  const parts = revision ? Object.values(revisionParts(response)) : [response];
  return parts.every((part) => parseAnswer(part, emotions).kind === "scores");
}

async function settingsOf(options: AnswerOptions): Promise<{ settings: AnswerSettings; template: ChatTemplate | null }> {
  const { model, revision = false } = options;
  const { tokenizer, config, adapter } = model;
  if (!tokenizer) throw new RangeError(expected("answerQuestions", "a model with a tokenizer", null));
  const prompting = options.prompting ?? (tokenizer.chatTemplate === null ? "bare" : "model");
  if (!PROMPTINGS.includes(prompting)) throw new RangeError(expected("prompting", PROMPTINGS.join(", "), prompting));
  const template = prompting === "bare" ? null : chooseTemplate(tokenizer, prompting);
  const half = Math.floor(config.maxPositions / 2);
  const maxNewTokens = options.maxNewTokens ?? Math.min(revision ? 1000 : 80, half);
  checkInteger("maxNewTokens", maxNewTokens, 1, half);
  const settings: AnswerSettings = {
    ...{ prompting, maxNewTokens, stop: revision ? null : EMPTY_LINE, temperature: 0 },
    template: template ? createHash("sha256").update(template.identity).digest("hex").slice(0, 16) : "none",
    weights: await weightsChecksum(model),
    adapter: await adapterChecksum(adapter),
    tokenizer: tokenizer.hash,
    end: JSON.stringify(config.raw.eos_token_id ?? null),
  };
  return { settings, template };
}

async function answer(
  questions: readonly EqQuestion[],
  { model, template, settings, batchSize, signal }: Omit<Attempt, "questions" | "cache">,
): Promise<GeneratedText[]> {
  const { maxNewTokens, stop, temperature } = settings;
  const speak = async (some: readonly EqQuestion[]) => {
    const decoding = {
      ...{ temperature, maxNewTokens, batchSize, stopTexts: stop === null ? [] : [stop], ...(signal ? { signal } : {}) },
      seeds: some.map(({ id }) => seedOf(id)),
    };
    const generations = template
      ? await replies(
          model,
          some.map(({ prompt }): Message[] => [{ role: "user", content: prompt }]),
          { ...decoding, template },
        )
      : await generateAll(
          model,
          some.map(({ prompt }) => model.tokenizer!.encode(prompt)),
          decoding,
        );
    return generations.map((generation) => [generatedText(generation)]);
  };
  return (await withFailures(questions, 1, speak)).flat();
}

/** What is drawn depends on the question alone, not on those beside it. */
const seedOf = (id: string): number => createHash("sha256").update(id).digest().readUInt32LE(0);
