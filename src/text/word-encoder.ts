import type { Part, TokenizerJson } from "./tokenizer-json.js";

/** What of an open @huggingface/tokenizers object goes from a text to ids. */
export type Encoding = {
  splitter_unnormalized: { split(text: string): string[] };
  added_tokens_map: Map<string, { id: number }>;
  normalizer: ((text: string) => string) | null;
  pre_tokenizer: PreTokenizer | null;
  model: ((words: string[]) => string[]) & { tokens_to_ids: Map<string, number>; unk_token_id: number | undefined };
};
export type PreTokenizer = ((text: string, options: { section_index: number }) => string[]) & {
  config?: { type: string };
  tokenizers?: PreTokenizer[];
  pattern?: RegExp;
  text_encoder?: { encode(text: string): Uint8Array };
  byte_encoder?: Record<number, string>;
};

/** How a tokenizer's sections fall into words that its model encodes each by itself, and what the model is given of a word. */
type Words = { of(section: string, place: number): string[]; spelled(word: string): string };

/** Words remembered at most; people use some ten thousand. Longer ones than `LONGEST` characters are not. */
const MOST_WORDS = 2 ** 16;
const LONGEST = 64;

/**
 * An encoder without special tokens around the text that asks the library only for words that it has not seen: ten times as fast on
 * dialogue as the library, whose memory of words costs more than it saves. Returns `null` for a tokenizer whose words are not known to
 * be independent of each other.
 */
export function wordEncoder(json: TokenizerJson, library: Encoding): ((text: string) => number[]) | null {
  const words = json.model.type === "BPE" && plainAddedTokens(json) ? wordsOf(json, library) : null;
  if (words === null) return null;
  const known = new Map<string, readonly number[]>();
  const { added_tokens_map: added, model, normalizer } = library;
  const addedToken = new RegExp(json.added_tokens.map(({ content }) => quoted(content)).join("|") || "(?!)", "u");
  const encodeWord = (word: string): readonly number[] =>
    model([words.spelled(word)]).map((token) => added.get(token)?.id ?? model.tokens_to_ids.get(token) ?? model.unk_token_id!);

  const lookUp = (word: string): readonly number[] => {
    const found = known.get(word);
    if (found) return found;
    const ids = encodeWord(word);
    if (known.size >= MOST_WORDS) known.clear();
    if (word.length <= LONGEST) known.set(word, ids);
    return ids;
  };
  return (text) => {
    const ids: number[] = [];
    if (text === "") return ids;
    const sections = addedToken.test(text) ? library.splitter_unnormalized.split(text) : [text];
    for (const [place, section] of sections.entries()) {
      const token = added.get(section);
      const normal = normalizer === null || token ? section : normalizer(section);
      if (token) ids.push(token.id);
      else if (normal !== "") for (const word of words.of(normal, place)) for (const id of lookUp(word)) ids.push(id);
    }
    return ids;
  };
}

const quoted = (text: string): string => text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");

/** Added tokens that are found in the text as it is and leave what stands beside them alone. */
const plainAddedTokens = ({ added_tokens: tokens, normalizer }: TokenizerJson): boolean =>
  tokens.every(({ lstrip, rstrip, normalized }) => !lstrip && !rstrip && !(normalized && normalizer !== null));

function wordsOf({ pre_tokenizer: part, model }: TokenizerJson, { pre_tokenizer: stage }: Encoding): Words | null {
  if (part === null || part.type === "Metaspace") {
    const whole = (section: string, place: number) => (stage ? stage(section, { section_index: place }) : [section]);
    if (!keepsSpacesInFront(model)) return null;
    return {
      of: (section, place) => whole(section, place).flatMap((text) => text.match(/▁+[^▁]*|[^▁]+/gu) ?? []),
      spelled: (word) => word,
    };
  }
  if (model.fuse_unk || stage === null) return null;
  if (isByteLevel(part, true)) return { of: (section) => section.match(stage.pattern!) ?? [], spelled: (word) => bytesOf(word, stage) };
  const [parts, stages] = [part.type === "Sequence" ? (part.pretokenizers as Part[]) : [], stage.tokenizers ?? []];
  const [split, bytes] = parts;
  if (parts.length !== 2 || split!.type !== "Split" || !isByteLevel(bytes!, false)) return null;
  return { of: (section, place) => stages[0]!(section, { section_index: place }), spelled: (word) => bytesOf(word, stages[1]!) };
}

const isByteLevel = ({ type, add_prefix_space: prefix, use_regex: regex = true }: Part, splits: boolean): boolean =>
  type === "ByteLevel" && prefix === false && regex === splits;

/** A word's bytes in the letters that GPT-2's vocabulary has for them. */
function bytesOf(word: string, { text_encoder: encoder, byte_encoder: letters }: PreTokenizer): string {
  let text = "";
  for (const byte of encoder!.encode(word)) text += letters![byte];
  return text;
}

/** Whether SentencePiece's space stands in no token after another letter, so that no merge crosses from one word to the next. */
function keepsSpacesInFront({ merges, vocab }: TokenizerJson["model"]): boolean {
  const pairs = Array.isArray(merges) ? (merges as (string | string[])[]) : [];
  const space = Array.isArray(vocab) ? vocab.some(([token]) => token === "▁") : Object.hasOwn(vocab, "▁");
  return space && pairs.every((pair) => !/[^▁]▁/u.test(typeof pair === "string" ? pair.split(" ", 2).join("") : pair.join("")));
}
