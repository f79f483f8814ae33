import { createHash } from "node:crypto";
import { join } from "node:path";
import { encodeConversation } from "../text/mask.js";
import type { Message } from "../text/messages.js";
import type { ChatTemplate } from "../text/template.js";
import type { Tokenizer } from "../text/tokenizer.js";
import { type MixOptions, type Mixture, mixture } from "./mix.js";
import { type Packed, packSequences, type Sequence } from "./pack.js";
import type { Conversation } from "./record.js";
import { readRows, writeRows } from "./row-file.js";

/** Draws `total` conversations from several sources by temperature; the order is the training order. */
export function mixConversations(
  sources: Record<string, readonly Conversation[]>,
  options: Omit<MixOptions, "sizes"> & { seed: number },
): { mix: Mixture; conversations: Conversation[] } {
  const sizes = Object.fromEntries(Object.entries(sources).map(([name, { length }]) => [name, length]));
  const mix = mixture({ ...options, sizes });
  return { mix, conversations: mix.picks.map(({ source, index }) => sources[source]![index]!) };
}

export type RowOptions = {
  /** Tokens in a row. */
  length: number;
  /** Orders the rows. */
  seed?: number;
};

type Talk = { messages: readonly Message[] };

/** Conversations as packed training rows of `length` tokens; only the listener's replies are targets. Conversations without a reply are left out. */
export function conversationRows(
  conversations: readonly Talk[],
  tokenizer: Tokenizer,
  template: ChatTemplate,
  { length, seed = 0 }: RowOptions,
): Packed {
  const sequences = conversations.flatMap(({ messages }) => trainingSequence(messages, tokenizer, template) ?? []);
  return packSequences(sequences, packing(tokenizer, { length, seed }));
}

/** What `packSequences` must know of a tokenizer. */
export const packing = ({ padId, addsBos }: Tokenizer, { length, seed }: Required<RowOptions>) => ({
  length,
  padId,
  keepFirst: addsBos ? 1 : 0,
  seed,
});

/** A conversation up to its last reply, with the listener's replies as targets; `null` where there is none that answers. */
export function trainingSequence(messages: readonly Message[], tokenizer: Tokenizer, template: ChatTemplate): Sequence | null {
  const kept = messages.slice(0, messages.findLastIndex(({ role }) => role === "assistant") + 1);
  return kept.length > 1 && kept.some(({ role }) => role === "user") ? encodeConversation(tokenizer, template, kept) : null;
}

/** Rows, and whether they were read or made: `damaged` says why a file that was there was made anew. */
export type CachedRows = Packed & { cached: boolean; damaged: string | null };

/**
 * `conversationRows`, kept in a file of `cacheFolder` under a hash of all that they depend on: tokenizer, template, texts and options. Read back
 * without parsing a token. A damaged file is made anew.
 */
export async function cachedConversationRows(
  conversations: readonly Talk[],
  tokenizer: Tokenizer,
  template: ChatTemplate,
  { length, seed = 0, cacheFolder }: RowOptions & { cacheFolder: string },
): Promise<CachedRows> {
  const key = rowsKey(conversations, tokenizer, template, { length, seed });
  const file = join(cacheFolder, `rows-${key.slice(0, 16)}.bin`);
  const found = await readRows(file, key);
  if (found.packed) return { ...found.packed, cached: true, damaged: null };
  const packed = conversationRows(conversations, tokenizer, template, { length, seed });
  await writeRows(file, packed, key);
  return { ...packed, cached: false, damaged: found.damaged };
}

/** Raised when the same texts and options give other rows than before. */
const ROWS_VERSION = 1;

function rowsKey(conversations: readonly Talk[], tokenizer: Tokenizer, template: ChatTemplate, options: Required<RowOptions>): string {
  const { hash: ids, bosId, eosId, padId, addsBos } = tokenizer;
  const { identity, lead, endOfTurn, addsBos: templateAddsBos } = template;
  const made = [ROWS_VERSION, ids, bosId, eosId, padId, addsBos, identity, lead, endOfTurn, templateAddsBos, options];
  const hash = createHash("sha256").update(JSON.stringify(made));
  for (const { messages } of conversations) hash.update(JSON.stringify(messages.map(({ role, content }) => [role, content])));
  return hash.digest("hex");
}
