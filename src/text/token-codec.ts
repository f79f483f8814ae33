import { FormatError } from "../core/errors.js";
import { require } from "../core/tf.js";
import type { Part, TokenizerJson } from "./tokenizer-json.js";
import { type Encoding, type PreTokenizer, wordEncoder } from "./word-encoder.js";

/** Text to ids and back by @huggingface/tokenizers, mended where it departs from the Rust library that defines the format. */
export type TokenCodec = {
  encode(text: string, addSpecial: boolean): number[];
  /** The ids of text that goes on after the id `previous`: what encoding the whole would give, if no token spans the seam. */
  encodeAfter(text: string, previous: number): number[];
  decode(ids: number[]): string;
  idOf(token: string): number | undefined;
  tokenOf(id: number): string | undefined;
};

/** What is used of the library. Written down here because its own typings do not resolve in an ES module project (0.2.0). */
type Library = Encoding & {
  decoder: Stage | null;
  encode(text: string, options: { add_special_tokens: boolean }): { ids: number[] };
  decode(ids: number[], options: { clean_up_tokenization_spaces: boolean }): string;
  token_to_id(token: string): number | undefined;
  id_to_token(id: number): string | undefined;
};
type Stage = {
  config?: { type: string };
  decoders?: Stage[];
  text_decoder?: { decode(bytes: Uint8Array): string };
};

/** @throws FormatError where the file asks for what the library does not know. */
export function tokenCodec(json: TokenizerJson): TokenCodec {
  const library = openLibrary(json);
  mendPreTokenizer(library.pre_tokenizer);
  mendDecoder(library.decoder);
  const bare = idsOf(json, library);
  const around = specialAround(json, library);
  const whole = (text: string) =>
    around ? [...around.before, ...bare(text), ...around.after] : library.encode(text, { add_special_tokens: true }).ids;
  const encode = (text: string, addSpecial: boolean) => (addSpecial ? whole(text) : bare(text));
  return {
    encode,
    encodeAfter: continuingEncoder(json, library, bare) ?? bare,
    decode: (ids) => (ids.length ? library.decode(ids, { clean_up_tokenization_spaces: false }) : ""),
    idOf: (token) => library.token_to_id(token),
    tokenOf: (id) => library.id_to_token(id),
  };
}

/** Text to ids without special tokens around it: word by word where the tokenizer allows it. */
const idsOf = (json: TokenizerJson, library: Library): ((text: string) => number[]) =>
  wordEncoder(json, library) ?? ((text) => library.encode(text, { add_special_tokens: false }).ids);

/** The special tokens that are put around every text alike; `null` where that is not known to be all that is done. */
function specialAround({ post_processor: part }: TokenizerJson, library: Library): { before: number[]; after: number[] } | null {
  const steps = part === null ? [] : part.type === "Sequence" ? (part.processors as Part[]) : [part];
  if (!steps.every(({ type }) => type === "ByteLevel" || type === "TemplateProcessing")) return null;
  const [plain, special] = [false, true].map((add) => library.encode("a", { add_special_tokens: add }).ids);
  const at = special!.findIndex((_, i) => plain!.every((id, k) => special![i + k] === id));
  return at < 0 ? null : { before: special!.slice(0, at), after: special!.slice(at + plain!.length) };
}

function openLibrary(json: TokenizerJson): Library {
  const { Tokenizer } = require("@huggingface/tokenizers") as { Tokenizer: new (json: TokenizerJson, config: object) => Library };
  try {
    return new Tokenizer(json, {});
  } catch (error) {
    throw new FormatError(`tokenizer.json: expected parts that @huggingface/tokenizers knows, but: ${(error as Error).message}`);
  }
}

/** GPT-2's pattern with Unicode's white space: JavaScript's `\s` also holds U+FEFF and lacks U+0085. */
const GPT2_PATTERN =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

function mendPreTokenizer(stage: PreTokenizer | null): void {
  for (const inner of stage?.tokenizers ?? []) mendPreTokenizer(inner);
  if (stage?.config?.type === "ByteLevel") stage.pattern = GPT2_PATTERN;
}

function mendDecoder(stage: Stage | null): void {
  for (const inner of stage?.decoders ?? []) mendDecoder(inner);
  if (stage?.config?.type === "ByteFallback") stage.text_decoder = { decode: decodeRun };
}

const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A run of byte tokens is one text or, where it is no UTF-8, one U+FFFD a byte; a byte-order mark is text too. */
function decodeRun(bytes: Uint8Array): string {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    return "\ufffd".repeat(bytes.length);
  }
}

/**
 * SentencePiece-like tokenizers put a space in front of a text, or of each section between added tokens. Text that goes on after
 * other text gets none. Returns `null` where the tokenizer puts no space.
 */
function continuingEncoder(json: TokenizerJson, library: Library, wholeIds: (text: string) => number[]): TokenCodec["encodeAfter"] | null {
  const normalizer = withoutPrefix(json.normalizer);
  const preTokenizer = withoutPrefix(json.pre_tokenizer);
  const before = JSON.stringify([json.normalizer, json.pre_tokenizer]);
  if (JSON.stringify([normalizer, preTokenizer]) === before) return null;

  // The same tokenizer without the prefix; the vocabulary is shared.
  const model = { type: "BPE", vocab: {}, merges: [] };
  const parts = openLibrary({ ...json, added_tokens: [], model, normalizer, pre_tokenizer: preTokenizer });
  mendPreTokenizer(parts.pre_tokenizer);
  const bare = Object.assign(Object.create(library) as Library, {
    normalizer: parts.normalizer,
    pre_tokenizer: parts.pre_tokenizer,
  });
  const bareIds = idsOf({ ...json, normalizer, pre_tokenizer: preTokenizer }, bare);
  if (before.includes('"prepend_scheme":"first"')) return bareIds;

  const addedIds = new Set(json.added_tokens.map((token) => token.id));
  const added = new RegExp(json.added_tokens.map((token) => token.content.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|") || "(?!)", "u");
  return (text, previous) => {
    if (addedIds.has(previous)) return wholeIds(text);
    const section = added.exec(text)?.index ?? text.length;
    return section === text.length ? bareIds(text) : [...bareIds(text.slice(0, section)), ...wholeIds(text.slice(section))];
  };
}

function withoutPrefix(part: Part | null): Part | null {
  if (part === null || part.type === "Prepend") return null;
  if (part.type === "Metaspace") return { ...part, prepend_scheme: "never" };
  if (part.type === "ByteLevel") return { ...part, add_prefix_space: false };
  if (part.type !== "Sequence") return part;
  const key = "normalizers" in part ? "normalizers" : "pretokenizers";
  return { ...part, [key]: (part[key] as Part[]).map(withoutPrefix).filter((inner) => inner !== null) };
}
