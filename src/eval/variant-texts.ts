import { createHash } from "node:crypto";
import { hash32 } from "../core/random.js";
import type { GenerateOptions } from "../generate/options.js";
import { replies } from "../generate/reply.js";
import { adapterChecksum, weightsChecksum } from "../models/checksum.js";
import type { CausalLM } from "../models/model.js";
import type { Message } from "../text/messages.js";
import { type ChatTemplate, chooseTemplate } from "../text/template.js";
import type { VariantRow } from "./eq-rows.js";
import type { EqSettings, EqVariant } from "./eq-settings.js";
import { withFailures } from "./failures.js";
import { type GeneratedText, type GenerationStore, generatedText } from "./generation-cache.js";
import { replyBits } from "./reply-bits.js";

/** How far the texts of a variant are; `cached` of them needed no computing. */
export type VariantProgress = {
  kind: "generated";
  variant: string;
  seed: number;
  /** Sampled responses, the greedy answers for the official score, or replies to held-out dialogues. */
  task: "responses" | "official answers" | "held-out dialogues";
  /** Prompts done, of `total`. */
  done: number;
  total: number;
  cached: number;
  seconds: number;
};

/** For each question, in order: its candidates, and the greedy answer; for each held-out dialogue a reply; and what the variant is. */
export type VariantTexts = {
  candidates: GeneratedText[][];
  official: GeneratedText[];
  human: GeneratedText[];
  /** Of people's replies to the held-out dialogues. */
  bitsPerByte: number | null;
  about: VariantRow;
};

/**
 * Generates what one variant says, or takes it from the store. Every prompt has a random stream of its own, the same for all variants of one seed.
 * Greedy answers do not depend on the seed.
 */
export async function* variantTexts(
  variant: Required<EqVariant>,
  settings: EqSettings,
  store: GenerationStore,
): AsyncGenerator<VariantProgress, VariantTexts> {
  const { candidates, maxNewTokens, officialTokens, temperature, topP, repetitionPenalty, questions, human } = settings;
  const { model } = variant;
  const template = settings.template ?? chooseTemplate(model.tokenizer!);
  const about = await variantRow(variant, template);
  const speaker = { model, template, about, store, settings };
  const seed = settings.seed + variant.seed;
  const sampled = { maxNewTokens, temperature, topP, repetitionPenalty };
  const greedy = { candidates: 1, maxNewTokens: officialTokens, temperature: 0, topP: 1, repetitionPenalty: 1 };
  const asked = questions.map(({ id, prompt }): Prompt => ({ id, messages: [{ role: "user", content: prompt }] }));
  const dialogues = human.map(({ id, context }): Prompt => ({ id, messages: context }));
  const responses = yield* spoken(speaker, "responses", asked, { ...sampled, candidates }, seed);
  const official = yield* spoken(speaker, "official answers", asked, greedy, null);
  const replied = yield* spoken(speaker, "held-out dialogues", dialogues, { ...sampled, candidates: 1 }, seed);
  const bitsPerByte = human.length > 0 ? await replyBits(model, human, template) : null;
  const first = (texts: GeneratedText[][]) => texts.map(([text]) => text!);
  return { candidates: responses, official: first(official), human: first(replied), bitsPerByte, about };
}

type Prompt = { id: string; messages: readonly Message[] };
type Speaker = { model: CausalLM; template: ChatTemplate; about: VariantRow; store: GenerationStore; settings: EqSettings };
type Decoding = Required<Pick<GenerateOptions, "candidates" | "maxNewTokens" | "temperature" | "topP" | "repetitionPenalty">>;

/** `seed`: null where nothing is drawn. */
async function* spoken(
  speaker: Speaker,
  task: VariantProgress["task"],
  prompts: readonly Prompt[],
  decoding: Decoding,
  seed: number | null,
): AsyncGenerator<VariantProgress, GeneratedText[][]> {
  if (prompts.length === 0) return [];
  const { model, template, about, store, settings } = speaker;
  const { weights, adapter, modelType, tokenizer, template: written, variant } = about;
  const end = JSON.stringify(model.config.raw.eos_token_id ?? null);
  const identity = { weights, adapter, modelType, tokenizer, template: written, end };
  const cache = await store.open({ ...identity, ...decoding, seed, data: task === "held-out dialogues" ? null : settings.dataRevision });
  const rendered = prompts.map(({ messages }) => template.render(messages, { addGenerationPrompt: true }));
  const started = performance.now();
  const results = prompts.map(({ id }, i) => cache.find(id, rendered[i]!));
  const missing = [...prompts.keys()].filter((i) => results[i] === undefined);
  const cached = prompts.length - missing.length;
  let done = cached;
  const progress = (): VariantProgress => {
    const seconds = (performance.now() - started) / 1000;
    return { kind: "generated", variant, seed: about.seed, task, done, total: prompts.length, cached, seconds };
  };
  yield progress();
  const together = Math.max(1, Math.floor(settings.batchSize / decoding.candidates));
  for (let from = 0; from < missing.length; from += together) {
    const part = missing.slice(from, from + together);
    const asked = part.map((i) => prompts[i]!);
    const texts = await withFailures(asked, decoding.candidates, (some) => speak(speaker, some, decoding, seed));
    part.forEach((i, place) => {
      results[i] = texts[place]!;
    });
    const sound = part.filter((i) => results[i]!.every(({ stop }) => stop !== "failed"));
    await cache.add(sound.map((i) => ({ id: prompts[i]!.id, prompt: rendered[i]!, texts: results[i]! })));
    done += part.length;
    yield progress();
  }
  return results as GeneratedText[][];
}

/** The candidates of each prompt. */
async function speak(speaker: Speaker, prompts: readonly Prompt[], decoding: Decoding, seed: number | null): Promise<GeneratedText[][]> {
  const { model, template, about, settings } = speaker;
  const { signal, onProgress, batchSize } = settings;
  const { candidates } = decoding;
  const conversations = prompts.map(({ messages }) => messages);
  const generations = await replies(model, conversations, {
    ...decoding,
    template,
    seeds: prompts.map(({ id }) => hash32(`${seed ?? 0}/${id}`)),
    batchSize: Math.max(batchSize, candidates),
    ...(signal ? { signal } : {}),
    ...(onProgress ? { onProgress: (step) => onProgress({ ...step, variant: about.variant }) } : {}),
  });
  return prompts.map((_, i) => generations.slice(i * candidates, (i + 1) * candidates).map(generatedText));
}

async function variantRow({ name, seed, model, training }: Required<EqVariant>, template: ChatTemplate): Promise<VariantRow> {
  const { lead, endOfTurn, stops } = template;
  const written = createHash("sha256")
    .update(JSON.stringify([lead, endOfTurn, stops]))
    .digest("hex")
    .slice(0, 8);
  return {
    variant: name,
    seed,
    source: model.source.name,
    revision: model.source.revision,
    modelType: model.config.modelType,
    weights: await weightsChecksum(model),
    adapter: await adapterChecksum(model.adapter),
    tokenizer: model.tokenizer!.hash,
    template: `${template.name} (${written})`,
    training: training && JSON.stringify(training),
  };
}
