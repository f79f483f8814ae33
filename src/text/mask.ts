import { shown } from "../core/errors.js";
import type { Message } from "./messages.js";
import type { ChatTemplate } from "./template.js";
import type { Tokenizer } from "./tokenizer.js";

/** A conversation as ids; `targets[i]` says whether the loss counts `ids[i]`. */
export type Encoded = { ids: number[]; targets: boolean[] };

export type ConversationOptions = {
  /** Which replies of the listener are learnt. Default `"all"`. */
  targets?: "all" | "last";
  /** Whether BOS comes first, never twice. Default: as the template says, else as the tokenizer does by itself. */
  addBos?: boolean | undefined;
};

/**
 * Encodes a conversation. Targets are the listener's replies with what closes them, nothing else. Where the template closes with no
 * token of its own (plain, tags), EOS follows the last message, a target too, so that the model learns to stop.
 *
 * The text is cut around each reply before it is encoded, so the ids begin with exactly `encodePrompt` of the messages before a reply.
 * Templates that write earlier turns otherwise than the last (thinking ones) hold to that for a reply that ends the conversation and
 * follows a user's turn.
 * @throws RangeError where the template changes the text of a reply, so that its tokens cannot be told.
 */
export function encodeConversation(
  tokenizer: Tokenizer,
  template: ChatTemplate,
  messages: readonly Message[],
  { targets = "all", addBos }: ConversationOptions = {},
): Encoded {
  const pieces = cut(template, messages, false);
  if (pieces === null) {
    const replies = messages.filter((message) => message.role === "assistant").map((message) => message.content);
    throw new RangeError(`template ${template.name}: expected it to keep each reply's text, but it changes one of ${shown(replies)}`);
  }
  const last = pieces.findLastIndex((piece) => piece.reply);
  const learnt = (piece: Piece, i: number) => piece.reply && (targets === "all" || i === last);
  const encoded = encodePieces(tokenizer, template, pieces, learnt, addBos);
  const closed = tokenizer.idOf(template.endOfTurn.trim()) !== undefined;
  if (messages.at(-1)?.role === "assistant" && !closed && tokenizer.eosId !== null) {
    encoded.ids.push(tokenizer.eosId);
    encoded.targets.push(true);
  }
  return encoded;
}

/** Encodes the messages and the text after which the model speaks. */
export function encodePrompt(
  tokenizer: Tokenizer,
  template: ChatTemplate,
  messages: readonly Message[],
  { addBos }: { addBos?: boolean | undefined } = {},
): number[] {
  const whole = () => [{ text: template.render(messages, { addGenerationPrompt: true }), reply: false }];
  return encodePieces(tokenizer, template, cut(template, messages, true) ?? whole(), () => false, addBos).ids;
}

type Piece = { text: string; reply: boolean };

/**
 * The rendered text, cut where a reply begins and ends. Replies are found by rendering marks in their place, since a reply's text may
 * also stand elsewhere. Returns `null` where the template does more with a reply than to write it down.
 */
function cut(template: ChatTemplate, messages: readonly Message[], addGenerationPrompt: boolean): Piece[] | null {
  const turns = messages.map(({ role, content }) => ({ role, content: content.trim() }));
  const mark = (i: number) => `\ue000${i}\ue001`;
  const marked = turns.map((turn, i) => (turn.role === "assistant" ? { ...turn, content: mark(i) } : turn));
  const pieces: Piece[] = [];
  let rest = template.render(marked, { addGenerationPrompt });
  for (const [i, { role, content }] of turns.entries()) {
    if (role !== "assistant") continue;
    const at = rest.indexOf(mark(i));
    if (at < 0) return null;
    const before = rest.slice(0, at);
    rest = rest.slice(at + mark(i).length);
    const lead = before.endsWith(template.lead) ? template.lead : "";
    const closing = rest.startsWith(template.endOfTurn) ? template.endOfTurn : "";
    rest = rest.slice(closing.length);
    pieces.push({ text: before.slice(0, before.length - lead.length), reply: false });
    // White space before a reply is part of its first token; an empty block of thoughts is not the listener's.
    if (lead.trim() === "") pieces.push({ text: lead + content + closing, reply: true });
    else pieces.push({ text: lead, reply: false }, { text: content + closing, reply: true });
  }
  pieces.push({ text: rest, reply: false });
  const text = pieces.map((piece) => piece.text).join("");
  return text === template.render(turns, { addGenerationPrompt }) ? pieces : null;
}

function encodePieces(
  tokenizer: Tokenizer,
  template: ChatTemplate,
  pieces: readonly Piece[],
  learnt: (piece: Piece, i: number) => boolean,
  addBos: boolean | undefined,
): Encoded {
  const ids: number[] = [];
  const targets: boolean[] = [];
  for (const [i, piece] of pieces.entries()) {
    if (piece.text === "") continue;
    const target = learnt(piece, i);
    for (const id of tokenizer.encode(piece.text, { addSpecial: false, after: ids.at(-1) })) {
      ids.push(id);
      targets.push(target);
    }
  }
  const bos = tokenizer.bosId;
  const has = bos !== null && ids[0] === bos;
  const wanted = addBos ?? (has || (tokenizer.addsBos && !template.addsBos));
  if (bos !== null && wanted && !has) {
    ids.unshift(bos);
    targets.unshift(false);
  } else if (!wanted && has) {
    ids.shift();
    targets.shift();
  }
  return { ids, targets };
}
