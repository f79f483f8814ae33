import { createHash } from "node:crypto";
import { type TokenCodec, tokenCodec } from "./token-codec.js";
import { readTokenizerConfig, readTokenizerJson, type TokenizerJson } from "./tokenizer-json.js";

export type EncodeOptions = {
  /** Whether to add what the tokenizer puts around a text, such as BOS. Default `true`. */
  addSpecial?: boolean;
  /** The id that comes before, where the text goes on: then nothing is put in front, neither a special token nor a space. */
  after?: number | undefined;
};

export type DecodeOptions = {
  /** Whether to leave special tokens out. Default `true`. */
  skipSpecial?: boolean;
};

export type Tokenizer = {
  /** Special tokens written out in the text become special tokens, as in transformers. */
  encode(text: string, options?: EncodeOptions): number[];
  /** No clean-up of spaces. Ids that name no token are left out: models pad their vocabulary. */
  decode(ids: ArrayLike<number>, options?: DecodeOptions): string;
  /** One more than the highest id; a model may have more rows. */
  vocabSize: number;
  bosId: number | null;
  eosId: number | null;
  /** The pad token's id; without one EOS; without either 0. */
  padId: number;
  idOf(token: string): number | undefined;
  tokenOf(id: number): string | undefined;
  specialIds: ReadonlySet<number>;
  /** The Jinja source that came with the model. */
  chatTemplate: string | null;
  /** Whether `encode` puts BOS in front. */
  addsBos: boolean;
  /** 16 hex digits that change with anything that changes the ids; computed when first asked for. */
  readonly hash: string;
};

/**
 * Makes a tokenizer from the contents of `tokenizer.json` and `tokenizer_config.json`. Truncation and padding that were saved with it
 * are ignored on purpose (GPT-2 copies on the Hub cut at 50 tokens). Without a configuration BOS and EOS are not known.
 * @throws FormatError where it is no tokenizer.
 */
export function makeTokenizer(tokenizerJson: unknown, tokenizerConfig?: unknown): Tokenizer {
  const json = readTokenizerJson(tokenizerJson, tokenizerConfig);
  const config = readTokenizerConfig(tokenizerConfig);
  const codec = tokenCodec(json);
  const specialIds = new Set(json.added_tokens.filter((token) => token.special).map((token) => token.id));
  const idOf = (token: string | null): number | null => (token === null ? null : (codec.idOf(token) ?? null));
  const bosId = idOf(config.bos);
  const eosId = idOf(config.eos);
  let hash: string | undefined;
  return {
    encode: (text, { addSpecial = true, after } = {}) =>
      after === undefined ? codec.encode(text, addSpecial) : codec.encodeAfter(text, after),
    decode: (ids, { skipSpecial = true } = {}) =>
      codec.decode(Array.from(ids).filter((id) => codec.tokenOf(id) !== undefined && !(skipSpecial && specialIds.has(id)))),
    vocabSize: vocabSize(json.model.vocab, json.added_tokens),
    bosId,
    eosId,
    padId: idOf(config.pad) ?? eosId ?? 0,
    idOf: codec.idOf,
    tokenOf: codec.tokenOf,
    specialIds,
    chatTemplate: config.chatTemplate,
    addsBos: bosId !== null && startsWithBos(codec, bosId),
    get hash() {
      hash ??= jsonHash(json);
      return hash;
    },
  };
}

function startsWithBos(codec: TokenCodec, bosId: number): boolean {
  return codec.encode("a", true)[0] === bosId && codec.encode("a", false)[0] !== bosId;
}

function vocabSize(vocab: Record<string, number> | unknown[], added: { id: number }[]): number {
  let highest = Array.isArray(vocab) ? vocab.length - 1 : -1;
  if (!Array.isArray(vocab)) for (const token in vocab) highest = Math.max(highest, vocab[token]!);
  for (const { id } of added) highest = Math.max(highest, id);
  return highest + 1;
}

/** Does not depend on the order of keys. The vocabulary is listed by id: sorting 150,000 keys takes a second. */
function jsonHash({ model: { vocab, merges, ...model }, ...json }: TokenizerJson): string {
  const tokens: unknown[] = [];
  if (Array.isArray(vocab)) for (const entry of vocab) tokens.push(entry);
  else for (const token in vocab) tokens[vocab[token]!] = token;
  const text = canonical({ ...json, model }) + JSON.stringify([tokens, merges]);
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
