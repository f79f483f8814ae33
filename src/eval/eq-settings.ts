import { expected } from "../core/errors.js";
import { checkInteger, checkNumber } from "../core/shapes.js";
import { STRATEGIES } from "../data/esconv.js";
import { GO_EMOTIONS } from "../data/go-emotions.js";
import type { Conversation, EqQuestion } from "../data/record.js";
import type { GenerateProgress } from "../generate/options.js";
import type { CausalLM } from "../models/model.js";
import { checkSummable } from "../nn/classification-head.js";
import type { ChatTemplate } from "../text/template.js";
import type { GoEmotion } from "./emotion-map.js";
import { ALIGNMENT_WEIGHT, LABEL_SETS, type LabelSetName } from "./eq-score.js";
import type { Evaluator } from "./evaluators.js";
import { type HumanItem, humanItems } from "./human-items.js";
import type { HeadReader } from "./readings.js";
import { strategyContext } from "./strategy-head.js";

/** The heads that steer: they choose among candidates. */
export type EqHeads = {
  /** 28 GoEmotions labels, multi-label. Its probabilities are summed, so it should be trained without class weights. */
  emotion: HeadReader;
  /** 8 strategies: the one to come, read from the dialogue. */
  strategyNext?: HeadReader;
  /** 8 strategies: the one that a reply realises. */
  strategyGiven?: HeadReader;
};

export type EqVariant = {
  name: string;
  model: CausalLM;
  /** Of its training; it also seeds what is sampled and the random head. Default 0. */
  seed?: number;
  /** What its training was, for the record. */
  training?: object | null;
};

export type EqOptions = {
  /** What is compared, such as base, SFT and DPO; each has a tokenizer. A name may come once for each seed. */
  variants: readonly EqVariant[];
  questions: readonly EqQuestion[];
  heads: EqHeads;
  /** Who reads the emotions of what was answered; the first makes the EQ score. None has the weights of `heads.emotion`, which is printed too. */
  evaluators: readonly Evaluator[];
  /** The model whose embeddings the heads were trained on, mostly the base model `withoutAdapter`. */
  embedder: CausalLM;
  /** Responses sampled for each question and variant, for the heads to choose from. Default 4. */
  candidates?: number;
  /** Default 128, as in the published run; so are the next three. */
  maxNewTokens?: number;
  temperature?: number;
  topP?: number;
  repetitionPenalty?: number;
  /** Tokens of the greedy answer that is scored officially. Default 80, as in lm-evaluation-harness. */
  officialTokens?: number;
  /** Added to each variant's own. */
  seed?: number;
  /** Default: each model's own, else the plain one. */
  template?: ChatTemplate | undefined;
  labelSet?: LabelSetName;
  /** Weight of the alignment. Default 0.3. */
  weight?: number;
  /** Only so many questions, from the first on; the results are then marked as partial. */
  limit?: number | null;
  /** Commit or version of the questions: part of what generations are kept under. */
  dataRevision?: string | null;
  /** Dialogues of people with people that no variant has learnt from, such as ESConv's test split: replies to them are compared with theirs. */
  humanReplies?: readonly Conversation[];
  /** Replies compared so. Default 48. */
  humanItems?: number;
  /** Texts decoded side by side. Default 16. */
  batchSize?: number;
  /** Where generations and embeddings are kept from one run to the next; `null` for nowhere. */
  cacheFolder?: string | null;
  /** What the strategy head for the next turn reads. Default: the dialogue of the question, without the task
   * around it, as one message of the user's, written as in the head's training. */
  dialogue?: (question: EqQuestion) => string;
  signal?: AbortSignal;
  /** Called after every decoding step. */
  onProgress?: (progress: GenerateProgress & { variant: string }) => void;
};

/** Options resolved, checked and joined to one object. */
export type EqSettings = Required<
  Omit<EqOptions, "template" | "signal" | "onProgress" | "limit" | "variants" | "humanReplies" | "humanItems">
