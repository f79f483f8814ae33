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
import { withFailures } from "./failures.js";
import { type GeneratedText, type GenerationKey, generatedText, generationStore } from "./generation-cache.js";

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
  /** Questions answered side by side, and kept when they are done. Default 8. */
  batchSize?: number;
  /** Where answers are kept from one run to the next; `null` for nowhere. */
  folder: string | null;
  signal?: AbortSignal;
};

/** How the answers were made, enough to make them again. */
export type AnswerSettings = GenerationKey & { prompting: Prompting; template: string; maxNewTokens: number; stop: string | null };

export type AnswerEvent =
  | { kind: "answered"; done: number; total: number; cached: number }
  | { kind: "done"; answers: (EqAnswer & Omit<GeneratedText, "response">)[]; cached: number; settings: AnswerSettings };

/** lm-evaluation-harness's stop where a task names none. */
const EMPTY_LINE = "\n\n";

/**
 * Answers EQ-Bench's questions greedily, in the way of lm-evaluation-harness's task: up to 80 tokens, ended by an empty line or the end of text. Without
 * the authors' retries of unusable answers at higher temperatures, so that the same model always gives the same answers. Goes on where a run with the same
 * model, adapter, tokenizer, prompt and decoding was cut off.
 * @throws RangeError for a model without tokenizer or options out of range.
 */
export async function* answerQuestions(options: AnswerOptions): AsyncGenerator<AnswerEvent, void> {
  const { model, questions, folder, batchSize = 8, signal } = options;
  checkInteger("batchSize", batchSize, 1);
  const { settings, template } = await settingsOf(options);
  const cache = await generationStore(folder).open(settings);
  const texts = questions.map(({ id, prompt }) => cache.find(id, prompt)?.[0]);
  const missing = [...questions.keys()].filter((i) => texts[i] === undefined);
  const [total, cached] = [questions.length, questions.length - missing.length];
  yield { kind: "answered", done: cached, total, cached };
  for (let from = 0; from < missing.length; from += batchSize) {
    signal?.throwIfAborted();
    const part = missing.slice(from, from + batchSize);
    const prompts = part.map((i) => questions[i]!.prompt);
    const answered = await answer(model, prompts, template, { ...settings, batchSize, ...(signal ? { signal } : {}) });
    part.forEach((i, place) => {
      texts[i] = answered[place]!;
    });
    // What failed is tried again in the next run.
    const sound = part.filter((i) => texts[i]!.stop !== "failed");
    await cache.add(sound.map((i) => ({ id: questions[i]!.id, prompt: questions[i]!.prompt, texts: [texts[i]!] })));
    yield { kind: "answered", done: cached + from + part.length, total, cached };
  }
  yield { kind: "done", answers: questions.map(({ id }, i) => ({ id, ...texts[i]! })), cached, settings };
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

type Decoding = Pick<AnswerSettings, "maxNewTokens" | "stop"> & { batchSize: number; signal?: AbortSignal };

async function answer(
  model: CausalLM,
  prompts: readonly string[],
  template: ChatTemplate | null,
  { maxNewTokens, stop, batchSize, signal }: Decoding,
): Promise<GeneratedText[]> {
  const decoding = { temperature: 0, maxNewTokens, batchSize, stopTexts: stop === null ? [] : [stop], ...(signal ? { signal } : {}) };
  const asked = (content: string): Message[] => [{ role: "user", content }];
  const speak = async (some: readonly string[]) => {
    const generations = template
      ? await replies(model, some.map(asked), { ...decoding, template })
      : await generateAll(
          model,
          some.map((prompt) => model.tokenizer!.encode(prompt)),
          decoding,
        );
    return generations.map((generation) => [generatedText(generation)]);
  };
  return (await withFailures(prompts, 1, speak)).flat();
}
