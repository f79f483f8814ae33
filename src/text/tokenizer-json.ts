import { expected, FormatError } from "../core/errors.js";

/** A normalizer, pre-tokenizer, post-processor or decoder of a `tokenizer.json`. */
export type Part = { type: string; [key: string]: unknown };

export type AddedToken = { id: number; content: string; special?: boolean; [key: string]: unknown };

/** What a `tokenizer.json` says about encoding and decoding. Truncation and padding are left out: they are the caller's business. */
export type TokenizerJson = {
  version: string;
  model: { vocab: Record<string, number> | [string, number][]; [key: string]: unknown };
  added_tokens: AddedToken[];
  normalizer: Part | null;
  pre_tokenizer: Part | null;
  post_processor: Part | null;
  decoder: Part | null;
};

/** What a `tokenizer_config.json` says that matters here. Token names are `null` where it names none. */
export type TokenizerConfig = { bos: string | null; eos: string | null; pad: string | null; chatTemplate: string | null };

/** Old files name no type. */
const MODELS: unknown[] = ["BPE", "Unigram", "WordPiece", undefined];

/**
 * Checks a `tokenizer.json` and adds the special tokens that only `tokenizer_config.json` names, as transformers does.
 * @throws FormatError where it is no tokenizer.
 */
export function readTokenizerJson(tokenizerJson: unknown, tokenizerConfig: unknown): TokenizerJson {
  const json = record("tokenizer.json", tokenizerJson);
  const model = record("tokenizer.json: model", json.model);
  if (typeof model.vocab !== "object" || model.vocab === null) {
    throw new FormatError(expected("tokenizer.json: model.vocab", "an object or an array", model.vocab));
  }
  if (!MODELS.includes(model.type))
    throw new FormatError(expected("tokenizer.json: model.type", MODELS.slice(0, 3).join(", "), model.type));
  const known: TokenizerJson = {
    version: "1.0",
    model: model as TokenizerJson["model"],
    added_tokens: list("tokenizer.json: added_tokens", json.added_tokens).map(addedToken),
    normalizer: part("normalizer", json.normalizer),
    pre_tokenizer: part("pre_tokenizer", json.pre_tokenizer),
    post_processor: part("post_processor", json.post_processor),
    decoder: part("decoder", json.decoder),
  };
  known.added_tokens = [...known.added_tokens, ...tokensOfConfig(record("tokenizer_config.json", tokenizerConfig ?? {}), known)];
  return known;
}

/** @throws FormatError where it is not an object. */
export function readTokenizerConfig(tokenizerConfig: unknown): TokenizerConfig {
  const config = record("tokenizer_config.json", tokenizerConfig ?? {});
  return {
    bos: tokenName(config.bos_token),
    eos: tokenName(config.eos_token),
    pad: tokenName(config.pad_token),
    chatTemplate: chatTemplate(config.chat_template),
  };
}

/** The special tokens of the configuration that the `tokenizer.json` does not list as such. */
function tokensOfConfig(config: Record<string, unknown>, json: TokenizerJson): AddedToken[] {
  const listed = new Set(json.added_tokens.map((token) => token.content));
  const found: AddedToken[] = [];
  const add = (token: AddedToken): void => {
    if (listed.has(token.content)) return;
    listed.add(token.content);
    found.push(token);
  };
  for (const [id, token] of Object.entries(record("added_tokens_decoder", config.added_tokens_decoder ?? {}))) {
    add(addedToken({ ...record("added_tokens_decoder", token), id: Number(id) }));
  }
  const names = ["bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "cls_token", "mask_token"].map((key) => config[key]);
  const more = Array.isArray(config.additional_special_tokens) ? (config.additional_special_tokens as unknown[]) : [];
  for (const name of [...names, ...more].map(tokenName)) {
    const id = name === null ? undefined : idInVocab(json.model.vocab, name);
    if (name !== null && id !== undefined) add({ id, content: name, special: true, normalized: false });
  }
  return found;
}

function idInVocab(vocab: TokenizerJson["model"]["vocab"], token: string): number | undefined {
  if (!Array.isArray(vocab)) return Object.hasOwn(vocab, token) ? vocab[token] : undefined;
  const id = vocab.findIndex(([content]) => content === token);
  return id < 0 ? undefined : id;
}

/** `"<s>"` or `{ content: "<s>" }`. */
function tokenName(token: unknown): string | null {
  if (typeof token === "string") return token;
  const content = typeof token === "object" && token !== null ? (token as { content?: unknown }).content : null;
  return typeof content === "string" ? content : null;
}

/** One template, or several by name, of which the one called "default" counts. */
function chatTemplate(value: unknown): string | null {
  if (typeof value === "string") return value;
  if (!Array.isArray(value)) return null;
  const named = value.map((entry) => record("chat_template", entry));
  const template = (named.find((entry) => entry.name === "default") ?? named[0])?.template;
  return typeof template === "string" ? template : null;
}

function addedToken(value: unknown): AddedToken {
  const token = record("added token", value);
  if (typeof token.content !== "string" || token.content === "") {
    throw new FormatError(expected("added token", "a content that is not empty", token.content));
  }
  if (!Number.isInteger(token.id) || (token.id as number) < 0) {
    throw new FormatError(expected(`added token ${token.content}`, "an id, a whole number of at least 0", token.id));
  }
  return token as AddedToken;
}

function part(name: string, value: unknown): Part | null {
  if (value === null || value === undefined) return null;
  const found = record(`tokenizer.json: ${name}`, value);
  if (typeof found.type !== "string") throw new FormatError(expected(`tokenizer.json: ${name}.type`, "a text", found.type));
  return found as Part;
}

function record(thing: string, value: unknown): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new FormatError(expected(thing, "an object", value));
}

function list(thing: string, value: unknown): unknown[] {
  if (value === null || value === undefined) return [];
  if (Array.isArray(value)) return value;
  throw new FormatError(expected(thing, "an array", value));
}
