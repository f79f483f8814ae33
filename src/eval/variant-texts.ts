import { createHash } from "node:crypto";
import { join } from "node:path";
import { hash32 } from "../core/random.js";
import type { EqQuestion } from "../data/record.js";
import type { GenerateOptions } from "../generate/options.js";
import { replies } from "../generate/reply.js";
import { adapterChecksum, weightsChecksum } from "../models/checksum.js";
import type { CausalLM } from "../models/model.js";
import { chooseTemplate } from "../text/template.js";
import type { VariantRow } from "./eq-rows.js";
import type { EqSettings } from "./eq-settings.js";
import { type GeneratedText, openGenerationCache } from "./generation-cache.js";

/** How far the texts of a variant are; `cached` of them needed no computing. */
export type VariantProgress = {
  kind: "generated";
  variant: string;
  /** Sampled responses, or the greedy answers for the official score. */
  task: "responses" | "official answers";
  /** Questions done, of `total`. */
  done: number;
  total: number;
  cached: number;
  seconds: number;
};

/** For each question, in order: its candidates, and the greedy answer. */
export type VariantTexts = { candidates: GeneratedText[][]; official: GeneratedText[]; about: VariantRow };

/** Generates what one variant says, or takes it from the cache. Every question has a random stream of its own, the same for all variants. */
export async function* variantTexts(
  { name, model }: { name: string; model: CausalLM },
  settings: EqSettings,
): AsyncGenerator<VariantProgress, VariantTexts> {
  const { candidates, maxNewTokens, officialTokens, temperature, topP, repetitionPenalty } = settings;
  const about = await variantRow(name, model, settings);
  const sampled = { candidates, maxNewTokens, temperature, topP, repetitionPenalty };
  const greedy = { candidates: 1, maxNewTokens: officialTokens, temperature: 0, topP: 1, repetitionPenalty: 1 };
  const responses = yield* texts(model, about, "responses", sampled, settings);
  const official = yield* texts(model, about, "official answers", greedy, settings);
  return { candidates: responses, official: official.map(([first]) => first!), about };
}

type Decoding = Required<Pick<GenerateOptions, "candidates" | "maxNewTokens" | "temperature" | "topP" | "repetitionPenalty">>;

async function* texts(
  model: CausalLM,
  about: VariantRow,
  task: VariantProgress["task"],
  decoding: Decoding,
  { questions, seed, batchSize, cacheFolder, signal, onProgress, ...settings }: EqSettings,
): AsyncGenerator<VariantProgress, GeneratedText[][]> {
  const { variant, source: _, revision: __, ...identity } = about;
  const template = settings.template ?? chooseTemplate(model.tokenizer!);
  const end = JSON.stringify(model.config.raw.eos_token_id ?? null);
  const cache = await openGenerationCache(cacheFolder && join(cacheFolder, "generations"), {
    ...identity,
    variant: null,
    end,
    ...decoding,
    seed,
  });
  const written = (question: EqQuestion) => template.render(messagesOf(question), { addGenerationPrompt: true });
  const started = performance.now();
  const results = questions.map((question) => cache.find(question.id, written(question)));
  const missing = [...questions.keys()].filter((i) => results[i] === undefined);
  const cached = questions.length - missing.length;
  let done = cached;
  const progress = (): VariantProgress => {
    return { kind: "generated", variant, task, done, total: questions.length, cached, seconds: (performance.now() - started) / 1000 };
  };
  yield progress();
  const together = Math.max(1, Math.floor(batchSize / decoding.candidates));
  for (let from = 0; from < missing.length; from += together) {
    const part = missing.slice(from, from + together);
    const generations = await replies(
      model,
      part.map((i) => messagesOf(questions[i]!)),
      {
        ...decoding,
        template,
        seeds: part.map((i) => hash32(`${seed}/${questions[i]!.id}`)),
        batchSize: Math.max(batchSize, decoding.candidates),
        ...(signal ? { signal } : {}),
        ...(onProgress ? { onProgress: (step) => onProgress({ ...step, variant }) } : {}),
      },
    );
    const entries = part.map((i, place) => {
      const own = generations.slice(place * decoding.candidates, (place + 1) * decoding.candidates);
      results[i] = own.map(({ text, stop, truncated, ids }) => ({ response: text, stop, truncated, tokens: ids.length }));
      return { id: questions[i]!.id, prompt: written(questions[i]!), texts: results[i] };
    });
    await cache.add(entries);
    done += part.length;
    yield progress();
  }
  return results as GeneratedText[][];
}

const messagesOf = ({ prompt }: EqQuestion) => [{ role: "user" as const, content: prompt }];

async function variantRow(variant: string, model: CausalLM, settings: EqSettings): Promise<VariantRow> {
  const { name, lead, endOfTurn, stops } = settings.template ?? chooseTemplate(model.tokenizer!);
  const written = createHash("sha256")
    .update(JSON.stringify([lead, endOfTurn, stops]))
    .digest("hex")
    .slice(0, 8);
  return {
    variant,
    source: model.source.name,
    revision: model.source.revision,
    modelType: model.config.modelType,
    weights: await weightsChecksum(model),
    adapter: await adapterChecksum(model.adapter),
    tokenizer: model.tokenizer!.hash,
    template: `${name} (${written})`,
  };
}
