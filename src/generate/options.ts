import { expected } from "../core/errors.js";
import { checkInteger, checkNumber } from "../core/shapes.js";
import type { CausalLM } from "../models/model.js";
import type { Sampling } from "./sampling.js";

/** How far a generation is. */
export type GenerateProgress = {
  /** Finished texts, of `total`. */
  finished: number;
  total: number;
  /** Tokens generated so far. */
  tokens: number;
  seconds: number;
};

export type GenerateOptions = Partial<Sampling> & {
  /** Tokens to generate at most, for each text. Default 128. */
  maxNewTokens?: number;
  /** Seeds what is drawn. Default 0. Text i of a prompt list gets a stream of its own, named by this and i. */
  seed?: number;
  /** One seed for each prompt instead of `seed`: then a text does not depend on what else is in the list. */
  seeds?: readonly number[];
  /** Texts for each prompt. Default 1. The first ones stay the same when more are asked for. */
  candidates?: number;
  /** Ids that end a text as `"eos"`. Default: EOS as tokenizer and config name it. */
  eosIds?: readonly number[];
  /** More ids that end a text, as `"stop"`. */
  stopIds?: readonly number[];
  /** Texts that end a text, as `"stop"`; it is cut before them. They may span tokens. */
  stopTexts?: readonly string[];
  /** Texts decoded side by side. Default 16; more is faster and takes more memory. */
  batchSize?: number;
  /** Where a prompt is too long, how many of its first tokens stay. Default: 1 where it begins with BOS, else 0. */
  keepStart?: number;
  /** Whether to sum the tokens' log-probabilities. Default `false`. */
  logProbs?: boolean;
  /** Called after every step of a batch. */
  onProgress?: (progress: GenerateProgress) => void;
  /** Stops by throwing the signal's reason. */
  signal?: AbortSignal;
};

/** All options resolved and checked. */
export type GenerateSettings = Required<Pick<GenerateOptions, "maxNewTokens" | "candidates" | "batchSize" | "logProbs" | "stopTexts">> & {
  sampling: Sampling;
  eos: ReadonlySet<number>;
  stops: ReadonlySet<number>;
  /** Names the random stream of each prompt. */
  streams: string[];
  /** Prompts that fit the model, and how many tokens each lost. */
  prompts: { ids: number[]; truncated: number }[];
};

/** @throws RangeError for options out of range, an empty prompt, or a prompt that leaves no room for `maxNewTokens`. */
export function generateSettings(model: CausalLM, prompts: readonly (readonly number[])[], options: GenerateOptions): GenerateSettings {
  const { maxNewTokens = 128, seed = 0, seeds, candidates = 1, stopIds = [], stopTexts = [], batchSize = 16, logProbs = false } = options;
  const { temperature = 0, topK = null, topP = 1, repetitionPenalty = 1, eosIds = eosIdsOf(model) } = options;
  checkNumber("temperature", temperature, 0);
  if (topK !== null) checkInteger("topK", topK, 1);
  checkNumber("topP", topP, Number.MIN_VALUE, 1);
  checkNumber("repetitionPenalty", repetitionPenalty, Number.MIN_VALUE);
  checkInteger("maxNewTokens", maxNewTokens, 1, model.config.maxPositions - 1);
  checkInteger("candidates", candidates, 1);
  checkInteger("batchSize", batchSize, 1);
  if (seeds && seeds.length !== prompts.length)
    throw new RangeError(expected("seeds", `${prompts.length} numbers, one for each prompt`, seeds.length));
  if (stopTexts.length > 0 && !model.tokenizer) throw new RangeError("stopTexts: expected a model with a tokenizer, got none. Use stopIds");
  const { maxPositions, vocab } = model.config;
  const room = maxPositions - maxNewTokens;
  return {
    sampling: { temperature, topK, topP, repetitionPenalty },
    maxNewTokens,
    candidates,
    batchSize,
    logProbs,
    stopTexts,
    eos: new Set(eosIds),
    stops: new Set(stopIds),
    streams: prompts.map((_, i) => (seeds ? String(seeds[i]) : `${seed}/${i}`)),
    prompts: prompts.map((ids, i) => {
      checkIds(ids, `prompts[${i}]`, vocab);
      return fitted(ids, `prompts[${i}]`, room, options.keepStart ?? (ids[0] === model.tokenizer?.bosId ? 1 : 0));
    }),
  };
}

/** What ends a text: EOS as the tokenizer and `config.json` name it. */
function eosIdsOf({ tokenizer, config }: CausalLM): number[] {
  const ids = [tokenizer?.eosId, config.raw.eos_token_id].flat();
  return ids.filter((id): id is number => typeof id === "number");
}

function checkIds(ids: readonly number[], thing: string, vocab: number): void {
  const wrong = ids.find((id) => !(id >= 0 && id < vocab));
  if (wrong !== undefined)
    throw new RangeError(expected(thing, `token ids from 0 to ${vocab - 1}`, wrong, "Does the tokenizer belong to this model?"));
}

function fitted(ids: readonly number[], thing: string, room: number, keepStart: number): { ids: number[]; truncated: number } {
  if (ids.length === 0) throw new RangeError(expected(thing, "at least 1 token", 0, "Begin with BOS"));
  if (ids.length <= room) return { ids: [...ids], truncated: 0 };
  checkInteger("keepStart", keepStart, 0, room);
  const end = room - keepStart;
  return { ids: [...ids.slice(0, keepStart), ...ids.slice(ids.length - end)], truncated: ids.length - room };
}
