import { encodeConversation } from "../text/mask.js";
import type { ChatTemplate } from "../text/template.js";
import type { Tokenizer } from "../text/tokenizer.js";
import { type MixOptions, type Mixture, mixture } from "./mix.js";
import { type Packed, packSequences } from "./pack.js";
import type { Conversation } from "./record.js";

/** Draws `total` conversations from several sources by temperature; the order is the training order. */
export function mixConversations(
  sources: Record<string, readonly Conversation[]>,
  options: Omit<MixOptions, "sizes"> & { seed: number },
): { mix: Mixture; conversations: Conversation[] } {
  const sizes = Object.fromEntries(Object.entries(sources).map(([name, { length }]) => [name, length]));
  const mix = mixture({ ...options, sizes });
  return { mix, conversations: mix.picks.map(({ source, index }) => sources[source]![index]!) };
}

/** Conversations as packed training rows of `length` tokens; only the listener's replies are targets. Conversations without a reply are left out. */
export function conversationRows(
  conversations: readonly Conversation[],
  tokenizer: Tokenizer,
  template: ChatTemplate,
  { length, seed = 0 }: { length: number; seed?: number },
): Packed {
  const sequences = conversations
    .map(({ messages }) => messages.slice(0, messages.findLastIndex(({ role }) => role === "assistant") + 1))
    .filter((messages) => messages.some(({ role }) => role === "user") && messages.length > 1)
    .map((messages) => encodeConversation(tokenizer, template, messages));
  return packSequences(sequences, { length, padId: tokenizer.padId, keepFirst: tokenizer.addsBos ? 1 : 0, seed });
}