> &
  Pick<EqOptions, "template" | "signal" | "onProgress"> & {
    variants: readonly Required<EqVariant>[];
    labels: readonly GoEmotion[];
    available: number;
    human: readonly HumanItem[];
  };

/** @throws RangeError for options out of range, heads that do not fit their task, a variant without tokenizer or a name used twice. */
export function eqSettings(options: EqOptions): EqSettings {
  const { questions, heads, limit = null, humanReplies = [], labelSet = "supportive", weight = ALIGNMENT_WEIGHT } = options;
  const variants = options.variants.map((variant) => ({ seed: 0, training: null, ...variant }));
  const { candidates = 4, maxNewTokens = 128, temperature = 0.7, topP = 0.9, repetitionPenalty = 1.1, officialTokens = 80 } = options;
  checkInteger("candidates", candidates, 1);
  checkInteger("officialTokens", officialTokens, 1);
  checkNumber("weight", weight, 0);
  if (limit !== null) checkInteger("limit", limit, 1);
  if (!Object.hasOwn(LABEL_SETS, labelSet)) throw new RangeError(expected("labelSet", Object.keys(LABEL_SETS).join(", "), labelSet));
  if (variants.length === 0 || questions.length === 0) {
    throw new RangeError(expected("evaluateEq", "at least one variant and one question", `${variants.length} and ${questions.length}`));
  }
  once(
    "variant",
    variants.map(({ name, seed }) => (seed === 0 ? name : `${name}, seed ${seed}`)),
  );
  once(
    "question",
    questions.map(({ id }) => id),
  );
  for (const { name, seed } of variants) checkInteger(`variant ${name}: seed`, seed, 0);
  const silent = variants.find(({ model }) => !model.tokenizer);
  if (silent) throw new RangeError(expected(`variant ${silent.name}`, "a model with a tokenizer", null));
  checkHeads(heads);
  return {
    ...options,
    variants,
    human: humanItems(humanReplies, options.humanItems ?? 48),
    dataRevision: options.dataRevision ?? null,
    questions: questions.slice(0, limit ?? questions.length),
    available: questions.length,
    labels: LABEL_SETS[labelSet],
    ...{ candidates, maxNewTokens, temperature, topP, repetitionPenalty, officialTokens, labelSet, weight },
    seed: options.seed ?? 0,
    batchSize: options.batchSize ?? 16,
    cacheFolder: options.cacheFolder ?? null,
    dialogue: options.dialogue ?? (({ prompt }) => strategyContext([{ role: "user", content: dialogueOf(prompt) }])),
  };
}

/** The dialogue alone: between the first line of an EQ-Bench prompt and `[End dialogue]`; the whole prompt where it is written otherwise. */
export function dialogueOf(prompt: string): string {
  const dialogue = /character in this dialogue:([\s\S]*?)\[End dialogue\]/.exec(prompt)?.[1]?.trim();
  return dialogue || prompt;
}

function checkHeads({ emotion, strategyNext, strategyGiven }: EqHeads): void {
  const { kind, classes } = emotion.head;
  if (kind !== "multi-label" || classes !== GO_EMOTIONS.length) {
    throw new RangeError(expected("heads.emotion", `a multi-label head of ${GO_EMOTIONS.length} classes`, `${kind}, ${classes} classes`));
  }
  checkSummable("heads.emotion", emotion.head);
  if ((strategyNext === undefined) !== (strategyGiven === undefined)) {
    throw new RangeError(expected("heads", "strategyNext and strategyGiven, or neither", "one of the two"));
  }
  if (!strategyNext || !strategyGiven) return;
  const [next, given] = [strategyNext.head, strategyGiven.head];
  if ([next, given].some(({ kind, classes }) => kind !== "single-label" || classes !== STRATEGIES.length)) {
    throw new RangeError(
      expected("heads", `two single-label strategy heads of ${STRATEGIES.length} classes`, `${next.classes} and ${given.classes} classes`),
    );
  }
}

function once(thing: string, names: readonly string[]): void {
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new RangeError(expected(`${thing} names`, "each once", twice));
}
